//! Transactions of many steps: a snapshot to read from, own writes above it, and a commit that the
//! committer checks against everything that was committed meanwhile.
//!
//! INVARIANT: there is no history of commits beside the index. What was written behind an open
//! snapshot is in the index as newer than it, deletions included, so that a check never has to be
//! waved through; a transaction whose snapshot has expired cannot be checked and is refused.

mod direct;
mod ground;
mod interactive;
mod limits;
mod open;
mod prepared;
mod reads;
mod writes;

pub use interactive::Transaction;
pub use limits::TransactionLimits;
pub(crate) use open::OpenTransactions;
pub use open::TransactionStatistics;
pub(crate) use prepared::Prepared;
pub(crate) use writes::WriteSet;
