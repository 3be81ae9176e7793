//! From commands to calls of the engine and back to replies.

mod awaited;
mod catalog;
mod collections;
mod execute;
mod healing;
mod scan;
mod statistics;
mod tally;
mod task;
mod transact;

pub(crate) use awaited::{Answer, Awaited};
pub(crate) use catalog::{CatalogTask, Settled};
pub(crate) use healing::HealingTask;
pub(crate) use statistics::status;
pub(crate) use task::{Begun, Question, Task, Within};
