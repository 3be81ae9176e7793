use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use docdb_storage::{DataFileNumber, DataFileRecord};
use docdb_types::{Code, DatabaseUid, Error};
use docdb_vfs::{
    EntryKind, Host, Lock, LockError, create_dir_durable, read_whole, remove_durable, write_whole,
};

use super::copy::{failed, file_name};
use super::index::{self, Image, Index, Refusal};
use super::report::{BackedUp, BackupSummary};

/// Longest index that is read.
const MAX_INDEX_BYTES: u64 = 4 << 30;
const INDEX_SUFFIX: &str = ".backup";
const DATA: &str = "data";
const LOCK: &str = ".lock";

/// Which data file a copy is of, whatever life of a database it belongs to.
pub(super) type FileKey = (DatabaseUid, DataFileNumber, u64);

pub(super) fn key(uid: DatabaseUid, record: &DataFileRecord) -> FileKey {
    (uid, record.number, record.salt)
}

/// A directory of backups.
pub(super) struct Store {
    pub(super) host: Host,
    pub(super) directory: PathBuf,
}

/// The right to change it.
pub(super) struct StoreLock {
    _lock: Box<dyn Lock>,
}

impl Store {
    pub(super) fn new(host: &Host, directory: &Path) -> Self {
        Self {
            host: host.clone(),
            directory: directory.to_owned(),
        }
    }

    /// Makes the directory where it is missing, and keeps every other backup away from it.
    ///
    /// # Errors
    /// `FileOpen` where something else is there, or another backup is under way.
    pub(super) fn prepare(&self) -> Result<StoreLock, Error> {
        let files = &*self.host.files;
        create_dir_durable(files, &self.directory)
            .map_err(|error| failed("create", &self.directory, &error))?;
        if let Some(strange) = self.strange()? {
            let text = format!(
                "{} holds {strange:?}, which is no backup: give a directory of its own",
                self.directory.display()
            );
            return Err(Error::new(Code::FileOpen, text));
        }
        let data = self.directory.join(DATA);
        create_dir_durable(files, &data).map_err(|error| failed("create", &data, &error))?;
        let path = self.directory.join(LOCK);
        match files.lock(&path) {
            Ok(lock) => Ok(StoreLock { _lock: lock }),
            Err(LockError::Io(error)) => Err(failed("open", &path, &error)),
            Err(error) => {
                let shown = self.directory.display();
                let text = format!("{shown} is in use by another backup: {error}");
                Err(Error::new(Code::FileOpen, text))
            }
        }
    }

    /// Something in the directory that no backup has put there.
    fn strange(&self) -> Result<Option<OsString>, Error> {
        let entries = self.list(&self.directory)?;
        Ok(entries
            .into_iter()
            .find(|(name, kind)| match name.to_str() {
                Some(LOCK) => false,
                Some(DATA) => *kind != EntryKind::Directory,
                Some(name) => !name.ends_with(INDEX_SUFFIX) && !name.ends_with(".backup.tmp"),
                None => true,
            })
            .map(|(name, _)| name))
    }

    fn list(&self, directory: &Path) -> Result<Vec<(OsString, EntryKind)>, Error> {
        let entries = self.host.files.list(directory);
        let entries = entries.map_err(|error| failed("open", directory, &error))?;
        Ok(entries.into_iter().map(|it| (it.name, it.kind)).collect())
    }

    /// The numbers of the backups, ascending.
    pub(super) fn numbers(&self) -> Result<Vec<u64>, Error> {
        let entries = self.list(&self.directory)?;
        let mut numbers: Vec<_> = entries
            .iter()
            .filter_map(|(name, _)| {
                let digits = name.to_str()?.strip_suffix(INDEX_SUFFIX)?;
                let number: u64 = digits.parse().ok()?;
                (number.to_string() == digits && number > 0).then_some(number)
            })
            .collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The backup of a number, or the newest.
    ///
    /// # Errors
    /// `FileOpen` where there is none.
    pub(super) fn chosen(&self, number: Option<u64>) -> Result<u64, Error> {
        let numbers = self.numbers()?;
        let shown = self.directory.display();
        let missing = |text: String| Error::new(Code::FileOpen, text);
        match number {
            None => numbers
                .last()
                .copied()
                .ok_or_else(|| missing(format!("{shown} holds no backup"))),
            Some(number) if numbers.contains(&number) => Ok(number),
            Some(number) => Err(missing(format!("{shown} holds no backup {number}"))),
        }
    }

    fn index_path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number}{INDEX_SUFFIX}"))
    }

    pub(super) fn data_directory(&self) -> PathBuf {
        self.directory.join(DATA)
    }

    /// Where the copy of a data file is.
    pub(super) fn data_path(&self, (uid, number, salt): FileKey) -> PathBuf {
        self.data_directory()
            .join(format!("{uid}.{number}.{salt:016x}"))
    }

    /// What a backup consists of.
    ///
    /// # Errors
    /// `CorruptRecord` for an index that is damaged, `FileOpen` for one of a newer format, and the
    /// errors of files.
    pub(super) fn load(&self, number: u64) -> Result<Index, Error> {
        let path = self.index_path(number);
        let bytes = read_whole(&*self.host.files, &path, MAX_INDEX_BYTES)
            .map_err(|error| failed("read", &path, &error))?;
        index::decode(&bytes).map_err(|refusal| {
            let error = match refusal {
                Refusal::Damaged => {
                    let text = format!("the index of backup {number} is damaged: remove it, or take backups elsewhere");
                    Error::new(Code::CorruptRecord, text)
                }
                Refusal::Newer(version) => {
                    let text =
                        format!("backup {number} has format {version}, this program knows 1");
                    Error::new(Code::FileOpen, text)
                }
            };
            error.in_file(file_name(&path))
        })
    }

    /// Makes a backup one: everything that its index names is durable.
    pub(super) fn publish(&self, number: u64, index: &Index) -> Result<(), Error> {
        let data = self.data_directory();
        let files = &*self.host.files;
        // ORDER: the names of the copies before the index that names them.
        files
            .sync_dir(&data)
            .map_err(|error| failed("sync", &data, &error))?;
        let path = self.index_path(number);
        write_whole(files, &path, &index::encode(index))
            .map_err(|error| failed("write", &path, &error))
    }

    /// Makes a backup none. What only it names goes with the next [`sweep`](Self::sweep).
    pub(super) fn remove(&self, number: u64) -> Result<(), Error> {
        let path = self.index_path(number);
        remove_durable(&*self.host.files, &path).map_err(|error| failed("remove", &path, &error))
    }

    /// The checksums of all copies that any backup names.
    ///
    /// # Errors
    /// That of an index that cannot be read: what it names is not known then.
    pub(super) fn known(&self) -> Result<BTreeMap<FileKey, u32>, Error> {
        let mut known = BTreeMap::new();
        for number in self.numbers()? {
            for image in self.load(number)?.databases {
                known.extend(files_of(&image));
            }
        }
        Ok(known)
    }

    /// Removes copies that no backup names.
    pub(super) fn sweep(&self) -> Result<(), Error> {
        let known = self.known()?;
        let named: BTreeSet<_> = known.keys().map(|key| self.data_path(*key)).collect();
        let data = self.data_directory();
        for (name, _) in self.list(&data)? {
            let path = data.join(name);
            if !named.contains(&path) {
                remove_if_there(&self.host, &path)?;
            }
        }
        let synced = self.host.files.sync_dir(&data);
        synced.map_err(|error| failed("sync", &data, &error))
    }
}

/// The data files of an image, with the checksums of their copies.
pub(super) fn files_of(image: &Image) -> impl Iterator<Item = (FileKey, u32)> {
    let files = image.manifest.data_files.iter().zip(&image.checksums);
    files.map(|(record, checksum)| (key(image.uid, record), *checksum))
}

pub(super) fn remove_if_there(host: &Host, path: &Path) -> Result<(), Error> {
    match host.files.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed("remove", path, &error))
        }
        _ => Ok(()),
    }
}

pub(super) fn summary(number: u64, index: &Index) -> BackupSummary {
    BackupSummary {
        number,
        taken_unix_ms: index.taken_unix_ms,
        databases: index.databases.iter().map(|it| backed_up(it, 0)).collect(),
    }
}

pub(super) fn backed_up(image: &Image, copied_bytes: u64) -> BackedUp {
    let files = &image.manifest.data_files;
    BackedUp {
        name: image.name.clone(),
        last_transaction: image.manifest.last_transaction,
        files: files.len() as u64,
        bytes: files.iter().map(|file| file.file_bytes).sum(),
        copied_bytes,
    }
}

/// The backups of a directory, the oldest first.
///
/// # Errors
/// `FileOpen` where there is no such directory; those of an index that cannot be read.
pub fn list_backups(host: &Host, directory: &Path) -> Result<Vec<BackupSummary>, Error> {
    let store = Store::new(host, directory);
    let numbers = store.numbers()?.into_iter();
    numbers
        .map(|number| Ok(summary(number, &store.load(number)?)))
        .collect()
}
