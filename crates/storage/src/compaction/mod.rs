//! Compaction: which data files to merge, and merging them, around damage where it has to be.

mod mending;
mod merge;
mod plan;

pub use mending::{HealedMerge, MendSource, MendedRecord, Supply, Unread};
pub use merge::{Merge, MergeStep};
pub use plan::{CompactionCandidate, CompactionPolicy};
