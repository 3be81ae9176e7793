//! What all databases have done, whatever has become of them.

mod documents;

use docdb_engine::{Engine, EngineOptions, Host};

use documents::{create, existing, name, put};

#[test]
fn work_that_was_done_stays_done_when_databases_are_closed_and_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let options = EngineOptions {
        max_open_databases: 2,
        ..EngineOptions::in_directory(directory.path())
    };
    let engine = Engine::open(Host::real(), options).unwrap();
    let mut before = engine.work_done();
    assert_eq!((before.committed, before.recovery_us.count()), (0, 0));
    for database in ["a", "b", "c", "d"] {
        put(&create(&engine, database), 1, "1").unwrap();
        let after = engine.work_done();
        assert_eq!(after.committed, before.committed + 1);
        // The close that made room wrote and synced too.
        assert!(after.batch_records.sum() > before.batch_records.sum());
        assert!(after.sync_latency_us.count() > before.sync_latency_us.count());
        assert!(after.appended_bytes > before.appended_bytes);
        assert_eq!(after.recovery_us.count(), before.recovery_us.count() + 1);
        before = after;
    }
    assert_eq!(engine.statistics().open, 2);

    // Opened again it does not count twice what it did before.
    put(&existing(&engine, "a"), 2, "2").unwrap();
    engine.drop_database(&name("a")).unwrap();
    let after = engine.work_done();
    assert_eq!(after.committed, 5);
    assert_eq!(after.recovery_us.count(), 5);
    assert_eq!(engine.work_done(), after);
    engine.close().unwrap();
    assert_eq!(engine.work_done().committed, 5);
}
