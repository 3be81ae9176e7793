//! A real server is killed under load, again and again, on one directory that ages. What had been
//! acknowledged must be there; what had been refused must not; what was on its way may be either.
//!
//! `DOCDB_KILL_ROUNDS=N` sets the number of rounds.

#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use docdb_tests::{Fleet, Random, ServerProcess, number_from};

/// Small enough for rotations, checkpoints and compactions between two kills.
const SMALL: [(&str, &str); 3] = [
    ("DOCDB_WAL_MAX_FILE_SIZE_MB", "1"),
    ("DOCDB_WAL_CHECKPOINT_INTERVAL_MB", "1"),
    ("DOCDB_DB_COMPACTION_SIZE_THRESHOLD_MB", "1"),
];

#[test]
fn nothing_acknowledged_is_lost_by_a_kill() {
    let rounds = number_from("DOCDB_KILL_ROUNDS", 6);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let mut random = Random::new(rounds);
        let mut fleet = Fleet::new(2000);
        for round in 0..rounds {
            let mode = if round % 4 == 3 { "always" } else { "group" };
            let server =
                ServerProcess::start_with(directory.path(), &["--fsync", mode], &SMALL).unwrap();
            fleet.begin(&server).await;
            tokio::time::sleep(Duration::from_millis(5 + random.below(200))).await;
            server.kill().unwrap();
            fleet.end().await;
        }
        let server = ServerProcess::start(directory.path(), &[]).unwrap();
        fleet.check(&server).await;
        assert!(server.terminate().unwrap().success());
        let writes = fleet.acknowledged();
        println!("{rounds} kills, {writes} acknowledged writes, none lost");
        assert!(
            writes > rounds * 10,
            "only {writes} writes were acknowledged"
        );
    });
}
