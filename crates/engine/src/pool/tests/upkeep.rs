use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use docdb_types::{Code, FsyncMode};
use docdb_vfs::{Host, RealClock, SimVfs};

use super::double::{Sheets, Step, name, pool, pool_with, unscrubbed};
use crate::options::EngineOptions;
use crate::pool::OpenMode::{CreateNew, ExistingOnly};
use crate::pool::roster::Pool;
use crate::pool::upkeep::Upkeep;

fn sheets() -> Sheets {
    Sheets::new(&SimVfs::new(1))
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_database_is_closed_when_nobody_has_used_it_for_the_idle_timeout() {
    let sheets = sheets();
    let pool = pool(&sheets);
    let clock = sheets.disk.clock();
    let idle = pool
        .open_named(&name("idle"), CreateNew)
        .unwrap()
        .0
        .identity
        .id;
    let asked = pool
        .open_named(&name("asked"), CreateNew)
        .unwrap()
        .0
        .identity
        .id;
    let held = pool.open_named(&name("held"), CreateNew).unwrap().0;
    clock.advance(4 * MINUTE);
    assert_eq!(pool.tick(), Some(5 * MINUTE));
    assert!(pool.get(asked).is_some());
    clock.advance(MINUTE);
    assert_eq!(pool.tick(), Some(9 * MINUTE));
    assert_eq!(*sheets.closed.lock(), ["idle"]);
    drop(held);
    clock.advance(4 * MINUTE);
    pool.tick();
    assert_eq!(*sheets.closed.lock(), ["idle", "asked"]);
    clock.advance(MINUTE);
    // Nothing is open, nothing is due: nobody would wake up.
    assert_eq!(pool.tick(), None);
    assert_eq!(*sheets.closed.lock(), ["idle", "asked", "held"]);
    assert!(pool.open_numbered(idle).is_ok(), "opened again when needed");
}

#[test]
fn a_database_on_which_a_snapshot_depends_is_not_closed_although_nobody_holds_it() {
    let sheets = sheets();
    let options = EngineOptions {
        max_open_databases: 1,
        ..unscrubbed()
    };
    let pool = pool_with(&sheets, &options);
    let (db, _) = pool.open_named(&name("a"), CreateNew).unwrap();
    let id = db.identity.id;
    db.busy.store(true, Ordering::SeqCst);
    drop(db);
    sheets.disk.clock().advance(100 * MINUTE);
    pool.tick();
    pool.open_named(&name("b"), CreateNew).unwrap();
    pool.tick();
    let db = pool.get(id).unwrap();
    db.busy.store(false, Ordering::SeqCst);
    drop(db);
    pool.open_named(&name("c"), CreateNew).unwrap();
    assert!(pool.get(id).is_none());
}

#[test]
fn without_an_idle_timeout_nothing_is_closed_and_nothing_due() {
    let sheets = sheets();
    let options = EngineOptions {
        idle_timeout: Duration::ZERO,
        ..unscrubbed()
    };
    let pool = pool_with(&sheets, &options);
    pool.open_named(&name("a"), CreateNew).unwrap();
    sheets.disk.clock().advance(100 * MINUTE);
    assert_eq!(pool.tick(), None);
    assert!(sheets.closed.lock().is_empty());
}

#[test]
fn a_sync_comes_within_the_interval_of_the_first_append_and_a_checkpoint_soon() {
    let sheets = sheets();
    let options = EngineOptions {
        fsync_interval: Duration::from_millis(7),
        ..unscrubbed()
    };
    let pool = pool_with(&sheets, &options);
    let (db, _) = pool.open_named(&name("a"), CreateNew).unwrap();
    let counts = || {
        (
            db.syncs.load(Ordering::SeqCst),
            db.checkpoints.load(Ordering::SeqCst),
        )
    };
    db.signals.want_sync();
    sheets.disk.clock().advance(Duration::from_millis(3));
    db.signals.want_sync();
    db.signals.want_checkpoint();
    assert_eq!(pool.tick(), Some(Duration::from_millis(7)));
    assert_eq!(counts(), (0, 1));
    sheets.disk.clock().advance(Duration::from_millis(4));
    pool.tick();
    assert_eq!(counts(), (1, 1));
    pool.tick();
    assert_eq!(counts(), (1, 1));
}

#[test]
fn a_task_that_panics_ends_its_database_and_nothing_else() {
    let sheets = sheets();
    let pool = pool(&sheets);
    let (a, _) = pool.open_named(&name("a"), CreateNew).unwrap();
    let (b, _) = pool.open_named(&name("b"), CreateNew).unwrap();
    sheets.panic("a", Step::Checkpoint);
    sheets.fail("b", Step::Checkpoint, Code::DiskFull);
    a.signals.want_checkpoint();
    b.signals.want_checkpoint();
    pool.tick();
    assert!(a.ended.load(Ordering::SeqCst) && !b.ended.load(Ordering::SeqCst));
    assert_eq!(
        pool.open_numbered(a.identity.id).unwrap_err().code(),
        Code::Internal
    );
    assert!(pool.get(b.identity.id).is_some());
    assert_eq!(pool.counters.task_failures.load(Ordering::SeqCst), 2);
    // The agenda has not lost the next wish.
    b.signals.want_checkpoint();
    pool.tick();
    assert_eq!(b.checkpoints.load(Ordering::SeqCst), 1);
    assert!(pool.open_named(&name("a"), ExistingOnly).is_ok());
}

#[test]
fn tasks_of_databases_that_are_gone_do_nothing() {
    let sheets = sheets();
    let pool = pool(&sheets);
    let (closed, _) = pool.open_named(&name("closed"), CreateNew).unwrap();
    let (dropped, _) = pool.open_named(&name("dropped"), CreateNew).unwrap();
    closed.signals.want_checkpoint();
    dropped.signals.want_sync();
    pool.close_numbered(closed.identity.id).unwrap();
    pool.drop_named(&name("dropped")).unwrap();
    sheets.disk.clock().advance(100 * MINUTE);
    assert_eq!(pool.tick(), None);
    assert_eq!(pool.counters.task_failures.load(Ordering::SeqCst), 0);
}

#[test]
fn threads_do_what_is_due_and_end_with_the_pool() {
    let sheets = sheets();
    let host = Host {
        clock: Arc::new(RealClock::new()),
        ..sheets.disk.host()
    };
    let catalog = crate::catalog::Catalog::open(&host, "/".as_ref(), &|_| None).unwrap();
    let budget = sheets.budget.clone();
    let options = EngineOptions::default();
    let pool = Arc::new(Pool::new(sheets.clone(), catalog, host, &options, budget));
    let upkeep = Upkeep::start(&pool, FsyncMode::Interval).unwrap();
    let (db, _) = pool.open_named(&name("a"), CreateNew).unwrap();
    let (checkpoint, sync) = (
        sheets.hold("a", Step::Checkpoint),
        sheets.hold("a", Step::Sync),
    );
    db.signals.want_checkpoint();
    checkpoint.reached();
    // A checkpoint that takes its time holds up no sync.
    db.signals.want_sync();
    sync.reached();
    sync.release();
    checkpoint.release();
    pool.stop(1).unwrap();
    upkeep.join();
    assert_eq!(Arc::strong_count(&pool), 1);
}
