//! How long commits are held up by what is done beside them.
//!
//! `cargo run --release -p docdb-engine --example stalls [DIRECTORY [SECONDS]]`
//!
//! Four threads replace documents of 4 KiB, a thousand a second together. In long turns the log is
//! rotated and a checkpoint made every 8 MiB, data files are merged, the scrub never rests, and other
//! databases are made, filled, closed, opened and dropped without end. In short turns in between
//! nothing of that is done. Beside both, two threads show what the machine does by itself: one syncs a
//! file of its own, the other wants to sleep for a millisecond.
//!
//! A virtual machine whose host takes its processors away holds commits for that long, whatever is
//! done beside them. Turns in which it took more than 2 % (`steal` in `/proc/stat`) are shown apart,
//! and the long turns go on until there are SECONDS (600) of the others, or for four times as long.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "an example that measures"
)]

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use docdb_engine::{Engine, EngineOptions, HealingOptions, Host, LogicalDb, OpenMode};
use docdb_types::{CollectionName, DatabaseName, Document, DocumentId, Limits};

const COLLECTION: CollectionName = CollectionName::DEFAULT;
const DOCUMENTS: u64 = 10_000;
const DOCUMENT_BYTES: usize = 4096;
const WRITERS: u64 = 4;
const BETWEEN_COMMITS: Duration = Duration::from_millis(4);
const BUSY_TURN: Duration = Duration::from_secs(10);
const QUIET_TURN: Duration = Duration::from_secs(3);
/// The host leaves a calm turn all but this share of the processors.
const CALM: f64 = 0.02;
/// Upper bounds of what is counted, in milliseconds.
const BOUNDS: [f64; 9] = [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, f64::INFINITY];
/// A commit is not to be held longer, in milliseconds.
const LONG: f64 = 20.0;

/// A generator (SplitMix64).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn document(state: &mut u64) -> Document {
    let mut text = String::from("\"");
    while text.len() < DOCUMENT_BYTES - 17 {
        text.push_str(&format!("{:016x}", next(state)));
    }
    text.push('"');
    Document::from_text(&text, &Limits::DEFAULT).unwrap()
}

fn write(database: &Arc<LogicalDb>, state: &mut u64) {
    let id = DocumentId::new(next(state) % DOCUMENTS + 1).unwrap();
    database.upsert(&COLLECTION, id, document(state)).unwrap();
}

fn open(engine: &Engine, name: &str) -> Arc<LogicalDb> {
    let name = DatabaseName::new(name).unwrap();
    let opened = engine.open_database(&name, OpenMode::CreateIfMissing);
    opened.unwrap().database
}

/// How long something took, again and again, in milliseconds.
#[derive(Default)]
struct Times(Vec<f64>);

impl Times {
    fn show(mut self, what: &str) {
        self.0.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| self.0[((self.0.len() - 1) as f64 * share) as usize];
        print!("  {what:<8} {:>8}", self.0.len());
        let mut below = 0;
        for bound in BOUNDS {
            let to = self.0.partition_point(|took| *took < bound);
            print!(" {:>7}", to - below);
            below = to;
        }
        let long = self.0.len() - self.0.partition_point(|took| *took < LONG);
        println!(
            " | {:>6.2} {:>6.2} {:>6.2} {:>6.2} | {:.4} %",
            at(0.5),
            at(0.99),
            at(0.999),
            at(1.0),
            100.0 * long as f64 / self.0.len() as f64
        );
    }
}

/// Does `act` again and again until told to stop, with `pause` from one to the next.
fn repeat(stop: &AtomicBool, pause: Duration, mut act: impl FnMut()) -> Times {
    let mut times = Times::default();
    let mut due = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        act();
        times.0.push(begun.elapsed().as_secs_f64() * 1e3);
        due = (due + pause).max(Instant::now());
        thread::sleep(due - Instant::now());
    }
    times
}

fn bare_file(directory: &Path) -> File {
    let path = directory.join("bare");
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .unwrap();
    file.write_all_at(&vec![0; 32 << 20], 0).unwrap();
    file.sync_all().unwrap();
    file
}

/// Makes, fills, closes, opens and drops databases.
fn come_and_go(engine: &Engine, stop: &AtomicBool) {
    let mut state = 1;
    while !stop.load(Ordering::Relaxed) {
        let database = open(engine, "other");
        (0..200).for_each(|_| write(&database, &mut state));
        engine.close_database(database.id()).unwrap();
        drop(database);
        drop(open(engine, "other"));
        engine
            .drop_database(&DatabaseName::new("other").unwrap())
            .unwrap();
        thread::sleep(Duration::from_millis(50));
    }
}

/// Processor time so far, all of it and what the host took of it; zeros where nothing tells.
fn processor_time() -> (u64, u64) {
    const STEAL: usize = 7;
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let ticks = line.split_whitespace().skip(1).take(STEAL + 1);
    let ticks: Vec<u64> = ticks.map(|field| field.parse().unwrap()).collect();
    let all = ticks.iter().sum();
    (all, ticks.get(STEAL).copied().unwrap_or(0))
}

/// What was measured in calm turns, and in others.
#[derive(Default)]
struct Turns {
    calm: Measured,
    others: Measured,
}

impl Turns {
    /// One turn. Where it is busy, other databases come and go beside.
    fn turn(&mut self, engine: &Engine, bare: &File, length: Duration, is_busy: bool) {
        let (all, taken) = processor_time();
        let measured = Measured::turn(engine, bare, length, is_busy);
        let (all, taken) = {
            let (all_then, taken_then) = processor_time();
            (all_then - all, taken_then - taken)
        };
        if taken as f64 <= all as f64 * CALM {
            self.calm.add(measured);
        } else {
            self.others.add(measured);
        }
    }

    fn show(self, what: &str) {
        self.calm.show(&format!("{what}, calm turns"));
        self.others.show(&format!("{what}, others"));
    }
}

#[derive(Default)]
struct Measured {
    length: Duration,
    commits: Times,
    syncs: Times,
    sleeps: Times,
}

impl Measured {
    fn turn(engine: &Engine, bare: &File, length: Duration, is_busy: bool) -> Self {
        let database = open(engine, "measured");
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let stop = &stop;
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let database = &database;
                    let mut state = writer << 32;
                    scope.spawn(move || {
                        repeat(stop, BETWEEN_COMMITS, || write(database, &mut state))
                    })
                })
                .collect();
            let block = [1; DOCUMENT_BYTES];
            let mut place = 0;
            let syncs = scope.spawn(move || {
                repeat(stop, BETWEEN_COMMITS, || {
                    bare.write_all_at(&block, place).unwrap();
                    bare.sync_data().unwrap();
                    place = (place + DOCUMENT_BYTES as u64) % (32 << 20);
                })
            });
            let sleeps = scope.spawn(move || {
                repeat(stop, Duration::ZERO, || {
                    thread::sleep(Duration::from_millis(1));
                })
            });
            if is_busy {
                scope.spawn(move || come_and_go(engine, stop));
            }
            thread::sleep(length);
            stop.store(true, Ordering::Relaxed);
            let mut commits = Times::default();
            for writer in writers {
                commits.0.extend(writer.join().unwrap().0);
            }
            Self {
                length,
                commits,
                syncs: syncs.join().unwrap(),
                sleeps: sleeps.join().unwrap(),
            }
        })
    }

    fn add(&mut self, more: Self) {
        self.length += more.length;
        self.commits.0.extend(more.commits.0);
        self.syncs.0.extend(more.syncs.0);
        self.sleeps.0.extend(more.sleeps.0);
    }

    fn show(self, what: &str) {
        println!("{what}, {} s:", self.length.as_secs());
        if self.length.is_zero() {
            return;
        }
        self.commits.show("commits");
        self.syncs.show("syncs");
        self.sleeps.show("sleeps");
    }
}

fn busy_options(directory: PathBuf) -> EngineOptions {
    EngineOptions {
        segment_bytes: 8 << 20,
        checkpoint_bytes: 8 << 20,
        compaction_threshold_bytes: 16 << 20,
        preallocate_bytes: 256 << 10,
        healing: HealingOptions {
            interval: Duration::from_millis(1),
            ..HealingOptions::DEFAULT
        },
        ..EngineOptions::in_directory(directory)
    }
}

fn quiet_options(directory: PathBuf) -> EngineOptions {
    EngineOptions {
        segment_bytes: 1 << 30,
        automatic_checkpoints: false,
        automatic_compaction: false,
        preallocate_bytes: 256 << 10,
        healing: HealingOptions {
            enabled: false,
            ..HealingOptions::DEFAULT
        },
        ..EngineOptions::in_directory(directory)
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().map(PathBuf::from);
    let seconds = arguments.next().map_or(600, |text| text.parse().unwrap());
    let wanted = Duration::from_secs(seconds);
    let temporary = tempfile::tempdir().unwrap();
    let directory = directory.unwrap_or_else(|| temporary.path().to_owned());
    fs::create_dir_all(&directory).unwrap();
    let open_engine = |options| Engine::open(Host::real(), options).unwrap();
    let busy = open_engine(busy_options(directory.join("busy")));
    let quiet = open_engine(quiet_options(directory.join("quiet")));
    let bare = bare_file(&directory);
    let (mut of_busy, mut of_quiet) = (Turns::default(), Turns::default());
    let length = BUSY_TURN.min(wanted);
    let end = Instant::now() + 4 * wanted;
    while of_busy.calm.length < wanted && Instant::now() < end {
        of_busy.turn(&busy, &bare, length, true);
        of_quiet.turn(&quiet, &bare, QUIET_TURN.min(length), false);
    }
    let done = busy.work_done();
    println!(
        "{} checkpoints, {} compactions, {} rotations, {} MB scrubbed",
        done.checkpoints.took_us.count(),
        done.compactions.took_us.count(),
        done.rotations,
        done.healing.scanned_bytes >> 20
    );
    print!("ms                below:");
    BOUNDS.iter().for_each(|bound| print!(" {bound:>7}"));
    println!(" |    p50    p99  p99.9    max | {LONG} and more");
    of_busy.show("with everything beside");
    of_quiet.show("with nothing beside");
    busy.close().unwrap();
    quiet.close().unwrap();
}
