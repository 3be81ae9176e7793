//! Crash-safe databases of JSON documents in a directory, without a runtime.
//!
//! **What it is.** An [`Engine`] owns a data directory: its catalog, and a pool of open databases. A
//! [`LogicalDb`] holds collections of documents; it is read and written from any number of threads.
//! Writes go through one committer per database, in batches of the log; the caller decides on which
//! thread a commit blocks ([`Lead`]) and how its answer is waited for ([`Ticket`]).
//!
//! **What it is not.** It opens no socket and knows no protocol, no runtime and no user. It does not
//! touch a file itself: bytes are the business of `docdb-wal` and `docdb-storage`, calls of the
//! system that of `docdb-vfs`, whose simulated disk stands in for the real one in tests.
//!
//! ```
//! use docdb_engine::{Engine, EngineOptions, Host, OpenMode};
//! use docdb_types::{CollectionName, DatabaseName, Document, Limits};
//!
//! # let directory = tempfile::tempdir().unwrap();
//! # let directory = directory.path();
//! let engine = Engine::open(Host::real(), EngineOptions::in_directory(directory))?;
//! let shop = DatabaseName::new("shop")?;
//! let database = engine.open_database(&shop, OpenMode::CreateIfMissing)?.database;
//!
//! let kettle = Document::from_text(r#"{"price": 19.90}"#, &Limits::DEFAULT)?;
//! let created = database.create(&CollectionName::DEFAULT, None, kettle)?;
//! let read = database.read(&CollectionName::DEFAULT, created.id)?;
//! assert_eq!(read.version, created.version);
//! assert_eq!(read.document.unwrap(), r#"{"price": 19.90}"#);
//!
//! drop(database);
//! engine.close()?;
//! # Ok::<(), docdb_types::Error>(())
//! ```
//!
//! Invariants:
//! - **what is acknowledged is durable**, by the fsync mode in force, and in `always` and `group`
//!   mode nothing is shown to a reader before it is;
//! - **the outcome of a batch is the outcome of its operations one by one**: one committer at a time
//!   checks and orders them, so there are no document locks;
//! - **nothing that cannot be verified is served**, and a miss in a database that lost transactions
//!   does not say "not found";
//! - **a failure, a panic or a drop of one database is that database's alone**;
//! - **nothing polls**: with nothing to do, no thread wakes up.

mod backup;
mod catalog;
mod checkpoint;
mod commit;
mod compaction;
mod database;
mod healing;
mod options;
mod pace;
pub mod patch;
mod pool;
mod quota;
mod transaction;
mod trouble;
mod unread;
mod verification;

pub use backup::{
    BackedUp, BackupFailure, BackupOptions, BackupReport, BackupSummary, CheckedBackup,
    RestoreOptions, RestoreReport, Restored, back_up, back_up_closed, list_backups, restore,
    verify_backup,
};
pub use catalog::CatalogOrigin;
pub use checkpoint::CheckpointReport;
pub use commit::{Answers, Atomicity, Lead, Request, Ticket};
pub use compaction::CompactionReport;
pub use database::{
    CollectionInfo, Condition, DatabaseStatistics, LogicalDb, MaintenanceRun, MaintenanceWork,
    Page, ScanLimit, Scanned, Snapshot, Submitted,
};
pub use docdb_vfs::{Host, read_whole, write_whole};
pub use docdb_wal::Histogram;
pub use healing::{
    DamagedEntry, DocumentHealth, HealAccept, HealSource, HealTrigger, Healed, HealedDatabase,
    HealedDocument, HealingFigures, HealingOptions, HealingReport, ScrubReport, ValidatedDocument,
    ValidationReport, Witness,
};
pub use options::{DatabaseOptions, EngineOptions, Housekeeping, InvalidOption};
pub use pool::{
    DatabaseInfo, DatabaseStatus, DocumentCacheStatistics, Engine, EngineStatistics, MemoryBudget,
    MemoryShare, OpenMode, Opened, WorkDone, holder,
};
pub use quota::{Gate, Pass, QuotaRefusals};
pub use transaction::{Transaction, TransactionLimits, TransactionStatistics};
pub use verification::{
    DamagedDocument, DirectoryReport, Finding, LostTransactions, Repaired, Severity,
    VerifiedDatabase, heal, repair, verify,
};
