use std::time::Duration;

use super::documents::DocumentCacheStatistics;
use docdb_types::{DatabaseId, DatabaseName, Error, FsyncMode};

use crate::catalog::CatalogOrigin;
use crate::database::Condition;

/// A database as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseInfo {
    /// Its id.
    pub id: DatabaseId,
    /// Its name.
    pub name: DatabaseName,
    /// When it was created, in milliseconds since 1970 by the clock of then.
    pub created_unix_ms: u64,
    /// Where it stands.
    pub status: DatabaseStatus,
}

/// Where a database stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseStatus {
    /// Nobody needs it at present; it is opened when somebody does.
    Closed,
    /// It is being opened.
    Opening,
    /// It is open.
    Open(Condition),
    /// It is being closed.
    Closing,
    /// It cannot be opened, or it is not known whether it has been dropped. Opening it by its name
    /// tries again.
    Failed(Error),
    /// It is being dropped, or it is dropped and its files are still to be removed.
    Dropping,
}

impl DatabaseStatus {
    /// The name used in lists, statistics and metrics.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Opening => "opening",
            Self::Open(condition) => condition.as_str(),
            Self::Closing => "closing",
            Self::Failed(_) => "failed",
            Self::Dropping => "dropping",
        }
    }
}

/// The figures of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineStatistics {
    /// Databases that there are.
    pub databases: u64,
    /// Those that are open.
    pub open: u64,
    /// Those that could not be opened.
    pub failed: u64,
    /// How the catalog came to be.
    pub catalog: CatalogOrigin,
    /// Databases that the catalog had to leave out because their manifests do not tell which ones
    /// they are.
    pub unidentified: Vec<DatabaseName>,
    /// When writes are acknowledged.
    pub fsync: FsyncMode,
    /// Whether the disk was found full and its reserve is in use: only what frees space is written.
    pub is_disk_full: bool,
    /// Memory that all open databases use, in bytes, without the documents that were read lately.
    pub memory_bytes: u64,
    /// The cap on it, in bytes.
    pub memory_cap_bytes: u64,
    /// The documents that were read lately.
    pub document_cache: DocumentCacheStatistics,
    /// Openings since the start.
    pub openings: u64,
    /// Openings that failed.
    pub failed_openings: u64,
    /// Closings since the start, for whatever reason.
    pub closings: u64,
    /// Closings whose checkpoint or sync failed.
    pub failed_closings: u64,
    /// Closings that made room for other databases.
    pub evictions: u64,
    /// Closings because nobody had used the database for the idle timeout.
    pub idle_closings: u64,
    /// Syncs and checkpoints beside requests that failed.
    pub failed_tasks: u64,
    /// Time since the start.
    pub uptime: Duration,
}
