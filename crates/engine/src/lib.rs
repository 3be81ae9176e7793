//! docdb-engine

#[allow(dead_code, reason = "what opens databases is above it")]
mod catalog;
mod options;
#[allow(dead_code, reason = "what opens databases is above it")]
mod pool;

pub use options::{DatabaseOptions, EngineOptions, InvalidOption};
pub use pool::{MemoryBudget, MemoryShare};
