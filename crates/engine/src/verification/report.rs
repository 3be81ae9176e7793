//! What a verification says.

use std::fmt;
use std::str::FromStr;

use docdb_types::{
    Code, CollectionId, DatabaseId, DatabaseName, DocumentId, Error, TransactionId, Version,
};

/// What [`verify`](super::verify) found in a data directory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DirectoryReport {
    /// What is wrong with the directory itself: its catalog.
    pub findings: Vec<Finding>,
    /// Its databases, in the order of their names.
    pub databases: Vec<VerifiedDatabase>,
}

impl DirectoryReport {
    /// Whether anything is damaged.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.findings.iter().any(Finding::is_damage)
            || self.databases.iter().any(VerifiedDatabase::is_damaged)
    }
}

/// What was found in the files of one database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedDatabase {
    /// Its name.
    pub name: DatabaseName,
    /// Its id.
    pub id: DatabaseId,
    /// Data files that were read.
    pub data_files: u64,
    /// Records in them that were read and compared with their footers.
    pub data_records: u64,
    /// Bytes of these records.
    pub data_bytes: u64,
    /// Log segments that were read.
    pub log_segments: u64,
    /// Bytes of the log.
    pub log_bytes: u64,
    /// Records of the log behind what the data files cover.
    pub log_records: u64,
    /// The committed transactions that the log has lost; `None` where it has lost none.
    pub lost: Option<LostTransactions>,
    /// What was found, in the order of looking.
    pub findings: Vec<Finding>,
}

impl VerifiedDatabase {
    /// Whether anything of it is damaged.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.findings.iter().any(Finding::is_damage)
    }
}

/// How much a finding means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is lost: a person may want to know.
    Note,
    /// Something that was stored cannot be read, or only because a second copy exists.
    Damage,
}

impl Severity {
    /// The name used in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Damage => "damage",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it means.
    pub severity: Severity,
    /// The name of the file.
    pub file: String,
    /// Where in the file, in bytes, where it has a place.
    pub offset: Option<u64>,
    /// What it is, in words.
    pub what: String,
    /// The documents that are affected, as far as they can be named.
    pub documents: Vec<DamagedDocument>,
}

impl Finding {
    /// Whether it is damage.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        self.severity == Severity::Damage
    }

    pub(super) fn damage(file: String, offset: Option<u64>, what: String) -> Self {
        Self {
            severity: Severity::Damage,
            file,
            offset,
            what,
            documents: Vec::new(),
        }
    }

    pub(super) fn note(file: String, offset: Option<u64>, what: String) -> Self {
        Self {
            severity: Severity::Note,
            ..Self::damage(file, offset, what)
        }
    }

    /// An error of the layers below; `file` is where it names none.
    pub(super) fn of_error(error: &Error, file: String) -> Self {
        let context = error.context();
        Self::damage(
            context.file.clone().unwrap_or(file),
            context.offset,
            error.message().to_owned(),
        )
    }
}

/// A document of which a version is damaged. It may have newer versions, which are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DamagedDocument {
    /// Its collection.
    pub collection: CollectionId,
    /// Its id.
    pub id: DocumentId,
    /// The damaged version.
    pub version: Version,
    /// Where its record begins, in bytes.
    pub offset: u64,
}

/// The range of transactions in which committed ones are lost, both ends included.
///
/// As text `FROM..TO`, and `FROM..end` where nothing behind the damage says where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostTransactions {
    /// The first that may be lost.
    pub from: TransactionId,
    /// The last that may be lost; `None`: whatever came behind.
    pub to: Option<TransactionId>,
}

impl fmt::Display for LostTransactions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to {
            Some(to) => write!(formatter, "{}..{to}", self.from),
            None => write!(formatter, "{}..end", self.from),
        }
    }
}

impl FromStr for LostTransactions {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let number = |text: &str| text.parse().ok().map(TransactionId::new);
        let parsed = text.split_once("..").and_then(|(from, to)| {
            let to = match to {
                "end" => None,
                to => Some(number(to)?),
            };
            let from = number(from)?;
            Some(Self { from, to })
        });
        parsed.ok_or_else(|| {
            let text = format!("{text:?} is no range FROM..TO of transactions, or FROM..end");
            Error::new(Code::UnknownOperation, text)
        })
    }
}
