use docdb_ipc::{Command, DatabaseStatus, Hello, PROTOCOL_VERSION, Reply, Statistics};
use docdb_types::{DatabaseId, FsyncMode, Limits};

use super::harness::{Client, Harness, checkpoint, create, delete, read};

async fn statistics(client: &mut Client, database: Option<DatabaseId>) -> Statistics {
    match client.call(Command::Statistics { database }).await {
        Ok(Reply::Statistics(statistics)) => *statistics,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn figures_are_those_of_a_known_workload() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    let other = client.open("b").await;
    for number in 1..=10 {
        client.one(db, create(number, "1")).await.unwrap();
    }
    client.one(db, delete(10)).await.unwrap();
    client.one(other, create(1, "1")).await.unwrap();
    client.one(db, read(99)).await.unwrap_err();

    let of_one = statistics(&mut client, Some(db)).await.database;
    assert_eq!((of_one.id, of_one.name.as_str()), (db.get(), "a"));
    assert_eq!(of_one.status, Some(DatabaseStatus::Active));
    assert_eq!(of_one.documents, 9);
    assert_eq!(of_one.transactions_committed, Some(11));
    assert_eq!(of_one.batches, Some(11));
    let sizes = of_one.batch_size.unwrap();
    assert_eq!((sizes.count, sizes.min, sizes.max), (11, 1, 1));
    let syncs = of_one.sync_latency_us.unwrap();
    assert_eq!(syncs.count, 11);
    assert!(syncs.p50 <= syncs.p99 && syncs.p99 <= syncs.max);

    let all = statistics(&mut client, None).await;
    assert_eq!(all.database.documents, 10);
    assert_eq!(all.database.transactions_committed, Some(12));
    assert_eq!((all.server.databases, all.server.databases_active), (2, 2));
    assert_eq!(all.server.connections, Some(1));
    assert_eq!(all.server.fsync_mode, FsyncMode::Group);
    assert!(all.server.bytes_in > Some(0) && all.server.bytes_out > Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn asking_changes_nothing_but_the_count_of_requests() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    client.one(db, create(1, "1")).await.unwrap();
    let first = statistics(&mut client, Some(db)).await;
    let second = statistics(&mut client, Some(db)).await;
    assert_eq!(first.database, second.database);
    let requests = |of: &Statistics| of.server.requests.unwrap();
    assert_eq!(requests(&second), requests(&first) + 1);
    assert_eq!(first.server.errors, second.server.errors);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hello_tells_the_limits_and_the_mode_in_force() {
    let harness = Harness::start_with(|options| {
        options.engine.fsync = FsyncMode::Always;
        options.engine.limits.request_operations = 10;
        options.max_frame_bytes = Some(1 << 20);
    })
    .await;
    let mut client = harness.connect().await;
    let hello = Hello {
        client_name: "test".to_owned(),
        ..Hello::default()
    };
    let Ok(Reply::Hello(server)) = client.call(Command::Hello(hello)).await else {
        panic!("a hello");
    };
    assert_eq!(server.protocol_version, PROTOCOL_VERSION);
    assert_eq!(server.fsync_mode, FsyncMode::Always);
    assert_eq!(
        server.limits,
        Limits {
            request_operations: 10,
            ..Limits::DEFAULT
        }
    );
    assert_eq!(server.frame_limit.bytes(), 1 << 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn databases_are_listed_by_name_open_or_not() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("zebra").await;
    client.open("ant").await;
    client.one(db, create(1, "1")).await.unwrap();
    let harness = harness.restart().await;
    let (mut client, again) = harness.client_of("zebra").await;
    assert_eq!(again, db);
    let Ok(Reply::Databases(listed)) = client.call(Command::ListDatabases).await else {
        panic!("a list");
    };
    let listed: Vec<_> = listed
        .iter()
        .map(|info| (info.name.as_str(), info.status, info.documents))
        .collect();
    assert_eq!(
        listed,
        [
            ("ant", DatabaseStatus::Closed, None),
            ("zebra", DatabaseStatus::Active, Some(1))
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_checkpoint_reports_what_it_moved() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    for number in 1..=10 {
        client.one(db, create(number, "1")).await.unwrap();
    }
    let Ok(Reply::Checkpoint(report)) = client.call(checkpoint(db)).await else {
        panic!("a report");
    };
    assert_eq!(report.documents, 10);
    assert!(report.bytes_written > 0);
    let covered = report.covered_position;
    assert!(covered > 0, "the log is covered up to its end");
    let Ok(Reply::Checkpoint(report)) = client.call(checkpoint(db)).await else {
        panic!("a report");
    };
    assert_eq!(report.documents, 0, "nothing is left to move");
    assert_eq!(report.covered_position, covered);
    assert_eq!(super::harness::text(&client.one(db, read(3)).await), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn errors_are_told_by_their_category_and_single_operations_count() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    client.one(db, create(1, "1")).await.unwrap();
    client.one(db, create(1, "1")).await.unwrap_err();
    client.one(db, read(9)).await.unwrap_err();
    let unknown = DatabaseId::new(99);
    let refused = client.call(Command::ListCollections { database: unknown });
    refused.await.unwrap_err();
    let server = statistics(&mut client, None).await.server;
    let of = server.errors_by_category.unwrap();
    assert_eq!((of.permanent, of.critical, of.validation), (3, 0, 0));
    assert_eq!(server.errors, Some(1));
    assert_eq!(server.critical_errors, []);
    assert_eq!(server.connections_refused, Some(0));
}
