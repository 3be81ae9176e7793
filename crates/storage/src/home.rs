//! Where the files of one database are, and whose they are.

use std::path::{Path, PathBuf};

use docdb_types::{DatabaseName, DatabaseUid};
use docdb_vfs::Host;

use crate::names::parity_path;
use crate::{DataFileNumber, data_file_path, manifest_path};

/// The directory, name and identity of the files of one database.
#[derive(Debug, Clone)]
pub struct StorageHome {
    /// The machine.
    pub host: Host,
    /// The directory that holds the manifest and the data files; it exists.
    pub directory: PathBuf,
    /// The name that the files bear.
    pub name: DatabaseName,
    /// The identity that the files carry.
    pub uid: DatabaseUid,
}

impl StorageHome {
    /// The path of the manifest.
    #[must_use]
    pub fn manifest_path(&self) -> PathBuf {
        manifest_path(&self.directory, &self.name)
    }

    /// The path of a data file.
    #[must_use]
    pub fn data_file_path(&self, number: DataFileNumber) -> PathBuf {
        data_file_path(&self.directory, &self.name, number)
    }

    /// The path of the parity of a data file.
    #[must_use]
    pub fn parity_path(&self, number: DataFileNumber) -> PathBuf {
        parity_path(&self.directory, &self.name, number)
    }

    /// How the names of all files of the database begin.
    pub(crate) fn file_prefix(&self) -> String {
        format!("{}.", self.name)
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }
}
