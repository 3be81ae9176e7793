//! What a database decides when it finds its files damaged: the rows of the table of recovery
//! (`docs/ondisk_format.md`) whose decision is the engine's, each under its name.
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

mod documents;

use std::path::Path;
use std::sync::Arc;

use docdb_engine::{Condition, DatabaseStatus, Engine, EngineOptions, LogicalDb, OpenMode};
use docdb_types::{Code, CollectionName};
use docdb_vfs::{CallKind, Fault, FaultKind, FaultOn, SimVfs, Vfs};

use documents::{by_hand, create, existing, get, id, listed, name, open_on, put};

/// Length of the header of a log segment and of the header of a batch.
const FIRST_RECORD: u64 = 96 + 56;

fn log() -> &'static Path {
    Path::new("/data/wal/a.wal")
}

fn manifest() -> &'static Path {
    Path::new("/data/a.manifest")
}

/// A disk with the database `a`, which holds the documents 1 to `documents`, each a batch of its
/// own; its engine ended without a checkpoint.
fn killed_with(documents: u64) -> SimVfs {
    let disk = SimVfs::new(1);
    let engine = open_on(&disk);
    fill(&create(&engine, "a"), 1..=documents);
    drop(engine);
    disk.kill()
}

fn fill(database: &Arc<LogicalDb>, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        put(database, number, &number.to_string()).unwrap();
    }
}

fn has_exactly(database: &Arc<LogicalDb>, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers.clone() {
        assert_eq!(get(database, number).unwrap(), number.to_string());
    }
    let count = database.count(&CollectionName::DEFAULT).unwrap();
    assert_eq!(count, numbers.count() as u64);
}

/// It serves and takes writes, and so does the next life of it.
fn goes_on(disk: &SimVfs, documents: u64) {
    let engine = open_on(disk);
    let database = existing(&engine, "a");
    assert_eq!(database.condition(), Condition::Serving);
    has_exactly(&database, 1..=documents);
    fill(&database, documents + 1..=documents + 3);
    drop(engine);
    let engine = open_on(&disk.kill());
    has_exactly(&existing(&engine, "a"), 1..=documents + 3);
}

/// It reads what it has, refuses writes, does not say "not found", names what is lost everywhere
/// where a person looks, and leaves the other databases alone.
fn is_degraded(disk: &SimVfs, file: &str) -> Engine {
    let engine = open_on(disk);
    let database = existing(&engine, "a");
    assert_eq!(database.condition(), Condition::Degraded);
    let missing = database
        .read(&CollectionName::DEFAULT, id(1000))
        .unwrap_err();
    assert_eq!(missing.code(), Code::CorruptLog);
    let refused = put(&database, 1001, "1").unwrap_err();
    assert_eq!(refused.code(), Code::DbReadOnly);
    let statistics = database.statistics();
    assert_eq!(statistics.condition, Condition::Degraded);
    let cause = statistics.cause.unwrap();
    assert_eq!(cause.code(), Code::CorruptLog);
    assert_eq!(cause.context().file.as_deref(), Some(file), "{cause}");
    let status = engine.list_databases().remove(0).status;
    assert_eq!(status, DatabaseStatus::Open(Condition::Degraded));
    assert_eq!(status.as_str(), "degraded");

    if !listed(&engine).contains(&"other".to_owned()) {
        fill(&create(&engine, "other"), 1..=3);
    }
    let other = existing(&engine, "other");
    has_exactly(&other, 1..=3);
    assert_eq!(other.condition(), Condition::Serving);
    engine
}

#[test]
fn r1_a_log_that_verifies_to_its_end_is_replayed() {
    goes_on(&killed_with(20), 20);
}

#[test]
fn r2_a_torn_tail_is_cut_off_and_the_database_serves() {
    let disk = killed_with(20);
    let length = disk.bytes(log()).unwrap().len() as u64;
    disk.flip_bit(log(), length - 9, 1).unwrap();
    goes_on(&disk, 19);
}

#[test]
fn r4_r6_damage_in_front_of_what_was_durable_degrades_one_database() {
    let disk = killed_with(20);
    disk.flip_bit(log(), FIRST_RECORD + 8, 1).unwrap();
    let before = disk.bytes(log()).unwrap();
    let engine = is_degraded(&disk, "a.wal");
    engine.close().unwrap();
    assert_eq!(disk.bytes(log()).unwrap(), before, "not a byte is changed");
}

#[test]
fn r6_a_degraded_database_serves_what_stands_in_front_of_the_damage() {
    let disk = killed_with(20);
    let length = disk.bytes(log()).unwrap().len() as u64;
    disk.flip_bit(log(), length / 2, 1).unwrap();
    let engine = is_degraded(&disk, "a.wal");
    let database = existing(&engine, "a");
    let served = (1..=20).take_while(|number| {
        let read = database.read(&CollectionName::DEFAULT, id(*number));
        read.is_ok()
    });
    let served = served.count();
    assert!((1..20).contains(&served), "{served}");
}

#[test]
fn r5_damage_that_a_checkpoint_covers_is_passed_over() {
    let disk = SimVfs::new(1);
    let engine = open_on(&disk);
    let database = create(&engine, "a");
    fill(&database, 1..=20);
    database.checkpoint().unwrap();
    fill(&database, 21..=25);
    drop((database, engine));
    let disk = disk.kill();
    disk.flip_bit(log(), FIRST_RECORD + 8, 1).unwrap();
    goes_on(&disk, 25);
}

#[test]
fn r9_a_log_that_vanishes_is_a_loss_before_and_after_the_first_checkpoint() {
    for checkpointed in [false, true] {
        let disk = SimVfs::new(1);
        let engine = open_on(&disk);
        fill(&create(&engine, "a"), 1..=5);
        if checkpointed {
            engine.close().unwrap();
        }
        drop(engine);
        let disk = disk.kill();
        disk.remove(log()).unwrap();
        let engine = is_degraded(&disk, "a.wal");
        let database = existing(&engine, "a");
        let found = (1..=5).filter(|number| {
            let read = database.read(&CollectionName::DEFAULT, id(*number));
            match read {
                Ok(_) => true,
                Err(error) => {
                    assert_eq!(error.code(), Code::CorruptLog);
                    false
                }
            }
        });
        assert_eq!(found.count(), if checkpointed { 5 } else { 0 });
        // Asking again changes nothing.
        drop((database, engine));
        is_degraded(&disk.kill(), "a.wal");
    }
}

#[test]
fn r9_a_log_that_vanishes_from_a_database_without_documents_is_noticed_too() {
    let disk = SimVfs::new(1);
    drop(create(&open_on(&disk), "a"));
    let disk = disk.kill();
    disk.remove(log()).unwrap();
    is_degraded(&disk, "a.wal");
}

#[test]
fn r10_segments_that_a_checkpoint_covers_may_be_missing() {
    let disk = SimVfs::new(1);
    let options = EngineOptions {
        segment_bytes: EngineOptions::MIN_SEGMENT_BYTES,
        ..by_hand()
    };
    let engine = Engine::open(disk.host(), options).unwrap();
    let database = create(&engine, "a");
    fill(&database, 1..=200);
    database.checkpoint().unwrap();
    fill(&database, 201..=203);
    drop((database, engine));
    let disk = disk.kill();
    let sealed = |path: &&std::path::PathBuf| path.to_string_lossy().contains("a.wal.");
    let sealed: Vec<_> = disk.paths().iter().filter(sealed).cloned().collect();
    assert!(!sealed.is_empty());
    for path in sealed {
        disk.remove(&path).unwrap();
    }
    goes_on(&disk, 203);
}

#[test]
fn r12_a_damaged_copy_of_the_manifest_is_replaced_by_the_other_one() {
    for copy in 0..2 {
        let disk = killed_with(5);
        let half = disk.bytes(manifest()).unwrap().len() as u64 / 2;
        disk.corrupt(manifest(), copy * half, &[0x5a; 64]).unwrap();
        goes_on(&disk, 5);
        let bytes = disk.bytes(manifest()).unwrap();
        let (first, second) = bytes.split_at(bytes.len() / 2);
        assert_eq!(first, second, "whole again");
    }
}

/// The manifest is gone, or damaged beyond reading.
fn without_manifest(disk: &SimVfs) -> [SimVfs; 2] {
    let (gone, damaged) = (disk.kill(), disk.kill());
    gone.remove(manifest()).unwrap();
    let length = damaged.bytes(manifest()).unwrap().len();
    damaged.corrupt(manifest(), 0, &vec![0x5a; length]).unwrap();
    [gone, damaged]
}

#[test]
fn r13_a_lost_manifest_is_rebuilt_from_the_log_before_the_first_checkpoint() {
    for disk in without_manifest(&killed_with(5)) {
        goes_on(&disk, 5);
    }
}

#[test]
fn r13_a_lost_manifest_is_rebuilt_from_the_data_files() {
    let disk = SimVfs::new(1);
    let options = EngineOptions {
        segment_bytes: EngineOptions::MIN_SEGMENT_BYTES,
        keep_segments: 0,
        ..by_hand()
    };
    let engine = Engine::open(disk.host(), options).unwrap();
    let database = create(&engine, "a");
    fill(&database, 1..=200);
    database.checkpoint().unwrap();
    // One that has nothing to copy, and lets the log be trimmed all the same.
    for number in 1000..1200 {
        put(&database, number, "1").unwrap();
        let gone = database.delete(&CollectionName::DEFAULT, id(number), None);
        gone.unwrap();
    }
    database.checkpoint().unwrap();
    fill(&database, 201..=203);
    drop((database, engine));
    for disk in without_manifest(&disk) {
        goes_on(&disk, 203);
    }
}

#[test]
fn r13_without_manifest_and_data_files_a_trimmed_log_is_not_taken_for_a_whole_one() {
    let disk = SimVfs::new(1);
    let options = EngineOptions {
        segment_bytes: EngineOptions::MIN_SEGMENT_BYTES,
        keep_segments: 0,
        ..by_hand()
    };
    let engine = Engine::open(disk.host(), options).unwrap();
    let database = create(&engine, "a");
    fill(&database, 1..=200);
    database.checkpoint().unwrap();
    drop((database, engine));
    for disk in without_manifest(&disk) {
        let data = Path::new("/data/a.data.1");
        disk.remove(data).unwrap();
        let engine = open_on(&disk);
        let database = existing(&engine, "a");
        assert_eq!(database.condition(), Condition::Degraded);
        let read = database.read(&CollectionName::DEFAULT, id(1)).unwrap_err();
        assert_eq!(read.code(), Code::CorruptLog);
    }
}

#[test]
fn r14_a_log_that_cannot_be_read_is_not_an_empty_one() {
    let disk = killed_with(5);
    let call = FaultOn::call(CallKind::Read, "a.wal");
    disk.fail(Fault::always(call, FaultKind::Eio));
    let engine = open_on(&disk);
    let opened = engine.open_database(&name("a"), OpenMode::ExistingOnly);
    if let Ok(opened) = &opened {
        assert_eq!(opened.database.condition(), Condition::Degraded);
        let read = opened.database.read(&CollectionName::DEFAULT, id(1));
        assert_eq!(read.unwrap_err().code(), Code::CorruptLog);
    }
    drop((opened, engine));
    disk.clear_faults();
    goes_on(&disk, 5);
}

#[test]
fn r15_a_clean_close_excuses_no_damage() {
    let disk = SimVfs::new(1);
    let engine = open_on(&disk);
    fill(&create(&engine, "a"), 1..=5);
    engine.close().unwrap();
    drop(engine);
    let disk = disk.kill();
    // The log ends in front of what the manifest covers, cut by somebody else.
    let file = disk.open(log(), docdb_vfs::OpenMode::ReadWrite).unwrap();
    file.set_len(FIRST_RECORD).unwrap();
    file.sync_all().unwrap();
    drop(file);
    // What was covered is in data files; that there was more, nothing says.
    goes_on(&disk, 5);
    assert_eq!(listed(&open_on(&disk.kill())), ["a"]);
}
