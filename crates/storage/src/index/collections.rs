//! The collections of the index.

use std::collections::BTreeMap;

use docdb_types::{CollectionId, CollectionName, DocumentId, TransactionId};

use super::IndexKey;
use super::ordered::OrderedMap;
use crate::CollectionRecord;

/// What the index knows of a collection that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionState {
    /// Its id.
    pub id: CollectionId,
    /// Its name.
    pub name: CollectionName,
    /// Documents in it.
    pub documents: u64,
    /// Deletions in it that a data file does not hold yet, or that a snapshot does not see.
    pub tombstones: u64,
    /// The largest document id ever used in it; 0 before the first.
    pub highest_document_id: u64,
}

impl CollectionState {
    /// The id for the next document without one; `None` after the largest id has been used.
    #[must_use]
    pub fn next_document_id(&self) -> Option<DocumentId> {
        self.highest_document_id
            .checked_add(1)
            .and_then(DocumentId::new)
    }

    /// The collection as files keep it.
    #[must_use]
    pub fn to_record(&self) -> CollectionRecord {
        CollectionRecord {
            id: self.id,
            name: self.name.clone(),
            highest_document_id: self.highest_document_id,
        }
    }
}

/// One collection in memory.
#[derive(Debug)]
pub(super) struct Collection<K> {
    pub(super) name: CollectionName,
    pub(super) map: OrderedMap<K>,
    pub(super) documents: u64,
    pub(super) tombstones: u64,
    pub(super) highest_document_id: u64,
    /// The transaction that created it; zero where that is older than every snapshot.
    created: TransactionId,
    /// The transaction that dropped it; it stays while an older snapshot is open.
    pub(super) dropped: Option<TransactionId>,
}

impl<K> Collection<K> {
    fn new(name: CollectionName, highest_document_id: u64, created: TransactionId) -> Self {
        Self {
            name,
            map: OrderedMap::default(),
            documents: 0,
            tombstones: 0,
            highest_document_id,
            created,
            dropped: None,
        }
    }

    fn is_seen_at(&self, at: TransactionId) -> bool {
        self.created <= at && self.dropped.is_none_or(|dropped| at < dropped)
    }
}

/// Every collection by id, those that exist also by name.
#[derive(Debug)]
pub(super) struct Collections<K> {
    by_id: BTreeMap<CollectionId, Collection<K>>,
    by_name: BTreeMap<CollectionName, CollectionId>,
    /// Larger than every id ever used.
    next_id: u32,
    /// How many of them only snapshots see.
    dropped: usize,
}

impl<K> Collections<K> {
    pub(super) fn new(records: &[CollectionRecord], next_id: CollectionId) -> Self {
        let mut collections = Self {
            by_id: BTreeMap::new(),
            by_name: BTreeMap::new(),
            next_id: next_id.get(),
            dropped: 0,
        };
        for record in records {
            let (name, highest) = (record.name.clone(), record.highest_document_id);
            collections.create(record.id, name, highest, TransactionId::ZERO);
        }
        collections
    }

    pub(super) fn create(
        &mut self,
        id: CollectionId,
        name: CollectionName,
        highest: u64,
        version: TransactionId,
    ) {
        self.next_id = self.next_id.max(id.get().saturating_add(1));
        self.by_name.insert(name.clone(), id);
        self.by_id
            .insert(id, Collection::new(name, highest, version));
    }

    pub(super) fn drop(&mut self, id: CollectionId, version: TransactionId) {
        let existing = self
            .by_id
            .get_mut(&id)
            .filter(|collection| collection.dropped.is_none());
        if let Some(collection) = existing {
            self.dropped += 1;
            collection.dropped = Some(version);
            self.by_name.remove(&collection.name);
        }
    }

    /// Forgets the dropped collections that no snapshot sees; `oldest` is the oldest open one.
    pub(super) fn remove_dropped(&mut self, oldest: Option<TransactionId>) {
        if self.dropped > 0 {
            self.by_id.retain(|_, collection| {
                collection
                    .dropped
                    .is_none_or(|at| oldest.is_some_and(|oldest| oldest < at))
            });
            let dropped = self
                .by_id
                .values()
                .filter(|collection| collection.dropped.is_some());
            self.dropped = dropped.count();
        }
    }

    /// How many dropped collections remain for snapshots.
    pub(super) const fn dropped(&self) -> usize {
        self.dropped
    }

    /// A collection that exists.
    pub(super) fn get(&self, id: CollectionId) -> Option<&Collection<K>> {
        self.by_id
            .get(&id)
            .filter(|collection| collection.dropped.is_none())
    }

    /// A collection that a snapshot sees.
    pub(super) fn get_at(&self, id: CollectionId, at: TransactionId) -> Option<&Collection<K>> {
        self.by_id
            .get(&id)
            .filter(|collection| collection.is_seen_at(at))
    }

    /// The collection that had a name for a snapshot.
    pub(super) fn id_at(&self, name: &CollectionName, at: TransactionId) -> Option<CollectionId> {
        let existing = self.id_of(name);
        if let Some(id) = existing.filter(|id| self.get_at(*id, at).is_some()) {
            return Some(id);
        }
        if self.dropped == 0 {
            return None;
        }
        self.by_id
            .iter()
            .find(|(_, collection)| collection.name == *name && collection.is_seen_at(at))
            .map(|(id, _)| *id)
    }

    /// A collection whether it exists or only a snapshot sees it.
    pub(super) fn get_mut(&mut self, id: CollectionId) -> Option<&mut Collection<K>> {
        self.by_id.get_mut(&id)
    }

    pub(super) fn id_of(&self, name: &CollectionName) -> Option<CollectionId> {
        self.by_name.get(name).copied()
    }

    pub(super) const fn next_id(&self) -> CollectionId {
        CollectionId::new(self.next_id)
    }

    /// The state of every collection that exists, by id.
    pub(super) fn states(&self) -> impl Iterator<Item = CollectionState> {
        self.by_id
            .iter()
            .filter(|(_, collection)| collection.dropped.is_none())
            .map(|(id, collection)| state(*id, collection))
    }

    pub(super) fn state_of(&self, id: CollectionId) -> Option<CollectionState> {
        self.get(id).map(|collection| state(id, collection))
    }

    pub(super) fn finish_loading(&mut self)
    where
        K: IndexKey,
    {
        for collection in self.by_id.values_mut() {
            collection.map.finish_appending();
        }
    }

    /// Every map, also of dropped collections.
    pub(super) fn maps(&self) -> impl Iterator<Item = &OrderedMap<K>> {
        self.by_id.values().map(|collection| &collection.map)
    }
}

fn state<K>(id: CollectionId, collection: &Collection<K>) -> CollectionState {
    CollectionState {
        id,
        name: collection.name.clone(),
        documents: collection.documents,
        tombstones: collection.tombstones,
        highest_document_id: collection.highest_document_id,
    }
}
