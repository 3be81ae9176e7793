//! Checkpoints that fail between two of their steps.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod documents;

use docdb_engine::Condition;
use docdb_types::{Code, CollectionName};
use docdb_vfs::{CallKind, Fault, FaultKind, FaultOn, SimVfs};
use documents::{create, existing, get, id, open_on, put};

/// The manifest names the data file already, and the index does not know of it: a deletion would
/// need a tombstone that nobody would write.
#[test]
fn a_document_deleted_behind_a_half_made_checkpoint_stays_deleted() {
    let disk = SimVfs::new(1);
    let engine = open_on(&disk);
    let database = create(&engine, "shop");
    put(&database, 4, "1").unwrap();
    disk.fail(Fault::once(
        FaultOn::call(CallKind::Open, "shop.data.1"),
        FaultKind::Emfile,
    ));
    let failed = database.checkpoint().unwrap_err();
    assert_eq!(failed.code(), Code::FileOpen);
    assert_eq!(disk.fault_hits(), 1);

    let delete = || {
        let database = existing(&engine, "shop");
        database.delete(&CollectionName::DEFAULT, id(4), None)
    };
    assert_eq!(database.condition(), Condition::ReadOnly);
    assert_eq!(delete().unwrap_err().code(), Code::DbReadOnly);
    drop(database);
    engine
        .close_database(existing(&engine, "shop").id())
        .unwrap();
    delete().unwrap();
    engine.close().unwrap();
    drop(engine);
    let engine = open_on(&disk);
    assert_eq!(get(&existing(&engine, "shop"), 4), None);
}

#[test]
fn opening_again_and_again_leaves_files_and_figures_as_they_are() {
    let disk = SimVfs::new(2);
    let engine = open_on(&disk);
    let database = create(&engine, "shop");
    for number in 1..=10 {
        put(&database, number, r#"{"some":"text"}"#).unwrap();
    }
    drop(database);
    engine.close().unwrap();
    drop(engine);
    let figures = || {
        let engine = open_on(&disk);
        let database = existing(&engine, "shop");
        let statistics = database.statistics();
        drop(database);
        engine.close().unwrap();
        let bytes: usize = disk
            .paths()
            .iter()
            .filter_map(|path| disk.bytes(path))
            .map(|bytes| bytes.len())
            .sum();
        (
            statistics.documents,
            statistics.memory_bytes,
            statistics.data_files,
            statistics.live_bytes,
            bytes,
        )
    };
    let first = figures();
    assert_eq!(first.0, 10);
    for _ in 0..10 {
        assert_eq!(figures(), first);
    }
}
