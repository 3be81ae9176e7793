//! What transactions and snapshots cost, as ratios within one run.
//!
//! `cargo run --release -p docdb-engine --example transaction_cost [DIRECTORY]`
//!
//! Every figure is the median over rounds in which the two sides take turns, so that both see the
//! same machine.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "an example that measures"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use docdb_engine::{Atomicity, Engine, EngineOptions, Host, LogicalDb, OpenMode, ScanLimit};
use docdb_types::{
    Action, CollectionName, DatabaseName, Document, DocumentId, FsyncMode, Isolation, Limits,
    Operation,
};

const DOCUMENTS: u64 = 100_000;
/// Single writes of one turn: few, so that both sides see the same speed of the disk.
const WRITES: usize = 10;
const DEFAULT: CollectionName = CollectionName::DEFAULT;

fn id(number: u64) -> DocumentId {
    DocumentId::new(1 + number % DOCUMENTS).unwrap()
}

fn document() -> Document {
    let text = format!(r#"{{"n":1,"filler":"{}"}}"#, "x".repeat(200));
    Document::from_text(&text, &Limits::DEFAULT).unwrap()
}

fn upsert(number: u64, document: &Document) -> Operation {
    Operation {
        collection: DEFAULT,
        action: Action::Upsert {
            id: id(number),
            document: document.clone(),
        },
    }
}

/// What a side took.
#[derive(Clone, Copy)]
struct Taken {
    elapsed: Duration,
    /// Of the thread that called, which performs its commits itself.
    processor: Duration,
}

/// The time that this thread had a processor, as Linux tells it.
fn processor() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split_whitespace().next().map(str::parse);
    Duration::from_nanos(nanoseconds.and_then(Result::ok).unwrap_or_default())
}

fn time(work: impl FnOnce()) -> Taken {
    let (begun, had) = (Instant::now(), processor());
    work();
    Taken {
        elapsed: begun.elapsed(),
        processor: processor().saturating_sub(had),
    }
}

/// The times of two sides, which take turns.
fn compare(rounds: usize, mut one: impl FnMut(), mut two: impl FnMut()) -> [Vec<Taken>; 2] {
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        for side in [round % 2, (round + 1) % 2] {
            times[side].push(if side == 0 {
                time(&mut one)
            } else {
                time(&mut two)
            });
        }
    }
    times
}

fn show(what: &str, times: [Vec<Taken>; 2]) {
    let median = |of: fn(&Taken) -> Duration| {
        times.each_ref().map(|side| {
            let mut side: Vec<_> = side.iter().map(of).collect();
            side.sort_unstable();
            side[side.len() / 2].as_secs_f64() * 1e6
        })
    };
    let [base, other] = median(|taken| taken.elapsed);
    let [least, most] = median(|taken| taken.processor);
    println!(
        "{what}: {base:.1} us, {other:.1} us, ratio {:.3}",
        other / base
    );
    // Linux counts when a thread waits: one that never does has no count of so short a time.
    if least > 0.0 {
        let ratio = most / least;
        println!("  of the processor: {least:.1} us, {most:.1} us, ratio {ratio:.3}");
    }
}

fn batches(database: &Arc<LogicalDb>, document: &Document, rounds: usize) {
    let next = AtomicU64::new(0);
    let run = |atomicity| {
        let from = next.fetch_add(7919, Ordering::Relaxed);
        let operations = (from..from + 100).map(|number| upsert(number, document));
        let answers = database.execute(operations.collect(), atomicity);
        assert!(answers.iter().all(Result::is_ok));
    };
    let times = compare(rounds, || run(Atomicity::Each), || run(Atomicity::All));
    show("100 upserts of one request, each alone and atomic", times);
}

fn interactive(database: &Arc<LogicalDb>, document: &Document, rounds: usize) {
    let next = AtomicU64::new(0);
    let four = || {
        let from = next.fetch_add(7919, Ordering::Relaxed);
        for number in [0, 1] {
            database.read(&DEFAULT, id(from + number)).unwrap();
        }
        for number in [0, 1] {
            let document = document.clone();
            database
                .upsert(&DEFAULT, id(from + number), document)
                .unwrap();
        }
    };
    let transaction = || {
        let from = next.fetch_add(7919, Ordering::Relaxed);
        let mut transaction = database.begin(Isolation::Serializable).unwrap();
        for number in [0, 1] {
            transaction.read(&DEFAULT, id(from + number)).unwrap();
        }
        for number in [0, 1] {
            let document = document.clone();
            transaction
                .upsert(&DEFAULT, id(from + number), document)
                .unwrap();
        }
        transaction.commit().unwrap();
    };
    let times = compare(rounds, four, transaction);
    show("2 reads and 2 writes, alone and as a transaction", times);
}

fn snapshots(database: &Arc<LogicalDb>, document: &Document, rounds: usize) {
    let next = AtomicU64::new(0);
    let writes = || {
        for _ in 0..WRITES {
            let number = next.fetch_add(7919, Ordering::Relaxed);
            database
                .upsert(&DEFAULT, id(number), document.clone())
                .unwrap();
        }
    };
    let beside = || {
        let _snapshot = database.snapshot();
        writes();
    };
    let times = compare(rounds, writes, beside);
    show("10 writes, without and with an open snapshot", times);
}

fn scans(database: &Arc<LogicalDb>, document: &Document, rounds: usize) {
    let next = AtomicU64::new(0);
    let writes = || {
        for _ in 0..WRITES {
            let number = next.fetch_add(7919, Ordering::Relaxed);
            database
                .upsert(&DEFAULT, id(number), document.clone())
                .unwrap();
        }
    };
    let (scanning, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let scanned = AtomicU64::new(0);
    let times = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut from = None;
            let mut snapshot = database.snapshot();
            while !done.load(Ordering::Relaxed) {
                if !scanning.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                    continue;
                }
                let limit = ScanLimit {
                    documents: 100,
                    ..ScanLimit::default()
                };
                let page = database
                    .scan(&DEFAULT, from, limit, Some(&snapshot))
                    .unwrap();
                scanned.fetch_add(page.documents.len() as u64, Ordering::Relaxed);
                from = page.next;
                if from.is_none() {
                    snapshot = database.snapshot();
                }
            }
        });
        let times = compare(rounds, writes, || {
            scanning.store(true, Ordering::Relaxed);
            writes();
            scanning.store(false, Ordering::Relaxed);
        });
        done.store(true, Ordering::Relaxed);
        times
    });
    show("10 writes, alone and beside a scan", times);
    println!("  ({} documents scanned)", scanned.into_inner());
}

fn main() {
    let kept;
    let directory = match std::env::args_os().nth(1) {
        Some(directory) => directory.into(),
        None => {
            kept = tempfile::tempdir().unwrap();
            kept.path().to_owned()
        }
    };
    for fsync in [FsyncMode::Group, FsyncMode::None] {
        println!("{}:", fsync.as_str());
        let options = EngineOptions {
            fsync,
            ..EngineOptions::in_directory(directory.join(fsync.as_str()))
        };
        let engine = Engine::open(Host::real(), options).unwrap();
        let name = DatabaseName::new("cost").unwrap();
        let database = engine
            .open_database(&name, OpenMode::CreateIfMissing)
            .unwrap()
            .database;
        let document = document();
        for from in (0..DOCUMENTS).step_by(1000) {
            let operations = (from..from + 1000).map(|number| upsert(number, &document));
            database.execute(operations.collect(), Atomicity::All);
        }
        // A sync takes a thousand times what the rest does.
        let rounds = if fsync == FsyncMode::None { 10 } else { 1 };
        batches(&database, &document, 200 * rounds);
        interactive(&database, &document, 400 * rounds);
        snapshots(&database, &document, 300 * rounds);
        scans(&database, &document, 300 * rounds);
        drop(database);
        engine.close().unwrap();
    }
}
