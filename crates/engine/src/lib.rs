//! docdb-engine

mod catalog;
mod checkpoint;
mod commit;
mod database;
mod options;
pub mod patch;
mod pool;
mod trouble;

pub use catalog::CatalogOrigin;
pub use checkpoint::CheckpointReport;
pub use commit::{Answers, Atomicity, Lead, Request, Ticket};
pub use database::{
    CollectionInfo, Condition, DatabaseStatistics, LogicalDb, Page, ScanLimit, Scanned, Snapshot,
    Submitted,
};
pub use docdb_vfs::Host;
pub use options::{DatabaseOptions, EngineOptions, Housekeeping, InvalidOption};
pub use pool::{
    DatabaseInfo, DatabaseStatus, Engine, EngineStatistics, MemoryBudget, MemoryShare, OpenMode,
    Opened,
};
