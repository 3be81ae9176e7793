//! What is done beside commits holds none of them up: each of its calls to the disk is stopped, and
//! while it stands a document is written and read.
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

mod documents;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use docdb_engine::{Engine, EngineOptions, LogicalDb};
use docdb_types::CollectionName;
use docdb_vfs::{CallKind, SimVfs};
use parking_lot::Mutex;

use documents::{by_hand, create, document, existing, id, name};

const COLLECTION: CollectionName = CollectionName::DEFAULT;
const DOCUMENTS: u64 = 600;
/// However busy the machine is, a commit that waits for nobody is done by then.
const PATIENCE: Duration = Duration::from_secs(10);

thread_local! {
    /// Whether the calls of this thread are stopped.
    static IS_STOPPED: Cell<bool> = const { Cell::new(false) };
}

fn options() -> EngineOptions {
    EngineOptions {
        segment_bytes: 256 * 1024,
        keep_segments: 0,
        checkpoint_bytes: 256 * 1024,
        compaction_threshold_bytes: 64 * 1024,
        ..by_hand()
    }
}

fn write(database: &Arc<LogicalDb>, number: u64) {
    let text = format!(r#"{{"n":{number},"filler":"{}"}}"#, "x".repeat(1000));
    database
        .upsert(&COLLECTION, id(number), document(&text))
        .unwrap();
}

fn fill(database: &Arc<LogicalDb>) {
    (1..=DOCUMENTS).for_each(|number| write(database, number));
}

/// How many calls were stopped, and the one that a commit or a read waited for: behind it none is.
#[derive(Debug, Default)]
struct Stops {
    stopped: u64,
    waited_for: Option<(CallKind, PathBuf)>,
}

/// Whether it is a write to the active log of `a`, or a sync of it: these are the commits' own, and
/// what a checkpoint notes there stands in their order. A segment was opened by its first name.
fn is_commit(kind: CallKind, path: &Path) -> bool {
    let is_log = path.ends_with("a.wal") || path.ends_with("a.wal.tmp");
    is_log && matches!(kind, CallKind::Write | CallKind::Sync)
}

/// Performs `work`, and writes to `database` and reads from it in the middle of each call of it to the
/// disk.
fn stops_of(disk: &SimVfs, database: &Arc<LogicalDb>, work: impl FnOnce()) -> Stops {
    let stops = Arc::new(Mutex::new(Stops::default()));
    let (seen, database) = (Arc::clone(&stops), Arc::clone(database));
    disk.watch(move |kind, path| {
        if !IS_STOPPED.get() || is_commit(kind, path) || seen.lock().waited_for.is_some() {
            return;
        }
        let (done, is_done) = mpsc::channel();
        let database = Arc::clone(&database);
        thread::spawn(move || {
            write(&database, 1);
            database.read(&COLLECTION, id(DOCUMENTS)).unwrap();
            // Whoever has lost patience does not listen any more.
            let _ = done.send(());
        });
        let mut stops = seen.lock();
        stops.stopped += 1;
        if is_done.recv_timeout(PATIENCE).is_err() {
            stops.waited_for = Some((kind, path.to_owned()));
        }
    });
    IS_STOPPED.set(true);
    work();
    IS_STOPPED.set(false);
    disk.watch(|_, _| {});
    std::mem::take(&mut stops.lock())
}

fn check(stops: &Stops, least: u64) {
    assert_eq!(stops.waited_for, None, "behind {} calls", stops.stopped);
    assert!(stops.stopped >= least, "{} calls", stops.stopped);
}

fn engine_with(disk: &SimVfs, databases: &[&str]) -> Engine {
    let engine = Engine::open(disk.host(), options()).unwrap();
    for database in databases {
        fill(&create(&engine, database));
    }
    engine
}

#[test]
fn checkpoints_hold_no_commit() {
    let disk = SimVfs::new(1);
    let engine = engine_with(&disk, &["a"]);
    let database = existing(&engine, "a");
    let stops = stops_of(&disk, &database, || {
        assert!(database.checkpoint().unwrap().trimmed_segments > 0);
    });
    check(&stops, 20);
}

#[test]
fn compactions_hold_no_commit() {
    let disk = SimVfs::new(2);
    let engine = engine_with(&disk, &["a"]);
    let database = existing(&engine, "a");
    database.checkpoint().unwrap();
    fill(&database);
    let stops = stops_of(&disk, &database, || {
        assert!(database.compact().unwrap().replaced_files > 1);
    });
    check(&stops, 40);
}

#[test]
fn scrubs_and_what_they_heal_hold_no_commit() {
    let disk = SimVfs::new(3);
    let engine = engine_with(&disk, &["a"]);
    let database = existing(&engine, "a");
    database.checkpoint().unwrap();
    let file = Path::new("/data/a.data.1");
    let middle = disk.bytes(file).unwrap().len() as u64 / 2;
    disk.flip_bit(file, middle, 3).unwrap();
    let stops = stops_of(&disk, &database, || {
        disk.clock().advance(Duration::from_secs(90 * 24 * 3600));
        for _ in 0..40 {
            engine.tick();
            disk.clock().advance(Duration::from_secs(60));
        }
    });
    check(&stops, 20);
    assert_eq!(
        database.healing_report().unwrap().figures.rewritten_files,
        1
    );
}

#[test]
fn other_databases_that_come_and_go_hold_no_commit() {
    let disk = SimVfs::new(4);
    let engine = engine_with(&disk, &["a", "b"]);
    let database = existing(&engine, "a");
    let stops = stops_of(&disk, &database, || {
        let other = existing(&engine, "b").id();
        engine.close_database(other).unwrap();
        drop(existing(&engine, "b"));
        engine.drop_database(&name("b")).unwrap();
        create(&engine, "c");
    });
    check(&stops, 60);
}

#[test]
fn what_is_written_beside_a_checkpoint_asks_for_no_other_one() {
    let disk = SimVfs::new(5);
    let engine = engine_with(&disk, &["a"]);
    let database = existing(&engine, "a");
    let made = || database.statistics().checkpoints.took_us.count();
    let beside = Arc::clone(&database);
    disk.watch(move |kind, path| {
        if kind == CallKind::Rename && path.ends_with("a.data.1.tmp") {
            write(&beside, 1);
        }
    });
    let written = database.statistics().committed;
    assert_eq!(made(), 0);
    engine.tick();
    assert_eq!(database.statistics().committed, written + 1);
    assert_eq!(made(), 1);
}
