//! A data directory as an engine leaves it, for files to be replaced in, and what is then done with
//! it: open, read all, write, checkpoint, compact, close, and open again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use docdb_engine::{Atomicity, DatabaseStatus, Engine, EngineOptions, Housekeeping, OpenMode};
use docdb_types::{
    Action, CollectionName, DatabaseName, Document, DocumentId, FsyncMode, Limits, Operation,
};
use docdb_vfs::{CrashProfile, OpenMode as FileMode, SimVfs, Vfs, read_whole};

use super::repair::{Kind, repair};
use crate::oracle::documents_of;

/// What a directory was when nobody had touched it.
pub(super) struct Sample {
    disk: SimVfs,
    /// Its files, sorted.
    pub(super) files: Vec<PathBuf>,
    written: BTreeSet<Vec<u8>>,
}

fn options() -> EngineOptions {
    EngineOptions {
        fsync: FsyncMode::Group,
        segment_bytes: EngineOptions::MIN_SEGMENT_BYTES,
        keep_segments: 1,
        compaction_threshold_bytes: 0,
        housekeeping: Housekeeping::Manual,
        ..EngineOptions::in_directory("/data")
    }
}

fn upsert(id: u64, text: &str) -> Operation {
    Operation {
        collection: CollectionName::DEFAULT,
        action: Action::Upsert {
            id: DocumentId::new(id).expect("above zero"),
            document: Document::from_text(text, &Limits::DEFAULT).expect("valid JSON"),
        },
    }
}

/// The directory that every input is put into.
pub(super) fn sample() -> &'static Sample {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        let disk = SimVfs::new(1);
        let mut written = BTreeSet::new();
        let engine = Engine::open(disk.host(), options()).expect("a healthy disk");
        for name in ["t", "other"] {
            let name = DatabaseName::new(name).expect("a valid name");
            let opened = engine
                .open_database(&name, OpenMode::CreateIfMissing)
                .expect("a healthy disk");
            let orders = CollectionName::new("orders").expect("a valid name");
            opened.database.create_collection(&orders).expect("new");
            for round in 0..3_u64 {
                for id in 1..=8_u64 {
                    let filler = "x".repeat((id * 90) as usize);
                    let text = format!(r#"{{"r":{round},"id":{id},"f":"{filler}"}}"#);
                    written.insert(text.clone().into_bytes());
                    let operations = vec![upsert(id + round * 3, &text)];
                    let _ = opened.database.execute(operations, Atomicity::All);
                }
                let gone = DocumentId::new(2 + round).expect("above zero");
                let _ = opened.database.delete(&CollectionName::DEFAULT, gone, None);
                if round < 2 {
                    opened.database.checkpoint().expect("a healthy disk");
                }
            }
        }
        // Killed, not closed: the log holds something.
        let disk = disk.crash(CrashProfile::KeepAll, 1);
        drop(engine);
        Sample {
            files: disk.paths(),
            disk,
            written,
        }
    })
}

impl Sample {
    /// The bytes of a file.
    pub(super) fn bytes(&self, path: &str) -> Vec<u8> {
        self.disk.bytes(Path::new(path)).unwrap_or_default()
    }

    pub(super) fn fresh(&self) -> SimVfs {
        self.disk.image(CrashProfile::KeepAll, 0)
    }
}

/// Puts `bytes` in the place of a file; nothing removes it.
pub(super) fn replace(disk: &SimVfs, path: &Path, bytes: &[u8]) {
    let _ = disk.remove(path);
    if let Ok(file) = disk.open(path, FileMode::CreateNew) {
        let _ = file.write_all_at(bytes, 0);
        let _ = file.sync_all();
    }
    if let Some(parent) = path.parent() {
        let _ = disk.sync_dir(parent);
    }
}

/// Puts right the checksums of a file on a disk.
pub(super) fn repair_on(disk: &SimVfs, path: &Path) {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return;
    };
    let kind = if name.contains(".wal") {
        Kind::Log
    } else if name.contains(".data.") {
        Kind::Data
    } else if name.contains(".parity.") {
        Kind::Parity
    } else if name.ends_with(".manifest") {
        Kind::Manifest
    } else if name == ".catalog" {
        Kind::Catalog
    } else {
        return;
    };
    if let Ok(mut bytes) = read_whole(disk, path, 1 << 24) {
        repair(kind, &mut bytes);
        replace(disk, path, &bytes);
    }
}

/// Opens, reads, writes, checkpoints, compacts, closes and opens again. With `authentic`, the
/// checksums are what they were, so that nothing may be served that was not written. Databases that
/// nobody `touched` are left out.
///
/// # Panics
/// Where something was served that nobody had written.
pub(super) fn exercise(disk: &SimVfs, authentic: bool, touched: &dyn Fn(&str) -> bool) {
    for round in 0..2 {
        let Ok(engine) = Engine::open(disk.host(), options()) else {
            return;
        };
        for info in engine.list_databases() {
            let is_dropping = matches!(info.status, DatabaseStatus::Dropping);
            if is_dropping || !touched(info.name.as_str()) {
                continue;
            }
            let Ok(opened) = engine.open_database(&info.name, OpenMode::ExistingOnly) else {
                continue;
            };
            read_all(&opened.database, authentic);
            if round == 0 {
                let later = Operation {
                    collection: CollectionName::DEFAULT,
                    action: Action::Create {
                        id: None,
                        document: Document::from_text("7", &Limits::DEFAULT).expect("valid JSON"),
                    },
                };
                let _ = opened
                    .database
                    .execute(vec![later, upsert(5, "7")], Atomicity::Each);
                let _ = opened.database.checkpoint();
                let _ = opened.database.compact();
            }
            let _ = opened.database.statistics();
        }
        let _ = engine.close();
    }
}

fn read_all(database: &Arc<docdb_engine::LogicalDb>, authentic: bool) {
    let Ok(collections) = database.list_collections() else {
        return;
    };
    for info in collections {
        let Ok(found) = documents_of(database, &info.name, None) else {
            for id in 1..20 {
                let id = DocumentId::new(id).expect("above zero");
                let _ = database.read(&info.name, id);
            }
            continue;
        };
        if authentic {
            for (id, (_, text)) in found {
                assert!(
                    text == b"7" || sample().written.contains(&text),
                    "document {id} is what nobody wrote"
                );
            }
        }
    }
}
