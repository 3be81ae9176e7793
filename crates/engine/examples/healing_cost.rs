//! What finding and healing damage costs.
//!
//! `cargo run --release -p docdb-engine --example healing_cost [DIRECTORY [MIB [ROUNDS]]]`
//!
//! Writes a database of MIB (1024) mebibytes into DIRECTORY and prints: what parity takes on the disk;
//! how fast a scrub at full rate goes, from the cache and from the disk; how long reads take that meet
//! damage, before and while the file is written anew; and what the scrub at its default rate takes from
//! a server under load, as a ratio of turns within this run.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "an example that measures"
)]

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use docdb_engine::{
    Atomicity, Engine, EngineOptions, HealingOptions, Host, Housekeeping, LogicalDb, OpenMode,
};
use docdb_types::{Action, CollectionName, DatabaseName, Document, DocumentId, Limits, Operation};
use docdb_vfs::{OpenMode as FileMode, RealVfs, Vfs};

const COLLECTION: CollectionName = CollectionName::DEFAULT;
const DOCUMENT_BYTES: u64 = 1000;
/// Reads of damaged documents that are timed in each setting.
const DAMAGED_READS: u64 = 200;
/// Rounds of two turns of the loaded server, and how long a turn is.
const ROUNDS: u64 = 6;
const WARM_UP: Duration = Duration::from_millis(500);
const TURN: Duration = Duration::from_secs(5);
const WRITERS: u64 = 4;
const READERS: u64 = 2;

fn id(number: u64) -> DocumentId {
    DocumentId::new(number + 1).unwrap()
}

/// All are of one length, so that their places in a data file are equally far apart.
fn text(number: u64) -> String {
    let begin = format!(r#"{{"number":"{number:012}","filler":""#);
    let filler = DOCUMENT_BYTES as usize - begin.len() - 2;
    // Not one letter again and again: nothing here compresses, a file system may.
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = begin;
    for _ in 0..filler {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        text.push((b'a' + (state >> 59) as u8 % 26) as char);
    }
    text.push_str(r#""}"#);
    text
}

fn document(number: u64) -> Document {
    Document::from_text(&text(number), &Limits::DEFAULT).unwrap()
}

fn upsert(number: u64) -> Operation {
    Operation {
        collection: COLLECTION,
        action: Action::Upsert {
            id: id(number),
            document: document(number),
        },
    }
}

fn options(directory: &Path, healing: HealingOptions) -> EngineOptions {
    EngineOptions {
        healing,
        automatic_compaction: false,
        automatic_checkpoints: false,
        keep_segments: 0,
        ..EngineOptions::in_directory(directory)
    }
}

fn by_hand(directory: &Path, healing: HealingOptions) -> EngineOptions {
    EngineOptions {
        housekeeping: Housekeeping::Manual,
        ..options(directory, healing)
    }
}

fn open(options: EngineOptions) -> (Engine, Arc<LogicalDb>) {
    let engine = Engine::open(Host::real(), options).unwrap();
    let name = DatabaseName::new("cost").unwrap();
    let opened = engine.open_database(&name, OpenMode::CreateIfMissing);
    (engine, opened.unwrap().database)
}

/// Writes documents into one data file.
fn fill(database: &Arc<LogicalDb>, documents: u64) {
    for from in (0..documents).step_by(1000) {
        let operations = (from..documents.min(from + 1000)).map(upsert).collect();
        let answers = database.execute(operations, Atomicity::All);
        assert!(answers.iter().all(Result::is_ok));
    }
    database.checkpoint().unwrap();
}

/// The files of a kind, and their bytes.
fn files(directory: &Path, kind: &str) -> (Vec<PathBuf>, u64) {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().contains(kind));
    let bytes = paths.iter().map(|path| path.metadata().unwrap().len());
    let bytes = bytes.sum();
    (paths, bytes)
}

fn drop_caches(directory: &Path) {
    for kind in ["cost.data.", "cost.parity."] {
        for path in files(directory, kind).0 {
            let file = RealVfs::new().open(&path, FileMode::ReadWrite).unwrap();
            file.sync_data().unwrap();
            file.drop_cache().unwrap();
        }
    }
}

fn percentile(sorted: &[Duration], share: f64) -> f64 {
    let place = (sorted.len() as f64 * share).ceil() as usize;
    sorted[place.clamp(1, sorted.len()) - 1].as_secs_f64() * 1e3
}

fn show(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    println!(
        "{what}: p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms ({} reads)",
        percentile(&times, 0.5),
        percentile(&times, 0.99),
        percentile(&times, 1.0),
        times.len()
    );
}

fn overhead(directory: &Path) {
    for percent in [0, 5, 12, 25] {
        let place = directory.join(format!("overhead-{percent}"));
        let healing = HealingOptions {
            parity_percent: percent,
            ..HealingOptions::DEFAULT
        };
        let (engine, database) = open(by_hand(&place, healing));
        fill(&database, 64 * 1024);
        let (data, parity) = (
            files(&place, "cost.data.").1,
            files(&place, "cost.parity.").1,
        );
        println!(
            "parity of {percent} %: {parity} bytes of {data}, {:.2} %",
            100.0 * parity as f64 / data as f64
        );
        drop(database);
        drop(engine);
        std::fs::remove_dir_all(&place).unwrap();
    }
}

fn scrub(directory: &Path) {
    let (engine, database) = open(by_hand(directory, HealingOptions::DEFAULT));
    for from in ["the cache", "the disk", "the cache", "the disk"] {
        if from == "the disk" {
            drop_caches(directory);
        }
        let begun = Instant::now();
        let report = database.scrub().unwrap();
        let took = begun.elapsed();
        assert_eq!(report.damages, 0);
        println!(
            "scrub at full rate, {} MB from {from}: {:.0} MB/s",
            report.bytes / 1_000_000,
            report.bytes as f64 / 1e6 / took.as_secs_f64()
        );
    }
    drop(database);
    drop(engine);
}

/// The newest data file, where its first document stands, and how far two of them are apart.
fn layout(directory: &Path) -> (PathBuf, u64, u64) {
    let (mut paths, _) = files(directory, "cost.data.");
    paths.sort();
    let path = paths.pop().unwrap();
    let mut start = vec![0; 4 * DOCUMENT_BYTES as usize];
    std::fs::File::open(&path)
        .unwrap()
        .read_exact_at(&mut start, 0)
        .unwrap();
    let find = |number: u64| {
        let wanted = text(number);
        let wanted = &wanted.as_bytes()[..32];
        let found = start.windows(32).position(|it| it == wanted);
        found.unwrap() as u64
    };
    (path, find(0), find(1) - find(0))
}

/// Damages documents all over the newest data file, each by 512 bytes of zeros; returns which.
fn damage(directory: &Path, documents: u64, shift: u64) -> Vec<u64> {
    let (path, first, apart) = layout(directory);
    let file = OpenOptions::new().write(true).open(path).unwrap();
    let step = documents / DAMAGED_READS;
    let damaged: Vec<_> = (0..DAMAGED_READS).map(|n| n * step + shift).collect();
    for number in &damaged {
        let at = first + number * apart + 100;
        file.write_all_at(&[0; 512], at).unwrap();
    }
    file.sync_data().unwrap();
    damaged
}

fn timed_reads(database: &Arc<LogicalDb>, numbers: &[u64]) -> Vec<Duration> {
    let read = |number: &u64| {
        let begun = Instant::now();
        let outcome = database.read(&COLLECTION, id(*number)).unwrap();
        let took = begun.elapsed();
        assert_eq!(outcome.document.unwrap(), text(*number).as_str());
        took
    };
    numbers.iter().map(read).collect()
}

fn damaged_reads(directory: &Path, documents: u64) {
    let (path, _, _) = layout(directory);
    let megabytes = path.metadata().unwrap().len() / 1_000_000;
    println!("a data file of {megabytes} MB:");
    // Until the thread that heals has its turn, every read restores for itself.
    let damaged = damage(directory, documents, 3);
    let (engine, database) = open(by_hand(directory, HealingOptions::DEFAULT));
    let whole: Vec<_> = damaged.iter().map(|number| number + 9).collect();
    show("  read of a whole document", timed_reads(&database, &whole));
    show(
        "  damaged, from the cache",
        timed_reads(&database, &damaged),
    );
    drop(database);
    drop(engine);
    drop_caches(directory);
    let (engine, database) = open(by_hand(directory, HealingOptions::DEFAULT));
    show("  damaged, from the disk", timed_reads(&database, &damaged));
    drop(database);
    drop(engine);
    // The first one sets the healing off, the others are read beside it.
    let (engine, database) = open(options(directory, HealingOptions::DEFAULT));
    let begun = Instant::now();
    let mut times = Vec::new();
    while database.statistics().healing.rewritten_files == 0 {
        times.extend(timed_reads(&database, &damaged));
    }
    println!("  written anew in {:.1} s", begun.elapsed().as_secs_f64());
    show("  damaged, while it is written anew", times);
    show("  healed", timed_reads(&database, &damaged));
    drop(database);
    engine.close().unwrap();
}

/// Writes and reads in a second of a server whose scrub runs, or does not, and what it looked at.
fn turn(directory: &Path, documents: u64, is_scrubbed: bool) -> ([f64; 2], u64) {
    let interval = if is_scrubbed {
        Duration::from_millis(1)
    } else {
        Duration::ZERO
    };
    let healing = HealingOptions {
        interval,
        ..HealingOptions::DEFAULT
    };
    let (engine, database) = open(options(directory, healing));
    let (done, is_over) = (
        [AtomicU64::new(0), AtomicU64::new(0)],
        AtomicBool::new(false),
    );
    let (database, done) = (&database, &done);
    let count = || [0, 1].map(|kind: usize| done[kind].load(Ordering::Relaxed));
    let throughput = thread::scope(|scope| {
        for worker in 0..WRITERS + READERS {
            let is_over = &is_over;
            scope.spawn(move || {
                let mut number = worker * 7919;
                while !is_over.load(Ordering::Relaxed) {
                    number = (number + 104_729) % documents;
                    if worker < WRITERS {
                        let document = document(number);
                        database.upsert(&COLLECTION, id(number), document).unwrap();
                    } else {
                        database.read(&COLLECTION, id(number)).unwrap();
                    }
                    done[usize::from(worker >= WRITERS)].fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // What opening left behind settles first.
        thread::sleep(WARM_UP);
        let (begun, before) = (Instant::now(), count());
        thread::sleep(TURN);
        let (took, after) = (begun.elapsed(), count());
        is_over.store(true, Ordering::Relaxed);
        [0, 1].map(|kind: usize| (after[kind] - before[kind]) as f64 / took.as_secs_f64())
    });
    let scanned = database.statistics().healing.scanned_bytes;
    assert_eq!(scanned > 0, is_scrubbed);
    drop(engine);
    (throughput, scanned)
}

fn loaded(directory: &Path, documents: u64, rounds: usize) {
    let mut sides = [Vec::new(), Vec::new()];
    let mut scanned = 0;
    for round in 0..rounds {
        for side in [round % 2, (round + 1) % 2] {
            let (throughput, bytes) = turn(directory, documents, side == 1);
            sides[side].push(throughput);
            scanned += bytes;
        }
    }
    let median = |mut of: Vec<f64>| {
        of.sort_by(f64::total_cmp);
        f64::midpoint(of[(of.len() - 1) / 2], of[of.len() / 2])
    };
    let seconds = rounds as f64 * (WARM_UP + TURN).as_secs_f64();
    let rate = scanned as f64 / 1e6 / seconds;
    println!("under load, the scrub at {rate:.1} MB/s, medians of {rounds} rounds of two turns:");
    let [without, with] = &sides;
    for (kind, what) in ["writes", "reads"].into_iter().enumerate() {
        let rate = |side: &[[f64; 2]]| median(side.iter().map(|turn| turn[kind]).collect());
        let rounds = without.iter().zip(with);
        let ratio = median(rounds.map(|(a, b)| b[kind] / a[kind]).collect());
        println!(
            "  {what}: {:.0}/s without it, {:.0}/s with it, ratio of a round {ratio:.3}",
            rate(without),
            rate(with)
        );
    }
}

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let kept;
    let directory = match arguments.next() {
        Some(directory) => directory.into(),
        None => {
            kept = tempfile::tempdir().unwrap();
            kept.path().to_owned()
        }
    };
    let mut number = |otherwise| -> u64 {
        let text = arguments.next();
        text.map_or(otherwise, |text| text.to_str().unwrap().parse().unwrap())
    };
    let (size, rounds) = (number(1024), number(ROUNDS) as usize);
    let documents = (size << 20) / DOCUMENT_BYTES;
    overhead(&directory);
    let place = directory.join("large");
    let (engine, database) = open(by_hand(&place, HealingOptions::DEFAULT));
    fill(&database, documents);
    drop(database);
    engine.close().unwrap();
    drop(engine);
    scrub(&place);
    damaged_reads(&place, documents);
    loaded(&place, documents, rounds);
    std::fs::remove_dir_all(&place).unwrap();
}
