//! A disk that takes writes and refuses them when they are synced, under a real server. The kernel
//! calls the refused pages clean and goes on showing them: a server that syncs again, or that reads
//! them back at its next start, serves what is gone when the cache is. Needs root and says so where
//! it is not: nothing is tested then.
//!
//! `DOCDB_STARVED_ROUNDS=N` sets the number of rounds.

#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use docdb_tests::rig::{Starving, unavailable};
use docdb_tests::{Fleet, Random, ServerProcess, number_from};

const SMALL: [(&str, &str); 3] = [
    ("DOCDB_WAL_MAX_FILE_SIZE_MB", "1"),
    ("DOCDB_WAL_CHECKPOINT_INTERVAL_MB", "1"),
    ("DOCDB_DB_DISK_RESERVE_MB", "0"),
];

/// How long clients may go on until the device has no page left, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn what_was_acknowledged_or_seen_survives_a_sync_that_failed() {
    if let Some(why) = unavailable() {
        println!("SKIPPED: {why}");
        return;
    }
    let rounds = number_from("DOCDB_STARVED_ROUNDS", 3);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut random = Random::new(rounds);
        let mut writes = 0;
        for _ in 0..rounds {
            let disk = Starving::new().unwrap();
            let mut fleet = Fleet::new(8000);
            let server = ServerProcess::start_with(&disk.path(), &[], &SMALL).unwrap();
            fleet.begin(&server).await;
            tokio::time::sleep(Duration::from_millis(random.below(200))).await;
            disk.starve(random.below(1 << 20)).unwrap();
            tokio::time::timeout(PATIENCE, fleet.end()).await.unwrap();
            server.kill().unwrap();
            disk.feed().unwrap();

            let server = ServerProcess::start_with(&disk.path(), &[], &SMALL).unwrap();
            fleet.check(&server).await;
            server.kill().unwrap();

            disk.remount().unwrap();
            let server = ServerProcess::start_with(&disk.path(), &[], &SMALL).unwrap();
            fleet.check(&server).await;
            assert!(server.terminate().unwrap().success());
            writes += fleet.acknowledged();
        }
        println!("{rounds} starved disks, {writes} acknowledged writes, none lost");
        assert!(writes > rounds, "only {writes} writes were acknowledged");
    });
}
