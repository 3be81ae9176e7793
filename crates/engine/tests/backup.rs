//! Backups hold one version whole, are told from damaged ones, and come back as what they were.
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

mod documents;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use docdb_engine::{
    BackupOptions, BackupReport, Engine, EngineOptions, OpenMode, RestoreOptions, back_up,
    back_up_closed, list_backups, restore, verify, verify_backup,
};
use docdb_types::{CheckpointScope, Code, CollectionName, Error};
use docdb_vfs::{CrashProfile, SimVfs, Vfs as _};

use documents::{by_hand, create, document, existing, get, id, listed, name, open_on, put};

const DEFAULT: CollectionName = CollectionName::DEFAULT;

fn target() -> BackupOptions {
    BackupOptions {
        data_directory: PathBuf::from("/data"),
        directory: PathBuf::from("/backups"),
        databases: Vec::new(),
        keep: 0,
        bytes_per_second: 0,
    }
}

/// A backup of what an engine serves meanwhile.
fn take(disk: &SimVfs, engine: &Engine, options: &BackupOptions) -> Result<BackupReport, Error> {
    back_up(&disk.host(), options, &mut |name| {
        let database = engine.open_database(name, OpenMode::ExistingOnly)?.database;
        Ok(database.checkpoint_of(CheckpointScope::Whole)?.generation)
    })
}

fn from(number: Option<u64>) -> RestoreOptions {
    RestoreOptions {
        directory: PathBuf::from("/backups"),
        number,
        databases: Vec::new(),
        bytes_per_second: 0,
    }
}

fn elsewhere() -> EngineOptions {
    EngineOptions {
        data_directory: PathBuf::from("/other"),
        wal_directory: PathBuf::from("/other/wal"),
        ..by_hand()
    }
}

fn text(number: u64, version: u64) -> String {
    format!(
        "{{\"n\":{number},\"version\":{version},\"filler\":\"{}\"}}",
        "x".repeat(500)
    )
}

/// Two databases: `a` with the documents 1 to 40 and a collection, `b` empty.
fn filled(disk: &SimVfs) -> Engine {
    let engine = open_on(disk);
    let a = create(&engine, "a");
    for number in 1..=40 {
        put(&a, number, &text(number, 1)).unwrap();
    }
    a.checkpoint().unwrap();
    for number in 1..=10 {
        a.update(&DEFAULT, id(number), document(&text(number, 2)), None)
            .unwrap();
    }
    for number in 31..=40 {
        a.delete(&DEFAULT, id(number), None).unwrap();
    }
    let orders = CollectionName::new("orders").unwrap();
    a.create_collection(&orders).unwrap();
    a.create(&orders, None, document("[1]")).unwrap();
    create(&engine, "b");
    engine
}

fn is_as_filled(engine: &Engine) {
    assert_eq!(listed(engine), ["a", "b"]);
    let a = existing(engine, "a");
    assert_eq!(a.count(&DEFAULT).unwrap(), 30);
    for number in 1..=40 {
        let expected = match number {
            1..=10 => Some(text(number, 2)),
            11..=30 => Some(text(number, 1)),
            _ => None,
        };
        assert_eq!(get(&a, number), expected);
    }
    let orders = CollectionName::new("orders").unwrap();
    assert_eq!(a.read(&orders, id(1)).unwrap().document.unwrap(), "[1]");
    assert_eq!(existing(engine, "b").count(&DEFAULT).unwrap(), 0);
}

#[test]
fn what_is_restored_is_what_was_backed_up_and_goes_on_from_there() {
    let disk = SimVfs::new(1);
    let engine = filled(&disk);
    let report = take(&disk, &engine, &target()).unwrap();
    assert!(report.failures.is_empty());
    assert_eq!(report.summary.number, 1);
    // What comes later is not in it.
    let a = existing(&engine, "a");
    put(&a, 99, "1").unwrap();
    a.delete(&DEFAULT, id(1), None).unwrap();
    drop(a);
    drop(engine);

    let restored = restore(&disk.host(), &elsewhere(), &from(None)).unwrap();
    assert_eq!(restored.databases[0].documents, 31);
    assert_eq!(
        restored.databases[0].last_transaction,
        report.summary.databases[0].last_transaction
    );
    assert!(!verify(&disk.host(), &elsewhere()).unwrap().is_damaged());
    let engine = Engine::open(disk.host(), elsewhere()).unwrap();
    is_as_filled(&engine);
    let a = existing(&engine, "a");
    let added = a.create(&DEFAULT, None, document("5")).unwrap();
    assert_eq!(
        added.id,
        id(41),
        "ids of deleted documents are not given again"
    );
    assert!(added.version.get() > restored.databases[0].last_transaction.get());
    put(&existing(&engine, "b"), 1, "6").unwrap();
    drop((a, engine));
    let disk = disk.kill();
    let engine = Engine::open(disk.host(), elsewhere()).unwrap();
    assert_eq!(get(&existing(&engine, "a"), 41).unwrap(), "5");
    assert_eq!(get(&existing(&engine, "b"), 1).unwrap(), "6");
}

#[test]
fn what_an_earlier_backup_has_copied_is_not_copied_again() {
    let disk = SimVfs::new(1);
    let engine = filled(&disk);
    let first = take(&disk, &engine, &target()).unwrap().summary;
    assert_eq!(first.databases[0].copied_bytes, first.databases[0].bytes);
    let nothing = take(&disk, &engine, &target()).unwrap().summary;
    assert_eq!(nothing.number, 2);
    assert_eq!(nothing.databases[0].copied_bytes, 0);
    assert_eq!(nothing.databases[0].bytes, first.databases[0].bytes);

    let a = existing(&engine, "a");
    put(&a, 50, &text(50, 1)).unwrap();
    let some = take(&disk, &engine, &target()).unwrap().summary;
    let copied = some.databases[0].copied_bytes;
    assert!(copied > 0 && copied < first.databases[0].bytes, "{copied}");

    // Merged files are others; what nobody names any more goes with the backups that named it.
    a.compact().unwrap();
    let keeping = BackupOptions {
        keep: 2,
        ..target()
    };
    let report = take(&disk, &engine, &keeping).unwrap();
    assert_eq!(report.removed, [1, 2]);
    let numbers = list_backups(&disk.host(), Path::new("/backups")).unwrap();
    let numbers: Vec<_> = numbers.iter().map(|it| it.number).collect();
    assert_eq!(numbers, [3, 4]);
    for number in numbers {
        let checked = verify_backup(&disk.host(), Path::new("/backups"), Some(number)).unwrap();
        assert!(checked.damage.is_empty(), "{checked:?}");
    }
    let report = take(
        &disk,
        &engine,
        &BackupOptions {
            keep: 1,
            ..target()
        },
    )
    .unwrap();
    assert_eq!(report.removed, [3, 4]);
    let copies = disk.list(Path::new("/backups/data")).unwrap().len();
    let files: u64 = report.summary.databases.iter().map(|it| it.files).sum();
    assert_eq!(copies as u64, files);
}

#[test]
fn a_restore_writes_over_nothing() {
    let disk = SimVfs::new(1);
    let engine = filled(&disk);
    take(&disk, &engine, &target()).unwrap();
    let used = restore(&disk.host(), &by_hand(), &from(None)).unwrap_err();
    assert_eq!(used.code(), Code::FileOpen, "{used}");
    engine.close().unwrap();
    let exists = restore(&disk.host(), &by_hand(), &from(None)).unwrap_err();
    assert_eq!(exists.code(), Code::DbExists, "{exists}");

    // One that was lost comes back beside the other.
    let engine = open_on(&disk);
    engine.drop_database(&name("a")).unwrap();
    put(&existing(&engine, "b"), 7, "7").unwrap();
    engine.close().unwrap();
    let one = RestoreOptions {
        databases: vec![name("a")],
        ..from(None)
    };
    restore(&disk.host(), &by_hand(), &one).unwrap();
    let engine = open_on(&disk);
    assert_eq!(get(&existing(&engine, "b"), 7).unwrap(), "7");
    assert_eq!(existing(&engine, "a").count(&DEFAULT).unwrap(), 30);

    let nobody = RestoreOptions {
        databases: vec![name("c")],
        ..from(None)
    };
    let missing = restore(&disk.host(), &elsewhere(), &nobody).unwrap_err();
    assert_eq!(missing.code(), Code::DbNotFound, "{missing}");
    let missing = restore(&disk.host(), &elsewhere(), &from(Some(9))).unwrap_err();
    assert_eq!(missing.code(), Code::FileOpen, "{missing}");
}

#[test]
fn a_directory_with_something_else_in_it_takes_no_backup() {
    let disk = SimVfs::new(1);
    let engine = filled(&disk);
    let onto_itself = BackupOptions {
        directory: PathBuf::from("/data"),
        ..target()
    };
    let refused = take(&disk, &engine, &onto_itself).unwrap_err();
    assert_eq!(refused.code(), Code::FileOpen, "{refused}");
    let unknown = BackupOptions {
        databases: vec![name("c")],
        ..target()
    };
    let refused = take(&disk, &engine, &unknown).unwrap_err();
    assert_eq!(refused.code(), Code::DbNotFound, "{refused}");
    assert!(!disk.exists(Path::new("/backups")).unwrap());
}

#[test]
fn a_damaged_backup_is_named_and_never_restored() {
    let disk = SimVfs::new(1);
    let engine = filled(&disk);
    take(&disk, &engine, &target()).unwrap();
    drop(engine);
    let data = Path::new("/backups/data");
    let copies: Vec<_> = disk.list(data).unwrap();
    let mut damaged = 0;
    if let Some(copy) = copies.first() {
        let path = data.join(&copy.name);
        let length = disk.bytes(&path).unwrap().len() as u64;
        for byte in (0..length).step_by(331) {
            disk.flip_bit(&path, byte, 3).unwrap();
            let checked = verify_backup(&disk.host(), Path::new("/backups"), None).unwrap();
            let [found] = &checked.damage[..] else {
                panic!("{byte}: {checked:?}");
            };
            let file = found.error.context().file;
            assert_eq!(file.as_deref(), copy.name.to_str());
            if byte % 5 == 0 {
                let refused = restore(&disk.host(), &elsewhere(), &from(None)).unwrap_err();
                assert_eq!(refused.code(), Code::CorruptRecord, "{refused}");
                let engine = Engine::open(disk.host(), elsewhere()).unwrap();
                assert!(listed(&engine).is_empty());
            }
            disk.flip_bit(&path, byte, 3).unwrap();
            damaged += 1;
        }
        disk.remove(&path).unwrap();
        let checked = verify_backup(&disk.host(), Path::new("/backups"), None).unwrap();
        assert_eq!(checked.damage.len(), 1);
    }
    assert!(damaged > 20, "{damaged}");
    disk.flip_bit(Path::new("/backups/1.backup"), 100, 1)
        .unwrap();
    let refused = verify_backup(&disk.host(), Path::new("/backups"), None).unwrap_err();
    assert_eq!(refused.code(), Code::CorruptRecord, "{refused}");
}

#[test]
fn a_database_that_is_damaged_is_a_failure_and_the_others_are_backed_up() {
    let disk = SimVfs::new(1);
    let engine = filled(&disk);
    take(&disk, &engine, &target()).unwrap();
    existing(&engine, "a").checkpoint().unwrap();
    let path = Path::new("/data/a.data.1");
    disk.flip_bit(path, 2000, 1).unwrap();
    // Parity has what is damaged: the copy is what the file was.
    let healing = BackupOptions {
        directory: PathBuf::from("/healed"),
        ..target()
    };
    let report = take(&disk, &engine, &healing).unwrap();
    assert!(report.failures.is_empty(), "{report:?}");
    let healed = RestoreOptions {
        directory: PathBuf::from("/healed"),
        ..from(None)
    };
    restore(&disk.host(), &elsewhere(), &healed).unwrap();
    is_as_filled(&Engine::open(disk.host(), elsewhere()).unwrap());

    disk.remove(Path::new("/data/a.parity.1")).unwrap();
    // What is known to be sound is not read again, so this is a directory of its own.
    let other = BackupOptions {
        directory: PathBuf::from("/second"),
        keep: 1,
        ..target()
    };
    let report = take(&disk, &engine, &other).unwrap();
    let [failure] = &report.failures[..] else {
        panic!("{report:?}");
    };
    assert_eq!(failure.name, name("a"));
    assert_eq!(failure.error.code(), Code::CorruptRecord);
    assert_eq!(failure.error.context().file.as_deref(), Some("a.data.1"));
    assert_eq!(report.summary.databases.len(), 1);
    assert_eq!(report.summary.databases[0].name, name("b"));
}

#[test]
fn a_crash_at_any_change_leaves_the_backups_that_were_whole_and_the_next_one_succeeds() {
    let mut crashes = 0;
    for cut in (0..).step_by(3) {
        let disk = SimVfs::new(1);
        let engine = filled(&disk);
        take(&disk, &engine, &target()).unwrap();
        put(&existing(&engine, "a"), 60, &text(60, 1)).unwrap();
        engine.close().unwrap();
        let keeping = BackupOptions {
            keep: 1,
            ..target()
        };
        disk.crash_at_mutation(disk.mutations() + cut);
        let done = back_up_closed(&disk.host(), &by_hand(), &keeping);
        if done.is_ok() && cut > 5 {
            break;
        }
        crashes += 1;
        for profile in [CrashProfile::DropAll, CrashProfile::KeepAll] {
            let disk = disk.crash(profile, cut);
            let directory = Path::new("/backups");
            let backups = list_backups(&disk.host(), directory).unwrap();
            assert!(!backups.is_empty(), "{cut}");
            for backup in backups {
                let checked = verify_backup(&disk.host(), directory, Some(backup.number));
                assert!(checked.unwrap().damage.is_empty(), "{cut}: {backup:?}");
            }
            let again = back_up_closed(&disk.host(), &by_hand(), &keeping).unwrap();
            assert!(again.failures.is_empty(), "{cut}");
            restore(&disk.host(), &elsewhere(), &from(None)).unwrap();
            let engine = Engine::open(disk.host(), elsewhere()).unwrap();
            assert_eq!(get(&existing(&engine, "a"), 60).unwrap(), text(60, 1));
        }
    }
    assert!(crashes > 5, "{crashes}");
}

#[test]
fn a_crash_at_any_change_of_a_restore_leaves_nothing_or_all_and_the_next_one_succeeds() {
    let disk = SimVfs::new(1);
    let engine = filled(&disk);
    take(&disk, &engine, &target()).unwrap();
    engine.close().unwrap();
    let (mut nothing, mut all) = (0, 0);
    for cut in (0..).step_by(3) {
        let disk = disk.kill();
        disk.crash_at_mutation(disk.mutations() + cut);
        if restore(&disk.host(), &elsewhere(), &from(None)).is_ok() {
            break;
        }
        for profile in [CrashProfile::DropAll, CrashProfile::KeepAll] {
            let disk = disk.crash(profile, cut);
            let engine = Engine::open(disk.host(), elsewhere()).unwrap();
            let is_empty = listed(&engine).is_empty();
            if !is_empty {
                is_as_filled(&engine);
            }
            drop(engine);
            let again = restore(&disk.host(), &elsewhere(), &from(None));
            if is_empty {
                nothing += 1;
                again.unwrap();
            } else {
                all += 1;
                assert_eq!(again.unwrap_err().code(), Code::DbExists);
            }
            is_as_filled(&Engine::open(disk.host(), elsewhere()).unwrap());
        }
    }
    assert!(nothing > 10 && all > 0, "{nothing} {all}");
}

#[test]
fn a_disk_without_room_is_one_refusal_and_leaves_the_backups_that_were_there() {
    let disk = SimVfs::new(1);
    let engine = filled(&disk);
    let a = existing(&engine, "a");
    for number in 100..200 {
        put(&a, number, &format!("\"{}\"", "y".repeat(40_000))).unwrap();
    }
    a.checkpoint().unwrap();
    take(
        &disk,
        &engine,
        &BackupOptions {
            databases: vec![name("b")],
            ..target()
        },
    )
    .unwrap();
    disk.set_capacity_bytes(Some(12 << 20));
    let refused = take(&disk, &engine, &target()).unwrap_err();
    assert_eq!(refused.code(), Code::DiskFull, "{refused}");
    let backups = list_backups(&disk.host(), Path::new("/backups")).unwrap();
    assert_eq!(backups.len(), 1);
    let checked = verify_backup(&disk.host(), Path::new("/backups"), None).unwrap();
    assert!(checked.damage.is_empty());
    let copies = disk.list(Path::new("/backups/data")).unwrap();
    assert_eq!(
        copies.len() as u64,
        checked.files,
        "nothing half done is left"
    );
}

/// What is replaced while a checkpoint is made stands in the log only, and the log is not in a backup.
#[test]
fn a_backup_beside_a_writer_that_never_pauses_has_one_version_whole() {
    const DOCUMENTS: u64 = 1000;
    const BACKUPS: u64 = 5;
    let disk = SimVfs::new(1);
    let engine = open_on(&disk);
    let database = create(&engine, "a");
    // Writes go round the documents; in every other round some are deleted.
    let written = |write: u64| {
        let number = write % DOCUMENTS;
        let is_deletion = (write / DOCUMENTS) % 2 == 1 && number.is_multiple_of(10);
        (!is_deletion).then(|| text(number, write))
    };
    let write = |write: u64| {
        let id = id(1 + write % DOCUMENTS);
        let done = match written(write) {
            Some(text) => database.upsert(&DEFAULT, id, document(&text)),
            None => database.delete(&DEFAULT, id, None),
        };
        assert_eq!(done.unwrap().version.get(), 1 + write);
    };
    (0..DOCUMENTS).for_each(write);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let pending = || !is_over.load(Ordering::Relaxed);
            (DOCUMENTS..).take_while(|_| pending()).for_each(write);
        });
        for _ in 0..BACKUPS {
            take(&disk, &engine, &target()).unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let mut versions = Vec::new();
    for backup in 1..=BACKUPS {
        let elsewhere = EngineOptions {
            data_directory: PathBuf::from(format!("/restored{backup}")),
            wal_directory: PathBuf::from(format!("/restored{backup}/wal")),
            ..by_hand()
        };
        restore(&disk.host(), &elsewhere, &from(Some(backup))).unwrap();
        let engine = Engine::open(disk.host(), elsewhere).unwrap();
        let database = existing(&engine, "a");
        let last = database.statistics().last_transaction.get() - 1;
        for write in last + 1 - DOCUMENTS..=last {
            let found = get(&database, 1 + write % DOCUMENTS);
            assert_eq!(
                found,
                written(write),
                "write {write} of {last}, backup {backup}"
            );
        }
        versions.push(last);
    }
    assert!(versions.is_sorted() && versions.first() < versions.last());
}
