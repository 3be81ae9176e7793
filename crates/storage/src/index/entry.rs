//! What the index knows of one version of one document, in 24 bytes.

use std::fmt;

use docdb_types::{TransactionId, Version};

use crate::position::PackedLocation;
use crate::{Location, LogPosition};

/// One version of a document: which, where, how long, and whether it is a deletion.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    version: TransactionId,
    location: PackedLocation,
    length: u32,
    flags: u32,
}

/// The version is a deletion.
const TOMBSTONE: u32 = 1;
/// A data file may hold a document under the key: a deletion must reach a data file too.
const IN_DATA_FILES: u32 = 1 << 1;
/// A tombstone that a checkpoint is done with: it goes when no snapshot sees what it hides.
const SETTLED: u32 = 1 << 2;

impl Entry {
    /// A document of `length` bytes, written by `version`.
    #[must_use]
    pub const fn document(version: Version, location: Location, length: u32) -> Self {
        Self {
            version,
            location: PackedLocation::pack(location),
            length,
            flags: 0,
        }
    }

    /// A deletion by `version`, logged at `location`.
    #[must_use]
    pub const fn tombstone(version: Version, location: Location) -> Self {
        Self {
            version,
            location: PackedLocation::pack(location),
            length: 0,
            flags: TOMBSTONE,
        }
    }

    /// The transaction that wrote this version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Where its record is.
    #[must_use]
    pub const fn location(&self) -> Location {
        self.location.unpack()
    }

    /// Length of the document in bytes; 0 for a deletion.
    #[must_use]
    pub const fn length(&self) -> u32 {
        self.length
    }

    /// Whether this version is a deletion.
    #[must_use]
    pub const fn is_tombstone(&self) -> bool {
        self.flags & TOMBSTONE != 0
    }

    /// Whether a data file may hold a document under this key, so that a checkpoint must write a
    /// tombstone when this version is a deletion.
    #[must_use]
    pub const fn is_in_data_files(&self) -> bool {
        self.flags & IN_DATA_FILES != 0
    }

    pub(super) const fn is_in_log(&self) -> bool {
        self.location.is_log()
    }

    /// Whether the record is in the log in front of `cut`.
    pub(super) fn is_logged_before(&self, cut: LogPosition) -> bool {
        matches!(self.location(), Location::Log(position) if position < cut)
    }

    pub(super) fn is_document_of(&self, version: Version) -> bool {
        !self.is_tombstone() && self.version == version
    }

    pub(super) const fn is_settled(&self) -> bool {
        self.flags & SETTLED != 0
    }

    pub(super) const fn settle(&mut self) {
        self.flags |= SETTLED;
    }

    pub(super) const fn note_in_data_files(&mut self) {
        self.flags |= IN_DATA_FILES;
    }

    /// The same version in another place. Its length is another one where a document is lost, or
    /// found again.
    pub(super) const fn move_to(&mut self, location: Location, length: u32) {
        self.location = PackedLocation::pack(location);
        self.length = length;
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct(if self.is_tombstone() {
                "Tombstone"
            } else {
                "Document"
            })
            .field("version", &self.version.get())
            .field("location", &self.location())
            .field("length", &self.length)
            .field("is_in_data_files", &self.is_in_data_files())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_24_bytes() {
        assert_eq!(size_of::<Entry>(), 24);
    }
}
