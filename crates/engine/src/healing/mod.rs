//! Finding damage, and restoring what is damaged from another copy of the same version.
//!
//! Sources, in their order: the log's copy of the same version; the parity of the data file; for
//! what is small and vital, its second copy. What comes from a source counts only when it has a
//! checksum that the damaged bytes did not provide. Nothing is restored in place, and nothing is
//! written into the past of the log: a damaged data file is rewritten as a compaction would, and the
//! original stays until the new one is what the manifest names.

mod catalog;
mod document;
mod journal;
mod options;
mod repair;
mod report;
mod scrub;
mod sources;
mod state;
mod survey;
mod witness;

pub use document::HealAccept;
pub(crate) use journal::{JOURNAL_SUFFIX, journal_path};
pub use options::HealingOptions;
pub use report::{
    DamagedEntry, DocumentHealth, HealSource, HealTrigger, HealedDatabase, HealedDocument,
    HealingFigures, HealingReport, ScrubReport, ValidatedDocument, ValidationReport,
};
pub(crate) use state::Healing;
pub use witness::{Healed, Witness};
