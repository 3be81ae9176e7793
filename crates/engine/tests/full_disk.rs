//! A full disk refuses what would stay, goes on with what frees space, and harms nothing.
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

mod documents;

use std::sync::Arc;
use std::time::Duration;

use docdb_engine::{Condition, Engine, EngineOptions, LogicalDb};
use docdb_types::{Code, CollectionName, Effect, Error};
use docdb_vfs::{CallKind, Fault, FaultKind, FaultOn, SimVfs, Vfs};

use documents::{by_hand, create, document, existing, get, id, open_on, put};

const COLLECTION: CollectionName = CollectionName::DEFAULT;
const RESERVE: u64 = 1 << 20;

fn options() -> EngineOptions {
    EngineOptions {
        segment_bytes: 64 * 1024,
        keep_segments: 0,
        checkpoint_bytes: 256 * 1024,
        compaction_threshold_bytes: 256 * 1024,
        reserve_bytes: RESERVE,
        ..by_hand()
    }
}

fn text(number: u64) -> String {
    format!(r#"{{"n":{number},"filler":"{}"}}"#, "x".repeat(2000))
}

fn refused(answer: Result<impl std::fmt::Debug, Error>) {
    let error = answer.unwrap_err();
    assert_eq!(error.code(), Code::DiskFull, "{error}");
    assert_eq!(error.effect(), Effect::NotApplied);
}

/// Writes documents until one is refused; returns how many there are.
fn fill(engine: &Engine, database: &Arc<LogicalDb>) -> u64 {
    for number in 1..10_000 {
        if let Err(error) = put(database, number, &text(number)) {
            refused(Err::<(), _>(error));
            return number - 1;
        }
        engine.tick();
    }
    panic!("never full");
}

#[test]
fn a_full_disk_refuses_writes_and_deleting_makes_room_for_them() {
    let disk = SimVfs::new(1);
    disk.set_capacity_bytes(Some(12 << 20));
    let engine = Engine::open(disk.host(), options()).unwrap();
    let database = create(&engine, "a");
    let other = create(&engine, "other");
    put(&other, 1, "1").unwrap();
    let stored = fill(&engine, &database);
    assert!(stored > 500, "{stored}");
    assert!(engine.statistics().is_disk_full);
    assert_eq!(database.condition(), Condition::Serving);

    // Nothing that stays is written, in no database; everything is read.
    refused(put(&database, 100_000, "1"));
    refused(put(&other, 2, "2"));
    refused(database.update(&COLLECTION, id(1), document("1"), None));
    refused(database.create_collection(&CollectionName::new("more").unwrap()));
    assert_eq!(get(&other, 1).unwrap(), "1");
    for number in 1..=stored {
        assert_eq!(get(&database, number).unwrap(), text(number));
    }

    // Deletions are written, and checkpoints and compactions turn them into room.
    let kept = stored / 4;
    for number in kept + 1..=stored {
        database.delete(&COLLECTION, id(number), None).unwrap();
        engine.tick();
    }
    database.compact().unwrap();
    disk.clock().advance(Duration::from_secs(60));
    engine.tick();
    put(&database, 100_000, "1").unwrap();
    put(&other, 2, "2").unwrap();
    assert!(!engine.statistics().is_disk_full);
    assert!(disk.exists("/data/.reserve".as_ref()).unwrap());
    drop((database, other, engine));
    let engine = Engine::open(disk.kill().host(), options()).unwrap();
    let database = existing(&engine, "a");
    assert_eq!(database.count(&COLLECTION).unwrap(), kept + 1);
    for number in 1..=kept {
        assert_eq!(get(&database, number).unwrap(), text(number));
    }
}

#[test]
fn writing_goes_on_by_itself_when_somebody_else_frees_space() {
    let disk = SimVfs::new(1);
    disk.set_capacity_bytes(Some(12 << 20));
    let engine = Engine::open(disk.host(), options()).unwrap();
    let database = create(&engine, "a");
    let stored = fill(&engine, &database);
    // A little is not enough: the reserve comes first.
    let available = disk.available_bytes("/data".as_ref()).unwrap();
    let used = (12 << 20) - available;
    disk.set_capacity_bytes(Some(used + RESERVE * 3 / 2));
    refused(put(&database, 100_000, "1"));
    disk.set_capacity_bytes(Some(64 << 20));
    put(&database, 100_000, "1").unwrap();
    assert_eq!(database.count(&COLLECTION).unwrap(), stored + 1);
    assert!(!engine.statistics().is_disk_full);
}

#[test]
fn without_a_reserve_a_full_disk_refuses_and_harms_nothing() {
    let disk = SimVfs::new(1);
    disk.set_capacity_bytes(Some(2 << 20));
    let without = EngineOptions {
        reserve_bytes: 0,
        ..options()
    };
    let engine = Engine::open(disk.host(), without).unwrap();
    let database = create(&engine, "a");
    let stored = fill(&engine, &database);
    assert_eq!(database.condition(), Condition::Serving);
    disk.set_capacity_bytes(None);
    put(&database, 100_000, "1").unwrap();
    drop((database, engine));
    let engine = open_on(&disk.kill());
    let database = existing(&engine, "a");
    assert_eq!(database.count(&COLLECTION).unwrap(), stored + 1);
}

#[test]
fn a_small_disk_gives_a_small_reserve_and_a_tiny_one_none() {
    for (capacity, expected) in [(4 << 20, Some((4 << 20) / 10)), (256 << 10, None)] {
        let disk = SimVfs::new(1);
        disk.set_capacity_bytes(Some(capacity));
        let engine = Engine::open(disk.host(), options()).unwrap();
        let path = std::path::Path::new("/data/.reserve");
        let length = disk.bytes(path).map(|bytes| bytes.len() as u64);
        match expected {
            Some(expected) => {
                let length = length.unwrap();
                assert!(length > expected / 2 && length <= expected, "{length}");
            }
            None => assert!(!disk.exists(path).unwrap()),
        }
        put(&create(&engine, "a"), 1, "1").unwrap();
    }
}

#[test]
fn a_failed_sync_ends_writing_and_a_reopen_reads_the_disk_and_not_the_cache() {
    let disk = SimVfs::new(1);
    let engine = Engine::open(disk.host(), options()).unwrap();
    let database = create(&engine, "a");
    put(&database, 1, "1").unwrap();
    let sync = FaultOn::call(CallKind::Sync, "a.wal");
    disk.fail(Fault::once(sync, FaultKind::Eio));
    let failed = put(&database, 2, "2").unwrap_err();
    assert_eq!(failed.code(), Code::FileSync);
    assert_eq!(failed.effect(), Effect::Unknown);
    assert_eq!(database.condition(), Condition::ReadOnly);
    assert_eq!(put(&database, 3, "3").unwrap_err().code(), Code::DbReadOnly);
    // Readers have never seen it.
    assert_eq!(get(&database, 2), None);
    engine.close_database(database.id()).unwrap();
    let database = existing(&engine, "a");
    assert_eq!(database.condition(), Condition::Serving);
    assert_eq!(get(&database, 1).unwrap(), "1");
    assert_eq!(
        get(&database, 2),
        None,
        "the cache showed it, the disk has not"
    );
    put(&database, 2, "2").unwrap();
}

#[test]
fn a_log_without_room_to_go_on_is_read_and_said_to_be_read_only() {
    let disk = SimVfs::new(1);
    let engine = open_on(&disk);
    let database = create(&engine, "a");
    put(&database, 1, "1").unwrap();
    drop((database, engine));
    let disk = disk.kill();
    let call = FaultOn::call(CallKind::Open, "a.wal");
    disk.fail(Fault::always(call, FaultKind::Erofs));
    let engine = open_on(&disk);
    let database = existing(&engine, "a");
    assert_eq!(database.condition(), Condition::ReadOnly);
    assert_eq!(get(&database, 1).unwrap(), "1");
    assert_eq!(put(&database, 2, "2").unwrap_err().code(), Code::DbReadOnly);
    disk.clear_faults();
    engine.close_database(database.id()).unwrap();
    put(&existing(&engine, "a"), 2, "2").unwrap();
}
