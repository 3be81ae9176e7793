//! What is asked and answered about damage.

use docdb_types::{CollectionName, DocumentId, Error, Version};

use crate::MaintenanceRun;

/// The state of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DocumentHealth {
    /// What is stored verifies.
    Valid,
    /// It was damaged, and another copy of the same version stands in for it.
    Healed,
    /// It is damaged, and no other copy of that version is left.
    Corrupt,
    /// There is no such document.
    Missing,
    /// That cannot be told.
    Unknown,
}

impl DocumentHealth {
    /// Every state.
    pub const ALL: [Self; 5] = [
        Self::Valid,
        Self::Healed,
        Self::Corrupt,
        Self::Missing,
        Self::Unknown,
    ];

    /// The name that people see.
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
pub enum HealSource {
    /// The log's copy of the same version.
    Log,
    /// The parity of the data file.
    Parity,
    /// The second copy of what is kept twice.
    Copy,
    /// What it is computed from.
    Original,
    /// An older version, which was accepted.
    OlderVersion,
    /// Nowhere: it is lost.
    Nothing,
}

impl HealSource {
    /// Every source.
    pub const ALL: [Self; 6] = [
        Self::Log,
        Self::Parity,
        Self::Copy,
        Self::Original,
        Self::OlderVersion,
        Self::Nothing,
    ];

    /// The name that people see.
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
}

/// What made something be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HealTrigger {
    /// A read met the damage, or an opening.
    Read,
    /// The scrub met it.
    Scrub,
    /// A command.
    Command,
}

impl HealTrigger {
    /// Every trigger.
    pub const ALL: [Self; 3] = [Self::Read, Self::Scrub, Self::Command];

    /// The name that people see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Scrub => "scrub",
            Self::Command => "command",
        }
    }
}

/// What was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HealedPart {
    /// A document.
    Document,
    /// The frame of a data file.
    DataFile,
    /// The parity of a data file.
    Parity,
    /// The manifest.
    Manifest,
    /// A part of the log, which is passed over.
    Log,
    /// The catalog, which belongs to no database: every database's statistics tell of it.
    Catalog,
}

impl HealedPart {
    /// Every part.
    pub const ALL: [Self; 6] = [
        Self::Document,
        Self::DataFile,
        Self::Parity,
        Self::Manifest,
        Self::Log,
        Self::Catalog,
    ];

    /// The name that people see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::DataFile => "data_file",
            Self::Parity => "parity",
            Self::Manifest => "manifest",
            Self::Log => "log",
            Self::Catalog => "catalog",
        }
    }
}

/// What [`Command::Heal`](crate::Command::Heal) did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealOutcome {
    /// The state of the document now.
    pub health: DocumentHealth,
    /// Its version now.
    pub version: Version,
    /// What it was restored from; `None` where it was healthy.
    pub source: Option<HealSource>,
    /// The version that was taken, where it is an older one.
    pub taken_version: Option<Version>,
}

/// A damaged document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedDocument {
    /// The collection.
    pub collection: CollectionName,
    /// The document.
    pub id: DocumentId,
    /// Its version.
    pub version: Version,
    /// Its state.
    pub health: DocumentHealth,
    /// What is wrong; `None` where it is only known to be lost.
    pub cause: Option<Error>,
}

/// What [`Command::HealAll`](crate::Command::HealAll) did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HealReport {
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
    /// Those that are still damaged, the first 1000.
    pub damaged: Vec<DamagedDocument>,
    /// How long it took, in microseconds.
    pub duration_us: u64,
}

/// What [`Command::Validate`](crate::Command::Validate) found.
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
    /// Those that do not exist.
    pub missing: u64,
    /// Those of which that cannot be told.
    pub unknown: u64,
    /// The damaged ones, the first 1000 by collection and id.
    pub damaged: Vec<DamagedDocument>,
    /// How long it took, in microseconds.
    pub duration_us: u64,
}

/// What [`Command::HealStatistics`](crate::Command::HealStatistics) answers. Counts are those since
/// the database was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HealingStatistics {
    /// Scrubs that were finished.
    pub scans: u64,
    /// Bytes that scrubs looked at.
    pub scanned_bytes: u64,
    /// Records of data files that they looked at.
    pub scanned_records: u64,
    /// Reads that met damage and were answered from another copy.
    pub healed_reads: u64,
    /// Documents that were written anew.
    pub healed_documents: u64,
    /// Documents that were found damaged without another copy.
    pub corrupted_documents: u64,
    /// Healings that a read or a command asked for.
    pub on_demand: u64,
    /// Healings that the scrub made.
    pub background: u64,
    /// Data files that were rewritten.
    pub rewritten_files: u64,
    /// Parity, manifests and other copies that were written anew.
    pub restored_copies: u64,
    /// Damaged places of the log.
    pub damaged_log: u64,
    /// When the last scrub ended, over all openings: milliseconds since 1970; 0: never.
    pub last_scan_ms: u64,
    /// The last healing.
    pub last_healing: Option<MaintenanceRun>,
    /// Whether a scrub is on its way.
    pub is_scanning: bool,
    /// Documents that are lost until they are written or deleted, the first 1000.
    pub lost: Vec<DamagedDocument>,
    /// What was healed last, over all openings; the newest last.
    pub witnesses: Vec<HealWitness>,
    /// How long all healings took together, in microseconds.
    pub healing_us: u64,
}

/// That something was restored, or found lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealWitness {
    /// When: milliseconds since 1970.
    pub at_ms: u64,
    /// What it was.
    pub part: HealedPart,
    /// The file that was damaged.
    pub file: String,
    /// Where in it, in bytes.
    pub offset: u64,
    /// From where it was restored.
    pub source: HealSource,
    /// What made it be restored.
    pub trigger: HealTrigger,
    /// The document: collection, id and version.
    pub document: Option<(String, DocumentId, Version)>,
}
