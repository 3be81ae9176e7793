//! Damage is found and restored from another copy of the same version, or named.
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

mod documents;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use docdb_engine::{
    CatalogOrigin, DocumentHealth, Engine, EngineOptions, HealAccept, HealSource, Healed,
    HealingOptions, Host, LogicalDb,
};
use docdb_types::{Code, CollectionName};
use docdb_vfs::{CallKind, CrashProfile, Fault, FaultKind, FaultOn, SimVfs, Vfs};
use parking_lot::Mutex;

use documents::{by_hand, create, document, existing, get, id, name};

const COLLECTION: CollectionName = CollectionName::DEFAULT;
const DOCUMENTS: u64 = 300;
const BLOCK: u64 = 4096;

/// Nothing of the log is kept once a checkpoint covers it: parity is all there is.
fn trimmed() -> EngineOptions {
    EngineOptions {
        segment_bytes: 16 * 1024,
        keep_segments: 0,
        automatic_compaction: false,
        ..by_hand()
    }
}

/// The log keeps everything that was ever written.
fn logged() -> EngineOptions {
    EngineOptions {
        segment_bytes: 1024 * 1024,
        keep_segments: 1000,
        ..trimmed()
    }
}

fn without_parity(options: EngineOptions) -> EngineOptions {
    EngineOptions {
        healing: HealingOptions {
            parity_percent: 0,
            ..options.healing
        },
        ..options
    }
}

fn text(number: u64, round: u64) -> String {
    let filler = "y".repeat(300 + (number % 7) as usize * 40);
    format!(r#"{{"n":{number},"round":{round},"filler":"{filler}"}}"#)
}

fn write(database: &Arc<LogicalDb>, number: u64, round: u64) {
    let document = document(&text(number, round));
    database.upsert(&COLLECTION, id(number), document).unwrap();
}

fn engine_on(disk: &SimVfs, options: EngineOptions) -> Engine {
    Engine::open(disk.host(), options).unwrap()
}

/// A database of [`DOCUMENTS`] documents in one data file.
fn filled(options: EngineOptions) -> (SimVfs, Engine, Arc<LogicalDb>) {
    let disk = SimVfs::new(3);
    let engine = engine_on(&disk, options);
    let database = create(&engine, "a");
    for number in 1..=DOCUMENTS {
        write(&database, number, 0);
    }
    database.checkpoint().unwrap();
    (disk, engine, database)
}

fn files(disk: &SimVfs, part: &str) -> Vec<PathBuf> {
    let mut paths = disk.paths();
    paths.retain(|path| path.to_string_lossy().contains(part));
    paths
}

fn data_file(disk: &SimVfs) -> PathBuf {
    let mut found = files(disk, "/a.data.");
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// Where the text of a document stands in a file.
fn place(disk: &SimVfs, path: &Path, number: u64) -> u64 {
    let bytes = disk.bytes(path).unwrap();
    let wanted = format!(r#"{{"n":{number},"#);
    let wanted = wanted.as_bytes();
    let found = bytes.windows(wanted.len()).position(|it| it == wanted);
    found.unwrap() as u64
}

/// Flips a bit inside of a document.
fn damage(disk: &SimVfs, number: u64) -> PathBuf {
    let path = data_file(disk);
    let at = place(disk, &path, number);
    disk.flip_bit(&path, at + 20, 3).unwrap();
    path
}

/// Zeros more blocks than the parity of their stripes restores: the first half of the records.
fn destroy(disk: &SimVfs) -> PathBuf {
    let path = data_file(disk);
    let length = disk.bytes(&path).unwrap().len() as u64;
    let zeros = vec![0; (length / 2 / BLOCK * BLOCK) as usize];
    disk.corrupt(&path, BLOCK, &zeros).unwrap();
    path
}

fn check_all(database: &Arc<LogicalDb>) {
    for number in 1..=DOCUMENTS {
        assert_eq!(get(database, number), Some(text(number, 0)), "{number}");
    }
}

#[test]
fn a_read_that_meets_damage_answers_and_the_file_is_written_anew() {
    for (options, expected) in [
        (logged(), HealSource::Log),
        (trimmed(), HealSource::Parity),
        (without_parity(logged()), HealSource::Log),
    ] {
        let (disk, engine, database) = filled(options);
        let damaged = damage(&disk, 77);
        let before = disk.bytes(&damaged).unwrap();
        assert_eq!(get(&database, 77), Some(text(77, 0)));
        assert_eq!(
            disk.bytes(&damaged).unwrap(),
            before,
            "nothing is healed in place"
        );
        let version = database.read(&COLLECTION, id(77)).unwrap().version;
        engine.tick();
        assert!(disk.bytes(&damaged).is_none(), "the damaged file is gone");
        check_all(&database);
        assert_eq!(
            database.read(&COLLECTION, id(77)).unwrap().version,
            version,
            "the same version"
        );

        let report = database.healing_report().unwrap();
        assert_eq!(report.figures.healed_reads, 2);
        assert_eq!(report.figures.healed_documents, 1);
        assert_eq!(report.figures.on_demand, 1);
        assert_eq!(report.figures.corrupted_documents, 0);
        let [witness] = report.witnesses.as_slice() else {
            panic!("{:?}", report.witnesses);
        };
        assert_eq!(witness.source, expected);
        assert_eq!(witness.file, damaged.file_name().unwrap().to_str().unwrap());
        assert!(matches!(witness.healed, Healed::Document { id: found, .. } if found == id(77)));

        drop(database);
        drop(engine);
        let engine = engine_on(&disk.kill(), trimmed());
        let database = existing(&engine, "a");
        check_all(&database);
        let again = database.healing_report().unwrap();
        assert_eq!(again.witnesses, report.witnesses, "a witness is durable");
    }
}

#[test]
fn healing_what_is_healthy_changes_nothing_and_what_is_deleted_is_not_found() {
    let (disk, _engine, database) = filled(trimmed());
    database.delete(&COLLECTION, id(5), None).unwrap();
    let contents = |disk: &SimVfs| {
        let paths = disk.paths();
        paths
            .into_iter()
            .map(|path| (disk.bytes(&path), path))
            .collect::<Vec<_>>()
    };
    let before = contents(&disk);
    let healed = database
        .heal(&COLLECTION, id(7), HealAccept::OlderVersion)
        .unwrap();
    assert_eq!(healed.health, DocumentHealth::Valid);
    assert_eq!(healed.source, None);
    for accept in [HealAccept::SameVersion, HealAccept::OlderVersion] {
        for number in [5, DOCUMENTS + 1] {
            let error = database.heal(&COLLECTION, id(number), accept).unwrap_err();
            assert_eq!(error.code(), Code::DocNotFound);
        }
    }
    assert_eq!(contents(&disk), before);
    let missing = database.validate(&COLLECTION, id(5)).unwrap();
    assert_eq!(missing.health, DocumentHealth::Missing);
}

/// Where the only other copy is in a log that the disk does not read for a while, nothing is given up.
#[test]
fn a_log_that_cannot_be_read_makes_nothing_lost() {
    let (mut refused, mut healed) = (0, 0);
    for skip in 0.. {
        let (disk, _engine, database) = filled(without_parity(logged()));
        let damaged = damage(&disk, 77);
        let on = FaultOn::Call {
            kind: CallKind::Read,
            path_suffix: ".wal".to_owned(),
            skip,
        };
        disk.fail(Fault::always(on, FaultKind::Eio));
        let heal = || database.heal(&COLLECTION, id(77), HealAccept::SameVersion);
        match heal() {
            Ok(_) => healed += 1,
            Err(error) => {
                refused += 1;
                assert_eq!(error.code(), Code::CorruptRecord);
                assert!(disk.paths().contains(&damaged), "{skip}: it was let go");
                disk.clear_faults();
                assert_eq!(heal().unwrap().source, Some(HealSource::Log));
            }
        }
        check_all(&database);
        if disk.fault_hits() == 0 {
            break;
        }
    }
    assert!(refused > 2 && healed > 0, "{refused} {healed}");
}

#[test]
fn an_older_version_stands_in_only_where_a_person_accepts_it_and_is_named() {
    let (disk, engine, database) = filled(logged());
    let old = database.read(&COLLECTION, id(9)).unwrap().version;
    write(&database, 9, 1);
    let lost = database.read(&COLLECTION, id(9)).unwrap().version;
    database.checkpoint().unwrap();
    // The new version, in the data file with its parity and in the log.
    let newest = files(&disk, "/a.data.2").remove(0);
    let at = place(&disk, &newest, 9);
    disk.flip_bit(&newest, at + 20, 1).unwrap();
    for parity in files(&disk, "/a.parity.") {
        disk.remove(&parity).unwrap();
    }
    for segment in files(&disk, "a.wal") {
        let bytes = disk.bytes(&segment).unwrap();
        let wanted = br#"{"n":9,"round":1"#;
        if let Some(at) = bytes.windows(wanted.len()).position(|it| it == wanted) {
            disk.flip_bit(&segment, at as u64 + 30, 0).unwrap();
        }
    }
    for _ in 0..2 {
        let error = database.read(&COLLECTION, id(9)).unwrap_err();
        assert_eq!(error.code(), Code::CorruptRecord);
        engine.tick();
    }
    let validated = database.validate(&COLLECTION, id(9)).unwrap();
    assert_eq!(validated.health, DocumentHealth::Corrupt);
    let error = database
        .heal(&COLLECTION, id(9), HealAccept::SameVersion)
        .unwrap_err();
    assert_eq!(error.code(), Code::CorruptRecord);

    let healed = database
        .heal(&COLLECTION, id(9), HealAccept::OlderVersion)
        .unwrap();
    assert_eq!(healed.health, DocumentHealth::Healed);
    assert_eq!(healed.source, Some(HealSource::OlderVersion));
    assert_eq!(healed.taken_version, Some(old));
    assert!(healed.version > lost, "it is a new version");
    assert_eq!(get(&database, 9), Some(text(9, 0)));
}

#[test]
fn what_is_past_its_parity_is_an_error_with_its_place_until_it_is_written_or_deleted() {
    let (disk, engine, database) = filled(trimmed());
    let damaged = destroy(&disk);
    let scrub = database.scrub().unwrap();
    assert!(scrub.damages > 0);
    assert!(disk.bytes(&damaged).is_none());
    let lost: Vec<u64> = (1..=DOCUMENTS)
        .filter(|number| match database.read(&COLLECTION, id(*number)) {
            Ok(outcome) => {
                assert_eq!(outcome.document.unwrap(), text(*number, 0).as_str());
                false
            }
            Err(error) => {
                assert_eq!(error.code(), Code::CorruptRecord, "{error}");
                assert!(error.context().offset.is_some(), "{error:?}");
                true
            }
        })
        .collect();
    assert!(lost.len() > 10 && lost.len() < DOCUMENTS as usize);
    let report = database.healing_report().unwrap();
    let listed: Vec<_> = report.lost.iter().map(|(_, id, _)| id.get()).collect();
    assert_eq!(listed, lost, "exactly the lost ones are listed");
    assert_eq!(report.figures.corrupted_documents, lost.len() as u64);

    let all = database.validate_all(None).unwrap();
    assert_eq!(all.documents, DOCUMENTS);
    assert_eq!(all.corrupt, lost.len() as u64);
    assert_eq!(all.valid, DOCUMENTS - all.corrupt);

    let count = database.count(&COLLECTION).unwrap();
    assert_eq!(count, DOCUMENTS);
    write(&database, lost[0], 0);
    database.delete(&COLLECTION, id(lost[1]), None).unwrap();
    assert_eq!(get(&database, lost[0]), Some(text(lost[0], 0)));
    assert_eq!(get(&database, lost[1]), None);
    let left = database.healing_report().unwrap().lost.len();
    assert_eq!(left, lost.len() - 2);
    database.compact().unwrap();
    drop(database);
    engine.close().unwrap();
    let engine = engine_on(&disk, trimmed());
    let database = existing(&engine, "a");
    for number in &lost[2..] {
        let error = database.read(&COLLECTION, id(*number)).unwrap_err();
        assert_eq!(
            error.code(),
            Code::CorruptRecord,
            "also after a merge and a reopening"
        );
    }
}

#[test]
fn the_scrub_runs_by_itself_and_goes_on_where_it_was_after_a_restart() {
    let options = EngineOptions {
        idle_timeout: Duration::ZERO,
        ..trimmed()
    };
    let (disk, engine, database) = filled(options.clone());
    let clock = disk.clock();
    clock.set_unix_time(Duration::from_secs(1_700_000_000));
    let damaged = damage(&disk, 200);
    let interval = options.healing.interval;
    let mut ticks = 0;
    while database.statistics().healing.scans == 0 {
        let next = engine.tick().unwrap();
        clock.advance(next);
        ticks += 1;
        assert!(ticks < 1000);
    }
    assert!(disk.bytes(&damaged).is_none(), "healed by the scrub");
    let figures = database.statistics().healing;
    assert_eq!(figures.background, 1);
    assert_eq!(figures.healed_documents, 1);
    assert_eq!(figures.healed_reads, 0);
    let scanned_at = figures.last_scan.unwrap();
    drop(database);
    engine.close().unwrap();

    // The next one is due an interval after the last, whenever the engine was started.
    let engine = engine_on(&disk, options);
    let database = existing(&engine, "a");
    assert_eq!(database.statistics().healing.last_scan, Some(scanned_at));
    clock.advance(interval / 2);
    engine.tick();
    assert_eq!(database.statistics().healing.scans, 0);
    clock.advance(interval / 2);
    for _ in 0..100 {
        engine.tick();
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(database.statistics().healing.scans, 1);
}

#[test]
fn a_closed_database_is_opened_for_its_scrub() {
    let (disk, engine, database) = filled(trimmed());
    let damaged = damage(&disk, 33);
    let number = database.id();
    drop(database);
    engine.close_database(number).unwrap();
    let clock = disk.clock();
    clock.set_unix_time(Duration::from_secs(1_700_000_000));
    for _ in 0..200 {
        engine.tick();
        clock.advance(Duration::from_secs(60));
    }
    assert!(
        disk.bytes(&damaged).is_none(),
        "healed though nobody used it"
    );
}

#[test]
fn an_interval_of_zero_and_a_disabled_healing_never_scrub() {
    for healing in [
        HealingOptions {
            interval: Duration::ZERO,
            ..HealingOptions::DEFAULT
        },
        HealingOptions {
            enabled: false,
            ..HealingOptions::DEFAULT
        },
    ] {
        let (disk, engine, database) = filled(EngineOptions {
            healing,
            ..trimmed()
        });
        let damaged = damage(&disk, 33);
        for _ in 0..100 {
            engine.tick();
            disk.clock().advance(Duration::from_secs(3600));
        }
        assert_eq!(database.statistics().healing.scanned_bytes, 0);
        assert!(disk.bytes(&damaged).is_some());
        let read = database.read(&COLLECTION, id(33));
        assert_eq!(read.is_ok(), healing.enabled, "{read:?}");
        // A command heals in any case.
        let healed = database.heal(&COLLECTION, id(33), HealAccept::SameVersion);
        assert_eq!(healed.unwrap().health, DocumentHealth::Healed);
        check_all(&database);
    }
}

#[test]
fn a_crash_at_any_step_of_a_repair_finds_the_old_file_or_the_new_one() {
    let (disk, engine, database) = filled(trimmed());
    damage(&disk, 10);
    drop(database);
    drop(engine);
    let damaged = disk.crash(CrashProfile::DropAll, 0);
    let mut step = 0;
    loop {
        let disk = damaged.crash(CrashProfile::DropAll, step);
        let engine = engine_on(&disk, trimmed());
        let database = existing(&engine, "a");
        disk.crash_at_mutation(disk.mutations() + step);
        let healed = database.heal_all();
        let has_power = disk.has_power();
        drop(database);
        drop(engine);
        let after = disk.crash(CrashProfile::DropAll, step);
        let engine = engine_on(&after, trimmed());
        let database = existing(&engine, "a");
        check_all(&database);
        if has_power {
            assert_eq!(healed.unwrap().healed, 1);
            assert!(step > 10, "the repair has steps to be cut off at");
            return;
        }
        step += 1;
    }
}

#[test]
fn vital_copies_are_restored_and_damage_to_the_log_is_told_and_left() {
    let (disk, _engine, database) = filled(logged());
    let manifest = Path::new("/data/a.manifest");
    let whole = disk.bytes(manifest).unwrap();
    disk.flip_bit(manifest, 40, 1).unwrap();
    let parity = files(&disk, "/a.parity.").remove(0);
    let whole_parity = disk.bytes(&parity).unwrap();
    disk.flip_bit(&parity, whole_parity.len() as u64 / 2, 1)
        .unwrap();
    database.scrub().unwrap();
    assert_eq!(disk.bytes(manifest).unwrap(), whole);
    assert_eq!(disk.bytes(&parity).unwrap().len(), whole_parity.len());
    let report = database.healing_report().unwrap();
    let healed: Vec<_> = report.witnesses.iter().map(|it| it.healed).collect();
    assert_eq!(healed, [Healed::Manifest, Healed::Parity]);
    assert_eq!(report.figures.restored_copies, 2);
    let clean = database.scrub().unwrap();
    assert_eq!(clean.damages, 0, "nothing is left to be restored");
}

#[test]
fn both_copies_of_the_manifest_are_stored_again_while_the_database_is_open() {
    let (disk, _engine, database) = filled(trimmed());
    let manifest = Path::new("/data/a.manifest");
    let whole = disk.bytes(manifest).unwrap();
    disk.corrupt(manifest, 0, &vec![0; whole.len()]).unwrap();
    database.scrub().unwrap();
    assert_eq!(disk.bytes(manifest).unwrap(), whole);
}

#[test]
fn healing_beside_load_checkpoints_compactions_and_a_drop_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let options = EngineOptions {
        segment_bytes: 64 * 1024,
        keep_segments: 0,
        checkpoint_bytes: 128 * 1024,
        compaction_threshold_bytes: 64 * 1024,
        healing: HealingOptions {
            interval: Duration::from_secs(1),
            scrub_bytes_per_second: 0,
            ..HealingOptions::DEFAULT
        },
        ..EngineOptions::in_directory(directory.path())
    };
    let engine = Engine::open(Host::real(), options).unwrap();
    let database = create(&engine, "a");
    let other = create(&engine, "b");
    for number in 1..=DOCUMENTS {
        write(&database, number, 0);
        write(&other, number, 0);
    }
    database.checkpoint().unwrap();
    other.checkpoint().unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _end = EndOf(&is_over);
        for worker in 0..2_u64 {
            let (database, is_over) = (&database, &is_over);
            scope.spawn(move || {
                let mut round = 1;
                while !is_over.load(Ordering::Relaxed) {
                    for number in (1 + worker..=DOCUMENTS).step_by(2) {
                        write(database, number, round);
                        assert_eq!(get(database, number), Some(text(number, round)));
                    }
                    round += 1;
                }
            });
        }
        {
            let (database, is_over) = (&database, &is_over);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    database.heal_all().unwrap();
                    database.validate_all(None).unwrap();
                }
            });
        }
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                // It is dropped under it.
                if other.heal_all().is_err() {
                    break;
                }
            }
        });
        for round in 0..12 {
            if round == 4 {
                engine.drop_database(&name("b")).unwrap();
            }
            flip_somewhere(directory.path(), round);
            database.checkpoint().unwrap();
            // No stripe gathers more damage than its parity restores.
            database.heal_all().unwrap();
        }
    });
    let healed = database.heal_all().unwrap();
    assert_eq!((healed.corrupt, healed.unknown), (0, 0));
    assert_eq!(healed.documents, DOCUMENTS);
    drop(database);
    engine.close().unwrap();
    let entries = std::fs::read_dir(directory.path()).unwrap();
    let left: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("b."))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Tells the threads to end, also where the test has failed.
struct EndOf<'a>(&'a AtomicBool);

impl Drop for EndOf<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Flips a bit of a live data file of `a` under the engine.
fn flip_somewhere(directory: &Path, round: u64) {
    use std::os::unix::fs::FileExt;
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.to_string_lossy().contains("a.data."));
    names.sort();
    let Some(path) = names.first() else { return };
    let file = std::fs::File::options().read(true).write(true).open(path);
    let Ok(file) = file else { return };
    let length = file.metadata().unwrap().len();
    let at = (round * 7919 + 200) % length;
    let mut byte = [0];
    if file.read_exact_at(&mut byte, at).is_ok() {
        file.write_all_at(&[byte[0] ^ 4], at).unwrap();
    }
}

/// Calls `watch` in front of each read of a data file.
fn filled_and_watched(
    disk: &SimVfs,
    options: EngineOptions,
    watch: impl Fn() + Send + Sync + 'static,
) -> (Engine, Arc<LogicalDb>) {
    disk.watch(move |kind, path| {
        if kind == CallKind::Read && path.to_string_lossy().contains(".data.") {
            watch();
        }
    });
    let engine = Engine::open(disk.host(), options).unwrap();
    let database = create(&engine, "a");
    for number in 1..=DOCUMENTS {
        write(&database, number, 0);
    }
    database.checkpoint().unwrap();
    (engine, database)
}

#[test]
fn documents_are_looked_at_by_several_threads_a_batch_at_a_time() {
    if thread::available_parallelism().is_ok_and(|threads| threads.get() == 1) {
        println!("SKIPPED: one processor, one thread");
        return;
    }
    let readers = Arc::new(Mutex::new(None::<HashMap<ThreadId, u64>>));
    let watch = Arc::clone(&readers);
    let patience = Instant::now() + Duration::from_secs(20);
    let options = EngineOptions {
        healing: HealingOptions {
            max_batch_size: 10,
            ..HealingOptions::DEFAULT
        },
        ..trimmed()
    };
    let (_engine, database) = filled_and_watched(&SimVfs::new(3), options, move || {
        let me = thread::current().id();
        if let Some(readers) = watch.lock().as_mut() {
            *readers.entry(me).or_default() += 1;
        }
        // Who has read a whole batch waits for another to come: one thread alone would wait in vain.
        let is_alone = || {
            let readers = watch.lock();
            let is_only = |reads: &HashMap<_, _>| reads.len() == 1 && reads[&me] > 10;
            readers.as_ref().is_some_and(is_only)
        };
        while is_alone() && Instant::now() < patience {
            thread::yield_now();
        }
    });
    *readers.lock() = Some(HashMap::new());
    assert_eq!(database.validate_all(None).unwrap().valid, DOCUMENTS);
    let found = readers.lock().take().unwrap();
    assert_eq!(found.values().sum::<u64>(), DOCUMENTS);
    assert!(found.len() > 1, "one thread read everything");
}

#[test]
fn a_panic_in_one_task_is_that_tasks_and_hangs_nobody() {
    let disk = SimVfs::new(3);
    let is_armed = Arc::new(AtomicBool::new(false));
    let watch = Arc::clone(&is_armed);
    let (engine, database) = filled_and_watched(&disk, trimmed(), move || {
        assert!(!watch.load(Ordering::SeqCst), "as planned");
    });
    is_armed.store(true, Ordering::SeqCst);
    let error = database.validate_all(None).unwrap_err();
    assert_eq!(error.code(), Code::Internal);
    for _ in 0..3 {
        disk.clock().advance(Duration::from_secs(3600));
        engine.tick();
    }
    assert!(engine.statistics().failed_tasks > 0, "the scrub panicked");
    is_armed.store(false, Ordering::SeqCst);
    check_all(&database);
    write(&database, 1, 0);
    assert_eq!(database.validate_all(None).unwrap().valid, DOCUMENTS);
    assert_eq!(database.heal_all().unwrap().corrupt, 0);
    drop(database);
    engine.close().unwrap();
}

#[test]
fn the_scrub_finds_a_damaged_catalog_and_tells_of_it() {
    let catalog = Path::new("/data/.catalog");
    let options = EngineOptions {
        idle_timeout: Duration::ZERO,
        ..trimmed()
    };
    for places in [&[30, 70][..], &[4096 + 30], &[70, 4096 + 70]] {
        let (disk, engine, database) = filled(options.clone());
        let number = database.id();
        for place in places {
            disk.flip_bit(catalog, *place, 5).unwrap();
        }
        let wait = options.healing.interval + Duration::from_secs(1);
        disk.clock().advance(wait);
        engine.tick();
        let witnesses = engine.witnesses();
        let [witness] = witnesses.as_slice() else {
            panic!("{witnesses:?}");
        };
        let is_both = places.contains(&70) && places.len() == 2 && places[1] > 4096;
        let source = if is_both {
            HealSource::Original
        } else {
            HealSource::Copy
        };
        assert_eq!((witness.healed, witness.source), (Healed::Catalog, source));
        assert_eq!((&*witness.file, witness.offset), (".catalog", places[0]));
        assert_eq!(engine.work_done().healing.restored_copies, 1);
        assert!(!engine.scrub_catalog().unwrap(), "it is whole again");
        check_all(&database);
        drop((database, engine));
        let engine = engine_on(&disk.kill(), options.clone());
        assert_eq!(engine.statistics().catalog, CatalogOrigin::Read);
        assert_eq!(engine.witnesses(), witnesses, "a witness is durable");
        assert_eq!(existing(&engine, "a").id(), number);
    }
}
