//! Versions that are not the newest any more, as long as a snapshot can see them.
//!
//! A version is seen by the snapshots from the one that wrote it up to, but not including, the one
//! that replaced it. Each kept version stands in the list of the *newest* open snapshot that sees
//! it; when that snapshot closes, the version moves to the next older snapshot if that one sees it
//! too, and goes otherwise. The work of closing a snapshot is proportional to its own list.

use std::collections::BTreeMap;

use docdb_types::{CollectionId, TransactionId};

use super::{Entry, IndexKey};

type VersionKey<K> = (CollectionId, K, TransactionId);

/// Older versions by key, and by the newest snapshot that sees them.
#[derive(Debug)]
pub(super) struct History<K> {
    versions: BTreeMap<VersionKey<K>, Entry>,
    seen_by: BTreeMap<TransactionId, Vec<VersionKey<K>>>,
}

impl<K> Default for History<K> {
    fn default() -> Self {
        Self {
            versions: BTreeMap::new(),
            seen_by: BTreeMap::new(),
        }
    }
}

impl<K: IndexKey> History<K> {
    /// Keeps `old`, which `replaced_by` replaces, if one of the `open` snapshots (ascending) sees
    /// it. Deletions are kept like documents: they hide what is older.
    pub(super) fn keep(
        &mut self,
        open: &[TransactionId],
        collection: CollectionId,
        key: &K,
        old: Entry,
        replaced_by: TransactionId,
    ) {
        let older = open.partition_point(|snapshot| *snapshot < replaced_by);
        let newest = older.checked_sub(1).and_then(|at| open.get(at));
        if let Some(snapshot) = newest.filter(|snapshot| **snapshot >= old.version()) {
            let at = (collection, key.clone(), old.version());
            self.seen_by.entry(*snapshot).or_default().push(at.clone());
            self.versions.insert(at, old);
        }
    }

    /// The newest kept version under a key that is not newer than `snapshot`.
    pub(super) fn get(
        &self,
        collection: CollectionId,
        key: &K,
        snapshot: TransactionId,
    ) -> Option<&Entry> {
        let from = (collection, key.clone(), TransactionId::ZERO);
        let to = (collection, key.clone(), snapshot);
        self.versions
            .range(from..=to)
            .next_back()
            .map(|(_, entry)| entry)
    }

    /// Moves a kept version that a copy has replaced.
    pub(super) fn update(
        &mut self,
        collection: CollectionId,
        key: &K,
        mut change: impl FnMut(&mut Entry),
    ) {
        let from = (collection, key.clone(), TransactionId::ZERO);
        let to = (collection, key.clone(), TransactionId::new(u64::MAX));
        for (_, entry) in self.versions.range_mut(from..=to) {
            change(entry);
        }
    }

    /// Lets go of what only the `closed` snapshot saw; `open` are the ones that remain, ascending.
    pub(super) fn close(&mut self, closed: TransactionId, open: &[TransactionId]) {
        let older = open.partition_point(|snapshot| *snapshot < closed);
        if open.get(older) == Some(&closed) {
            return;
        }
        let next = older.checked_sub(1).and_then(|at| open.get(at)).copied();
        for at in self.seen_by.remove(&closed).unwrap_or_default() {
            match next {
                Some(snapshot) if snapshot >= at.2 => {
                    self.seen_by.entry(snapshot).or_default().push(at);
                }
                _ => {
                    self.versions.remove(&at);
                }
            }
        }
    }

    /// How many versions are kept.
    pub(super) fn len(&self) -> usize {
        self.versions.len()
    }

    /// Memory of the kept versions, in bytes. The nodes of a tree are between half and wholly
    /// full; counted is the middle.
    pub(super) fn heap_bytes(&self) -> usize {
        let in_tree = size_of::<(VersionKey<K>, Entry)>() * self.versions.len() * 4 / 3;
        let lists: usize = self.seen_by.values().map(Vec::capacity).sum();
        in_tree + lists * size_of::<VersionKey<K>>()
    }
}
