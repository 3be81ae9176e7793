//! docdb-engine

#[allow(dead_code, unused_imports, reason = "what opens databases is above it")]
mod catalog;
#[allow(dead_code, reason = "what opens databases is above it")]
mod checkpoint;
#[allow(dead_code, reason = "what opens databases is above it")]
mod commit;
#[allow(dead_code, reason = "what opens databases is above it")]
mod database;
mod options;
pub mod patch;
#[allow(dead_code, unused_imports, reason = "what opens databases is above it")]
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
pub use pool::{MemoryBudget, MemoryShare, OpenMode};
