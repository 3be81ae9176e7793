//! The footers of several data files as one sequence.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use docdb_types::{CollectionId, TransactionId};

use super::entries::Entries;
use super::footer::FooterEntry;
use crate::{DataFileNumber, IndexKey, StorageError};

/// The next entry of one source: smallest key first, under a key the newest version first, of equal
/// versions the one in the newest file.
type Head<K> = Reverse<(
    CollectionId,
    K,
    Reverse<(TransactionId, DataFileNumber)>,
    usize,
)>;

/// The entries of several footers in key order, the versions of a key newest first. After an error
/// nothing more comes.
pub(crate) struct MergedEntries<'f, K> {
    sources: Vec<Source<'f, K>>,
    heap: BinaryHeap<Head<K>>,
    is_done: bool,
}

struct Source<'f, K> {
    number: DataFileNumber,
    entries: Entries<'f, K>,
    /// The entry that the head in the heap stands for.
    current: Option<FooterEntry<K>>,
}

impl<'f, K: IndexKey> MergedEntries<'f, K> {
    /// Merges the footers of `files`.
    ///
    /// # Errors
    /// As [`Entries`].
    pub(crate) fn of(files: Vec<(DataFileNumber, Entries<'f, K>)>) -> Result<Self, StorageError> {
        let count = files.len();
        let sources = files
            .into_iter()
            .map(|(number, entries)| Source {
                number,
                entries,
                current: None,
            })
            .collect();
        let mut merged = Self {
            sources,
            heap: BinaryHeap::with_capacity(count),
            is_done: false,
        };
        for source in 0..count {
            merged.pull(source)?;
        }
        Ok(merged)
    }

    /// Takes the next entry of a source, if there is one, into the heap; returns the one before.
    fn pull(
        &mut self,
        at: usize,
    ) -> Result<Option<(DataFileNumber, FooterEntry<K>)>, StorageError> {
        let Some(source) = self.sources.get_mut(at) else {
            return Ok(None);
        };
        let before = source.current.take().map(|entry| (source.number, entry));
        if let Some(entry) = source.entries.next().transpose()? {
            let newest_first = Reverse((entry.transaction, source.number));
            self.heap.push(Reverse((
                entry.collection,
                entry.key.clone(),
                newest_first,
                at,
            )));
            source.current = Some(entry);
        }
        Ok(before)
    }
}

impl<K: IndexKey> Iterator for MergedEntries<'_, K> {
    type Item = Result<(DataFileNumber, FooterEntry<K>), StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let next = match self.heap.pop() {
            Some(Reverse((_, _, _, source))) => self.pull(source).transpose(),
            None => None,
        };
        self.is_done = !matches!(next, Some(Ok(_)));
        next
    }
}
