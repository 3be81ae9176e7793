//! Compaction: which data files to merge, and merging them.

mod merge;
mod plan;

pub use merge::{Merge, MergeStep};
pub use plan::{CompactionCandidate, CompactionPolicy};
