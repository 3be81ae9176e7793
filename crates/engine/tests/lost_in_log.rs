//! A record of the log that is damaged before a checkpoint copied it costs that document, by name.
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

mod documents;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use docdb_engine::{
    DocumentHealth, Engine, EngineOptions, HealAccept, HealSource, Healed, LogicalDb, verify,
};
use docdb_types::{Code, CollectionName, Error};
use docdb_vfs::{CallKind, CrashProfile, Fault, FaultKind, FaultOn, SimVfs};

use documents::{by_hand, create, document, existing, get, id};

const COLLECTION: CollectionName = CollectionName::DEFAULT;
const DOCUMENTS: u64 = 60;
/// Documents of which no version is in a data file.
const LOGGED_ONLY: u64 = 50;

fn options() -> EngineOptions {
    EngineOptions {
        segment_bytes: 8 * 1024,
        keep_segments: 0,
        automatic_compaction: false,
        ..by_hand()
    }
}

fn text(number: u64, round: u64) -> String {
    let filler = "z".repeat(300 + (number % 5) as usize * 40);
    format!(r#"{{"n":{number},"round":{round},"filler":"{filler}"}}"#)
}

fn write(database: &Arc<LogicalDb>, number: u64, round: u64) {
    let document = document(&text(number, round));
    database.upsert(&COLLECTION, id(number), document).unwrap();
}

fn engine_on(disk: &SimVfs) -> Engine {
    Engine::open(disk.host(), options()).unwrap()
}

/// Documents in their first version in a data file, and then all of them, with new ones, in several
/// segments of the log.
fn filled() -> (SimVfs, Engine, Arc<LogicalDb>) {
    let disk = SimVfs::new(3);
    let engine = engine_on(&disk);
    let database = create(&engine, "a");
    for number in 1..=LOGGED_ONLY {
        write(&database, number, 0);
    }
    database.checkpoint().unwrap();
    for number in 1..=DOCUMENTS {
        write(&database, number, 1);
    }
    (disk, engine, database)
}

fn segments(disk: &SimVfs) -> Vec<PathBuf> {
    let mut paths = disk.paths();
    paths.retain(|path| path.to_string_lossy().contains("a.wal"));
    paths
}

/// Flips a bit of the newest text of a document in the log; returns whether its segment is sealed.
fn damage(disk: &SimVfs, number: u64) -> bool {
    let wanted = format!(r#"{{"n":{number},"round":1"#);
    for segment in segments(disk) {
        let bytes = disk.bytes(&segment).unwrap();
        let found = bytes
            .windows(wanted.len())
            .position(|it| it == wanted.as_bytes());
        if let Some(at) = found {
            disk.flip_bit(&segment, at as u64 + 30, 2).unwrap();
            return !segment.ends_with("a.wal");
        }
    }
    panic!("document {number} is not in the log");
}

fn read_error(database: &Arc<LogicalDb>, number: u64) -> Error {
    database.read(&COLLECTION, id(number)).unwrap_err()
}

/// Every document but the lost ones is what was written last; those are errors that name a place
/// of the log.
fn check(database: &Arc<LogicalDb>, lost: &[u64]) {
    for number in 1..=DOCUMENTS {
        if lost.contains(&number) {
            let error = read_error(database, number);
            assert_eq!(error.code(), Code::CorruptRecord, "{number}: {error}");
            let context = error.context();
            assert!(context.offset.is_some());
            assert!(context.file.as_ref().unwrap().starts_with("a.wal"));
            let validated = database.validate(&COLLECTION, id(number)).unwrap();
            assert_eq!(validated.health, DocumentHealth::Corrupt);
        } else {
            assert_eq!(get(database, number), Some(text(number, 1)), "{number}");
        }
    }
    assert_eq!(database.count(&COLLECTION).unwrap(), DOCUMENTS);
}

fn listed(database: &Arc<LogicalDb>) -> Vec<u64> {
    let report = database.healing_report().unwrap();
    report.lost.iter().map(|(_, id, _)| id.get()).collect()
}

#[test]
fn a_damaged_record_keeps_no_other_document_from_its_checkpoint() {
    let (disk, engine, database) = filled();
    let lost = [7, 55, DOCUMENTS];
    let sealed: Vec<_> = lost.iter().map(|number| damage(&disk, *number)).collect();
    assert_eq!(
        sealed,
        [true, true, false],
        "in sealed segments and in the active one"
    );
    let before: Vec<_> = lost.iter().map(|it| read_error(&database, *it)).collect();
    let report = database.checkpoint().unwrap();
    assert!(
        report.trimmed_segments > 0,
        "the log does not grow for ever"
    );
    assert_eq!(report.documents, DOCUMENTS);
    check(&database, &lost);
    for (number, before) in lost.iter().zip(&before) {
        let after = read_error(&database, *number);
        assert_eq!(after.context().offset, before.context().offset);
    }
    assert_eq!(listed(&database), lost);
    let healing = database.healing_report().unwrap();
    assert_eq!(healing.figures.corrupted_documents, 3);
    let witnessed: Vec<_> = healing
        .witnesses
        .iter()
        .map(|witness| {
            assert_eq!(witness.source, HealSource::Nothing);
            assert!(witness.file.starts_with("a.wal."), "{}", witness.file);
            match witness.healed {
                Healed::Document { id, .. } => id.get(),
                other => panic!("{other:?}"),
            }
        })
        .collect();
    assert_eq!(witnessed, lost);

    // Writing goes on, and so do checkpoints, merges and restarts.
    write(&database, 1, 1);
    assert_eq!(database.checkpoint().unwrap().documents, 1);
    database.compact().unwrap();
    check(&database, &lost);
    drop((database, engine));
    let disk = disk.kill();
    let engine = engine_on(&disk);
    let database = existing(&engine, "a");
    check(&database, &lost);
    assert_eq!(listed(&database), lost);
    drop(database);
    engine.close().unwrap();
    drop(engine);

    let engine = engine_on(&disk);
    let database = existing(&engine, "a");
    assert_eq!(listed(&database), lost);
    let heal = |number, accept| database.heal(&COLLECTION, id(number), accept);
    for number in lost {
        let error = heal(number, HealAccept::SameVersion).unwrap_err();
        assert_eq!(error.code(), Code::CorruptRecord);
    }
    check(&database, &lost);
    write(&database, 55, 1);
    database.delete(&COLLECTION, id(DOCUMENTS), None).unwrap();
    assert_eq!(get(&database, DOCUMENTS), None);
    write(&database, DOCUMENTS, 1);
    check(&database, &[7]);
    assert_eq!(listed(&database), [7]);
}

#[test]
fn an_older_version_stands_in_for_a_logged_one_only_where_a_person_accepts_it() {
    for is_covered in [false, true] {
        let (disk, _engine, database) = filled();
        damage(&disk, 7);
        damage(&disk, 55);
        if is_covered {
            database.checkpoint().unwrap();
        }
        check(&database, &[7, 55]);
        let heal = |number| database.heal(&COLLECTION, id(number), HealAccept::OlderVersion);
        let healed = heal(7).unwrap();
        assert_eq!(healed.source, Some(HealSource::OlderVersion));
        assert_eq!(get(&database, 7), Some(text(7, 0)));
        assert_eq!(heal(55).unwrap_err().code(), Code::CorruptRecord, "none");
    }
}

#[test]
fn a_crash_at_any_step_of_a_checkpoint_around_a_loss_loses_nothing_else() {
    let (disk, engine, database) = filled();
    drop((database, engine));
    let whole = disk.kill();
    for step in 0.. {
        let disk = whole.crash(CrashProfile::DropAll, step);
        let engine = engine_on(&disk);
        let database = existing(&engine, "a");
        damage(&disk, 55);
        disk.crash_at_mutation(disk.mutations() + step);
        let covered = database.checkpoint();
        let has_power = disk.has_power();
        drop((database, engine));
        let after = disk.crash(CrashProfile::DropAll, step);
        let engine = engine_on(&after);
        let database = existing(&engine, "a");
        if listed(&database) == [55] {
            check(&database, &[55]);
        } else {
            assert!(!has_power);
            let error = read_error(&database, 55);
            // In front of the manifest the log is what it was: it has lost a transaction.
            let codes = [Code::CorruptLog, Code::CorruptRecord];
            assert!(codes.contains(&error.code()), "{step}: {error}");
        }
        if has_power {
            covered.unwrap();
            assert!(step > 10, "the checkpoint has steps to be cut off at");
            return;
        }
    }
}

/// A disk that does not read for a while is no reason to give a document up.
#[test]
fn what_the_disk_does_not_read_is_not_lost() {
    let (disk, _engine, database) = filled();
    for suffix in [".wal", ".wal.tmp", ".wal.3"] {
        let on = FaultOn::call(CallKind::Read, suffix);
        disk.fail(Fault::always(on, FaultKind::Eio));
    }
    let refused = database.checkpoint().unwrap_err();
    assert_eq!(refused.code(), Code::FileRead);
    disk.clear_faults();
    assert_eq!(listed(&database), [0; 0]);
    database.checkpoint().unwrap();
    check(&database, &[]);
}

#[test]
fn a_look_from_outside_names_what_is_lost_until_it_is_resolved() {
    let (disk, engine, database) = filled();
    damage(&disk, 7);
    damage(&disk, 55);
    database.checkpoint().unwrap();
    drop((database, engine));
    let named = |disk: &SimVfs| {
        let report = verify(&disk.host(), &options()).unwrap();
        let findings = report.databases[0].findings.iter();
        let documents = findings.flat_map(|finding| &finding.documents);
        documents.map(|it| it.id.get()).collect::<Vec<_>>()
    };
    let disk = disk.kill();
    assert_eq!(named(&disk), [7, 55]);
    let engine = engine_on(&disk);
    let database = existing(&engine, "a");
    write(&database, 7, 1);
    drop((database, engine));
    let disk = disk.kill();
    assert_eq!(named(&disk), [55], "the log has a newer one");
    let engine = engine_on(&disk);
    let database = existing(&engine, "a");
    database.checkpoint().unwrap();
    drop((database, engine));
    let disk = disk.kill();
    assert_eq!(named(&disk), [55], "another data file has a newer one");
    let engine = engine_on(&disk);
    let database = existing(&engine, "a");
    database.delete(&COLLECTION, id(55), None).unwrap();
    drop((database, engine));
    assert_eq!(named(&disk.kill()), [0; 0]);
}

/// A restart in front of a checkpoint would find transactions lost.
#[test]
fn a_read_that_meets_a_damaged_record_asks_for_the_checkpoint() {
    let (disk, engine, database) = filled();
    damage(&disk, DOCUMENTS);
    read_error(&database, DOCUMENTS);
    engine.tick();
    assert_eq!(listed(&database), [DOCUMENTS]);
    drop((database, engine));
    let engine = engine_on(&disk.kill());
    check(&existing(&engine, "a"), &[DOCUMENTS]);
}

/// It has copied everything in vain, and every commit wants the next one.
#[test]
fn a_checkpoint_that_fails_is_left_alone_for_a_moment_and_tried_again() {
    let disk = SimVfs::new(3);
    let small = EngineOptions {
        checkpoint_bytes: 64 * 1024,
        ..options()
    };
    let engine = Engine::open(disk.host(), small).unwrap();
    let database = create(&engine, "a");
    let on = FaultOn::call(CallKind::Create, "a.data.1.tmp");
    disk.fail(Fault::always(on, FaultKind::Eio));
    for number in 1..=400 {
        write(&database, number, 0);
        engine.tick();
    }
    assert_eq!(engine.statistics().failed_tasks, 1);
    disk.clock().advance(Duration::from_secs(1));
    engine.tick();
    assert_eq!(engine.statistics().failed_tasks, 2);
    assert_eq!(database.statistics().data_files, 0);
    disk.clear_faults();
    disk.clock().advance(Duration::from_secs(1));
    engine.tick();
    assert_eq!(database.statistics().data_files, 0, "the pause doubles");
    disk.clock().advance(Duration::from_secs(1));
    engine.tick();
    assert_eq!(database.statistics().data_files, 1);
}
