//! Data files are rewritten and merged beside reads and writes, and space stays bounded.
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

mod documents;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use docdb_engine::{Engine, EngineOptions, Host, LogicalDb, ScanLimit, Snapshot};
use docdb_types::{CollectionName, Document};
use docdb_vfs::{Fault, FaultKind, FaultOn, SimVfs};

use documents::{by_hand, create, document, existing, get, id, open_on};

const COLLECTION: CollectionName = CollectionName::DEFAULT;

/// Small files and thresholds, so that little data does what much would.
fn tiny() -> EngineOptions {
    EngineOptions {
        segment_bytes: 256 * 1024,
        keep_segments: 0,
        checkpoint_bytes: 256 * 1024,
        compaction_threshold_bytes: 1024 * 1024,
        ..by_hand()
    }
}

fn engine_on(disk: &SimVfs, options: EngineOptions) -> Engine {
    Engine::open(disk.host(), options).unwrap()
}

fn text(number: u64, round: u64) -> String {
    format!(
        r#"{{"n":{number},"round":{round},"filler":"{}"}}"#,
        "x".repeat(1000)
    )
}

fn write(database: &Arc<LogicalDb>, number: u64, round: u64) {
    let document = document(&text(number, round));
    database.upsert(&COLLECTION, id(number), document).unwrap();
}

/// A generator (SplitMix64): one seed, one storm.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Bytes of the data files of `a` on the disk, those among them that are being written or waiting to
/// be removed.
fn data_bytes(disk: &SimVfs) -> u64 {
    let is_data = |path: &&std::path::PathBuf| path.to_string_lossy().contains("a.data.");
    let paths = disk.paths();
    let files = paths.iter().filter(is_data);
    files
        .map(|path| disk.bytes(path).unwrap().len() as u64)
        .sum()
}

#[test]
fn space_stays_within_a_factor_of_what_is_live() {
    const DOCUMENTS: u64 = 6000;
    let disk = SimVfs::new(1);
    let engine = engine_on(&disk, tiny());
    let database = create(&engine, "a");
    let live = DOCUMENTS * text(1, 1).len() as u64;
    for number in 1..=DOCUMENTS {
        write(&database, number, 0);
        if number % 100 == 0 {
            engine.tick();
        }
    }
    // Were more needed at any moment, also in the middle of a merge, a task would fail.
    let logs = 3 * tiny().segment_bytes;
    disk.set_capacity_bytes(Some(live * 5 / 2 + logs));
    let mut random = 7;
    let mut worst = 0;
    for round in 1..=6 * DOCUMENTS {
        // Some documents are written far more often than others.
        let below = [DOCUMENTS, DOCUMENTS / 20][(round % 2) as usize];
        write(&database, 1 + next(&mut random) % below, round);
        if round % 50 == 0 {
            worst = worst.max(data_bytes(&disk));
            engine.tick();
            worst = worst.max(data_bytes(&disk));
        }
    }
    let report = database.statistics().last_compaction.unwrap();
    assert!(report.documents > 0 && report.bytes > 0);
    database.checkpoint().unwrap();
    for _ in 0..20 {
        disk.clock().advance(Duration::from_secs(5));
        engine.tick();
    }
    let settled = data_bytes(&disk);
    let factor = |bytes: u64| bytes as f64 / live as f64;
    println!(
        "live {live} bytes; on the disk at worst {:.2} times, settled {:.2} times",
        factor(worst),
        factor(settled)
    );
    assert!(factor(worst) < 2.5, "{}", factor(worst));
    assert!(factor(settled) < 1.15, "{}", factor(settled));
    assert_eq!(engine.statistics().failed_tasks, 0);
    // Nothing is due any more.
    assert!(
        engine
            .tick()
            .is_none_or(|due| due > Duration::from_secs(60))
    );
}

#[test]
fn on_command_everything_dead_goes_and_everything_live_stays() {
    let disk = SimVfs::new(1);
    let engine = engine_on(&disk, tiny());
    let database = create(&engine, "a");
    for round in 0..4 {
        for number in 1..=100 {
            write(&database, number, round);
        }
        for number in (1..=100).filter(|number| number % 4 == round) {
            database.delete(&COLLECTION, id(number), None).unwrap();
        }
        database.checkpoint().unwrap();
    }
    let before = data_bytes(&disk);
    let report = database.compact().unwrap();
    assert!(report.merges > 0 && report.replaced_files > 1, "{report:?}");
    let after = data_bytes(&disk);
    assert_eq!(after, database.statistics().data_bytes);
    assert!(after < before / 3, "{before} became {after}");
    assert_eq!(database.statistics().data_files, 1);
    let live = database.statistics().live_bytes;
    assert!(after - live < 16 * 1024, "{after} for {live}");
    for number in 1..=100 {
        let expected = (number % 4 != 3).then(|| text(number, 3));
        assert_eq!(get(&database, number), expected);
    }
    assert_eq!(database.compact().unwrap(), Default::default());
    drop((database, engine));
    let engine = open_on(&disk.kill());
    let database = existing(&engine, "a");
    assert_eq!(database.count(&COLLECTION).unwrap(), 75);
}

#[test]
fn a_snapshot_sees_what_it_saw_while_the_files_below_it_are_replaced() {
    let disk = SimVfs::new(1);
    let engine = engine_on(&disk, tiny());
    let database = create(&engine, "a");
    for number in 1..=50 {
        write(&database, number, 0);
    }
    database.checkpoint().unwrap();
    // Half of what it sees is in a data file, half still in the log.
    for number in 51..=100 {
        write(&database, number, 0);
    }
    let snapshot = database.snapshot();
    for number in 1..=100 {
        write(&database, number, 1);
        if number % 2 == 0 {
            database.delete(&COLLECTION, id(number), None).unwrap();
        }
    }
    database.checkpoint().unwrap();
    database.compact().unwrap();
    let held = data_bytes(&disk);
    let seen = |snapshot: &Snapshot| {
        let limit = ScanLimit {
            documents: 1000,
            bytes: usize::MAX,
        };
        let page = database.scan(&COLLECTION, None, limit, Some(snapshot));
        page.unwrap().documents
    };
    let found = seen(&snapshot);
    assert_eq!(found.len(), 100);
    for (number, found) in (1..).zip(found) {
        assert_eq!(found.text, text(number, 0));
    }
    drop(snapshot);
    assert_eq!(data_bytes(&disk), held, "whoever let go last removed them");
    disk.clock().advance(Duration::from_secs(1));
    engine.tick();
    assert!(data_bytes(&disk) < held, "the old files are gone");
    assert_eq!(get(&database, 1).unwrap(), text(1, 1));
}

#[test]
fn a_damaged_document_stops_the_merge_of_its_file_and_of_no_other() {
    let disk = SimVfs::new(1);
    let options = EngineOptions {
        compaction_threshold_bytes: 0,
        ..tiny()
    };
    let engine = engine_on(&disk, options);
    let database = create(&engine, "a");
    for number in 1..=10 {
        write(&database, number, 0);
    }
    database.checkpoint().unwrap();
    for number in 101..=110 {
        write(&database, number, 0);
    }
    database.checkpoint().unwrap();
    disk.flip_bit(Path::new("/data/a.data.1"), 5000, 1).unwrap();
    for number in (1..=8).chain(101..=108) {
        write(&database, number, 1);
    }
    let mut refused = 0;
    for _ in 0..3 {
        match database.compact() {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.context().file.as_deref(), Some("a.data.1"));
                refused += 1;
            }
        }
    }
    // What is damaged is among those that were replaced, or is not needed by the merge at all.
    assert!(refused <= 1, "tried again and again");
    for number in 101..=110 {
        assert!(get(&database, number).is_some());
    }
    let names = disk.paths();
    assert!(!names.contains(&"/data/a.data.2".into()), "{names:?}");
}

#[test]
fn a_merge_that_fails_harms_nothing_and_is_tried_again() {
    for kind in [FaultKind::Eio, FaultKind::Enospc] {
        for step in 0.. {
            let disk = SimVfs::new(1);
            let engine = engine_on(&disk, tiny());
            let database = create(&engine, "a");
            for round in 0..3 {
                for number in 1..=30 {
                    write(&database, number, round);
                }
                database.checkpoint().unwrap();
            }
            disk.fail(Fault::once(
                FaultOn::Mutation(disk.mutations() + step),
                kind,
            ));
            let compacted = database.compact();
            let hit = disk.fault_hits() > 0;
            for number in 1..=30 {
                assert_eq!(get(&database, number).unwrap(), text(number, 2));
            }
            drop((database, engine));
            let engine = engine_on(&disk.kill(), tiny());
            let database = existing(&engine, "a");
            for number in 1..=30 {
                assert_eq!(get(&database, number).unwrap(), text(number, 2));
            }
            database.compact().unwrap();
            if !hit {
                compacted.unwrap();
                break;
            }
        }
    }
}

#[test]
fn a_database_is_closed_and_dropped_while_it_is_compacted() {
    let directory = tempfile::tempdir().unwrap();
    let options = EngineOptions {
        compaction_threshold_bytes: 0,
        checkpoint_bytes: 64 * 1024,
        ..EngineOptions::in_directory(directory.path())
    };
    let engine = Engine::open(Host::real(), options).unwrap();
    for round in 0..10_u64 {
        let database = create(&engine, "a");
        let stop = AtomicBool::new(false);
        let merges = AtomicU64::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut random = round;
                while !stop.load(Ordering::Relaxed) {
                    let number = 1 + next(&mut random) % 50;
                    let document: Document = document(&text(number, round));
                    if database.upsert(&COLLECTION, id(number), document).is_err() {
                        break;
                    }
                }
            });
            scope.spawn(|| {
                while let Ok(report) = database.compact() {
                    merges.fetch_add(report.merges, Ordering::Relaxed);
                }
            });
            while merges.load(Ordering::Relaxed) < 3 {
                thread::yield_now();
            }
            if round % 2 == 0 {
                engine.close_database(database.id()).unwrap();
            }
            engine.drop_database(database.name()).unwrap();
            stop.store(true, Ordering::Relaxed);
        });
        let left: Vec<_> = std::fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with("a."))
            .collect();
        assert_eq!(left, [""; 0], "nothing of it is left");
    }
}
