//! Documents that were read lately are read once, are never older than what is there, and are in nobody's
//! way.
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

mod documents;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use docdb_engine::{Engine, EngineOptions, LogicalDb};
use docdb_types::{Code, CollectionName, Isolation};
use docdb_vfs::{CallKind, SimVfs, Vfs, read_whole};

use documents::{by_hand, create, document, existing, get, id, name, put};

const KIB: u64 = 1024;

fn keeping(bytes: u64) -> EngineOptions {
    EngineOptions {
        document_cache_bytes: bytes,
        ..by_hand()
    }
}

/// Counts the reads of files.
fn count_reads(disk: &SimVfs) -> Arc<AtomicU64> {
    let reads = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&reads);
    disk.watch(move |kind, _| {
        counted.fetch_add(u64::from(kind == CallKind::Read), Ordering::SeqCst);
    });
    reads
}

fn replace(database: &Arc<LogicalDb>, number: u64, text: &str) {
    database
        .update(&CollectionName::DEFAULT, id(number), document(text), None)
        .unwrap();
}

#[test]
fn what_was_read_is_read_once() {
    let disk = SimVfs::new(1);
    let engine = Engine::open(disk.host(), keeping(KIB * KIB)).unwrap();
    let database = create(&engine, "a");
    put(&database, 1, r#"{"n":1}"#).unwrap();
    let reads = count_reads(&disk);
    let in_turn = |expected: &str| {
        reads.store(0, Ordering::SeqCst);
        for _ in 0..3 {
            assert_eq!(get(&database, 1).unwrap(), expected);
        }
        reads.load(Ordering::SeqCst)
    };
    let of_one = in_turn(r#"{"n":1}"#);
    assert!(of_one > 0);
    assert_eq!(in_turn(r#"{"n":1}"#), 0);
    // Where it has moved to does not matter.
    database.checkpoint().unwrap();
    assert_eq!(in_turn(r#"{"n":1}"#), 0);
    replace(&database, 1, r#"{"n":2}"#);
    assert_eq!(in_turn(r#"{"n":2}"#), of_one);
    let figures = engine.statistics().document_cache;
    assert!(figures.hits == 10 && figures.misses == 2, "{figures:?}");
    assert!(figures.bytes > 0);
    let closing = database.id();
    drop(database);
    engine.close_database(closing).unwrap();
    assert_eq!(engine.statistics().document_cache.bytes, 0);
}

#[test]
fn a_snapshot_sees_its_own_version_and_a_deletion_is_seen() {
    let disk = SimVfs::new(2);
    let engine = Engine::open(disk.host(), keeping(KIB * KIB)).unwrap();
    let database = create(&engine, "a");
    put(&database, 1, "1").unwrap();
    assert_eq!(get(&database, 1).unwrap(), "1");
    let mut before = database.begin(Isolation::Snapshot).unwrap();
    replace(&database, 1, "2");
    assert_eq!(get(&database, 1).unwrap(), "2");
    let old = before.read(&CollectionName::DEFAULT, id(1)).unwrap();
    assert_eq!(old.document.unwrap(), "1");
    database
        .delete(&CollectionName::DEFAULT, id(1), None)
        .unwrap();
    assert_eq!(get(&database, 1), None);
    let old = before.read(&CollectionName::DEFAULT, id(1)).unwrap();
    assert_eq!(old.document.unwrap(), "1");
    put(&database, 1, "3").unwrap();
    assert_eq!(get(&database, 1).unwrap(), "3");
}

/// The same numbers, versions and all, of another database.
#[test]
fn a_database_that_comes_again_under_its_name_has_its_own_documents() {
    let disk = SimVfs::new(3);
    let engine = Engine::open(disk.host(), keeping(KIB * KIB)).unwrap();
    for round in ["1", "2", "3"] {
        let (a, b) = (create(&engine, "a"), create(&engine, "b"));
        put(&a, 1, round).unwrap();
        put(&b, 1, "0").unwrap();
        for _ in 0..2 {
            assert_eq!(get(&a, 1).unwrap(), round);
            assert_eq!(get(&b, 1).unwrap(), "0");
        }
        drop((a, b));
        engine.drop_database(&name("a")).unwrap();
        engine.drop_database(&name("b")).unwrap();
    }
}

#[test]
fn damage_is_met_by_whoever_reads_the_file() {
    let disk = SimVfs::new(4);
    let engine = Engine::open(disk.host(), keeping(KIB * KIB)).unwrap();
    let database = create(&engine, "a");
    put(&database, 1, r#""whole""#).unwrap();
    assert_eq!(get(&database, 1).unwrap(), r#""whole""#);
    database.checkpoint().unwrap();
    let path = Path::new("/data/a.data.1");
    let bytes = read_whole(&disk, path, 1 << 20).unwrap();
    let at = bytes.windows(5).position(|it| it == b"whole").unwrap();
    let file = disk.open(path, docdb_vfs::OpenMode::ReadWrite).unwrap();
    file.write_all_at(b"w****", at as u64).unwrap();
    assert_eq!(get(&database, 1).unwrap(), r#""whole""#);
    assert!(database.scrub().unwrap().damages > 0);
    assert_eq!(get(&database, 1).unwrap(), r#""whole""#);
}

/// How many documents a database takes until it is at its cap, with reads in between.
fn documents_until_full(options: EngineOptions) -> u64 {
    let cap = options.database_memory_bytes;
    let disk = SimVfs::new(5);
    let engine = Engine::open(disk.host(), options).unwrap();
    let database = create(&engine, "a");
    let text = format!("\"{}\"", "x".repeat(500));
    for number in 1.. {
        if let Err(error) = put(&database, number, &text) {
            assert_eq!(error.code(), Code::MemoryLimit);
            return number;
        }
        for read in [number, number / 2 + 1, 1] {
            assert_eq!(get(&database, read).unwrap(), text);
        }
        let kept = engine.statistics().document_cache.bytes;
        let all = database.memory_bytes() + kept;
        assert!(
            all <= cap + KIB,
            "{all} bytes of {cap}, {kept} of them kept"
        );
    }
    0
}

#[test]
fn nothing_is_refused_for_what_can_give_way() {
    let options = |kept| EngineOptions {
        database_memory_bytes: 200 * KIB,
        global_memory_bytes: 250 * KIB,
        ..keeping(kept)
    };
    let without = documents_until_full(options(0));
    assert!(without > 500, "{without}");
    assert_eq!(documents_until_full(options(200 * KIB)), without);
    assert_eq!(documents_until_full(options(250 * KIB)), without);
}

#[test]
fn another_database_gets_the_memory_that_it_needs() {
    let disk = SimVfs::new(6);
    let options = EngineOptions {
        database_memory_bytes: 500 * KIB,
        global_memory_bytes: 600 * KIB,
        ..keeping(400 * KIB)
    };
    let cap = options.global_memory_bytes;
    let engine = Engine::open(disk.host(), options).unwrap();
    let (reads, writes) = (create(&engine, "reads"), create(&engine, "writes"));
    let text = format!("\"{}\"", "x".repeat(900));
    for number in 1..=300 {
        put(&reads, number, &text).unwrap();
        get(&reads, number).unwrap();
    }
    let before = engine.statistics();
    assert!(before.document_cache.bytes > 300 * KIB, "{before:?}");
    let mut written = 0;
    while put(&writes, written + 1, "1").is_ok() {
        written += 1;
        let now = engine.statistics();
        let all = now.memory_bytes + now.document_cache.bytes;
        assert!(all <= cap + KIB, "{all} of {cap}");
    }
    let after = engine.statistics();
    assert!(after.document_cache.bytes < before.document_cache.bytes / 2);
    assert!(after.memory_bytes > 400 * KIB, "{after:?}");
    assert_eq!(existing(&engine, "reads").statistics().documents, 300);
    assert_eq!(get(&reads, 7).unwrap(), text);
}
