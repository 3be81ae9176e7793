//! What changes the index.

use docdb_types::{CollectionId, CollectionName, TransactionId};

use super::Entry;

/// One effect of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexChange<K> {
    /// A new newest version under a key: a document or a tombstone.
    Set {
        /// The collection, which must exist.
        collection: CollectionId,
        /// The key.
        key: K,
        /// The version. Not older than the one it replaces.
        entry: Entry,
    },
    /// A collection begins to exist.
    CreateCollection {
        /// Its id, never used before.
        id: CollectionId,
        /// Its name, which no other existing collection has.
        name: CollectionName,
        /// The transaction that creates it. Snapshots that are older do not see it.
        version: TransactionId,
    },
    /// A collection ceases to exist. Snapshots that are older go on seeing what was in it.
    DropCollection {
        /// The collection, which must exist.
        id: CollectionId,
        /// The transaction that drops it.
        version: TransactionId,
    },
}

/// What [`Index::adopt`](super::Index::adopt) found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swung {
    /// Entries that point at the copies now.
    pub moved: u64,
    /// Copies that no newest version points at, because a commit came between.
    pub superseded: u64,
}
