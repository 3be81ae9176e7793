//! Whoever happens to lead commits for others as well, and is let go for all that.
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

mod documents;

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use docdb_engine::{Engine, EngineOptions, LogicalDb};
use docdb_types::CollectionName;
use docdb_vfs::{CallKind, SimVfs};

use documents::{by_hand, create, document, id};

/// Writers that begin the next write as soon as the last one is answered.
const WRITERS: u64 = 4;
const STEPS: u64 = 500;
/// Steps that one call may be kept for: its own, and some for others.
const MOST: u64 = 8;

thread_local! {
    /// Steps that this thread has taken in one call.
    static TAKEN: Cell<u64> = const { Cell::new(0) };
}

#[derive(Debug, Default)]
struct Seen {
    steps: AtomicU64,
    longest: AtomicU64,
}

impl Seen {
    fn is_over(&self) -> bool {
        self.steps.load(Ordering::SeqCst) >= STEPS
    }
}

fn write(database: &Arc<LogicalDb>, number: u64) {
    TAKEN.set(0);
    database
        .upsert(&CollectionName::DEFAULT, id(number), document("1"))
        .unwrap();
}

/// Counts the syncs of every call, each of which waits until another write has queued behind it: there
/// is always a next step.
fn count_steps(disk: &SimVfs, database: &Arc<LogicalDb>) -> Arc<Seen> {
    let seen = Arc::new(Seen::default());
    let (database, counted) = (Arc::clone(database), Arc::clone(&seen));
    disk.watch(move |kind, _| {
        if kind != CallKind::Sync {
            return;
        }
        TAKEN.set(TAKEN.get() + 1);
        counted.longest.fetch_max(TAKEN.get(), Ordering::SeqCst);
        counted.steps.fetch_add(1, Ordering::SeqCst);
        while database.statistics().queued == 0 && !counted.is_over() {
            thread::yield_now();
        }
    });
    seen
}

#[test]
fn whoever_leads_is_let_go_while_others_go_on_writing() {
    let disk = SimVfs::new(1);
    let one_at_a_time = EngineOptions {
        max_batch_size: 1,
        ..by_hand()
    };
    let engine = Engine::open(disk.host(), one_at_a_time).unwrap();
    let database = create(&engine, "shop");
    let seen = count_steps(&disk, &database);
    thread::scope(|scope| {
        for writer in 1..=WRITERS {
            let (database, seen) = (&database, &seen);
            scope.spawn(move || {
                while !seen.is_over() {
                    write(database, writer);
                }
            });
        }
    });
    disk.watch(|_, _| {});
    let longest = seen.longest.load(Ordering::SeqCst);
    assert!(longest <= MOST, "one call took {longest} steps");
    drop(database);
    engine.close().unwrap();
}
