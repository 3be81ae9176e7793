//! Thousands of databases, touched one after the other, take the memory and the descriptors of those
//! that may be open.
//!
//! A database that is closed makes a checkpoint, which is one more data file until eight small ones are
//! merged: what is open is bounded by [`EngineOptions::max_open_files`], whatever each of them has.
//!
//! `DOCDB_TENANTS=5000 cargo test --release -p docdb-engine --test tenants -- --nocapture` is the
//! long form.
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

mod documents;

use std::path::Path;

use docdb_engine::{Engine, EngineOptions, Host, OpenMode};
use docdb_types::FsyncMode;

use documents::{get, name, put};

const DEFAULT_TENANTS: u64 = 50;
/// Past the ninth, databases have so many files that some are merged.
const ROUNDS: u64 = 10;

/// What a process has open, and how much memory it takes in bytes.
#[derive(Debug, Clone, Copy)]
struct Taken {
    descriptors: usize,
    files: u64,
    memory: u64,
}

/// `files`: those in `directory`.
fn taken(directory: &Path) -> Taken {
    let descriptors: Vec<_> = std::fs::read_dir("/proc/self/fd").unwrap().collect();
    // One is that of the listing, which is closed by now.
    let paths = descriptors
        .iter()
        .filter_map(|entry| std::fs::read_link(entry.as_ref().unwrap().path()).ok());
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    Taken {
        descriptors: descriptors.len(),
        files: paths.filter(|path| path.starts_with(directory)).count() as u64,
        memory: pages * 4096,
    }
}

#[test]
fn databases_touched_in_turn_take_no_more_than_those_that_may_be_open() {
    let tenants = std::env::var("DOCDB_TENANTS").map_or(DEFAULT_TENANTS, |it| it.parse().unwrap());
    let most_open = (tenants / 50).max(16);
    let most_files = most_open * 4;
    let directory = tempfile::tempdir().unwrap();
    let options = EngineOptions {
        max_open_databases: usize::try_from(most_open).unwrap(),
        max_open_files: most_files,
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
    for round in 0..ROUNDS {
        for tenant in 0..tenants {
            touch(round, tenant);
            let open = engine.statistics().open;
            // One that is being used cannot be closed for the next.
            assert!(open <= most_open + 1, "{open} are open");
        }
        marks.push(taken(directory.path()));
    }
    println!("{tenants} databases, {most_open} open at most: {marks:?}");
    let statistics = engine.statistics();
    assert_eq!(statistics.databases, tenants);
    assert!(statistics.evictions >= ROUNDS * tenants - 2 * most_open);
    let [first, .., last] = marks[..] else {
        unreachable!()
    };
    for mark in &marks {
        // Beside what is allowed: the files of the database that was opened last, those that one
        // merge writes and removes, and the locks of the directories.
        assert!(mark.files <= most_files + 32, "{mark:?}");
        assert!(
            mark.descriptors as u64 <= most_files + 32 + 32,
            "more than files is open: {mark:?}"
        );
    }
    let data_files = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|file| file.contains(".data."));
    println!("{} data files on the disk", data_files.count());
    // More rounds over all of them have grown nothing but noise.
    let growth = last.memory.saturating_sub(first.memory);
    assert!(growth < 16 << 20, "{growth} bytes more: {marks:?}");
    engine.close().unwrap();
}
