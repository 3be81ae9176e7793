//! What the lock of the index guards, and how it changes.

use std::collections::BTreeSet;

use docdb_types::{CollectionId, TransactionId};

use super::collections::Collections;
use super::history::History;
use super::usage::Usage;
use super::{Entry, IndexChange, IndexKey};
use crate::{Location, StorageError};

/// Newest versions, older versions that snapshots see, and the use of data files.
#[derive(Debug)]
pub(super) struct State<K> {
    pub(super) collections: Collections<K>,
    pub(super) history: History<K>,
    pub(super) usage: Usage,
    /// Deletions that checkpoints are done with and that snapshots are older than, by the
    /// transaction that deleted: they go when no such snapshot is open.
    pub(super) settled: BTreeSet<(TransactionId, CollectionId, K)>,
}

impl<K: IndexKey> State<K> {
    /// Checks that every change names a collection that exists when its turn comes.
    pub(super) fn check(&self, changes: &[IndexChange<K>]) -> Result<(), StorageError> {
        let mut created = Vec::new();
        let mut known = None;
        for change in changes {
            let id = match change {
                IndexChange::CreateCollection { id, .. } => {
                    created.push(*id);
                    continue;
                }
                IndexChange::Set { collection, .. } => *collection,
                IndexChange::DropCollection { id, .. } => *id,
            };
            if known != Some(id) && self.collections.get(id).is_none() && !created.contains(&id) {
                return Err(StorageError::UnknownCollection { collection: id });
            }
            known = Some(id);
        }
        Ok(())
    }

    /// Applies one change; `open` are the open snapshots, ascending.
    pub(super) fn apply(&mut self, open: &[TransactionId], change: &IndexChange<K>) {
        match change {
            IndexChange::Set {
                collection,
                key,
                entry,
            } => {
                self.set(open, *collection, key, *entry);
            }
            IndexChange::CreateCollection { id, name, version } => {
                self.collections.create(*id, name.clone(), 0, *version);
            }
            IndexChange::DropCollection { id, version } => self.drop_collection(*id, *version),
        }
    }

    fn drop_collection(&mut self, id: CollectionId, version: TransactionId) {
        // What only snapshots see does not count as used.
        if let Some(collection) = self.collections.get(id) {
            for (key, entry) in collection.map.iter_from(None) {
                self.usage.subtract(key, entry);
            }
        }
        self.collections.drop(id, version);
    }

    fn set(&mut self, open: &[TransactionId], id: CollectionId, key: &K, new: Entry) {
        let Some(collection) = self.collections.get_mut(id) else {
            return;
        };
        let old = collection.map.set(key.clone(), |old| {
            let mut entry = new;
            if old.is_some_and(Entry::is_in_data_files) {
                entry.note_in_data_files();
            }
            entry
        });
        collection.highest_document_id = collection.highest_document_id.max(key.ordinal());
        *collection.count_of(&new) += 1;
        if let Some(old) = old {
            *collection.count_of(&old) -= 1;
            // A version that its own transaction replaces was never visible.
            if old.version() < new.version() {
                self.history.keep(open, id, key, old, new.version());
            }
            self.usage.subtract(key, &old);
        }
        self.usage.add(key, &new);
    }

    /// Points the version of a document at a copy of its record. Returns whether it is the newest
    /// version; another one may be kept for a snapshot.
    pub(super) fn swing(
        &mut self,
        id: CollectionId,
        key: &K,
        version: TransactionId,
        to: Location,
        length: u32,
    ) -> bool {
        let existing = self
            .collections
            .get_mut(id)
            .filter(|collection| collection.dropped.is_none());
        let Some(collection) = existing else {
            return false;
        };
        let mut after = None;
        let before = collection.map.update(key, |entry| {
            // INVARIANT: the newest record under the key in the data files is a document from now
            // on, also when the newest version has become another one meanwhile.
            entry.note_in_data_files();
            if entry.is_document_of(version) {
                entry.move_to(to, length);
                after = Some(*entry);
            }
        });
        if let (Some(before), Some(after)) = (before, after) {
            self.usage.subtract(key, &before);
            self.usage.add(key, &after);
            return true;
        }
        self.history.update(id, key, |entry| {
            if entry.is_document_of(version) {
                entry.move_to(to, length);
            }
        });
        false
    }

    /// Lets go of a deletion that a checkpoint is done with, or notes it to go with the last
    /// snapshot that is older; `open` are the open snapshots, ascending.
    ///
    /// INVARIANT: whatever was written behind an open snapshot is in the index as newer than that
    /// snapshot, deletions included, also where the snapshot sees nothing under the key.
    pub(super) fn forget(&mut self, open: &[TransactionId], id: CollectionId, key: &K) {
        let Some(collection) = self.collections.get_mut(id) else {
            return;
        };
        let Some(version) = collection.map.get(key).map(Entry::version) else {
            return;
        };
        if open.first().is_some_and(|oldest| *oldest < version) {
            collection.map.update(key, Entry::settle);
            self.settled.insert((version, id, key.clone()));
        } else if collection.map.remove(key).is_some() {
            collection.tombstones -= 1;
        }
    }

    /// Lets go of the settled deletions that no open snapshot is older than.
    fn remove_settled(&mut self, oldest: Option<TransactionId>) {
        let is_unseen = |version: TransactionId| oldest.is_none_or(|oldest| version <= oldest);
        while let Some(first) = self.settled.first()
            && is_unseen(first.0)
            && let Some((version, id, key)) = self.settled.pop_first()
        {
            let Some(collection) = self.collections.get_mut(id) else {
                continue;
            };
            let newest = collection.map.get(&key);
            if newest.is_some_and(|entry| entry.is_settled() && entry.version() == version) {
                collection.map.remove(&key);
                collection.tombstones -= 1;
            }
        }
    }

    /// Lets go of everything that only `closed` snapshots saw; `open` are the others, ascending.
    pub(super) fn close(&mut self, closed: &BTreeSet<TransactionId>, open: &[TransactionId]) {
        for snapshot in closed {
            self.history.close(*snapshot, open);
        }
        let oldest = open.first().copied();
        self.remove_settled(oldest);
        self.collections.remove_dropped(oldest);
    }

    /// The newest version under a key that a snapshot sees, which may be a deletion.
    pub(super) fn get_at(&self, id: CollectionId, key: &K, at: TransactionId) -> Option<&Entry> {
        let newest = self.collections.get_at(id, at)?.map.get(key)?;
        self.visible(id, key, newest, at)
    }

    /// `newest`, or the version of the same key that a snapshot sees instead.
    pub(super) fn visible<'a>(
        &'a self,
        id: CollectionId,
        key: &K,
        newest: &'a Entry,
        at: TransactionId,
    ) -> Option<&'a Entry> {
        if newest.version() <= at {
            Some(newest)
        } else {
            self.history.get(id, key, at)
        }
    }

    /// Whether anything is kept that goes when snapshots close.
    pub(super) fn keeps_for_snapshots(&self) -> bool {
        self.history.len() > 0 || self.collections.dropped() > 0 || !self.settled.is_empty()
    }

    /// Memory of everything, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.collections
            .maps()
            .map(|map| map.heap_bytes())
            .sum::<usize>()
            + self.history.heap_bytes()
            + size_of::<(TransactionId, CollectionId, K)>() * self.settled.len() * 4 / 3
    }
}

impl<K> super::collections::Collection<K> {
    const fn count_of(&mut self, entry: &Entry) -> &mut u64 {
        if entry.is_tombstone() {
            &mut self.tombstones
        } else {
            &mut self.documents
        }
    }
}
