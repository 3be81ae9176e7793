//! Reading the index.

use docdb_types::{CollectionId, CollectionName, DocumentId, TransactionId};
use parking_lot::RwLockReadGuard;

use super::state::State;
use super::{CollectionState, Entry, FileUse, IndexKey, Snapshot};
use crate::{DataFileNumber, LogPosition};

/// The index as it is while this value lives: commits wait, so it must live shortly and never
/// across a read of a file.
#[derive(Debug)]
pub struct IndexView<'a, K: IndexKey = DocumentId> {
    pub(super) state: RwLockReadGuard<'a, State<K>>,
    pub(super) last_applied: TransactionId,
}

impl<K: IndexKey> IndexView<'_, K> {
    /// The newest transaction that the view contains.
    #[must_use]
    pub const fn last_applied(&self) -> TransactionId {
        self.last_applied
    }

    /// The newest version of a document; `None` when there is none or it is deleted.
    #[must_use]
    pub fn get(&self, collection: CollectionId, key: &K) -> Option<Entry> {
        self.newest(collection, key)
            .filter(|entry| !entry.is_tombstone())
    }

    /// The newest version under a key, a deletion too.
    #[must_use]
    pub fn newest(&self, collection: CollectionId, key: &K) -> Option<Entry> {
        self.state
            .collections
            .get(collection)?
            .map
            .get(key)
            .copied()
    }

    /// The version of a document that a snapshot sees.
    #[must_use]
    pub fn get_at(
        &self,
        snapshot: &Snapshot<K>,
        collection: CollectionId,
        key: &K,
    ) -> Option<Entry> {
        self.state
            .get_at(collection, key, snapshot.version())
            .filter(|entry| !entry.is_tombstone())
            .copied()
    }

    /// The first key of a collection from `from` to `to`, both included, whose newest version,
    /// which may be a deletion, was written behind `since`. Costs little where nothing was.
    ///
    /// What was deleted behind an open snapshot is found; behind an older `since` it may be
    /// forgotten.
    #[must_use]
    pub fn first_newer(
        &self,
        collection: CollectionId,
        from: Option<&K>,
        to: Option<&K>,
        since: TransactionId,
    ) -> Option<(K, Entry)> {
        let map = &self.state.collections.get(collection)?.map;
        let (key, entry) = map.first_newer(from, to, since)?;
        Some((key.clone(), *entry))
    }

    /// Appends to `out` the documents of a collection that `snapshot` (or, without one, the view)
    /// sees, in key order from `from` on. Looks at no more than `limit` keys, deleted ones
    /// included, and returns the key to go on from, or `None` at the end.
    pub fn page(
        &self,
        collection: CollectionId,
        from: Option<&K>,
        snapshot: Option<&Snapshot<K>>,
        limit: usize,
        out: &mut Vec<(K, Entry)>,
    ) -> Option<K> {
        let at = snapshot.map_or(self.last_applied, Snapshot::version);
        let mut keys = self
            .state
            .collections
            .get_at(collection, at)?
            .map
            .iter_from(from);
        for (key, newest) in keys.by_ref().take(limit) {
            let visible = self.state.visible(collection, key, newest, at);
            if let Some(entry) = visible.filter(|entry| !entry.is_tombstone()) {
                out.push((key.clone(), *entry));
            }
        }
        keys.next().map(|(key, _)| key.clone())
    }

    /// Appends to `out` the versions of a collection that `snapshot` (or, without one, the view)
    /// sees and whose records are in the log in front of `cut`, in key order from `from` on: what a
    /// checkpoint at `cut` has to deal with. Documents have to be written; deletions too, if
    /// [`Entry::is_in_data_files`]. Looks at about `limit` keys at most, and returns the key to go on
    /// from, or `None` at the end.
    pub fn unsaved(
        &self,
        collection: CollectionId,
        from: Option<&K>,
        snapshot: Option<&Snapshot<K>>,
        cut: LogPosition,
        limit: usize,
        out: &mut Vec<(K, Entry)>,
    ) -> Option<K> {
        let at = snapshot.map_or(self.last_applied, Snapshot::version);
        let mut looked_at = 0;
        for (chunk, place) in self
            .state
            .collections
            .get_at(collection, at)?
            .map
            .chunks_from(from)
        {
            if looked_at >= limit {
                return chunk.iter_from(place).next().map(|(key, _)| key.clone());
            }
            // A chunk that is skipped costs about as much as one key. What replaced something in the
            // log is in the log.
            looked_at += 1;
            if chunk.in_log() == 0 {
                continue;
            }
            for (key, entry) in chunk.iter_from(place) {
                if looked_at > limit {
                    return Some(key.clone());
                }
                looked_at += 1;
                let visible = self.state.visible(collection, key, entry, at);
                if let Some(entry) = visible
                    && entry.is_logged_before(cut)
                    && !entry.is_settled()
                {
                    out.push((key.clone(), *entry));
                }
            }
        }
        None
    }

    /// The collection of a name.
    #[must_use]
    pub fn collection_id(&self, name: &CollectionName) -> Option<CollectionId> {
        self.state.collections.id_of(name)
    }

    /// The collection that had a name for a snapshot.
    #[must_use]
    pub fn collection_id_at(
        &self,
        snapshot: &Snapshot<K>,
        name: &CollectionName,
    ) -> Option<CollectionId> {
        self.state.collections.id_at(name, snapshot.version())
    }

    /// A collection that exists.
    #[must_use]
    pub fn collection(&self, id: CollectionId) -> Option<CollectionState> {
        self.state.collections.state_of(id)
    }

    /// Whether a collection exists.
    #[must_use]
    pub fn has_collection(&self, id: CollectionId) -> bool {
        self.state.collections.get(id).is_some()
    }

    /// Every collection that exists, by id.
    #[must_use]
    pub fn collections(&self) -> Vec<CollectionState> {
        self.state.collections.states().collect()
    }

    /// The id for the next collection.
    #[must_use]
    pub fn next_collection_id(&self) -> CollectionId {
        self.state.collections.next_id()
    }

    /// What of a data file the newest versions use.
    #[must_use]
    pub fn file_use(&self, file: DataFileNumber) -> FileUse {
        self.state.usage.of(file)
    }

    /// Memory of the index, in bytes, as allocated.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.state.heap_bytes() as u64
    }

    /// Older versions that are kept for snapshots.
    #[must_use]
    pub fn kept_versions(&self) -> u64 {
        self.state.history.len() as u64
    }
}
