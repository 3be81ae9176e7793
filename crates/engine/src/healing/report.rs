//! What healing says of documents and of itself.

use std::time::Duration;

use docdb_types::{CollectionId, CollectionName, DocumentId, Error, Version};

use super::Witness;
use crate::database::{MaintenanceRun, MaintenanceWork};

/// In what state a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DocumentHealth {
    /// What is stored verifies.
    Valid,
    /// What was stored is damaged, and another copy of the same version stands in for it: a heal has
    /// written it anew, or, in a validation, will be able to.
    Healed,
    /// It is damaged, and there is no other copy of that version.
    Corrupt,
    /// There is no such document.
    Missing,
    /// That cannot be told: a file cannot be read at all, or the log has lost transactions.
    Unknown,
}

impl DocumentHealth {
    /// The name used in answers and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Healed => "healed",
            Self::Corrupt => "corrupt",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
        }
    }
}

/// From where something was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum HealSource {
    /// The log's copy of the same version.
    Log = 1,
    /// The parity of the data file.
    Parity = 2,
    /// The second copy of what is kept twice.
    Copy = 3,
    /// What it is computed from: parity of a data file that is whole, a catalog that the manifests
    /// bear out.
    Original = 4,
    /// An older version, which a person asked for.
    OlderVersion = 5,
    /// Nowhere: it is lost, and listed as such.
    Nothing = 6,
}

impl HealSource {
    /// The name used in answers and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Parity => "parity",
            Self::Copy => "copy",
            Self::Original => "original",
            Self::OlderVersion => "older_version",
            Self::Nothing => "nothing",
        }
    }

    pub(super) const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Log,
            2 => Self::Parity,
            3 => Self::Copy,
            4 => Self::Original,
            5 => Self::OlderVersion,
            6 => Self::Nothing,
            _ => return None,
        })
    }
}

/// What made something be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum HealTrigger {
    /// A read met the damage, or an opening.
    Read = 1,
    /// The scrub met it.
    Scrub = 2,
    /// A command.
    Command = 3,
}

impl HealTrigger {
    /// The name used in answers and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Scrub => "scrub",
            Self::Command => "command",
        }
    }

    pub(super) const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Read,
            2 => Self::Scrub,
            3 => Self::Command,
            _ => return None,
        })
    }
}

/// What a validation says of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatedDocument {
    /// Its state.
    pub health: DocumentHealth,
    /// Its version, where there is one.
    pub version: Option<Version>,
    /// What stands in for it, where it is damaged.
    pub source: Option<HealSource>,
    /// What is wrong, with file and offset, where something is.
    pub cause: Option<Error>,
}

/// What a heal did to one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealedDocument {
    /// Its state now: valid when nothing had to be done, healed when it was damaged.
    pub health: DocumentHealth,
    /// Its version now.
    pub version: Version,
    /// What it was restored from.
    pub source: Option<HealSource>,
    /// The version that was taken, where a person accepted an older one. The document has a new
    /// version then.
    pub taken_version: Option<Version>,
}

/// A document that a validation found damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedEntry {
    /// The collection.
    pub collection: CollectionName,
    /// The document.
    pub id: DocumentId,
    /// Its version.
    pub version: Version,
    /// `Healed`: another copy stands in for it; `Corrupt` or `Unknown`.
    pub health: DocumentHealth,
    /// What is wrong, with file and offset.
    pub cause: Error,
}

/// What a validation of many documents found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ValidationReport {
    /// Documents that were looked at.
    pub documents: u64,
    /// Those that verify.
    pub valid: u64,
    /// Those that are damaged and have another copy.
    pub healed: u64,
    /// Those that are damaged and have none.
    pub corrupt: u64,
    /// Those of which that cannot be told.
    pub unknown: u64,
    /// The damaged ones, the first [`ValidationReport::MAX_LISTED`] of them by collection and id.
    pub damaged: Vec<DamagedEntry>,
}

impl ValidationReport {
    /// Damaged documents that are listed at most.
    pub const MAX_LISTED: usize = 1000;
}

/// What a heal of a whole database did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HealedDatabase {
    /// Documents that were looked at.
    pub documents: u64,
    /// Those that were damaged and are whole now.
    pub healed: u64,
    /// Those that no copy is left of.
    pub corrupt: u64,
    /// Those of which that cannot be told.
    pub unknown: u64,
    /// Data files that were rewritten.
    pub rewritten_files: u64,
    /// Those that are still damaged, the first [`ValidationReport::MAX_LISTED`] of them.
    pub damaged: Vec<DamagedEntry>,
}

/// What one look through all files of a database found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScrubReport {
    /// Bytes that were looked at.
    pub bytes: u64,
    /// Records of data files that were looked at.
    pub records: u64,
    /// Places that were damaged: blocks of data files, parity, the manifest, parts of the log.
    pub damages: u64,
    /// Data files that were rewritten for it.
    pub rewritten_files: u64,
}

/// What healing has done since the database was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HealingFigures {
    /// Scrubs that were finished.
    pub scans: u64,
    /// Bytes that they looked at.
    pub scanned_bytes: u64,
    /// Records of data files that they looked at.
    pub scanned_records: u64,
    /// Reads that met damage and were answered from another copy.
    pub healed_reads: u64,
    /// Documents that were written anew.
    pub healed_documents: u64,
    /// Documents that were found damaged without another copy.
    pub corrupted_documents: u64,
    /// Healings that a command or a read asked for.
    pub on_demand: u64,
    /// Healings that the scrub made.
    pub background: u64,
    /// Data files that were rewritten.
    pub rewritten_files: u64,
    /// Parity, manifests and other copies that were written anew.
    pub restored_copies: u64,
    /// Damaged places of the log, which are passed over.
    pub damaged_log: u64,
    /// When the last scrub ended, since 1970, over all openings.
    pub last_scan: Option<Duration>,
    /// The last healing since the database was opened.
    pub last_healing: Option<MaintenanceRun>,
    /// All healings since then.
    pub work: MaintenanceWork,
}

impl HealingFigures {
    /// Adds the figures of another database, or opening.
    pub(crate) fn add(&mut self, other: &Self) {
        self.scans += other.scans;
        self.scanned_bytes += other.scanned_bytes;
        self.scanned_records += other.scanned_records;
        self.healed_reads += other.healed_reads;
        self.healed_documents += other.healed_documents;
        self.corrupted_documents += other.corrupted_documents;
        self.on_demand += other.on_demand;
        self.background += other.background;
        self.rewritten_files += other.rewritten_files;
        self.restored_copies += other.restored_copies;
        self.damaged_log += other.damaged_log;
        self.last_scan = self.last_scan.max(other.last_scan);
        if other.last_healing.map(|run| run.finished_at)
            > self.last_healing.map(|run| run.finished_at)
        {
            self.last_healing = other.last_healing;
        }
        self.work.add(&other.work);
    }
}

/// Everything that a database tells of its healing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HealingReport {
    /// The figures.
    pub figures: HealingFigures,
    /// Whether a scrub is on its way.
    pub is_scanning: bool,
    /// Documents that are lost until they are written or deleted: collection, id, version, the
    /// first [`ValidationReport::MAX_LISTED`] of them.
    pub lost: Vec<(CollectionId, DocumentId, Version)>,
    /// What was restored, or found lost, last; the newest last.
    pub witnesses: Vec<Witness>,
}
