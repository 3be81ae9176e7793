//! Which databases are open: opened when needed, closed when idle, and what runs beside them.
//!
//! Invariants:
//! - **a database is open once**: who opens, closes or drops it has its turn, the others wait;
//! - **no lock of the pool is held during I/O**: the opening, the failure or the drop of one
//!   database keeps nobody waiting who wants another one;
//! - **nothing polls**: without anything due, nobody wakes up.

mod closing;
mod databases;
mod directory;
mod documents;
mod dropping;
mod engine;
mod logical;
mod memory;
mod opening;
mod reserve;
mod roster;
mod schedule;
mod signals;
mod slot;
mod statistics;
#[cfg(test)]
mod tests;
mod totals;
mod upkeep;

pub(crate) use databases::{Databases, Leftovers};
pub(crate) use directory::DirectoryLocks;
pub use directory::holder;
pub(crate) use documents::CachedDocuments;
pub use documents::DocumentCacheStatistics;
pub use engine::{Engine, Opened};
pub(crate) use logical::LogicalDatabases;
pub use memory::{MemoryBudget, MemoryShare};
pub use opening::OpenMode;
pub(crate) use reserve::Reserve;
pub(crate) use signals::Signals;
pub(crate) use slot::contained;
pub use statistics::{DatabaseInfo, DatabaseStatus, EngineStatistics};
pub use totals::WorkDone;
