use std::path::Path;

use docdb_types::{Code, Error};
use docdb_vfs::{Host, Lock, LockError, create_dir_durable};

use crate::options::EngineOptions;

/// The directories of an engine, locked against every other one until this is dropped.
#[derive(Debug)]
pub(crate) struct DirectoryLocks {
    _data: Box<dyn Lock>,
    /// Two engines with different data directories must not share one of logs either. `None` where
    /// both are one directory.
    _wal: Option<Box<dyn Lock>>,
}

impl DirectoryLocks {
    /// Creates the directories that are missing, and locks them by their files `.lock`.
    ///
    /// # Durability
    /// Directories that were created survive a crash.
    ///
    /// # Errors
    /// `FileOpen`: another engine has one of them, and the text names its process.
    pub(crate) fn take(host: &Host, options: &EngineOptions) -> Result<Self, Error> {
        let (data, wal) = (&options.data_directory, &options.wal_directory);
        let data_lock = lock(host, data)?;
        let wal_lock = if wal == data {
            None
        } else {
            Some(lock(host, wal)?)
        };
        Ok(Self {
            _data: data_lock,
            _wal: wal_lock,
        })
    }
}

impl DirectoryLocks {
    /// Locks directories that exist, without creating any.
    ///
    /// # Errors
    /// `FileOpen`: the data directory is missing, or another engine has one of them.
    pub(crate) fn of_existing(host: &Host, options: &EngineOptions) -> Result<Self, Error> {
        let missing = |directory: &Path| {
            let shown = directory.display();
            host.files
                .list_prefixed(directory, ".lock".as_ref())
                .err()
                .map(|error| {
                    Error::new(Code::FileOpen, format!("cannot look into {shown}: {error}"))
                })
        };
        if let Some(error) = missing(&options.data_directory) {
            return Err(error);
        }
        let (data, wal) = (&options.data_directory, &options.wal_directory);
        let data_lock = lock_existing(host, data)?;
        let wal_lock = if wal == data || missing(wal).is_some() {
            None
        } else {
            Some(lock_existing(host, wal)?)
        };
        Ok(Self {
            _data: data_lock,
            _wal: wal_lock,
        })
    }
}

/// Whether an engine has a data directory open: `None` where none has, else its process, as far as
/// it is known.
///
/// # Errors
/// `FileOpen`: there is no such directory, or it cannot be locked.
pub fn holder(host: &Host, data_directory: &Path) -> Result<Option<Option<u32>>, Error> {
    let shown = data_directory.display();
    let failed = |error: &dyn std::fmt::Display| {
        Error::new(Code::FileOpen, format!("cannot look into {shown}: {error}"))
    };
    host.files
        .list_prefixed(data_directory, ".lock".as_ref())
        .map_err(|error| failed(&error))?;
    match host.files.lock(&data_directory.join(".lock")) {
        Ok(_) => Ok(None),
        Err(LockError::Held { pid }) => Ok(Some(pid)),
        Err(error) => Err(failed(&error)),
    }
}

fn lock(host: &Host, directory: &Path) -> Result<Box<dyn Lock>, Error> {
    let shown = directory.display();
    create_dir_durable(&*host.files, directory).map_err(|error| {
        Error::new(
            Code::FileOpen,
            format!("cannot create the directory {shown}: {error}"),
        )
    })?;
    lock_existing(host, directory)
}

fn lock_existing(host: &Host, directory: &Path) -> Result<Box<dyn Lock>, Error> {
    let shown = directory.display();
    host.files
        .lock(&directory.join(".lock"))
        .map_err(|error| match error {
            LockError::Held { .. } => Error::new(
                Code::FileOpen,
                format!("the directory {shown} is in use: {error}"),
            ),
            error => {
                let cause = match &error {
                    LockError::Io(source) => format!(": {source}"),
                    _ => String::new(),
                };
                Error::new(
                    Code::FileOpen,
                    format!("cannot lock the directory {shown}: {error}{cause}"),
                )
            }
        })
}
