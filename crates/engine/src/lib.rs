//! docdb-engine

#[allow(dead_code, unused_imports, reason = "what opens databases is above it")]
mod catalog;
mod options;
#[allow(dead_code, unused_imports, reason = "what opens databases is above it")]
mod pool;

pub use catalog::CatalogOrigin;
pub use options::{DatabaseOptions, EngineOptions, Housekeeping, InvalidOption};
pub use pool::{MemoryBudget, MemoryShare, OpenMode};
