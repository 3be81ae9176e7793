//! The power is cut under a real server, on an ext4 of its own. Needs root and says so where it is not: nothing is tested then.
//!
//! `DOCDB_POWER_CUTS=N` sets the number of cuts.

#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use docdb_tests::rig::{Cutoff, Mounted, unavailable};
use docdb_tests::{Fleet, Random, ServerProcess, number_from};

const SMALL: [(&str, &str); 3] = [
    ("DOCDB_WAL_MAX_FILE_SIZE_MB", "1"),
    ("DOCDB_WAL_CHECKPOINT_INTERVAL_MB", "1"),
    ("DOCDB_DB_COMPACTION_SIZE_THRESHOLD_MB", "1"),
];

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// An acknowledgement counts when it has been seen before the cut was asked for.
#[test]
fn nothing_acknowledged_is_lost_when_the_power_is_cut() {
    if let Some(why) = unavailable() {
        println!("SKIPPED: {why}");
        return;
    }
    let cuts = number_from("DOCDB_POWER_CUTS", 8);
    runtime().block_on(async {
        let mut random = Random::new(cuts);
        let mut done = 0;
        let mut writes = 0;
        for options in ["commit=1000", "commit=1", "data=writeback", "nodelalloc"] {
            let disk = Mounted::new(options).unwrap();
            let mut fleet = Fleet::new(2000);
            for _ in 0..cuts.div_ceil(4) {
                let server = ServerProcess::start_with(&disk.path(), &[], &SMALL).unwrap();
                fleet.begin(&server).await;
                tokio::time::sleep(Duration::from_millis(5 + random.below(60))).await;
                let cutoff = random.one_of(&[Cutoff::KeepJournal, Cutoff::DropJournal]);
                fleet.freeze();
                disk.cut(cutoff).unwrap();
                server.kill().unwrap();
                fleet.end().await;
                disk.remount().unwrap();
                done += 1;
            }
            let server = ServerProcess::start_with(&disk.path(), &[], &SMALL).unwrap();
            fleet.check(&server).await;
            assert!(server.terminate().unwrap().success());
            writes += fleet.acknowledged();
        }
        println!("{done} power cuts, {writes} acknowledged writes, none lost");
        assert!(writes > done, "only {writes} writes were acknowledged");
    });
}
