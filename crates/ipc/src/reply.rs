use bytes::Bytes;
use docdb_types::{
    Change, CollectionId, CollectionName, DatabaseId, DatabaseName, DocumentId, Effect, Error,
    FsyncMode, Limits, Outcome, Quotas, TransactionId, Version,
};

use crate::{
    CursorId, FrameLimit, HealOutcome, HealReport, HealingStatistics, RequestId, Statistics,
    TransactionHandle, ValidationReport,
};

/// What a server answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The request that is answered. `None`: the error is about the connection itself, which closes
    /// behind this response.
    pub id: Option<RequestId>,
    /// The result, or why the request failed as a whole.
    pub result: Result<Reply, Error>,
}

/// What a request brought.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Of [`Command::Hello`](crate::Command::Hello).
    Hello(ServerHello),
    /// Of [`Command::Ping`](crate::Command::Ping).
    Pong,
    /// Of [`Command::Execute`](crate::Command::Execute): one for each operation, in their order.
    Results(Vec<Result<Outcome, Error>>),
    /// Of [`Command::Scan`](crate::Command::Scan).
    Page(Page),
    /// Of [`Command::CloseCursor`](crate::Command::CloseCursor).
    CursorClosed,
    /// Of [`Command::Count`](crate::Command::Count): live documents.
    Count(u64),
    /// Of [`Command::Begin`](crate::Command::Begin).
    Begun(BegunTransaction),
    /// Of [`Command::Commit`](crate::Command::Commit): the version of everything that was written.
    Committed(Version),
    /// Of [`Command::Rollback`](crate::Command::Rollback).
    RolledBack,
    /// Of [`Command::OpenDatabase`](crate::Command::OpenDatabase).
    DatabaseOpened(OpenedDatabase),
    /// Of [`Command::CloseDatabase`](crate::Command::CloseDatabase).
    DatabaseClosed,
    /// Of [`Command::DropDatabase`](crate::Command::DropDatabase).
    DatabaseDropped,
    /// Of [`Command::ListDatabases`](crate::Command::ListDatabases).
    Databases(Vec<DatabaseInfo>),
    /// Of [`Command::CreateCollection`](crate::Command::CreateCollection).
    CollectionCreated(CollectionId),
    /// Of [`Command::DeleteCollection`](crate::Command::DeleteCollection).
    CollectionDeleted,
    /// Of [`Command::ListCollections`](crate::Command::ListCollections).
    Collections(Vec<CollectionInfo>),
    /// Of [`Command::Statistics`](crate::Command::Statistics).
    Statistics(Box<Statistics>),
    /// Of [`Command::Checkpoint`](crate::Command::Checkpoint).
    Checkpoint(CheckpointReport),
    /// Of [`Command::Metrics`](crate::Command::Metrics): OpenMetrics 1.0 text.
    Metrics(String),
    /// Of [`Command::Compact`](crate::Command::Compact).
    Compact(CompactionReport),
    /// Of [`Command::ChangeQuotas`](crate::Command::ChangeQuotas): what it may use now.
    Quotas(Quotas),
    /// Of [`Command::Heal`](crate::Command::Heal).
    Healed(HealOutcome),
    /// Of [`Command::HealAll`](crate::Command::HealAll).
    HealedAll(Box<HealReport>),
    /// Of [`Command::Validate`](crate::Command::Validate).
    Validated(Box<ValidationReport>),
    /// Of [`Command::HealStatistics`](crate::Command::HealStatistics).
    HealStatistics(Box<HealingStatistics>),
}

/// Who a server is and what it allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerHello {
    /// The version of the contract that it speaks.
    pub protocol_version: u32,
    /// Version of the program.
    pub server_version: String,
    /// The fsync mode in force.
    pub fsync_mode: FsyncMode,
    /// The limits in force.
    pub limits: Limits,
    /// The largest frame that it accepts and sends.
    pub frame_limit: FrameLimit,
}

/// A page of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The documents, by id.
    pub documents: Vec<StoredDocument>,
    /// Asks for the page that follows; `None` when this one is the last.
    pub cursor: Option<CursorId>,
    /// The newest transaction that the snapshot sees.
    pub snapshot_version: TransactionId,
    /// The database is degraded: documents that its lost transactions wrote may be missing.
    pub may_lack: bool,
}

/// A document as it is read and as a scan lists it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredDocument {
    /// Its id.
    pub id: DocumentId,
    /// The transaction that wrote it.
    pub version: Version,
    /// The stored text.
    pub document: Bytes,
    /// The database is degraded, and one of the transactions that it has lost may have replaced or
    /// removed this version.
    pub may_be_older: bool,
}

impl std::fmt::Debug for StoredDocument {
    /// Shows the length of the text only: documents are other people's data and stay out of logs.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            id,
            version,
            document,
            may_be_older,
        } = self;
        let mark = if *may_be_older { ", may be older" } else { "" };
        write!(
            formatter,
            "StoredDocument({id} at {version}, {} bytes{mark})",
            document.len()
        )
    }
}

/// An open transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BegunTransaction {
    /// What its connection names it by.
    pub handle: TransactionHandle,
    /// The newest transaction that it sees.
    pub snapshot_version: Version,
}

/// An open database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenedDatabase {
    /// What other commands name it by.
    pub id: DatabaseId,
    /// Whether the request created it.
    pub created: bool,
    /// The fsync mode in force.
    pub fsync_mode: FsyncMode,
}

/// A database as [`Reply::Databases`] lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseInfo {
    /// Its name.
    pub name: DatabaseName,
    /// Its id.
    pub id: DatabaseId,
    /// Its state.
    pub status: DatabaseStatus,
    /// Live documents; `None` where they are not counted without opening it.
    pub documents: Option<u64>,
    /// Bytes of all its files; `None` where they are not known without opening it.
    pub bytes: Option<u64>,
    /// When it was created: milliseconds since 1970-01-01 UTC.
    pub created_at_ms: u64,
}

/// The state of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DatabaseStatus {
    /// Open: serves reads and writes.
    Active,
    /// Not open at the moment; opened by the next request that names it.
    Closed,
    /// Being opened.
    Opening,
    /// Being closed.
    Closing,
    /// Being dropped.
    Dropping,
    /// Serves reads only, since a write or sync failed.
    ReadOnly,
    /// Opened although committed transactions are lost: takes no writes, waits for a repair.
    Degraded,
    /// Could not be opened.
    Failed,
}

impl DatabaseStatus {
    /// All states.
    pub const ALL: [Self; 8] = [
        Self::Active,
        Self::Closed,
        Self::Opening,
        Self::Closing,
        Self::Dropping,
        Self::ReadOnly,
        Self::Degraded,
        Self::Failed,
    ];

    /// The name used in listings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Closed => "closed",
            Self::Opening => "opening",
            Self::Closing => "closing",
            Self::Dropping => "dropping",
            Self::ReadOnly => "read-only",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
        }
    }
}

impl std::fmt::Display for DatabaseStatus {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A collection as [`Reply::Collections`] lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionInfo {
    /// Its name.
    pub name: CollectionName,
    /// Its id within the database.
    pub id: CollectionId,
    /// Live documents.
    pub documents: u64,
}

/// What a checkpoint did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CheckpointReport {
    /// Documents that it moved out of the log.
    pub documents: u64,
    /// Bytes of the data file that it wrote; 0 when there was nothing to move.
    pub bytes_written: u64,
    /// Bytes of log that were trimmed.
    pub log_bytes_trimmed: u64,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// The log is covered up to this position.
    pub covered_position: u64,
    /// The generation of the manifest that names its files.
    pub generation: u64,
}

/// What a compaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompactionReport {
    /// Data files that were replaced.
    pub replaced_files: u64,
    /// Their bytes.
    pub replaced_bytes: u64,
    /// Documents that were copied.
    pub documents: u64,
    /// Bytes of the data files that were written in their place.
    pub bytes_written: u64,
    /// How long it took, in microseconds.
    pub duration_us: u64,
}

impl Reply {
    /// What became of the request that this answers, should the answer itself be lost.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match self {
            Self::Results(results) => {
                results
                    .iter()
                    .map(effect_of)
                    .fold(Effect::NotApplied, |all, one| match (all, one) {
                        (Effect::Unknown, _) | (_, Effect::Unknown) => Effect::Unknown,
                        (Effect::Applied, _) | (_, Effect::Applied) => Effect::Applied,
                        (Effect::NotApplied, Effect::NotApplied) => Effect::NotApplied,
                    })
            }
            Self::DatabaseOpened(opened) if !opened.created => Effect::NotApplied,
            Self::DatabaseOpened(_)
            | Self::DatabaseDropped
            | Self::CollectionCreated(_)
            | Self::CollectionDeleted
            | Self::Committed(_) => Effect::Applied,
            Self::Healed(outcome) if outcome.taken_version.is_some() => Effect::Applied,
            Self::Hello(_)
            | Self::Pong
            | Self::Page(_)
            | Self::CursorClosed
            | Self::Begun(_)
            | Self::RolledBack
            | Self::Count(_)
            | Self::DatabaseClosed
            | Self::Databases(_)
            | Self::Collections(_)
            | Self::Statistics(_)
            | Self::Checkpoint(_)
            | Self::Compact(_)
            | Self::Quotas(_)
            | Self::Healed(_)
            | Self::HealedAll(_)
            | Self::Validated(_)
            | Self::HealStatistics(_)
            | Self::Metrics(_) => Effect::NotApplied,
        }
    }
}

fn effect_of(result: &Result<Outcome, Error>) -> Effect {
    match result {
        Ok(Outcome {
            change: Change::Read,
            ..
        }) => Effect::NotApplied,
        Ok(_) => Effect::Applied,
        Err(error) => error.effect(),
    }
}
