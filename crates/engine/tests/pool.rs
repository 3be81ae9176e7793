//! Databases that are opened when needed and closed when idle, by many threads at once.
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

mod documents;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use docdb_engine::{Condition, DatabaseStatus, Engine, EngineOptions, OpenMode, ScanLimit};
use docdb_types::{Code, CollectionName, DocumentId, Effect, FsyncMode};
use docdb_vfs::{CallKind, CrashProfile, Fault, FaultKind, FaultOn, Host, SimVfs};

use documents::{by_hand, create, document, existing, get, id, name, open_on, put};

fn in_temporary_directory() -> (tempfile::TempDir, EngineOptions) {
    let directory = tempfile::tempdir().unwrap();
    let options = EngineOptions::in_directory(directory.path());
    (directory, options)
}

#[test]
fn a_second_engine_on_a_directory_is_refused_and_told_the_process() {
    let (_directory, options) = in_temporary_directory();
    let first = Engine::open(Host::real(), options.clone()).unwrap();
    put(&create(&first, "a"), 1, "1").unwrap();
    let refused = Engine::open(Host::real(), options.clone()).unwrap_err();
    assert_eq!(refused.code(), Code::FileOpen);
    let pid = std::process::id().to_string();
    assert!(refused.message().contains(&pid), "{refused}");

    // Another data directory with the same logs is no better.
    let other = tempfile::tempdir().unwrap();
    let shared = EngineOptions {
        wal_directory: options.wal_directory.clone(),
        ..EngineOptions::in_directory(other.path())
    };
    assert_eq!(
        Engine::open(Host::real(), shared).unwrap_err().code(),
        Code::FileOpen
    );

    first.close().unwrap();
    let second = Engine::open(Host::real(), options.clone()).unwrap();
    assert_eq!(get(&existing(&second, "a"), 1).unwrap(), "1");
    drop(second);
    Engine::open(Host::real(), options).unwrap();
}

#[test]
fn one_directory_may_hold_data_and_logs() {
    let directory = tempfile::tempdir().unwrap();
    let options = EngineOptions {
        wal_directory: directory.path().to_owned(),
        ..EngineOptions::in_directory(directory.path())
    };
    for round in 1..4 {
        let engine = Engine::open(Host::real(), options.clone()).unwrap();
        let opened = engine
            .open_database(&name("a"), OpenMode::CreateIfMissing)
            .unwrap();
        put(&opened.database, round, "1").unwrap();
        assert!((1..=round).all(|number| get(&opened.database, number).is_some()));
        engine.close().unwrap();
    }
    let engine = Engine::open(Host::real(), options).unwrap();
    engine.drop_database(&name("a")).unwrap();
    assert_eq!(get(&create(&engine, "a"), 1), None);
}

#[test]
fn a_wrong_option_is_named() {
    let options = EngineOptions {
        max_batch_size: 0,
        ..by_hand()
    };
    let refused = Engine::open(SimVfs::new(1).host(), options).unwrap_err();
    assert!(refused.message().contains("max_batch_size"), "{refused}");
}

#[test]
fn an_idle_database_is_closed_and_comes_back_with_its_documents() {
    let disk = SimVfs::new(1);
    let mut options = by_hand();
    // Its scrub would be due at the same time, and more of it after that.
    options.healing.interval = Duration::ZERO;
    let engine = Engine::open(disk.host(), options).unwrap();
    let database = create(&engine, "a");
    put(&database, 1, "1").unwrap();
    let id = database.id();
    drop(database);
    disk.clock().advance(Duration::from_secs(300));
    assert_eq!(engine.tick(), None);
    assert_eq!(engine.statistics().idle_closings, 1);
    assert_eq!(engine.statistics().memory_bytes, 0);
    assert_eq!(engine.list_databases()[0].status, DatabaseStatus::Closed);
    assert!(engine.open_handle(id).is_none());
    assert_eq!(get(&engine.database(id).unwrap(), 1).unwrap(), "1");
    assert!(engine.open_handle(id).is_some());
    assert!(engine.statistics().memory_bytes > 0);
}

#[test]
fn more_databases_than_may_be_open_all_keep_their_documents() {
    let disk = SimVfs::new(1);
    let options = EngineOptions {
        max_open_databases: 3,
        ..by_hand()
    };
    let engine = Engine::open(disk.host(), options).unwrap();
    for round in 1..4 {
        for number in 0..10 {
            let opened = engine
                .open_database(&name(&format!("db{number}")), OpenMode::CreateIfMissing)
                .unwrap();
            put(&opened.database, round, "1").unwrap();
            assert!((1..=round).all(|number| get(&opened.database, number).is_some()));
            drop(opened);
            assert!(engine.statistics().open <= 3);
            disk.clock().advance(Duration::from_secs(1));
        }
    }
    assert_eq!(engine.statistics().evictions, 27);
}

#[test]
fn a_closed_database_answers_its_old_handles_and_opens_for_new_ones() {
    let disk = SimVfs::new(1);
    let engine = open_on(&disk);
    let old = create(&engine, "a");
    put(&old, 1, "1").unwrap();
    engine.close_database(old.id()).unwrap();
    let refused = put(&old, 2, "2").unwrap_err();
    assert_eq!(refused.code(), Code::DbNotActive);
    assert_eq!(refused.effect(), Effect::NotApplied);
    let new = engine.database(old.id()).unwrap();
    assert_eq!((get(&new, 1).as_deref(), get(&new, 2)), (Some("1"), None));
    put(&new, 2, "2").unwrap();
}

#[test]
fn in_interval_mode_a_write_is_durable_when_the_interval_has_passed() {
    let disk = SimVfs::new(1);
    let options = EngineOptions {
        fsync: FsyncMode::Interval,
        fsync_interval: Duration::from_millis(10),
        ..by_hand()
    };
    let engine = Engine::open(disk.host(), options).unwrap();
    let database = create(&engine, "a");
    // The very first transaction of a database is durable at once.
    put(&database, 1, "1").unwrap();
    for number in 2..5 {
        put(&database, number, "1").unwrap();
        let due = engine.tick().unwrap();
        assert_eq!(due, Duration::from_millis(10));
        disk.clock().advance(due);
        engine.tick();
    }
    let again = open_on(&disk.crash(CrashProfile::DropAll, 1));
    let database = existing(&again, "a");
    assert!((1..5).all(|number| get(&database, number).is_some()));
}

#[test]
fn a_version_is_never_used_twice_whatever_a_crash_takes_back() {
    for fsync in FsyncMode::ALL {
        let options = EngineOptions { fsync, ..by_hand() };
        let mut disk = SimVfs::new(1);
        let mut seen = BTreeSet::new();
        for life in 0..4 {
            let engine = Engine::open(disk.host(), options.clone()).unwrap();
            let opened = engine.open_database(&name("a"), OpenMode::CreateIfMissing);
            let database = opened.unwrap().database;
            for number in 1..=3 {
                let text = document(&format!("[{life}, {number}]"));
                let collection = CollectionName::DEFAULT;
                let outcome = database.upsert(&collection, id(number), text).unwrap();
                assert!(seen.insert(outcome.version), "{fsync}: {outcome:?}");
            }
            disk = disk.crash(CrashProfile::DropAll, life);
        }
    }
}

#[test]
fn a_database_whose_log_has_grown_is_checkpointed_beside_requests() {
    let disk = SimVfs::new(1);
    let options = EngineOptions {
        segment_bytes: 16 * 1024,
        checkpoint_bytes: 64 * 1024,
        keep_segments: 0,
        ..by_hand()
    };
    let engine = Engine::open(disk.host(), options).unwrap();
    let database = create(&engine, "a");
    let text = format!("\"{}\"", "x".repeat(8 * 1024));
    let collection = CollectionName::DEFAULT;
    for _ in 0..100 {
        database
            .upsert(&collection, id(1), document(&text))
            .unwrap();
        engine.tick();
    }
    let statistics = database.statistics();
    assert!(statistics.last_checkpoint.is_some());
    assert!(
        statistics.log_bytes < 160 * 1024,
        "{}",
        statistics.log_bytes
    );
    assert_eq!(engine.statistics().failed_tasks, 0);
}

#[test]
fn the_trouble_of_one_database_is_its_own_and_is_listed() {
    let disk = SimVfs::new(1);
    let engine = open_on(&disk);
    for text in ["bad", "good"] {
        put(&create(&engine, text), 1, "1").unwrap();
    }
    engine.close().unwrap();
    let disk = disk.kill();
    for path in disk.paths() {
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        // Everything of the one database but its log.
        if file.starts_with("bad.") && !file.contains(".wal") {
            let length = disk.bytes(&path).unwrap().len();
            disk.corrupt(&path, 0, &vec![0x5a; length]).unwrap();
        }
    }
    let engine = open_on(&disk);
    let error = engine
        .open_database(&name("bad"), OpenMode::ExistingOnly)
        .unwrap_err();
    assert_eq!(error.context().database, Some(name("bad")));
    let good = existing(&engine, "good");
    assert_eq!(get(&good, 1).unwrap(), "1");
    let list = engine.list_databases();
    assert!(matches!(list[0].status, DatabaseStatus::Failed(_)));
    assert_eq!(list[1].status, DatabaseStatus::Open(Condition::Serving));
    assert_eq!(engine.statistics().failed, 1);
}

#[test]
fn a_closed_engine_refuses_everything_and_so_do_its_handles() {
    let disk = SimVfs::new(1);
    let engine = open_on(&disk);
    let database = create(&engine, "a");
    put(&database, 1, "1").unwrap();
    engine.close().unwrap();
    engine.close().unwrap();
    assert_eq!(
        put(&database, 2, "2").unwrap_err().code(),
        Code::DbNotActive
    );
    for answer in [
        engine
            .open_database(&name("a"), OpenMode::ExistingOnly)
            .map(drop),
        engine
            .open_database(&name("b"), OpenMode::CreateNew)
            .map(drop),
        engine.database(database.id()).map(drop),
        engine.drop_database(&name("a")),
    ] {
        assert_eq!(answer.unwrap_err().code(), Code::PoolStopped);
    }
}

#[test]
fn an_engine_that_is_dropped_loses_nothing_and_frees_its_directory() {
    for fsync in [FsyncMode::Group, FsyncMode::Interval] {
        let disk = SimVfs::new(1);
        let options = EngineOptions { fsync, ..by_hand() };
        let engine = Engine::open(disk.host(), options).unwrap();
        let database = create(&engine, "a");
        put(&database, 1, "1").unwrap();
        drop(engine);
        assert_eq!(
            put(&database, 2, "2").unwrap_err().code(),
            Code::DbNotActive
        );
        let engine = open_on(&disk);
        assert_eq!(get(&existing(&engine, "a"), 1).unwrap(), "1");
        drop(engine);
        let engine = open_on(&disk.crash(CrashProfile::DropAll, 1));
        assert_eq!(get(&existing(&engine, "a"), 1).unwrap(), "1");
    }
}

/// Eight writers on one database, and what happens to it meanwhile: every request is answered, and
/// what was acknowledged is there unless the database was dropped.
fn under_load(
    options: EngineOptions,
    meanwhile: impl FnOnce(&Engine) + Send,
) -> (Engine, Vec<u64>) {
    let engine = Engine::open(Host::real(), options).unwrap();
    let database = create(&engine, "a");
    let db_id = database.id();
    drop(database);
    let stop = AtomicBool::new(false);
    let acknowledged = AtomicU64::new(0);
    let written = thread::scope(|scope| {
        let writers: Vec<_> = (0..8_u64)
            .map(|writer| {
                let (engine, stop, acknowledged) = (&engine, &stop, &acknowledged);
                scope.spawn(move || {
                    let mut written = Vec::new();
                    for number in 0..20_000 {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        let number = 1 + number * 8 + writer;
                        let answer = engine
                            .database(db_id)
                            .and_then(|database| put(&database, number, "1"));
                        match answer {
                            Ok(_) => {
                                written.push(number);
                                acknowledged.fetch_add(1, Ordering::Relaxed);
                            }
                            Err(error) => match error.code() {
                                Code::DbNotActive => {}
                                Code::DbNotFound | Code::PoolStopped => break,
                                _ => panic!("{error}"),
                            },
                        }
                    }
                    written
                })
            })
            .collect();
        // The load is there before anything happens to the database.
        while acknowledged.load(Ordering::Relaxed) < 50 {
            thread::yield_now();
        }
        meanwhile(&engine);
        stop.store(true, Ordering::Relaxed);
        writers
            .into_iter()
            .flat_map(|w| w.join().unwrap())
            .collect()
    });
    (engine, written)
}

fn has_all(engine: &Engine, written: &[u64]) {
    let database = existing(engine, "a");
    for number in written {
        assert!(
            get(&database, *number).is_some(),
            "document {number} is lost"
        );
    }
    assert_eq!(
        database.count(&CollectionName::DEFAULT).unwrap(),
        written.len() as u64
    );
}

#[test]
fn closing_under_load_loses_nothing_that_was_acknowledged() {
    let (_directory, options) = in_temporary_directory();
    let (engine, written) = under_load(options.clone(), |engine| {
        let id = engine.list_databases()[0].id;
        for _ in 0..20 {
            engine.close_database(id).unwrap();
        }
    });
    has_all(&engine, &written);
    engine.close().unwrap();
    let engine = Engine::open(Host::real(), options).unwrap();
    has_all(&engine, &written);
}

#[test]
fn ending_the_engine_under_load_loses_nothing_that_was_acknowledged() {
    let (_directory, options) = in_temporary_directory();
    let (engine, written) = under_load(options.clone(), |engine| engine.close().unwrap());
    drop(engine);
    let engine = Engine::open(Host::real(), options).unwrap();
    has_all(&engine, &written);
}

#[test]
fn dropping_under_load_ends_every_writer_and_leaves_an_empty_name() {
    let (_directory, options) = in_temporary_directory();
    let (engine, _) = under_load(options, |engine| {
        engine.drop_database(&name("a")).unwrap();
    });
    let database = create(&engine, "a");
    assert_eq!(database.count(&CollectionName::DEFAULT).unwrap(), 0);
    assert_eq!(get(&database, 1), None);
    let first = DocumentId::new(1);
    database
        .create(&CollectionName::DEFAULT, first, document("2"))
        .unwrap();
}

#[test]
fn handles_of_one_database_are_the_same() {
    let disk = SimVfs::new(1);
    let engine = open_on(&disk);
    let database = create(&engine, "a");
    assert!(Arc::ptr_eq(&database, &existing(&engine, "a")));
    assert!(Arc::ptr_eq(
        &database,
        &engine.database(database.id()).unwrap()
    ));
    assert!(Arc::ptr_eq(&database, &engine.open_handles()[0]));
}

#[test]
fn what_one_database_costs_to_open_does_not_grow_with_the_number_of_others() {
    let disk = SimVfs::new(1);
    let engine = open_on(&disk);
    for number in 0..20 {
        put(&create(&engine, &format!("db{number}")), 1, "1").unwrap();
    }
    engine.close().unwrap();
    drop(engine);
    let engine = open_on(&disk);
    drop(existing(&engine, "db0"));
    // From here on no directory is read again.
    let listing = FaultOn::call(CallKind::List, "");
    disk.fail(Fault::always(listing, FaultKind::Eio));
    for number in 1..20 {
        let database = existing(&engine, &format!("db{number}"));
        assert_eq!(get(&database, 1).unwrap(), "1");
        engine.close_database(database.id()).unwrap();
        let database = existing(&engine, &format!("db{number}"));
        put(&database, 2, "2").unwrap();
    }
    put(&create(&engine, "new"), 1, "1").unwrap();
    engine.drop_database(&name("db7")).unwrap();
    put(&create(&engine, "db7"), 1, "3").unwrap();
    assert_eq!(disk.fault_hits(), 0);
}

#[test]
fn texts_that_nobody_has_taken_yet_count_against_the_memory_of_their_database() {
    const MIB: u64 = 1024 * 1024;
    let disk = SimVfs::new(1);
    let options = EngineOptions {
        database_memory_bytes: 4 * MIB,
        ..by_hand()
    };
    let engine = Engine::open(disk.host(), options).unwrap();
    let (loud, quiet) = (create(&engine, "loud"), create(&engine, "quiet"));
    let text = format!("\"{}\"", "x".repeat(MIB as usize - 2));
    for number in 1..=8 {
        put(&loud, number, &text).unwrap();
        put(&quiet, number, &text).unwrap();
    }
    let before = loud.memory_bytes();
    let read = |number| loud.read(&CollectionName::DEFAULT, id(number));
    let taken: Vec<_> = (1..=8).map_while(|number| read(number).ok()).collect();
    assert_eq!(taken.len(), 3, "the index takes a part of the fourth");
    assert_eq!(loud.memory_bytes(), before + 3 * MIB);
    assert_eq!(read(4).unwrap_err().code(), Code::MemoryLimit);
    assert!(get(&quiet, 1).is_some());
    let limit = ScanLimit {
        documents: 8,
        bytes: 8 * MIB as usize,
    };
    drop(taken);
    let page = loud.scan(&CollectionName::DEFAULT, None, limit, None);
    let page = page.unwrap();
    assert_eq!((page.documents.len(), page.next), (3, Some(id(4))));
    assert_eq!(read(4).unwrap_err().code(), Code::MemoryLimit);
    drop(page);
    assert_eq!(loud.memory_bytes(), before);
    assert!(get(&loud, 4).is_some());
}
