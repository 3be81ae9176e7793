//! Which databases there are, across restarts, crashes and damage.

mod documents;

use std::path::Path;

use docdb_engine::{CatalogOrigin, DatabaseStatus, Engine, OpenMode};
use docdb_types::{Code, Error};
use docdb_vfs::{CrashProfile, SimVfs, Vfs, remove_durable, write_whole};

use documents::{by_hand, create, existing, get, listed, name, open_on, put};

#[test]
fn databases_ids_and_documents_outlive_restarts_and_a_longer_name() {
    let mut disk = SimVfs::new(1);
    let engine = open_on(&disk);
    for text in ["a", "bb", "ccc"] {
        put(&create(&engine, text), 7, &format!("\"{text}\"")).unwrap();
    }
    let before = engine.list_databases();
    for (restart, longer) in ["d".repeat(64), "é".repeat(32)].iter().enumerate() {
        // Once after a crash, once after a clean end.
        disk = if restart == 0 {
            disk.crash(CrashProfile::DropAll, 1)
        } else {
            disk.kill()
        };
        let engine = open_on(&disk);
        put(&create(&engine, longer), 7, "\"longer\"").unwrap();
        for text in ["a", "bb", "ccc"] {
            let database = existing(&engine, text);
            assert_eq!(get(&database, 7), Some(format!("\"{text}\"")));
        }
        assert_eq!(get(&existing(&engine, longer), 7).unwrap(), "\"longer\"");
        let ids: Vec<_> = engine.list_databases().into_iter().map(|i| i.id).collect();
        let known: Vec<_> = before.iter().map(|info| info.id).collect();
        assert_eq!(ids[..3], known);
        assert_eq!(ids.len(), 4 + restart);
        engine.close().unwrap();
    }
}

#[test]
fn a_database_created_again_is_empty_also_after_a_restart() {
    let disk = SimVfs::new(1);
    let engine = open_on(&disk);
    let old = create(&engine, "a");
    put(&old, 1, "\"old\"").unwrap();
    // A part of it in a data file, a part in the log.
    engine.close_database(old.id()).unwrap();
    put(&existing(&engine, "a"), 2, "\"old\"").unwrap();
    engine.drop_database(&name("a")).unwrap();
    assert_eq!(
        engine.database(old.id()).unwrap_err().code(),
        Code::DbNotFound
    );
    let new = create(&engine, "a");
    assert!(new.id() > old.id());
    assert_eq!((get(&new, 1), get(&new, 2)), (None, None));
    put(&new, 3, "\"new\"").unwrap();
    for profile in CrashProfile::ALL {
        let engine = open_on(&disk.crash(profile, 1));
        let again = existing(&engine, "a");
        assert_eq!((get(&again, 1), get(&again, 2)), (None, None));
        assert_eq!(get(&again, 3).unwrap(), "\"new\"");
    }
}

/// Work on databases, and those that there are after it.
type Step = (fn(&Engine) -> Result<(), Error>, &'static [&'static str]);

const LIFE: [Step; 4] = [
    (
        |engine| {
            let opened = engine.open_database(&name("b"), OpenMode::CreateNew)?;
            put(&opened.database, 1, "\"b\"").map(drop)
        },
        &["a", "b"],
    ),
    (|engine| engine.drop_database(&name("a")), &["b"]),
    (
        |engine| {
            let opened = engine.open_database(&name("a"), OpenMode::CreateNew)?;
            put(&opened.database, 2, "\"a\"").map(drop)
        },
        &["a", "b"],
    ),
    (|engine| engine.drop_database(&name("b")), &["a"]),
];

#[test]
fn a_crash_at_any_change_leaves_each_database_wholly_there_or_wholly_gone() {
    for cut in 0.. {
        let disk = SimVfs::new(1);
        let engine = open_on(&disk);
        put(&create(&engine, "a"), 1, "\"a\"").unwrap();
        disk.crash_at_mutation(disk.mutations() + cut);
        let mut before: &[&str] = &["a"];
        let mut after = before;
        let mut failed_at = None;
        for (number, (work, expected)) in LIFE.into_iter().enumerate() {
            (before, after) = (after, expected);
            if work(&engine).is_err() {
                failed_at = Some(number);
                break;
            }
        }
        for profile in CrashProfile::ALL {
            let engine = open_on(&disk.crash(profile, cut));
            assert_ne!(engine.statistics().catalog, CatalogOrigin::Rebuilt);
            let found = listed(&engine);
            assert!(
                found == after || (failed_at.is_some() && found == before),
                "cut {cut} in step {failed_at:?}: {found:?}"
            );
            for text in ["a", "b"] {
                let opened = engine
                    .open_database(&name(text), OpenMode::CreateIfMissing)
                    .unwrap();
                let database = opened.database;
                // The first life of `a` has document 1 and never 2, the second one the reverse.
                let documents = [get(&database, 1), get(&database, 2)];
                assert!(documents.contains(&None));
                assert!(!opened.created || documents == [None, None]);
            }
        }
        if failed_at.is_none() {
            break;
        }
    }
}

#[test]
fn a_lost_catalog_is_rebuilt_with_every_document_and_says_so() {
    for damage in [false, true] {
        let disk = SimVfs::new(1);
        let engine = open_on(&disk);
        for text in ["a", "b"] {
            put(&create(&engine, text), 1, &format!("\"{text}\"")).unwrap();
        }
        assert_eq!(engine.statistics().catalog, CatalogOrigin::Created);
        engine.close().unwrap();
        let path = Path::new("/data/.catalog");
        if damage {
            let length = disk.bytes(path).unwrap().len();
            write_whole(&disk, path, &vec![0xa5; length]).unwrap();
        } else {
            remove_durable(&disk, path).unwrap();
        }
        let disk = disk.kill();
        let engine = open_on(&disk);
        assert_eq!(engine.statistics().catalog, CatalogOrigin::Rebuilt);
        assert_eq!(listed(&engine), ["a", "b"]);
        for text in ["a", "b"] {
            let database = existing(&engine, text);
            assert_eq!(get(&database, 1), Some(format!("\"{text}\"")));
        }
        engine.close().unwrap();
        let engine = open_on(&disk.kill());
        assert_eq!(engine.statistics().catalog, CatalogOrigin::Read);
    }
}

#[test]
fn files_with_data_that_no_database_owns_are_named_and_not_touched() {
    let disk = SimVfs::new(1);
    let engine = open_on(&disk);
    put(&create(&engine, "a"), 1, "1").unwrap();
    engine.close().unwrap();
    remove_durable(&disk, Path::new("/data/.catalog")).unwrap();
    // Neither copy of the manifest tells whose files these are.
    let manifest = Path::new("/data/a.manifest");
    let length = disk.bytes(manifest).unwrap().len();
    write_whole(&disk, manifest, &vec![0; length]).unwrap();
    let disk = disk.kill();
    let engine = open_on(&disk);
    assert_eq!(engine.statistics().unidentified, [name("a")]);
    assert!(listed(&engine).is_empty());
    let before = disk.paths();
    let error = engine
        .open_database(&name("a"), OpenMode::CreateIfMissing)
        .unwrap_err();
    assert_eq!(error.code(), Code::FileOpen);
    assert!(error.context().file.unwrap().starts_with("a."));
    assert_eq!(disk.paths(), before);
    create(&engine, "b");
}

#[test]
fn empty_files_of_a_creation_that_was_cut_off_do_not_occupy_the_name() {
    let disk = SimVfs::new(1);
    let engine = open_on(&disk);
    create(&engine, "a");
    drop(engine);
    // The files of a new database, and no entry.
    let disk = disk.kill();
    let fresh = SimVfs::new(2);
    drop(open_on(&fresh));
    for path in disk.paths() {
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        if file.starts_with("a.") {
            write_whole(&fresh, &path, &disk.bytes(&path).unwrap()).unwrap();
        }
    }
    assert!(fresh.exists(Path::new("/data/wal/a.wal")).unwrap());
    let fresh = fresh.kill();
    let engine = open_on(&fresh);
    assert!(listed(&engine).is_empty());
    put(&create(&engine, "a"), 1, "1").unwrap();

    // With one document in the log they do.
    let disk = disk.kill();
    let engine = open_on(&disk);
    put(&existing(&engine, "a"), 1, "1").unwrap();
    drop(engine);
    remove_durable(&disk, Path::new("/data/.catalog")).unwrap();
    remove_durable(&disk, Path::new("/data/a.manifest")).unwrap();
    let disk = disk.kill();
    let engine = open_on(&disk);
    let error = engine
        .open_database(&name("a"), OpenMode::CreateNew)
        .unwrap_err();
    assert_eq!(error.code(), Code::FileOpen);
    assert_eq!(error.context().file.unwrap(), "a.wal");
}

#[test]
fn a_thousand_databases_are_listed_without_opening_one() {
    let disk = SimVfs::new(1);
    let engine = open_on(&disk);
    for number in 0..1000 {
        engine
            .open_database(&name(&format!("tenant-{number:04}")), OpenMode::CreateNew)
            .unwrap();
    }
    engine.close().unwrap();
    let disk = disk.kill();
    let engine = Engine::open(disk.host(), by_hand()).unwrap();
    let calls = disk.operations();
    assert!(calls < 20, "opening the engine took {calls} calls");
    let list = engine.list_databases();
    assert_eq!(list.len(), 1000);
    assert!(
        list.iter()
            .all(|info| info.status == DatabaseStatus::Closed)
    );
    put(&existing(&engine, "tenant-0500"), 1, "1").unwrap();
    assert_eq!(engine.statistics().open, 1);
}
