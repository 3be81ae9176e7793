use std::path::PathBuf;

use docdb_storage::{DataFile, Parity, StorageHome, data_file_path};
use docdb_types::{Code, DatabaseName, DocumentId, Error};
use docdb_vfs::{Host, OpenMode};

use super::copy::{Pace, copy, failed, file_name};
use super::index::{Image, Index};
use super::plan::Plan;
use super::report::{RestoreReport, Restored};
use super::store::{Store, files_of};
use crate::catalog::{Catalog, Entry, Identity, Status};
use crate::options::EngineOptions;
use crate::pool::{Databases, DirectoryLocks, Leftovers, LogicalDatabases, MemoryBudget, Reserve};
use crate::trouble;
use crate::verification::{open_accepting, verify_database};

/// Room that is left beside what is restored.
const SPARE_BYTES: u64 = 16 << 20;

/// What is restored, and from where.
#[derive(Debug, Clone)]
pub struct RestoreOptions {
    /// The directory of backups.
    pub directory: PathBuf,
    /// Which backup; `None`: the newest.
    pub number: Option<u64>,
    /// The databases; empty: all of the backup.
    pub databases: Vec<DatabaseName>,
    /// Bytes that are copied in a second at most; 0: as many as can be.
    pub bytes_per_second: u64,
}

/// Makes databases out of a backup, in a data directory that no engine has open, beside those that
/// are there. All of them appear, or none does.
///
/// # Durability
/// On success they survive a power cut. A crash before leaves none of them; the next restore
/// removes what is left of their files.
///
/// # Errors
/// `DbNotFound` for a database that is not in the backup, `DbExists` for one that the directory
/// has, `FileOpen` where files stand under its name; `CorruptRecord` where the backup is damaged;
/// `DiskFull` and the other errors of files. Nothing is left behind then.
pub fn restore(
    host: &Host,
    engine: &EngineOptions,
    options: &RestoreOptions,
) -> Result<RestoreReport, Error> {
    let store = Store::new(host, &options.directory);
    let number = store.chosen(options.number)?;
    let index = store.load(number)?;
    let taken_unix_ms = index.taken_unix_ms;
    let images = chosen(index, &options.databases)?;
    let run = Run {
        host,
        engine: EngineOptions {
            global_memory_bytes: u64::MAX,
            database_memory_bytes: u64::MAX,
            ..engine.clone()
        },
        store,
        rate: options.bytes_per_second,
    };
    Ok(RestoreReport {
        number,
        taken_unix_ms,
        databases: run.all(&images)?,
    })
}

fn chosen(index: Index, names: &[DatabaseName]) -> Result<Vec<Image>, Error> {
    let mut images = index.databases;
    for name in names {
        if !images.iter().any(|image| image.name == *name) {
            let text = "the backup does not hold it";
            return Err(Error::new(Code::DbNotFound, text).in_database(name));
        }
    }
    if !names.is_empty() {
        images.retain(|image| names.contains(&image.name));
    }
    Ok(images)
}

struct Run<'a> {
    host: &'a Host,
    engine: EngineOptions,
    store: Store,
    rate: u64,
}

impl Run<'_> {
    fn all(&self, images: &[Image]) -> Result<Vec<Restored>, Error> {
        let _locks = DirectoryLocks::take(self.host, &self.engine)?;
        let databases = LogicalDatabases::new(
            self.host.clone(),
            self.engine.database(),
            MemoryBudget::new(u64::MAX),
            Reserve::none(self.host),
        );
        let identify = |name: &DatabaseName| databases.identify(name);
        let directory = &self.engine.data_directory;
        let catalog = Catalog::open(self.host, directory, &identify)?;
        let plan = Plan::of(self.host, directory);
        clear(&plan, &catalog, &databases)?;
        self.check(images, &catalog, &databases)?;
        plan.begin(images.iter().map(|image| &image.name))?;
        let done = self.write(images, &catalog);
        if done.is_err() {
            // The next restore does what this does not.
            for image in images {
                let _ = databases.remove(&image.name);
            }
        }
        plan.end().and(done)
    }

    /// Refuses whatever would be written over, or has no room, before anything is written.
    fn check(
        &self,
        images: &[Image],
        catalog: &Catalog,
        databases: &LogicalDatabases,
    ) -> Result<(), Error> {
        let there = catalog.entries();
        for image in images {
            if there.iter().any(|entry| entry.identity.name == image.name) {
                let text = "it exists, and a restore writes over nothing: drop it, or restore to \
                            another data directory";
                return Err(Error::new(Code::DbExists, text).in_database(&image.name));
            }
            if let Leftovers::Data { file } = databases.leftovers(&image.name)? {
                let text = "files with data stand under its name: move them away";
                let error = Error::new(Code::FileOpen, text).in_database(&image.name);
                return Err(error.in_file(file));
            }
        }
        let files = images.iter().flat_map(|image| &image.manifest.data_files);
        let bytes: u64 = files.map(|file| file.file_bytes).sum();
        let directory = &self.engine.data_directory;
        let available = self.host.files.available_bytes(directory);
        let available = available.map_err(|error| failed("open", directory, &error))?;
        if available < bytes.saturating_add(SPARE_BYTES) {
            let text = format!(
                "the restore takes {bytes} bytes in {}, where {available} are available: make room",
                directory.display()
            );
            return Err(Error::new(Code::DiskFull, text));
        }
        Ok(())
    }

    fn write(&self, images: &[Image], catalog: &Catalog) -> Result<Vec<Restored>, Error> {
        let mut pace = Pace::begin(self.host, self.rate);
        let (mut entries, mut restored) = (Vec::new(), Vec::new());
        for image in images {
            let identity = Identity {
                id: catalog.take_id(),
                name: image.name.clone(),
                uid: image.uid,
            };
            let documents = self
                .one(image, &identity, &mut pace)
                .map_err(|error| error.in_database(&image.name))?;
            entries.push(Entry {
                identity,
                created_unix_ms: image.created_unix_ms,
                status: Status::Active,
                quotas: image.quotas,
            });
            let files = image.manifest.data_files.iter();
            restored.push(Restored {
                name: image.name.clone(),
                documents,
                last_transaction: image.manifest.last_transaction,
                bytes: files.map(|file| file.file_bytes).sum(),
            });
        }
        // CRASH: in front of this nothing of it is there; behind it all is.
        catalog.insert_all(entries)?;
        Ok(restored)
    }

    /// Writes the files of a database and reads them back; returns how many documents it has.
    fn one(&self, image: &Image, identity: &Identity, pace: &mut Pace) -> Result<u64, Error> {
        for ((key, checksum), record) in files_of(image).zip(&image.manifest.data_files) {
            let from = self.store.data_path(key);
            let to = data_file_path(&self.engine.data_directory, &image.name, record.number);
            self.file(&from, &to, record.file_bytes, checksum, pace)?;
        }
        let directory = &self.engine.data_directory;
        let synced = self.host.files.sync_dir(directory);
        synced.map_err(|error| failed("sync", directory, &error))?;
        let home = StorageHome {
            host: self.host.clone(),
            directory: directory.clone(),
            name: image.name.clone(),
            uid: image.uid,
        };
        image.manifest.store(&home).map_err(trouble::of_storage)?;
        for record in &image.manifest.data_files {
            let file = DataFile::open(&home, record.number).map_err(trouble::of_storage)?;
            file.encode_parity::<DocumentId>(Parity::DEFAULT, &mut |_| true)
                .map_err(trouble::of_storage)?;
        }
        // The log is new: it begins behind everything that the data files cover.
        let database = open_accepting(self.host, &self.engine, identity.clone())?;
        let covered = database.checkpoint();
        let documents = database.statistics().documents;
        let closed = database.close();
        covered?;
        closed?;
        drop(database);
        let verified = verify_database(self.host, &self.engine, identity);
        let damage = verified.findings.into_iter().find(|it| it.is_damage());
        match damage {
            None => Ok(documents),
            Some(finding) => {
                let text = format!("what was restored cannot be read back: {}", finding.what);
                Err(Error::new(Code::CorruptRecord, text).in_file(finding.file))
            }
        }
    }

    fn file(
        &self,
        from: &std::path::Path,
        to: &std::path::Path,
        length: u64,
        checksum: u32,
        pace: &mut Pace,
    ) -> Result<(), Error> {
        let source = self.host.files.open(from, OpenMode::Read);
        let source = source.map_err(|error| failed("open", from, &error))?;
        let read = |place: &mut [u8], offset| source.read_streamed_at(place, offset);
        let copied = copy(self.host, pace, &read, length, to);
        let copied = copied.map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => damaged(from),
            _ => failed("write", to, &error),
        })?;
        if copied == checksum {
            Ok(())
        } else {
            Err(damaged(from))
        }
    }
}

fn damaged(from: &std::path::Path) -> Error {
    let text = "the backup is damaged: its bytes are not those that were backed up";
    Error::new(Code::CorruptRecord, text).in_file(file_name(from))
}

/// Removes what a restore that was cut off has left.
fn clear(plan: &Plan<'_>, catalog: &Catalog, databases: &LogicalDatabases) -> Result<(), Error> {
    let there = catalog.entries();
    for name in plan.unfinished()? {
        // One that the catalog names was restored: only its note is left.
        if !there.iter().any(|entry| entry.identity.name == name) {
            databases.remove(&name)?;
        }
    }
    plan.end()
}
