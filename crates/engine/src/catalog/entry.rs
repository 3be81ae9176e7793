use std::collections::BTreeMap;

use docdb_types::{DatabaseId, DatabaseName, Quotas};

use super::Identity;

/// What the catalog keeps of one database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) identity: Identity,
    /// When it was created, in milliseconds since 1970. For people: the clock may have been wrong.
    pub(crate) created_unix_ms: u64,
    pub(crate) status: Status,
    /// What it may use.
    pub(crate) quotas: Quotas,
}

/// Where a database stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// It exists.
    Active,
    /// It has been dropped; its files may be partly removed already, and nothing of it comes back.
    Dropping,
}

impl Status {
    /// Its byte in the file.
    pub(super) const fn to_byte(self) -> u8 {
        match self {
            Self::Active => 1,
            Self::Dropping => 2,
        }
    }

    /// The status of a byte of the file.
    pub(super) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Active),
            2 => Some(Self::Dropping),
            _ => None,
        }
    }
}

/// All that a catalog file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    /// Counted up with every write of the file.
    pub(super) generation: u64,
    /// INVARIANT: above the id of every entry, and of every database there ever was.
    pub(super) next_id: DatabaseId,
    pub(super) entries: BTreeMap<DatabaseName, Entry>,
}

impl Contents {
    /// The contents of the first catalog of a directory.
    pub(super) const fn empty() -> Self {
        Self {
            generation: 0,
            next_id: DatabaseId::new(1),
            entries: BTreeMap::new(),
        }
    }
}
