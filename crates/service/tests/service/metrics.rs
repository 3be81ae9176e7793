use std::time::Duration;

use docdb_ipc::{Command, Hello, PROTOCOL_VERSION, Reply};
use docdb_types::{Action, CollectionName};

use super::exposition::Exposition;
use super::harness::{
    Harness, checkpoint, create, delete, document, id, on_default, read, update, upsert,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_is_told_the_same_figures_as_a_scraper() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    client.one(db, create(1, "1")).await.unwrap();
    let before = rested(&harness).await;
    let Ok(Reply::Metrics(text)) = client.call(Command::Metrics).await else {
        panic!("no figures");
    };
    // The request itself was on its way when the figures were read.
    let told = Exposition::parse(&text);
    let changes = before.changes(&told);
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert!(
        changes[0].starts_with("docdb_received_bytes_total"),
        "{changes:?}"
    );
    let after = scrape(&harness);
    assert_eq!(
        after.get("docdb_request_duration_seconds_count{command=\"metrics\"}"),
        1.0
    );
}

fn scrape(harness: &Harness) -> Exposition {
    Exposition::parse(&harness.service.metrics())
}

/// Figures that rest: the bytes of an answer are counted when the client may have it already.
async fn rested(harness: &Harness) -> Exposition {
    let mut last = scrape(harness);
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let next = scrape(harness);
        if last.changes(&next).is_empty() {
            return next;
        }
        last = next;
    }
    panic!("the figures change without work");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_figure_is_that_of_a_known_workload() {
    let harness = Harness::start().await;
    let nothing = scrape(&harness);
    assert_eq!(nothing.get("docdb_ready"), 1.0);
    assert_eq!(nothing.get("docdb_connections"), 0.0);
    assert_eq!(nothing.get("docdb_requests_total"), 0.0);

    let (mut client, db) = harness.client_of("a").await;
    let other = client.open("b").await;
    let hello = Command::Hello(Hello {
        protocol_version: PROTOCOL_VERSION,
        client_name: "test".to_owned(),
        token: Default::default(),
    });
    client.call(hello).await.unwrap();
    for number in 1..=10 {
        client.one(db, create(number, "1")).await.unwrap();
    }
    let merge = on_default(Action::Merge {
        id: id(5),
        patch: document("{\"a\":1}"),
        expected: None,
    });
    let several = vec![
        upsert(11, "{}"),
        update(11, "{\"a\":2}"),
        delete(10),
        read(1),
        read(99),
        create(1, "1"),
        merge,
    ];
    client.execute(db, several).await;
    client.one(other, create(1, "1")).await.unwrap();
    let name = CollectionName::new("c").unwrap();
    let command = Command::CreateCollection {
        database: db,
        collection: name,
    };
    client.call(command).await.unwrap();
    client.call(Command::ListDatabases).await.unwrap();
    client.call(checkpoint(db)).await.unwrap();

    let of = scrape(&harness);
    for (sample, value) in [
        ("docdb_ready", 1.0),
        ("docdb_connections", 1.0),
        ("docdb_connections_accepted_total", 1.0),
        ("docdb_connections_refused_total", 0.0),
        ("docdb_connections_limit", 1024.0),
        ("docdb_requests_total", 18.0),
        (
            "docdb_request_duration_seconds_count{command=\"hello\"}",
            1.0,
        ),
        (
            "docdb_request_duration_seconds_count{command=\"execute\"}",
            12.0,
        ),
        (
            "docdb_request_duration_seconds_count{command=\"open_database\"}",
            2.0,
        ),
        (
            "docdb_request_duration_seconds_count{command=\"create_collection\"}",
            1.0,
        ),
        (
            "docdb_request_duration_seconds_count{command=\"list_databases\"}",
            1.0,
        ),
        (
            "docdb_request_duration_seconds_count{command=\"checkpoint\"}",
            1.0,
        ),
        (
            "docdb_request_duration_seconds_count{command=\"scan\"}",
            0.0,
        ),
        ("docdb_operations_total{operation=\"create\"}", 12.0),
        ("docdb_operations_total{operation=\"read\"}", 2.0),
        ("docdb_operations_total{operation=\"update\"}", 1.0),
        ("docdb_operations_total{operation=\"upsert\"}", 1.0),
        ("docdb_operations_total{operation=\"delete\"}", 1.0),
        ("docdb_operations_total{operation=\"patch\"}", 0.0),
        ("docdb_operations_total{operation=\"merge\"}", 1.0),
        ("docdb_errors_total{category=\"permanent\"}", 2.0),
        ("docdb_errors_total{category=\"critical\"}", 0.0),
        ("docdb_error_codes_total{code=\"DocNotFound\"}", 1.0),
        ("docdb_error_codes_total{code=\"DocExists\"}", 1.0),
        ("docdb_databases{state=\"active\"}", 2.0),
        ("docdb_databases{state=\"degraded\"}", 0.0),
        ("docdb_database_openings_total", 2.0),
        ("docdb_recovery_duration_seconds_count", 2.0),
        ("docdb_checkpoint_duration_seconds_count", 1.0),
        ("docdb_checkpoint_documents_total", 10.0),
        ("docdb_compaction_duration_seconds_count", 0.0),
        ("docdb_compaction_written_bytes_total", 0.0),
        ("docdb_documents", 11.0),
        ("docdb_database_documents{database=\"a\"}", 10.0),
        ("docdb_database_documents{database=\"b\"}", 1.0),
        ("docdb_database_collections{database=\"a\"}", 2.0),
        ("docdb_database_writable{database=\"a\"}", 1.0),
        ("docdb_database_degraded{database=\"a\"}", 0.0),
        ("docdb_database_data_files{database=\"a\"}", 1.0),
        ("docdb_database_data_files{database=\"b\"}", 0.0),
        ("docdb_database_queue_depth{database=\"a\"}", 0.0),
        ("docdb_databases_unlabelled", 0.0),
        ("docdb_queue_depth_limit", 100.0),
        ("docdb_memory_limit_bytes", 1024.0 * 1024.0 * 1024.0),
        ("docdb_scheduler_admitted_total{way=\"inline\"}", 13.0),
        ("docdb_scheduler_refused_total{reason=\"queue_full\"}", 0.0),
        ("docdb_transactions_committed_total", 15.0),
        (
            "docdb_database_transactions_committed_total{database=\"b\"}",
            1.0,
        ),
    ] {
        assert_eq!(of.get(sample), value, "{sample}");
    }
    for sample in [
        "docdb_received_bytes_total",
        "docdb_sent_bytes_total",
        "docdb_memory_bytes",
        "docdb_index_bytes",
        "docdb_log_bytes",
        "docdb_data_bytes",
        "docdb_log_written_bytes_total",
        "docdb_checkpoint_written_bytes_total",
        "docdb_batch_records_count",
        "docdb_log_sync_duration_seconds_count",
        "docdb_start_time_seconds",
        "docdb_database_log_bytes{database=\"a\"}",
        "docdb_database_index_bytes{database=\"a\"}",
        "docdb_database_recovery_seconds{database=\"a\"}",
    ] {
        assert!(of.get(sample) > 0.0, "{sample}");
    }
    assert!(of.has("docdb_server{version=\"0.1.0\",fsync=\"group\"}"));
    assert!(of.families().all(|family| family.starts_with("docdb_")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_scrapes_without_work_between_them_are_equal() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    for number in 1..=100 {
        client.one(db, create(number, "1")).await.unwrap();
        client.one(db, read(number + 100)).await.unwrap_err();
    }
    let first = rested(&harness).await;
    let second = scrape(&harness);
    assert_eq!(first.changes(&second), Vec::<String>::new());
    client.one(db, read(1)).await.unwrap();
    assert!(!second.changes(&scrape(&harness)).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn counters_do_not_go_back_when_databases_are_closed() {
    let harness = Harness::start_with(|options| options.engine.max_open_databases = 1).await;
    let mut client = harness.connect().await;
    let mut committed = 0.0;
    for round in 0..6 {
        let db = client.open(["a", "b", "c"][round % 3]).await;
        client.one(db, upsert(1, "1")).await.unwrap();
        client
            .call(Command::CloseDatabase { database: db })
            .await
            .unwrap();
        committed += 1.0;
        let of = scrape(&harness);
        assert_eq!(of.get("docdb_transactions_committed_total"), committed);
    }
    assert!(scrape(&harness).get("docdb_database_evictions_total") >= 5.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_figures_of_single_databases_are_bounded_in_number() {
    let harness = Harness::start_with(|options| options.http.database_labels = 2).await;
    let mut client = harness.connect().await;
    for name in ["d", "c", "b", "a"] {
        client.open(name).await;
    }
    let of = scrape(&harness);
    assert_eq!(of.get("docdb_databases_unlabelled"), 2.0);
    assert_eq!(of.count("database_documents{database="), 2);
    assert!(of.has("docdb_database_documents{database=\"a\"}"));
    assert!(!of.has("docdb_database_documents{database=\"c\"}"));
    assert_eq!(of.count("database=\"d\""), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn slow_requests_are_counted_from_the_configured_time_on() {
    let harness = Harness::start_with(|options| options.slow_request = Duration::ZERO).await;
    let (mut client, db) = harness.client_of("a").await;
    client.one(db, create(1, "1")).await.unwrap();
    assert_eq!(scrape(&harness).get("docdb_slow_requests_total"), 0.0);
    harness.service.set_slow_request(Duration::from_micros(1));
    client.one(db, create(2, "1")).await.unwrap();
    assert_eq!(scrape(&harness).get("docdb_slow_requests_total"), 1.0);
    harness.service.set_slow_request(Duration::from_secs(3600));
    client.one(db, create(3, "1")).await.unwrap();
    assert_eq!(scrape(&harness).get("docdb_slow_requests_total"), 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_name_with_quotes_and_a_line_end_is_escaped() {
    let harness = Harness::start().await;
    let mut client = harness.connect().await;
    client.open("a\"b,c=\"d").await;
    let text = harness.service.metrics();
    assert!(
        text.contains("docdb_database_documents{database=\"a\\\"b,c=\\\"d\"} 0"),
        "{text}"
    );
}
