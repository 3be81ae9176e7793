//! What a database decides when it finds its files damaged: the rows of the table of recovery
//! (`docs/ondisk_format.md`) whose decision is the engine's, each under its name.
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

mod documents;

use std::path::Path;
use std::sync::Arc;

use docdb_engine::{
    Atomicity, Condition, DatabaseStatus, DocumentHealth, Engine, EngineOptions, LogicalDb,
    OpenMode, ScanLimit,
};
use docdb_types::{Action, Code, CollectionName, Error, Isolation, Operation};
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

/// The answer names the log and the place in it.
fn names_the_place(error: &Error) {
    assert_eq!(error.code(), Code::CorruptLog);
    assert_eq!(error.context().file.as_deref(), Some("a.wal"));
    assert!(error.context().offset.is_some(), "{error}");
}

#[test]
fn r6_a_degraded_database_serves_what_it_has_and_marks_what_stands_in_front_of_the_damage() {
    let disk = killed_with(20);
    let length = disk.bytes(log()).unwrap().len() as u64;
    disk.flip_bit(log(), length / 2, 1).unwrap();
    let engine = is_degraded(&disk, "a.wal");
    let database = existing(&engine, "a");
    let collection = CollectionName::DEFAULT;
    let read = |number| database.read(&collection, id(number));
    let lost: Vec<u64> = (1..=20).filter(|number| read(*number).is_err()).collect();
    let [lost] = lost[..] else {
        panic!("one batch is damaged: {lost:?}");
    };
    assert!((3..20).contains(&lost), "{lost}");
    names_the_place(&read(lost).unwrap_err());
    let is_marked = |number: u64| number < lost;
    for number in (1..=20).filter(|number| *number != lost) {
        let outcome = read(number).unwrap();
        assert_eq!(outcome.document.unwrap(), number.to_string());
        assert_eq!(outcome.may_be_older, is_marked(number), "{number}");
    }

    // Several reads of one request, a scan, and a transaction see the same marks.
    let read = |number: u64| Operation {
        collection: collection.clone(),
        action: Action::Read { id: id(number) },
    };
    let answers = database.execute((1..=20).map(read).collect(), Atomicity::Each);
    let mut transaction = database.begin(Isolation::Snapshot).unwrap();
    for (number, answer) in (1..=20).zip(answers) {
        let within = transaction.read(&collection, id(number));
        if number == lost {
            names_the_place(&answer.unwrap_err());
            names_the_place(&within.unwrap_err());
        } else {
            assert_eq!(answer.unwrap().may_be_older, is_marked(number));
            assert_eq!(within.unwrap().may_be_older, is_marked(number));
        }
    }
    let snapshot = database.snapshot();
    let limit = ScanLimit {
        documents: 7,
        ..ScanLimit::default()
    };
    let (mut from, mut scanned) = (None, Vec::new());
    loop {
        let page = database.scan(&collection, from, limit, Some(&snapshot));
        let page = page.unwrap();
        let within = transaction.scan(&collection, from, limit).unwrap();
        assert_eq!(within.documents, page.documents);
        assert!(page.may_lack && within.may_lack, "a document is missing");
        scanned.extend(page.documents);
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    let marks = scanned.iter().map(|found| (found.id, found.may_be_older));
    let expected = (1..=20).filter(|number| *number != lost);
    assert!(marks.eq(expected.map(|number| (id(number), is_marked(number)))));

    // What has no mark to carry is right, or refused.
    names_the_place(&database.count(&collection).unwrap_err());
    names_the_place(&transaction.count_documents(&collection).unwrap_err());
    let unknown = CollectionName::new("unknown").unwrap();
    names_the_place(&database.read(&unknown, id(1)).unwrap_err());
    names_the_place(&transaction.read(&unknown, id(1)).unwrap_err());
    let scanned = database.scan(&unknown, None, limit, None);
    names_the_place(&scanned.unwrap_err());

    // A document that may be older is none that is known to be sound.
    let looked = database.validate(&collection, id(1)).unwrap();
    assert_eq!(looked.health, DocumentHealth::Unknown);
    names_the_place(&looked.cause.unwrap());
    let looked = database.validate(&collection, id(20)).unwrap();
    assert_eq!((looked.health, looked.cause), (DocumentHealth::Valid, None));
}

#[test]
fn r6_a_version_that_a_lost_transaction_replaced_is_served_with_a_mark() {
    let disk = SimVfs::new(1);
    let engine = open_on(&disk);
    let database = create(&engine, "a");
    let write = |number: u64, text: &str| {
        let document = documents::document(text);
        let written = database.upsert(&CollectionName::DEFAULT, id(number), document);
        written.unwrap();
    };
    (1..=3).for_each(|number| write(number, "\"the older one\""));
    database.checkpoint().unwrap();
    (1..=2).for_each(|number| write(number, "\"the newer one\""));
    (4..=9).for_each(|number| write(number, "4"));
    assert!(!marked(&database, 1) && !marked(&database, 3));
    drop(engine);
    let disk = disk.kill();
    let bytes = disk.bytes(log()).unwrap();
    let is_newer = |window: &[u8]| window == b"the newer one";
    let place = bytes.windows(13).position(is_newer).unwrap();
    disk.flip_bit(log(), place as u64, 1).unwrap();
    let engine = is_degraded(&disk, "a.wal");
    let database = existing(&engine, "a");
    for number in [1, 3] {
        assert_eq!(get(&database, number).unwrap(), "\"the older one\"");
        assert!(marked(&database, number), "{number}");
    }
    assert_eq!(get(&database, 2).unwrap(), "\"the newer one\"");
    assert!(!marked(&database, 2) && !marked(&database, 9));

    // A person who accepts the loss has been told, and what is left is the newest there is.
    drop((database, engine));
    let report = docdb_engine::verify(&disk.host(), &by_hand()).unwrap();
    let lost = report.databases.iter().find_map(|found| found.lost);
    docdb_engine::repair(&disk.host(), &by_hand(), &name("a"), lost.unwrap()).unwrap();
    let engine = open_on(&disk);
    let database = existing(&engine, "a");
    assert!(!marked(&database, 1));
    let page = database.scan(&CollectionName::DEFAULT, None, ScanLimit::default(), None);
    assert!(!page.unwrap().may_lack);
}

/// Whether a document is answered as one that may be older.
fn marked(database: &Arc<LogicalDb>, number: u64) -> bool {
    let read = database.read(&CollectionName::DEFAULT, id(number));
    read.unwrap().may_be_older
}

#[test]
fn r6_documents_of_a_collection_whose_creation_is_lost_are_kept_when_the_loss_is_accepted() {
    let disk = SimVfs::new(1);
    let engine = open_on(&disk);
    let database = create(&engine, "a");
    fill(&database, 1..=3);
    let named = CollectionName::new("whose-name-is-lost").unwrap();
    database.create_collection(&named).unwrap();
    for number in 1..=3 {
        let document = documents::document("7");
        database.create(&named, Some(id(number)), document).unwrap();
    }
    drop((database, engine));
    let disk = disk.kill();
    let bytes = disk.bytes(log()).unwrap();
    let is_name = |window: &[u8]| window == b"whose-name-is-lost";
    let place = bytes.windows(18).position(is_name).unwrap();
    disk.flip_bit(log(), place as u64, 1).unwrap();
    drop(is_degraded(&disk, "a.wal"));
    let report = docdb_engine::verify(&disk.host(), &by_hand()).unwrap();
    let lost = report.databases.iter().find_map(|found| found.lost);
    docdb_engine::repair(&disk.host(), &by_hand(), &name("a"), lost.unwrap()).unwrap();
    let engine = open_on(&disk);
    let database = existing(&engine, "a");
    let collections = database.list_collections().unwrap();
    let kept = collections
        .iter()
        .find(|it| it.name.as_str().starts_with("lost-"));
    let kept = &kept.unwrap().name;
    assert_eq!(database.count(kept).unwrap(), 3);
    assert!(database.read(kept, id(2)).is_ok());
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
        // It may have held newer versions of what data files have.
        for number in 1..=5 {
            match database.read(&CollectionName::DEFAULT, id(number)) {
                Ok(outcome) => assert!(checkpointed && outcome.may_be_older),
                Err(error) => {
                    assert!(!checkpointed);
                    assert_eq!(error.code(), Code::CorruptLog);
                }
            }
        }
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
