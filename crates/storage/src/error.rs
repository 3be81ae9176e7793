//! What can go wrong with the files of a database.

use std::io;
use std::path::{Path, PathBuf};

use docdb_types::{CollectionId, DatabaseUid};

use crate::DataFileNumber;

/// What was being done to a file when the system refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileAction {
    /// Opening or creating it.
    Open,
    /// Reading it.
    Read,
    /// Writing it.
    Write,
    /// Making its bytes durable and giving it its final name.
    Publish,
    /// Removing it.
    Remove,
    /// Listing a directory.
    List,
}

impl FileAction {
    const fn verb(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Read => "read",
            Self::Write => "write",
            Self::Publish => "publish",
            Self::Remove => "remove",
            Self::List => "list",
        }
    }
}

/// An error of the files below a database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The system refused.
    #[error("cannot {} {}", action.verb(), path.display())]
    Io {
        /// What was being done.
        action: FileAction,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file that should be there is not.
    #[error("{} is missing", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Bytes that are not what was written.
    #[error("{} is corrupt at offset {offset}: {what}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where the damaged structure begins, in bytes.
        offset: u64,
        /// Which structure, and what is wrong with it.
        what: &'static str,
    },
    /// A record that is known to be lost: what held it was damaged, and no other copy was left.
    #[error(
        "{} has lost the record at offset {offset}: it stood at offset {original_offset} of \
         {original}, which was damaged", path.display()
    )]
    Lost {
        /// The file that says so.
        path: PathBuf,
        /// Where it says so, in bytes.
        offset: u64,
        /// The name of the data file or log segment that was damaged.
        original: String,
        /// Where the record stood in it, in bytes.
        original_offset: u64,
    },
    /// A file that a newer release wrote. It has not been touched.
    #[error("{} has format version {version}, this release knows {known}", path.display())]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its format version.
        version: u32,
        /// The newest version that this release reads.
        known: u32,
    },
    /// A file that uses features this release does not know. It has not been touched.
    #[error("{} uses unknown features {features:#x}", path.display())]
    UnknownFeatures {
        /// The file.
        path: PathBuf,
        /// The feature bits that are not known.
        features: u32,
    },
    /// A file of another database, or of an earlier one of the same name.
    #[error("{} belongs to database {found}, not to {expected}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The database that was opened.
        expected: DatabaseUid,
        /// The database that the file names.
        found: DatabaseUid,
    },
    /// A data file under a name that is not its own, or another file under the name that the
    /// manifest means: copied, renamed or restored from elsewhere.
    #[error("{} is not the data file that the manifest names", path.display())]
    Misplaced {
        /// The file.
        path: PathBuf,
        /// The number that the file gives itself.
        found: u32,
    },
    /// A record was handed to a data file out of order or twice.
    #[error("a record of collection {collection} came out of order")]
    RecordOrder {
        /// The collection of the record.
        collection: CollectionId,
    },
    /// A change of a collection that does not exist.
    #[error("collection {collection} does not exist")]
    UnknownCollection {
        /// The collection.
        collection: CollectionId,
    },
    /// A record that the format cannot hold.
    #[error("a record of {bytes} bytes is larger than the limit of {limit}: {what}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its length.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// A read of a data file that is not (or no longer) one of the database.
    #[error("data file {number} is not open")]
    NotOpen {
        /// The number asked for.
        number: DataFileNumber,
    },
    /// Whoever ran a merge stopped it.
    #[error("the merge was stopped")]
    Stopped,
    /// There is no data file to rebuild the manifest from.
    #[error("{} holds no data file", directory.display())]
    NoDataFile {
        /// Where they would be.
        directory: PathBuf,
    },
    /// No data file holds what is needed to rebuild the manifest.
    #[error("the manifest cannot be rebuilt: {reason}")]
    CannotRebuild {
        /// Why not.
        reason: &'static str,
        /// The error of the newest data file, if one was found.
        #[source]
        source: Option<Box<StorageError>>,
    },
}

impl StorageError {
    /// Whether the bytes are damaged or misplaced, as opposed to unreachable: healing can help.
    #[must_use]
    pub const fn is_corruption(&self) -> bool {
        matches!(
            self,
            Self::Corrupt { .. }
                | Self::Lost { .. }
                | Self::Missing { .. }
                | Self::Misplaced { .. }
        )
    }

    pub(crate) fn io(action: FileAction, path: &Path, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn corrupt(path: &Path, offset: u64, what: &'static str) -> Self {
        Self::Corrupt {
            path: path.to_owned(),
            offset,
            what,
        }
    }
}
