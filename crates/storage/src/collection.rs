//! Collections as the files keep them.

use docdb_types::{CollectionId, CollectionName};

/// A collection in the manifest and in the metadata of data files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionRecord {
    /// Its id, never used again.
    pub id: CollectionId,
    /// Its name, unique among the collections that exist together.
    pub name: CollectionName,
    /// The largest document id ever used in it; 0 before the first. Kept apart from the documents
    /// so that ids of deleted documents are not assigned again.
    pub highest_document_id: u64,
}

impl CollectionRecord {
    /// `_default` of an empty database.
    #[must_use]
    pub const fn default_collection() -> Self {
        Self {
            id: CollectionId::DEFAULT,
            name: CollectionName::DEFAULT,
            highest_document_id: 0,
        }
    }
}
