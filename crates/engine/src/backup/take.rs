use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use docdb_storage::{
    DataFile, DataFileNumber, DataFileRecord, Manifest, StorageError, StorageHome,
};
use docdb_types::{CheckpointScope, Code, DatabaseName, Error};
use docdb_vfs::Host;

use super::copy::{Pace, checksum, copy, failed, read_back};
use super::index::{Image, Index};
use super::report::{BackupFailure, BackupReport};
use super::store::{FileKey, Store, backed_up, key, remove_if_there, summary};
use crate::catalog::{self, Entry, Status};
use crate::options::EngineOptions;
use crate::pool::{Engine, OpenMode};
use crate::trouble;

/// How often a database is asked for a checkpoint where another one, or a merge, came between that and
/// the opening of its files.
const TRIES: usize = 20;
/// Room that is left beside what is copied: for the index, and for whoever else writes there.
const SPARE_BYTES: u64 = 4 << 20;

/// What is backed up, and where to.
#[derive(Debug, Clone)]
pub struct BackupOptions {
    /// The data directory.
    pub data_directory: PathBuf,
    /// The directory of backups; made where it is missing.
    pub directory: PathBuf,
    /// The databases; empty: all.
    pub databases: Vec<DatabaseName>,
    /// Backups that are kept, this one among them; 0: all.
    pub keep: u64,
    /// Bytes that are copied and read back in a second, on the average, at most; 0: as many as can be.
    pub bytes_per_second: u64,
}

/// Backs up databases of a data directory, whether or not an engine has it open: `checkpoint` has a
/// checkpoint of a whole database ([`CheckpointScope::Whole`]) made by whoever has, and answers with
/// the generation of the manifest that names its files.
///
/// # Durability
/// On success the backup survives a power cut. A crash before leaves the backups that were there.
///
/// # Errors
/// `DbNotFound` for a database that was named and does not exist; `DiskFull` and the other errors
/// of writing: what was copied is removed again then. A database that cannot be read is no error
/// but a failure of the report, unless it is the only one.
pub fn back_up(
    host: &Host,
    options: &BackupOptions,
    checkpoint: &mut dyn FnMut(&DatabaseName) -> Result<u64, Error>,
) -> Result<BackupReport, Error> {
    let wanted = wanted(host, options)?;
    let store = Store::new(host, &options.directory);
    let lock = store.prepare()?;
    let mut run = Run {
        host,
        data_directory: &options.data_directory,
        known: store.known()?,
        pace: Pace::begin_with_reading_back(host, options.bytes_per_second),
        store,
    };
    let report = run.all(wanted, options, checkpoint);
    if report.is_err() {
        // What stands in the way of that is not worse than what stood in the way of the backup.
        let _ = run.store.sweep();
    }
    drop(lock);
    report
}

/// [`back_up`] of a data directory that no engine has open: opens it, and closes it again.
///
/// # Errors
/// Those of [`back_up`] and of [`Engine::open`].
pub fn back_up_closed(
    host: &Host,
    engine: &EngineOptions,
    options: &BackupOptions,
) -> Result<BackupReport, Error> {
    // A directory that is missing is not to be made.
    wanted(host, options)?;
    let engine = Engine::open(host.clone(), engine.clone())?;
    let report = back_up(host, options, &mut |name| {
        let database = engine.open_database(name, OpenMode::ExistingOnly)?.database;
        let report = database.checkpoint_of(CheckpointScope::Whole)?;
        Ok(report.generation)
    });
    let closed = engine.close();
    let report = report?;
    closed?;
    Ok(report)
}

/// The databases that are to be backed up, as the catalog knows them.
fn wanted(host: &Host, options: &BackupOptions) -> Result<Vec<Entry>, Error> {
    let found = catalog::read(&*host.files, &options.data_directory)?;
    let (mut entries, _) = found.ok_or_else(|| {
        let shown = options.data_directory.display();
        let text = format!("{shown} is no data directory: it holds no catalog that can be read");
        Error::new(Code::FileRead, text)
    })?;
    entries.retain(|entry| entry.status == Status::Active);
    for name in &options.databases {
        if !entries.iter().any(|entry| entry.identity.name == *name) {
            return Err(Error::new(Code::DbNotFound, Code::DbNotFound.meaning()).in_database(name));
        }
    }
    if !options.databases.is_empty() {
        entries.retain(|entry| options.databases.contains(&entry.identity.name));
    }
    Ok(entries)
}

/// Opens the data files of a manifest that hold everything of what they cover.
///
/// INVARIANT: the manifest is the one of a checkpoint of the whole database. Data files of any other
/// one need not have the versions that were replaced while it was made: those stand in the log, which
/// is not copied. Once open, a file can be read however long it is gone from its directory.
fn open_whole(
    home: &StorageHome,
    checkpoint: &mut dyn FnMut(&DatabaseName) -> Result<u64, Error>,
) -> Result<(Manifest, Vec<DataFile>), Error> {
    for _ in 0..TRIES {
        let wanted = checkpoint(&home.name)?;
        let manifest = Manifest::load(home).map_err(trouble::of_storage)?.manifest;
        if manifest.generation < wanted {
            let text =
                "the checkpoint was made in another data directory than the one to be copied";
            return Err(Error::new(Code::Internal, text));
        }
        if manifest.generation == wanted
            && let Some(files) = open_all(home, &manifest).map_err(trouble::of_storage)?
        {
            return Ok((manifest, files));
        }
    }
    let text = "other checkpoints and merges come between all the time: take the backup when less is written";
    Err(Error::new(Code::Timeout, text).in_database(&home.name))
}

struct Run<'a> {
    host: &'a Host,
    data_directory: &'a Path,
    store: Store,
    /// Checksums of copies that earlier backups name.
    known: BTreeMap<FileKey, u32>,
    pace: Pace,
}

impl Run<'_> {
    fn all(
        &mut self,
        wanted: Vec<Entry>,
        options: &BackupOptions,
        checkpoint: &mut dyn FnMut(&DatabaseName) -> Result<u64, Error>,
    ) -> Result<BackupReport, Error> {
        let taken = self.host.clock.unix_time().as_millis();
        let mut index = Index {
            taken_unix_ms: u64::try_from(taken).unwrap_or(u64::MAX),
            databases: Vec::new(),
        };
        let (mut copied, mut failures) = (Vec::new(), Vec::new());
        for entry in wanted {
            let name = entry.identity.name.clone();
            match self.one(&entry, checkpoint) {
                Ok((image, bytes)) => {
                    index.databases.push(image);
                    copied.push(bytes);
                }
                Err(error) if spoils_all(&error) => return Err(error),
                // It was dropped while others were copied.
                Err(error) if error.code() == Code::DbNotFound && options.databases.is_empty() => {}
                Err(error) => failures.push(BackupFailure { name, error }),
            }
        }
        if index.databases.is_empty()
            && let Some(first) = failures.pop()
        {
            return Err(first.error.in_database(&first.name));
        }
        let numbers = self.store.numbers()?;
        let number = numbers.last().map_or(1, |last| last + 1);
        self.store.publish(number, &index)?;
        let removed = if failures.is_empty() {
            self.prune(&numbers, options.keep)?
        } else {
            Vec::new()
        };
        let mut summary = summary(number, &index);
        let images = index.databases.iter().zip(copied);
        summary.databases = images
            .map(|(image, bytes)| backed_up(image, bytes))
            .collect();
        Ok(BackupReport {
            summary,
            failures,
            removed,
        })
    }

    /// Copies one database; returns what it consists of and how many bytes were copied.
    fn one(
        &mut self,
        entry: &Entry,
        checkpoint: &mut dyn FnMut(&DatabaseName) -> Result<u64, Error>,
    ) -> Result<(Image, u64), Error> {
        let identity = &entry.identity;
        let home = StorageHome {
            host: self.host.clone(),
            directory: self.data_directory.to_owned(),
            name: identity.name.clone(),
            uid: identity.uid,
        };
        let (manifest, files) = open_whole(&home, checkpoint)?;
        let missing = |record: &&DataFileRecord| !self.known.contains_key(&key(home.uid, record));
        let bytes = manifest.data_files.iter().filter(missing);
        self.check_space(bytes.map(|record| record.file_bytes).sum())?;
        let (mut checksums, mut copied) = (Vec::new(), 0);
        for file in &files {
            let (checksum, bytes) = self.file(&home, file)?;
            checksums.push(checksum);
            copied += bytes;
        }
        let image = Image {
            name: identity.name.clone(),
            uid: identity.uid,
            created_unix_ms: entry.created_unix_ms,
            quotas: entry.quotas,
            manifest,
            checksums,
        };
        Ok((image, copied))
    }

    fn check_space(&self, bytes: u64) -> Result<(), Error> {
        let directory = &self.store.directory;
        let available = self.host.files.available_bytes(directory);
        let available = available.map_err(|error| failed("open", directory, &error))?;
        if bytes == 0 || available >= bytes.saturating_add(SPARE_BYTES) {
            return Ok(());
        }
        let text = format!(
            "the backup takes {bytes} bytes more in {}, where {available} are available: make room, \
             or give another directory",
            directory.display()
        );
        Err(Error::new(Code::DiskFull, text))
    }

    /// Sees to it that there is a copy of a data file; returns its checksum and the bytes that were
    /// copied for it.
    fn file(&mut self, home: &StorageHome, file: &DataFile) -> Result<(u32, u64), Error> {
        let record = file.record();
        let key = key(home.uid, &record);
        let path = self.store.data_path(key);
        if let Some(found) = self.length(&path)? {
            match self.known.get(&key) {
                Some(checksum) if found == record.file_bytes => return Ok((*checksum, 0)),
                // A backup that was cut off has left it behind.
                None if found == record.file_bytes
                    && read_back(self.host, &mut self.pace, home, &record, &path).is_ok() =>
                {
                    let checksum = self.checksum(&path, found)?;
                    self.known.insert(key, checksum);
                    return Ok((checksum, 0));
                }
                _ => remove_if_there(self.host, &path)?,
            }
        }
        let copied = self.copy(home, file, &path);
        let checksum = copied.or_else(|error| {
            // Where records are damaged parity may have them: the copy is then what the file was.
            match DataFile::open_restored(home, record.number) {
                Ok(restored)
                    if error.code() == Code::CorruptRecord && restored.record() == record =>
                {
                    self.copy(home, &restored, &path)
                }
                _ => Err(error),
            }
        })?;
        self.known.insert(key, checksum);
        Ok((checksum, record.file_bytes))
    }

    fn copy(&mut self, home: &StorageHome, file: &DataFile, path: &Path) -> Result<u32, Error> {
        let temporary = path.with_added_extension("tmp");
        remove_if_there(self.host, &temporary)?;
        let read = |place: &mut [u8], offset| file.read_bytes(place, offset);
        let copied = copy(
            self.host,
            &mut self.pace,
            &read,
            file.file_bytes(),
            &temporary,
        );
        let checksum = copied.map_err(|error| failed("write", &temporary, &error))?;
        // The name in the message is that of the file as the database knows it.
        read_back(self.host, &mut self.pace, home, &file.record(), &temporary)
            .map_err(|error| error.in_file(super::copy::file_name(file.path())))?;
        let renamed = self.host.files.rename(&temporary, path);
        renamed.map_err(|error| failed("write", path, &error))?;
        Ok(checksum)
    }

    fn length(&self, path: &Path) -> Result<Option<u64>, Error> {
        let files = &*self.host.files;
        if !files
            .exists(path)
            .map_err(|error| failed("open", path, &error))?
        {
            return Ok(None);
        }
        let length = files
            .open(path, docdb_vfs::OpenMode::Read)
            .and_then(|file| file.length());
        length
            .map(Some)
            .map_err(|error| failed("open", path, &error))
    }

    fn checksum(&self, path: &Path, length: u64) -> Result<u32, Error> {
        let file = self.host.files.open(path, docdb_vfs::OpenMode::Read);
        file.and_then(|file| checksum(&*file, length))
            .map_err(|error| failed("read", path, &error))
    }

    /// Removes the oldest backups beyond those that are kept.
    fn prune(&self, older: &[u64], keep: u64) -> Result<Vec<u64>, Error> {
        let most = usize::try_from(keep).unwrap_or(usize::MAX);
        let surplus = if keep == 0 {
            0
        } else {
            (older.len() + 1).saturating_sub(most)
        };
        let removed = older.get(..surplus.min(older.len())).unwrap_or_default();
        for number in removed {
            self.store.remove(*number)?;
        }
        self.store.sweep()?;
        Ok(removed.to_vec())
    }
}

/// Opens every data file that a manifest names; `None`: one of them is replaced by now.
fn open_all(
    home: &StorageHome,
    manifest: &Manifest,
) -> Result<Option<Vec<DataFile>>, StorageError> {
    let opened: Result<Vec<_>, _> = manifest
        .data_files
        .iter()
        .map(|record| {
            let file = at_best(home, record.number)?;
            file.hold()?;
            Ok(file)
        })
        .collect();
    // ORDER: what is live once it is held stays whole.
    let is_live = Manifest::load(home)?.manifest == *manifest;
    match opened {
        _ if !is_live => Ok(None),
        Ok(files) if !is_of(manifest, &files) => Err(StorageError::NoDataFile {
            directory: home.directory.clone(),
        }),
        opened => opened.map(Some),
    }
}

/// A data file as it stands, or through its parity where its frame is damaged.
fn at_best(home: &StorageHome, number: DataFileNumber) -> Result<DataFile, StorageError> {
    let opened = DataFile::open_at_best(home, number)?;
    match opened.damage {
        Some(damage) if opened.file.is_salvaged() => Err(damage),
        _ => Ok(opened.file),
    }
}

fn is_of(manifest: &Manifest, files: &[DataFile]) -> bool {
    let records = manifest.data_files.iter();
    records.eq(files
        .iter()
        .map(DataFile::record)
        .collect::<Vec<_>>()
        .iter())
}

/// Whether an error is one of the directory of backups, and not of a database.
const fn spoils_all(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::DiskFull | Code::FileWrite | Code::FileSync | Code::Network | Code::PoolStopped
    )
}
