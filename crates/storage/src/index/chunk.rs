//! A run of neighbouring keys: two arrays, sorted.

use docdb_types::TransactionId;

use super::{Entry, IndexKey};

/// Most entries of a chunk. Larger chunks cost more moves per insertion in the middle, smaller ones
/// more steps of the search above them.
pub(super) const CHUNK_ENTRIES: usize = 256;

/// Up to [`CHUNK_ENTRIES`] keys in ascending order and, at the same places, their entries.
///
/// Keys and entries are apart so that a search touches few cache lines.
#[derive(Debug)]
pub(super) struct Chunk<K> {
    keys: Vec<K>,
    entries: Vec<Entry>,
    /// How many entries point into the log: a checkpoint skips chunks without any.
    in_log: u16,
    /// No entry is newer: a look for what is newer than this skips the chunk.
    newest: TransactionId,
}

impl<K: IndexKey> Chunk<K> {
    /// A chunk with room for `capacity` entries.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            keys: Vec::with_capacity(capacity),
            entries: Vec::with_capacity(capacity),
            in_log: 0,
            newest: TransactionId::ZERO,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) const fn is_full(&self) -> bool {
        self.keys.len() >= CHUNK_ENTRIES
    }

    pub(super) const fn in_log(&self) -> u16 {
        self.in_log
    }

    pub(super) const fn newest(&self) -> TransactionId {
        self.newest
    }

    /// Memory behind this chunk, in bytes, as allocated.
    pub(super) const fn heap_bytes(&self) -> usize {
        self.keys.capacity() * size_of::<K>() + self.entries.capacity() * size_of::<Entry>()
    }

    /// The place of `key`, or the place where it would be.
    pub(super) fn search(&self, key: &K) -> Result<usize, usize> {
        self.keys.binary_search(key)
    }

    pub(super) fn first(&self) -> Option<&K> {
        self.keys.first()
    }

    pub(super) fn last(&self) -> Option<&K> {
        self.keys.last()
    }

    pub(super) fn get(&self, key: &K) -> Option<&Entry> {
        self.search(key)
            .ok()
            .and_then(|place| self.entries.get(place))
    }

    /// The entries from `place` on.
    pub(super) fn iter_from(&self, place: usize) -> impl Iterator<Item = (&K, &Entry)> {
        let keys = self.keys.get(place..).unwrap_or_default();
        let entries = self.entries.get(place..).unwrap_or_default();
        keys.iter().zip(entries)
    }

    /// Changes the entry at `place`; returns what it was.
    pub(super) fn update(
        &mut self,
        place: usize,
        change: impl FnOnce(&mut Entry),
    ) -> Option<Entry> {
        let entry = self.entries.get_mut(place)?;
        let old = *entry;
        change(entry);
        self.in_log -= u16::from(old.is_in_log());
        self.in_log += u16::from(entry.is_in_log());
        self.newest = self.newest.max(entry.version());
        Some(old)
    }

    /// Inserts at `place`, which [`search`](Self::search) gave.
    pub(super) fn insert(&mut self, place: usize, key: K, entry: Entry) {
        self.in_log += u16::from(entry.is_in_log());
        self.newest = self.newest.max(entry.version());
        self.keys.insert(place, key);
        self.entries.insert(place, entry);
    }

    pub(super) fn remove(&mut self, place: usize) -> Entry {
        self.keys.remove(place);
        let entry = self.entries.remove(place);
        self.in_log -= u16::from(entry.is_in_log());
        entry
    }

    /// Cuts off the entries from `place` on.
    pub(super) fn split_off(&mut self, place: usize) -> Self {
        let mut tail = Self {
            keys: self.keys.split_off(place),
            entries: self.entries.split_off(place),
            in_log: 0,
            newest: self.newest,
        };
        tail.in_log = tail
            .entries
            .iter()
            .map(|entry| u16::from(entry.is_in_log()))
            .sum();
        self.in_log -= tail.in_log;
        tail
    }

    /// Takes over the entries of the chunk behind this one.
    pub(super) fn absorb(&mut self, mut next: Self) {
        self.keys.append(&mut next.keys);
        self.entries.append(&mut next.entries);
        self.in_log += next.in_log;
        self.newest = self.newest.max(next.newest);
    }

    /// Gives back memory that no entry uses.
    pub(super) fn shrink(&mut self) {
        self.keys.shrink_to_fit();
        self.entries.shrink_to_fit();
    }
}
