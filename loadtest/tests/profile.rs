//! Load that changes over time does so at the server.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod scripted;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Parser;
use docdb_client::Endpoint;
use docdb_loadtest::config::{Arguments, ConfigFile, Plan};
use docdb_loadtest::{Halt, Measured, OperationKind, StageRecord, Tally, run};
use scripted::Script;

/// A server that takes 20 ms for an answer: a worker makes fifty operations a second at most.
fn slow() -> Script {
    Script::store(|_, document| document.to_vec()).delaying(Duration::from_millis(20))
}

async fn run_file(script: Script, text: &str) -> Measured {
    let server = scripted::Server::start(script);
    let file = ConfigFile::parse(text).unwrap();
    let arguments = Arguments::parse_from(["docdb-loadtest", "--seed", "4"]);
    let plan = Plan::new(&arguments, Some(&file)).unwrap();
    let endpoint = Endpoint::Unix(server.socket());
    let halt = Arc::new(Halt::default());
    run(&plan, &endpoint, &halt, None, |_| {}).await.unwrap()
}

fn stage(measured: &Measured, place: usize) -> StageRecord {
    let mut total = StageRecord::default();
    for database in &measured.databases {
        total.merge(&database.stages[place]);
    }
    total
}

#[tokio::test(flavor = "multi_thread")]
async fn every_worker_has_a_connection_of_its_own() {
    let script = slow();
    let connections = Arc::clone(&script.connections);
    let text = "databases: [{ name: a, workers: 5 }, { name: b, workers: 3 }]\n\
                test: { duration: 300ms }";
    run_file(script, text).await;
    assert_eq!(connections.load(Ordering::Relaxed), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_a_phase_adds_do_work_and_those_it_takes_away_do_none() {
    let script = slow();
    let connections = Arc::clone(&script.connections);
    let text = r#"
databases: [{ name: a, workers: 4 }]
workload_profile:
  phases:
    - { name: few, duration: 600ms, workers: 2 }
    - { name: many, duration: 600ms, workers: 10 }
    - { name: few again, duration: 600ms, workers: 1 }
"#;
    let measured = run_file(script, text).await;
    assert_eq!(connections.load(Ordering::Relaxed), 10);
    let [few, many, again] = [0, 1, 2].map(|place| stage(&measured, place).sum(Tally::operations));
    // 600 ms are 30 answers for each worker at most.
    assert!(few > 0 && few <= 2 * 30, "{few}");
    assert!(again > 0 && again <= 30, "{again}");
    assert!(many > 2 * 30 && many <= 10 * 30, "{few} {many} {again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transition_moves_from_one_mix_to_the_other() {
    let text = r#"
databases: [{ name: a, workers: 8, doc_count: 100 }]
workload_profile:
  phases:
    - name: shift
      duration: 2s
      crud_transition: { start: { write: 100 }, end: { read: 100 } }
"#;
    let script = Script::store(|_, document| document.to_vec()).delaying(Duration::from_millis(2));
    let measured = run_file(script, text).await;
    let share = |place: usize| {
        let step = &measured.databases[0].steps[place];
        let count = |kind| step.kinds.get(kind).latency.count() as f64;
        let (reads, creates) = (count(OperationKind::Read), count(OperationKind::Create));
        assert!(reads + creates > 100.0);
        reads / (reads + creates)
    };
    // A quarter and three quarters, in the middle of each second.
    assert!((share(0) - 0.25).abs() < 0.1, "{}", share(0));
    assert!((share(1) - 0.75).abs() < 0.1, "{}", share(1));
}
