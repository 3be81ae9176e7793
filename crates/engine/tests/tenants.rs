//! Thousands of databases, touched one after the other, take the memory and the descriptors of those
//! that may be open.
//!
//! `DOCDB_TENANTS=5000 cargo test --release -p docdb-engine --test tenants -- --nocapture` is the
//! long form.
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

mod documents;

use docdb_engine::{Engine, EngineOptions, Host, OpenMode};
use docdb_types::FsyncMode;

use documents::{get, name, put};

const DEFAULT_TENANTS: u64 = 100;

/// What a process has open, and how much memory it takes in bytes.
#[derive(Debug, Clone, Copy)]
struct Taken {
    descriptors: usize,
    memory: u64,
}

fn taken() -> Taken {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    Taken {
        descriptors: std::fs::read_dir("/proc/self/fd").unwrap().count(),
        memory: pages * 4096,
    }
}

#[test]
fn databases_touched_in_turn_take_no_more_than_those_that_may_be_open() {
    let tenants = std::env::var("DOCDB_TENANTS").map_or(DEFAULT_TENANTS, |it| it.parse().unwrap());
    let most_open = (tenants / 50).max(8);
    let directory = tempfile::tempdir().unwrap();
    let options = EngineOptions {
        max_open_databases: usize::try_from(most_open).unwrap(),
        fsync: FsyncMode::None,
        ..EngineOptions::in_directory(directory.path())
    };
    let engine = Engine::open(Host::real(), options).unwrap();
    let touch = |round: u64, tenant: u64| {
        let called = name(&format!("tenant-{tenant}"));
        let opened = engine
            .open_database(&called, OpenMode::CreateIfMissing)
            .unwrap();
        assert_eq!(opened.created, round == 0);
        let database = opened.database;
        // Whatever was stored in the rounds before is there, and it is this tenant's.
        for before in 0..round {
            let expected = format!("[{before},{tenant}]");
            assert_eq!(get(&database, before + 1).unwrap(), expected);
        }
        assert_eq!(get(&database, round + 1), None);
        put(&database, round + 1, &format!("[{round},{tenant}]")).unwrap();
    };
    let mut marks = Vec::new();
    for round in 0..3 {
        for tenant in 0..tenants {
            touch(round, tenant);
            let open = engine.statistics().open;
            // One that is being used cannot be closed for the next.
            assert!(open <= most_open + 1, "{open} are open");
        }
        marks.push(taken());
    }
    println!("{tenants} databases, {most_open} open at most: {marks:?}");
    let statistics = engine.statistics();
    assert_eq!(statistics.databases, tenants);
    assert!(statistics.evictions >= 3 * tenants - 2 * most_open);
    let [first, .., last] = marks[..] else {
        unreachable!()
    };
    let allowed = usize::try_from(most_open).unwrap() * 8 + 64;
    for mark in &marks {
        assert!(mark.descriptors <= allowed, "{mark:?}");
    }
    // Two more rounds over all of them have grown nothing but noise.
    let growth = last.memory.saturating_sub(first.memory);
    assert!(growth < 16 << 20, "{growth} bytes more: {marks:?}");
    engine.close().unwrap();
}
