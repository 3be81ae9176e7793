use std::collections::{BTreeMap, HashSet};

use docdb_types::{CollectionId, DocumentId};

use crate::commit::Key;

/// What a serializable transaction has read: documents, missing ones too, and ranges.
#[derive(Debug, Default)]
pub(crate) struct ReadSet {
    documents: HashSet<Key>,
    /// First id → last id, both included. Ranges of a collection neither overlap nor touch.
    ranges: BTreeMap<Key, DocumentId>,
}

impl ReadSet {
    /// What a document or a range takes in memory, in bytes, about.
    pub(crate) const READ_BYTES: u64 = 48;

    /// Memory that it takes, in bytes, about.
    pub(crate) fn bytes(&self) -> u64 {
        Self::READ_BYTES * (self.documents.len() + self.ranges.len()) as u64
    }

    pub(crate) fn add_document(&mut self, key: Key) {
        self.documents.insert(key);
    }

    /// Adds the ids from `from` to `to`, both included.
    pub(crate) fn add_range(&mut self, collection: CollectionId, from: DocumentId, to: DocumentId) {
        let (mut from, mut to) = (from, to);
        // Ranges that overlap or touch become one.
        while let Some((&(of, first), &last)) = self
            .ranges
            .range(..=(collection, after(to)))
            .next_back()
            .filter(|((of, _), last)| *of == collection && after(**last) >= from)
        {
            from = from.min(first);
            to = to.max(last);
            self.ranges.remove(&(of, first));
        }
        self.ranges.insert((collection, from), to);
    }

    pub(crate) fn documents(&self) -> impl Iterator<Item = Key> {
        self.documents.iter().copied()
    }

    /// Every range: collection, first id, last id.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = (CollectionId, DocumentId, DocumentId)> {
        self.ranges
            .iter()
            .map(|((collection, from), to)| (*collection, *from, *to))
    }
}

/// The next id; the last one has none.
fn after(id: DocumentId) -> DocumentId {
    id.get()
        .checked_add(1)
        .and_then(DocumentId::new)
        .unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> DocumentId {
        DocumentId::new(number).unwrap()
    }

    fn ranges(of: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let mut reads = ReadSet::default();
        for (from, to) in of {
            reads.add_range(CollectionId::DEFAULT, id(*from), id(*to));
        }
        reads
            .ranges()
            .map(|(_, from, to)| (from.get(), to.get()))
            .collect()
    }

    #[test]
    fn pages_of_one_scan_become_one_range() {
        assert_eq!(ranges(&[(1, 9), (10, 19), (20, u64::MAX)]), [(1, u64::MAX)]);
        assert_eq!(ranges(&[(20, u64::MAX), (10, 19), (1, 9)]), [(1, u64::MAX)]);
        assert_eq!(ranges(&[(1, 5), (7, 9)]), [(1, 5), (7, 9)]);
        assert_eq!(ranges(&[(1, 5), (7, 9), (3, 7)]), [(1, 9)]);
        assert_eq!(ranges(&[(1, 2), (4, 5), (7, 8), (2, 7)]), [(1, 8)]);
        assert_eq!(ranges(&[(1, 9), (3, 4)]), [(1, 9)]);
        assert_eq!(
            ranges(&[(u64::MAX, u64::MAX), (5, u64::MAX)]),
            [(5, u64::MAX)]
        );
    }

    #[test]
    fn ranges_of_two_collections_stay_apart() {
        let mut reads = ReadSet::default();
        for collection in [0, 1] {
            reads.add_range(CollectionId::new(collection), id(1), id(u64::MAX));
        }
        assert_eq!(reads.ranges().count(), 2);
    }
}
