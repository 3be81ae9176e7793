//! Which databases are open: opened when needed, closed when idle, and what runs beside them.

mod memory;
mod schedule;
mod signals;

pub use memory::{MemoryBudget, MemoryShare};
#[allow(unused_imports, reason = "what opens databases is above it")]
pub(crate) use signals::Signals;
