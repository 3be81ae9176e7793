//! The scrub keeps to its rate, yields to load, and goes on where it was.
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

mod documents;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use docdb_engine::{DocumentHealth, Engine, EngineOptions, HealingOptions, LogicalDb, Request};
use docdb_types::{Action, Code, CollectionName, Operation};
use docdb_vfs::{CallKind, Clock, Fault, FaultKind, FaultOn, SimVfs};

use documents::{by_hand, create, document, existing, get, id};

const COLLECTION: CollectionName = CollectionName::DEFAULT;
/// Data files, of [`PER_FILE`] documents each.
const FILES: u64 = 6;
const PER_FILE: u64 = 40;
const RATE: u64 = 64 * 1024;

fn options() -> EngineOptions {
    EngineOptions {
        segment_bytes: 16 * 1024,
        keep_segments: 1000,
        automatic_compaction: false,
        idle_timeout: Duration::ZERO,
        healing: HealingOptions {
            interval: Duration::from_secs(3600),
            scrub_bytes_per_second: RATE,
            ..HealingOptions::DEFAULT
        },
        ..by_hand()
    }
}

fn text(number: u64) -> String {
    format!(r#"{{"n":{number},"filler":"{}"}}"#, "s".repeat(500))
}

fn write(database: &Arc<LogicalDb>, number: u64) {
    let document = document(&text(number));
    database.upsert(&COLLECTION, id(number), document).unwrap();
}

fn engine_on(disk: &SimVfs, options: EngineOptions) -> (Engine, Arc<LogicalDb>) {
    let engine = Engine::open(disk.host(), options).unwrap();
    let database = existing(&engine, "a");
    (engine, database)
}

/// A closed database of several data files and sealed segments that has never been scrubbed.
fn filled() -> SimVfs {
    filled_by(options())
}

fn filled_by(options: EngineOptions) -> SimVfs {
    let disk = SimVfs::new(5);
    let engine = Engine::open(disk.host(), options).unwrap();
    let database = create(&engine, "a");
    for file in 0..FILES {
        for number in 1..=PER_FILE {
            write(&database, file * PER_FILE + number);
        }
        database.checkpoint().unwrap();
    }
    drop(database);
    engine.close().unwrap();
    disk.clock()
        .set_unix_time(Duration::from_secs(1_700_000_000));
    disk
}

/// Lets time pass until the figures are what is asked for.
fn run(engine: &Engine, disk: &SimVfs, database: &LogicalDb, until: impl Fn(u64, u64) -> bool) {
    for _ in 0..10_000 {
        let next = engine.tick().unwrap();
        let figures = database.statistics().healing;
        if until(figures.scans, figures.scanned_bytes) {
            return;
        }
        disk.clock().advance(next);
    }
    panic!("the scrub does not get there");
}

/// Bytes and records of a whole scrub.
fn whole() -> (u64, u64) {
    let disk = filled();
    let (_engine, database) = engine_on(&disk, options());
    let report = database.scrub().unwrap();
    assert_eq!(report.records, FILES * PER_FILE);
    (report.bytes, report.records)
}

#[test]
fn a_scrub_that_a_restart_cut_off_goes_on_where_it_was() {
    let disk = filled();
    let (bytes, records) = whole();
    let (engine, database) = engine_on(&disk, options());
    run(&engine, &disk, &database, |_, scanned| scanned > bytes / 3);
    let first = database.statistics().healing;
    assert_eq!(first.scans, 0);
    assert!(first.scanned_records > 0 && first.scanned_records < records);
    drop(database);
    engine.close().unwrap();
    drop(engine);

    let (engine, database) = engine_on(&disk, options());
    assert!(database.healing_report().unwrap().is_scanning);
    run(&engine, &disk, &database, |scans, _| scans > 0);
    let second = database.statistics().healing;
    assert_eq!(first.scanned_records + second.scanned_records, records);
    assert!(second.scanned_bytes < bytes, "not from the beginning");
}

#[test]
fn a_scrub_keeps_to_its_rate_and_halves_it_while_requests_wait() {
    for is_loaded in [false, true] {
        let disk = filled();
        let (engine, database) = engine_on(&disk, options());
        // A write whose leader does not come round.
        let _waiting = is_loaded.then(|| {
            let action = Action::Upsert {
                id: id(1),
                document: document(&text(1)),
            };
            let collection = COLLECTION;
            database.submit(Request::of(vec![Operation { collection, action }]))
        });
        // When how much had been looked at.
        let mut steps = vec![(Duration::ZERO, 0)];
        while database.statistics().healing.scans == 0 {
            let next = engine.tick().unwrap();
            let scanned = database.statistics().healing.scanned_bytes;
            if steps.last().unwrap().1 < scanned {
                steps.push((disk.clock().monotonic(), scanned));
            }
            disk.clock().advance(next);
        }
        assert!(steps.len() as u64 > FILES);
        let rate = if is_loaded { RATE / 2 } else { RATE };
        for three in steps.windows(3) {
            let [(_, before), (from, scanned), (to, _)] = three else {
                unreachable!("windows of three");
            };
            let due = Duration::from_micros((scanned - before) * 1_000_000 / rate);
            let waited = *to - *from;
            assert!(waited >= due.mul_f64(0.99), "{waited:?} of {due:?}");
            assert!(waited <= due.mul_f64(1.01), "{waited:?} of {due:?}");
        }
    }
}

/// A restart would find transactions lost: the checkpoint comes in front of it.
#[test]
fn damage_to_what_stands_in_the_log_alone_makes_a_checkpoint_in_front_of_a_restart() {
    let disk = filled();
    let (engine, database) = engine_on(&disk, options());
    let (first, last) = (FILES * PER_FILE + 1, (FILES + 2) * PER_FILE);
    for number in first..=last {
        write(&database, number);
    }
    let wanted = format!(r#"{{"n":{},"#, first + 3);
    let mut segments = disk.paths();
    segments.retain(|path| path.to_string_lossy().contains("a.wal."));
    let damaged = segments.iter().find_map(|path| {
        let bytes = disk.bytes(path).unwrap();
        let mut windows = bytes.windows(wanted.len());
        let at = windows.position(|it| it == wanted.as_bytes())?;
        Some((path, at as u64 + 40))
    });
    let (path, at) = damaged.unwrap();
    disk.flip_bit(path, at, 1).unwrap();
    run(&engine, &disk, &database, |scans, _| scans > 0);
    engine.tick();
    drop((database, engine));
    let disk = disk.kill();
    let (_engine, database) = engine_on(&disk, options());
    for number in 1..=last {
        if number == first + 3 {
            let error = database.read(&COLLECTION, id(number)).unwrap_err();
            assert_eq!(error.code(), Code::CorruptRecord);
        } else {
            assert_eq!(get(&database, number), Some(text(number)), "{number}");
        }
    }
    write(&database, first + 3);
    assert_eq!(get(&database, first + 3), Some(text(first + 3)));
}

#[test]
fn what_a_disk_does_not_read_is_unknown_and_not_corrupt() {
    let trimmed = || EngineOptions {
        keep_segments: 0,
        ..options()
    };
    let disk = filled_by(trimmed());
    let (_engine, database) = engine_on(&disk, trimmed());
    for suffix in ["a.data.1", "a.parity.1"] {
        let on = FaultOn::call(CallKind::Read, suffix);
        disk.fail(Fault::always(on, FaultKind::Eio));
    }
    let look = |number| {
        let validated = database.validate(&COLLECTION, id(number)).unwrap();
        validated.health
    };
    assert_eq!(look(1), DocumentHealth::Unknown);
    assert_eq!(look(PER_FILE * 2), DocumentHealth::Valid);
    assert_eq!(look(FILES * PER_FILE + 1), DocumentHealth::Missing);
    let all = database.validate_all(None).unwrap();
    assert_eq!(all.unknown, PER_FILE);
    assert_eq!((all.corrupt, all.healed), (0, 0));
    disk.clear_faults();
    assert_eq!(look(1), DocumentHealth::Valid);
}

#[test]
fn a_database_that_is_closed_while_it_is_healed_is_whole_when_it_is_opened_again() {
    for _ in 0..8 {
        let disk = filled();
        let (engine, database) = engine_on(&disk, options());
        disk.flip_bit(Path::new("/data/a.data.3"), 900, 1).unwrap();
        let number = database.id();
        std::thread::scope(|scope| {
            let healing = scope.spawn(|| database.heal_all());
            engine.close_database(number).unwrap();
            if let Err(error) = healing.join().unwrap() {
                assert_eq!(error.code(), Code::DbNotActive, "{error}");
            }
        });
        drop(database);
        let database = existing(&engine, "a");
        for number in 1..=FILES * PER_FILE {
            assert_eq!(get(&database, number), Some(text(number)));
        }
        assert_eq!(database.heal_all().unwrap().corrupt, 0);
    }
}
