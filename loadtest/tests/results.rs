//! What a run against scripted servers and a real one yields.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod scripted;

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use docdb_client::{Client, ClientOptions, CreateMode, Endpoint};
use docdb_loadtest::config::{Arguments, ConfigFile, Plan};
use docdb_loadtest::report::{Results, Table};
use docdb_loadtest::{Ending, Halt, Measured, OperationKind, OwnServer, Tally, run};
use docdb_types::{Code, Error};
use scripted::{Answer, Script};

/// The load generator, which can be a server.
const PROGRAM: &str = env!("CARGO_BIN_EXE_docdb-loadtest");

fn plan(flags: &[&str]) -> Plan {
    let flags = std::iter::once(&"docdb-loadtest").chain(flags);
    Plan::new(&Arguments::parse_from(flags), None).unwrap()
}

async fn run_against(script: Script, flags: &[&str]) -> (Plan, Measured) {
    let server = scripted::Server::start(script);
    let plan = plan(flags);
    let endpoint = Endpoint::Unix(server.socket());
    let measured = run(&plan, &endpoint, &Arc::new(Halt::default()), None, |_| {}).await;
    (plan, measured.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answers_only_errors_yields_no_operations() {
    let script = Script::each(|_| Answer::Result(Err(Error::new(Code::DiskFull, "full"))));
    let flags = ["--operations", "500", "--workers", "2", "--duration", "60s"];
    let (plan, measured) = run_against(script, &flags).await;
    assert_eq!(measured.sum(Tally::operations), 0);
    assert_eq!(measured.sum(Tally::failed), 500);
    assert_eq!(measured.ending, Ending::Complete);
    assert!(measured.is_failure());
    let results = serde_json::to_value(Results::new(&plan, &measured, &[])).unwrap();
    assert_eq!(results["TotalOperations"], 0);
    assert_eq!(results["Global"]["Latency"]["read"]["Count"], 0);
    assert_eq!(results["Global"]["OpsPerSecond"], 0.0);
    let errors = &results["Databases"]["loadtest"]["Outcomes"]["read"]["Errors"];
    assert!(errors["DiskFull"].as_u64().unwrap() > 100, "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn full_queues_are_counted_apart_from_errors() {
    let script = Script::each(|_| Answer::Failed(Error::new(Code::QueueFull, "full")));
    let (_, measured) = run_against(script, &["--operations", "100", "--workers", "1"]).await;
    assert_eq!(measured.sum(|tally| tally.refused), 100);
    assert_eq!(measured.sum(Tally::failed), 0);
    assert_eq!(measured.sum(Tally::operations), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn expected_outcomes_are_operations() {
    let (_, measured) = run_against(
        Script::each(|operation| Answer::Result(Err(scripted::refusal(operation)))),
        &["--operations", "200", "--workers", "3", "--batch", "7"],
    )
    .await;
    assert_eq!(measured.sum(Tally::operations), 200);
    assert_eq!(measured.sum(|tally| tally.ok), 0);
    assert!(measured.sum(|tally| tally.exists) > 20);
    assert!(measured.sum(|tally| tally.not_found) > 80);
    assert!(!measured.is_failure());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_nobody_wrote_is_a_wrong_answer() {
    let script = Script::store(|id, document| {
        if id.get() == 3 {
            br#"{"made": "up"}"#.to_vec()
        } else {
            document.to_vec()
        }
    });
    let flags = [
        "--operations",
        "400",
        "--doc-count",
        "5",
        "--doc-size",
        "100",
    ];
    let (_, measured) = run_against(script, &flags).await;
    assert!(measured.sum(|tally| tally.wrong) > 0);
    assert!(measured.sum(|tally| tally.ok) > 0);
    assert!(measured.is_failure());
    assert!(
        measured
            .wrong_answers
            .iter()
            .any(|text| text.contains("document 3"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_of_another_id_is_a_wrong_answer() {
    let first = std::sync::Mutex::new(None);
    let script = Script::store(move |_, document| {
        let mut first = first.lock().unwrap();
        first.get_or_insert_with(|| document.to_vec()).clone()
    });
    let flags = ["--operations", "400", "--doc-count", "5"];
    let (_, measured) = run_against(script, &flags).await;
    assert!(measured.sum(|tally| tally.wrong) > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_of_another_kind_is_a_wrong_answer() {
    let script = Script::each(|operation| Answer::Result(Ok(scripted::deleted(operation))));
    let flags = [
        "--operations",
        "100",
        "--read-percent",
        "0",
        "--write-percent",
        "100",
    ];
    let flags = [
        &flags[..],
        &["--update-percent", "0", "--delete-percent", "0"],
    ]
    .concat();
    let (_, measured) = run_against(script, &flags).await;
    assert_eq!(measured.sum(|tally| tally.wrong), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_rate_latency_counts_from_when_an_operation_was_due() {
    // One answer takes 300 ms; about 29 operations are due meanwhile and wait for it.
    let stall = Duration::from_millis(300);
    let script = Script::store(|_, document| document.to_vec()).stalling_once(stall);
    let flags = ["--workers", "1", "--rate", "100", "--operations", "60"];
    let (_, measured) = run_against(script, &flags).await;
    let total = measured.total();
    let mut latency = docdb_loadtest::Latency::default();
    for kind in OperationKind::ALL {
        latency.merge(&total.kinds.get(kind).latency);
    }
    let summary = latency.summary();
    assert_eq!(summary.count, 60);
    assert!(summary.max >= 299.0, "{summary:?}");
    // Without that, one of sixty would be slow and the 95th percentile fast.
    assert!(summary.p95 >= 150.0, "{summary:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_answers_may_come_in_any_order() {
    let script = Script::store(|_, document| document.to_vec()).out_of_order();
    let flags = [
        "--operations",
        "1000",
        "--pipeline",
        "8",
        "--doc-count",
        "20",
    ];
    let (_, measured) = run_against(script, &flags).await;
    assert_eq!(measured.sum(Tally::operations), 1000);
    assert_eq!(measured.sum(Tally::uncounted), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_away_leaves_partial_results() {
    let script = Script::store(|_, document| document.to_vec()).leaving_after(200);
    let (plan, measured) = run_against(
        script,
        &["--duration", "60s", "--workers", "3", "--patience", "200ms"],
    )
    .await;
    assert_eq!(measured.ending, Ending::Lost);
    assert_eq!(measured.lost_workers, 3);
    assert!(measured.sum(Tally::operations) > 0);
    assert!(measured.is_failure());
    let results = serde_json::to_value(Results::new(&plan, &measured, &[])).unwrap();
    assert_eq!(results["Partial"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_run_ends_early_with_what_it_has() {
    let server = scripted::Server::start(Script::store(|_, document| document.to_vec()));
    let plan = plan(&["--duration", "1h", "--rate", "1000"]);
    let endpoint = Endpoint::Unix(server.socket());
    let halt = Arc::new(Halt::default());
    let measured = run(&plan, &endpoint, &halt, None, |glance| {
        if glance.operations > 20 {
            halt.stop();
        }
    })
    .await
    .unwrap();
    assert_eq!(measured.ending, Ending::Stopped);
    assert!(measured.sum(Tally::operations) > 20);
    assert_eq!(measured.sum(Tally::uncounted), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn phases_change_workers_mix_and_rate() {
    let text = r#"
databases:
  - { name: a, doc_count: 50, doc_size: 128 }
  - { name: b, doc_count: 50, doc_size: 128, workers: 2 }
workload_profile:
  phases:
    - { name: writes, start_time: 0s, duration: 200ms, workers: 3, crud: { write: 100 }, operation_rate: 500 }
    - { name: idle, duration: 100ms, workers: 0 }
    - { name: reads, duration: 500ms, workers: 5, crud_transition: { start: { update: 100 }, end: { read: 100 } } }
"#;
    let arguments = Arguments::parse_from(["docdb-loadtest", "--seed", "4"]);
    let plan = Plan::new(&arguments, Some(&ConfigFile::parse(text).unwrap())).unwrap();
    let workers: Vec<_> = plan
        .stages
        .iter()
        .map(|stage| stage.workers.clone())
        .collect();
    assert_eq!(workers, [vec![2, 1], vec![0, 0], vec![3, 2]]);
    let server = scripted::Server::start(Script::store(|_, document| document.to_vec()));
    let endpoint = Endpoint::Unix(server.socket());
    let measured = run(&plan, &endpoint, &Arc::new(Halt::default()), None, |_| {})
        .await
        .unwrap();
    assert_eq!(measured.sum(Tally::uncounted), 0);

    let of_stage = |stage: usize| {
        let mut total = docdb_loadtest::StageRecord::default();
        for database in &measured.databases {
            total.merge(&database.stages[stage]);
        }
        total
    };
    let writes = of_stage(0);
    // 500 a second for 200 ms, whether or not they could all be sent in time.
    assert_eq!(writes.sum(Tally::operations) + writes.never_sent, 100);
    assert_eq!(
        writes.kinds.get(OperationKind::Create).tally.operations(),
        writes.sum(Tally::operations)
    );
    assert_eq!(of_stage(1).sum(Tally::operations), 0);
    let reads = of_stage(2);
    assert_eq!(reads.kinds.get(OperationKind::Create).tally.operations(), 0);
    assert!(reads.sum(Tally::operations) > 0);

    let results = serde_json::to_value(Results::new(&plan, &measured, &[])).unwrap();
    let phases = results["Global"]["PhaseStats"].as_array().unwrap();
    let names: Vec<_> = phases
        .iter()
        .map(|phase| phase["Name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["writes", "idle", "reads"]);
    assert_eq!(phases[2]["Workers"], 5);
    assert_eq!(results["TestConfig"]["Duration"], 800_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_over_three_databases_of_a_real_server_has_every_key() {
    let folder = tempfile::tempdir().unwrap();
    let own = OwnServer::start(PROGRAM.as_ref()).await.unwrap();
    let directory = own.directory().to_owned();
    let mut plan = plan(&[
        "--databases",
        "a,b,c",
        "--duration",
        "60s",
        "--operations",
        "1500",
        "--workers-per-db",
        "3",
        "--doc-count",
        "100",
        "--metrics-interval",
        "100ms",
        "--preload",
        "--csv",
        "--output-dir",
        folder.path().to_str().unwrap(),
    ]);
    plan.move_to(own.socket(), &own.wal_dir());
    let endpoint = Endpoint::Unix(own.socket());
    let halt = Arc::new(Halt::default());
    let measured = run(&plan, &endpoint, &halt, None, |_| {}).await.unwrap();
    own.stop().await.unwrap();
    assert!(!directory.exists());

    assert!(
        !measured.is_failure(),
        "{}",
        Table::new(&plan, &measured, &[])
    );
    assert_eq!(measured.sum(Tally::operations), 1500);
    assert_eq!(measured.sum(Tally::uncounted), 0);
    assert_eq!(measured.sum(|tally| tally.other_run), 0);
    for line in Table::new(&plan, &measured, &[]).to_string().lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let path = docdb_loadtest::report::write(&plan, &measured, &[]).unwrap();
    assert_eq!(path, folder.path().join("multidb_results.json"));
    let text = std::fs::read_to_string(path).unwrap();
    let results: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_keys(
        &results,
        "TestConfig DurationSeconds TotalOperations Databases Global Details",
    );
    assert_keys(
        &results["TestConfig"],
        "Duration Workers Operations ReadPercent WritePercent UpdatePercent DeletePercent \
         DocumentSize DocumentCount MetricsInterval SocketPath DBName WALDir OutputPath CSVOutput \
         Seed Databases WorkloadProfile PerDatabaseCRUD",
    );
    assert_eq!(results["TestConfig"]["Duration"], 60_000_000_000_u64);
    assert_keys(
        &results["TestConfig"]["Databases"][0],
        "Name Workers DocumentSize DocumentCount CRUDPercent WALDir",
    );
    assert_keys(
        &results["Global"],
        "TotalOperations OpsPerSecond Latency TotalWALGrowth TotalHealing PhaseStats",
    );
    for name in ["a", "b", "c"] {
        let database = &results["Databases"][name];
        assert_keys(
            database,
            "Name Latency WALGrowth Healing OperationCounts Outcomes TotalOperations",
        );
        for kind in ["create", "read", "update", "delete"] {
            let latency = &database["Latency"][kind];
            assert_keys(latency, "P50 P95 P99 P999 Mean Min Max Count");
            assert!(latency["Count"].as_u64().unwrap() > 0);
            assert_eq!(latency["Count"], database["OperationCounts"][kind]);
        }
        let growth = &database["WALGrowth"];
        assert_keys(
            growth,
            "InitialSizeBytes FinalSizeBytes MaxSizeBytes GrowthRateBytesPerSec SampleCount \
             DurationSeconds",
        );
        assert!(growth["FinalSizeBytes"].as_u64() > growth["InitialSizeBytes"].as_u64());
        assert_keys(
            &database["Healing"],
            "TotalHealings TotalDocumentsHealed HealingTimeSeconds OverheadPercent EventCount \
             InitialStats FinalStats",
        );
    }
    for (file, heading) in [
        ("latency_samples.csv", "operation,latency_ms,timestamp"),
        ("wal_growth.csv", "timestamp,size_bytes,size_mb"),
        ("global_wal_growth.csv", "timestamp,size_bytes,size_mb"),
        (
            "healing_events.csv",
            "timestamp,duration_ms,documents_healed,type",
        ),
        ("phase_stats.csv", "phase,"),
        ("a/latency_summary.csv", "operation,count,"),
        ("c/latency_summary.csv", "operation,count,"),
    ] {
        let text = std::fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(text.starts_with(heading), "{file}: {text:.80}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_that_is_healed_during_a_run_is_counted_with_its_documents_and_time() {
    let own = OwnServer::start(Path::new(PROGRAM)).await.unwrap();
    let endpoint = Endpoint::Unix(own.socket());
    let folder = tempfile::tempdir().unwrap();
    let halt = Arc::new(Halt::default());
    let run_with = async |flags: &[&str]| {
        let always = "--doc-count 50 --workers 2 --read-percent 100 --write-percent 0 \
                      --update-percent 0 --delete-percent 0 --distribution sequential --csv \
                      --output-dir";
        let folder = folder.path().to_str().unwrap();
        let always: Vec<_> = always.split_whitespace().collect();
        let mut plan = plan(&[&always, &[folder][..], flags].concat());
        plan.move_to(own.socket(), &own.wal_dir());
        let measured = run(&plan, &endpoint, &halt, None, |_| {}).await.unwrap();
        (plan, measured)
    };
    run_with(&["--preload", "--operations", "10"]).await;
    let client = Client::connect(&endpoint, ClientOptions::default()).await;
    let database = client.unwrap().open("loadtest", CreateMode::Never).await;
    let database = database.unwrap();
    database.checkpoint().await.unwrap();
    damage(&own.directory().join("data").join("loadtest.data.1"));

    // A read is answered before what it met is written anew: the run goes on until that is done.
    let until_healed = async {
        while database.healing().await.unwrap().healed_documents == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        halt.stop();
    };
    let ((plan, measured), ()) = tokio::join!(run_with(&["--duration", "60s"]), until_healed);
    own.stop().await.unwrap();
    assert_eq!(measured.sum(Tally::uncounted), 0);
    docdb_loadtest::report::write(&plan, &measured, &[]).unwrap();
    let results = serde_json::to_value(Results::new(&plan, &measured, &[])).unwrap();
    let healing = &results["Databases"]["loadtest"]["Healing"];
    let count = |key: &str| healing[key].as_f64().unwrap();
    assert!(count("TotalHealings") >= 1.0, "{healing}");
    assert!(count("TotalDocumentsHealed") >= 1.0, "{healing}");
    assert!(count("HealingTimeSeconds") > 0.0, "{healing}");
    assert!(count("OverheadPercent") > 0.0, "{healing}");
    assert_eq!(healing["InitialStats"]["OnDemandHealings"], 0);
    let rows = std::fs::read_to_string(folder.path().join("healing_events.csv")).unwrap();
    let row = rows.lines().nth(1).unwrap();
    assert!(row.ends_with(",on_demand"), "{row}");
}

/// Flips a bit in the middle of a data file, where documents lie.
fn damage(file: &Path) {
    let options = std::fs::OpenOptions::new().read(true).write(true).clone();
    let file = options.open(file).unwrap();
    let middle = file.metadata().unwrap().len() / 2;
    let mut byte = [0];
    file.read_exact_at(&mut byte, middle).unwrap();
    file.write_all_at(&[byte[0] ^ 1], middle).unwrap();
}

fn assert_keys(value: &serde_json::Value, keys: &str) {
    let mut wanted: Vec<_> = keys.split_whitespace().collect();
    let mut found: Vec<_> = value.as_object().unwrap().keys().collect();
    wanted.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, wanted);
}
