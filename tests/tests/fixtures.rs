//! Data directories of this version, committed as digits, and opened for ever: what they held when
//! they were written must be what every later version finds. `DOCDB_WRITE_FIXTURES=1` writes them
//! again, which only a new format version has a reason to do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use docdb_engine::{
    Atomicity, Condition, DocumentHealth, Engine, EngineOptions, Housekeeping, OpenMode,
};
use docdb_types::{
    Action, Code, CollectionName, DatabaseName, Document, DocumentId, Limits, Operation,
};
use docdb_vfs::{CrashProfile, OpenMode as FileMode, SimVfs, Vfs};

fn options() -> EngineOptions {
    EngineOptions {
        segment_bytes: EngineOptions::MIN_SEGMENT_BYTES,
        keep_segments: 1,
        housekeeping: Housekeeping::Manual,
        ..EngineOptions::in_directory("/data")
    }
}

fn name() -> DatabaseName {
    DatabaseName::new("shop").unwrap()
}

fn text_of(id: u64) -> String {
    format!(
        r#"{{"id":{id},"price":{}.50,"note":"{}"}}"#,
        id * 3,
        "é".repeat(id as usize * 20)
    )
}

/// Documents 1 to 12 without 5, some in a data file and some in the log, and an empty collection.
fn write(disk: &SimVfs) -> Engine {
    let engine = Engine::open(disk.host(), options()).unwrap();
    let opened = engine
        .open_database(&name(), OpenMode::CreateIfMissing)
        .unwrap();
    let database = opened.database;
    database
        .create_collection(&CollectionName::new("orders").unwrap())
        .unwrap();
    for id in 1..=12 {
        let operation = Operation {
            collection: CollectionName::DEFAULT,
            action: Action::Upsert {
                id: DocumentId::new(id).unwrap(),
                document: Document::from_text(&text_of(id), &Limits::DEFAULT).unwrap(),
            },
        };
        let answers = database.execute(vec![operation], Atomicity::All);
        assert!(answers.iter().all(Result::is_ok));
        if id == 6 {
            database.checkpoint().unwrap();
        }
    }
    let five = DocumentId::new(5).unwrap();
    database
        .delete(&CollectionName::DEFAULT, five, None)
        .unwrap();
    engine
}

fn path_of(fixture: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(format!("{fixture}.hex"))
}

fn store(fixture: &str, disk: &SimVfs) {
    let mut text =
        String::from("# A data directory of format version 1: path, length, and its bytes.\n");
    for path in disk.paths() {
        let bytes = disk.bytes(&path).unwrap();
        // Zeros at the end of a file stand in its length.
        let length = bytes.len();
        let kept = bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |at| at + 1);
        writeln!(text, "{} {length}", path.display()).unwrap();
        for line in bytes[..kept].chunks(48) {
            let digits: String = line.iter().map(|byte| format!("{byte:02x}")).collect();
            writeln!(text, "  {digits}").unwrap();
        }
    }
    fs::write(path_of(fixture), text).unwrap();
}

fn load(fixture: &str) -> SimVfs {
    let disk = SimVfs::new(9);
    for directory in ["/data", "/data/wal"] {
        disk.create_dir(Path::new(directory)).unwrap();
    }
    let text = fs::read_to_string(path_of(fixture)).unwrap();
    let mut file = None;
    let mut at = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match line.strip_prefix("  ") {
            None => {
                let (path, length) = line.rsplit_once(' ').unwrap();
                let opened = disk.open(Path::new(path), FileMode::CreateNew).unwrap();
                opened.set_len(length.parse().unwrap()).unwrap();
                (file, at) = (Some(opened), 0);
            }
            Some(digits) => {
                let bytes: Vec<u8> = (0..digits.len())
                    .step_by(2)
                    .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
                    .collect();
                file.as_ref().unwrap().write_all_at(&bytes, at).unwrap();
                at += bytes.len() as u64;
            }
        }
    }
    disk.crash(CrashProfile::KeepAll, 1)
}

#[test]
fn directories_of_version_1_hold_what_they_held() {
    if std::env::var_os("DOCDB_WRITE_FIXTURES").is_some() {
        let disk = SimVfs::new(5);
        write(&disk).close().unwrap();
        store("clean", &disk);
        let disk = SimVfs::new(6);
        let engine = write(&disk);
        let killed = disk.crash(CrashProfile::KeepAll, 1);
        store("killed", &killed);
        // A bit of the first record of the data file.
        killed
            .flip_bit(Path::new("/data/shop.data.1"), 110, 3)
            .unwrap();
        store("damaged", &killed);
        drop(engine);
    }
    for fixture in ["clean", "killed", "damaged"] {
        let disk = load(fixture);
        for round in 0..2 {
            let engine = Engine::open(disk.host(), options()).unwrap();
            let opened = engine
                .open_database(&name(), OpenMode::ExistingOnly)
                .unwrap_or_else(|error| panic!("{fixture}: {error:?}"));
            let database = opened.database;
            assert_eq!(database.condition(), Condition::Serving, "{fixture}");
            assert_eq!(database.list_collections().unwrap().len(), 2, "{fixture}");
            if fixture == "damaged" && round == 0 {
                // Its log has the document still.
                let first = DocumentId::new(1).unwrap();
                let found = database.validate(&CollectionName::DEFAULT, first).unwrap();
                assert_eq!(found.health, DocumentHealth::Healed);
            }
            for id in 1..=12 {
                let read = database.read(&CollectionName::DEFAULT, DocumentId::new(id).unwrap());
                match id {
                    5 => assert_eq!(read.unwrap_err().code(), Code::DocNotFound),
                    _ => {
                        let found = read.unwrap_or_else(|error| panic!("{fixture}: {error:?}"));
                        assert_eq!(found.document.unwrap(), text_of(id), "{fixture}");
                    }
                }
            }
            drop(database);
            engine.close().unwrap();
        }
    }
}
