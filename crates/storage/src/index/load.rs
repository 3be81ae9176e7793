//! The index from the footers of the data files.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use docdb_types::{CollectionId, TransactionId};

use super::collections::Collections;
use super::history::History;
use super::state::State;
use super::usage::Usage;
use super::{Entry, Index, IndexKey};
use crate::datafile::{Entries, FooterEntry, RecordKind};
use crate::{DataFileNumber, FileView, Location, Manifest, StorageError};

impl<K: IndexKey> Index<K> {
    /// Builds the index of the state that a manifest describes: under each key the newest record of
    /// all data files, and nothing where that is a tombstone or its collection does not exist any
    /// more. Afterwards the log from the covered position on is applied.
    ///
    /// # Errors
    /// [`StorageError::NotOpen`] when `files` lacks one that the manifest names;
    /// [`StorageError::Corrupt`], [`StorageError::Io`].
    pub fn load(manifest: &Manifest, files: &FileView) -> Result<Self, StorageError> {
        let mut state = State {
            collections: Collections::new(&manifest.collections, manifest.next_collection_id),
            history: History::default(),
            usage: Usage::default(),
        };
        let mut sources = Vec::new();
        for record in &manifest.data_files {
            let number = record.number;
            let file = files.get(number).ok_or(StorageError::NotOpen { number })?;
            sources.push((number, file.entries::<K>()));
        }
        for newest in Newest::of(sources)? {
            let (file, entry) = newest?;
            state.load(file, entry);
        }
        state.collections.finish_loading();
        Ok(Self::from_state(state, manifest.last_transaction))
    }
}

impl<K: IndexKey> State<K> {
    fn load(&mut self, file: DataFileNumber, found: FooterEntry<K>) {
        let Some(collection) = self.collections.get_mut(found.collection) else {
            return;
        };
        if found.kind == RecordKind::Tombstone {
            return;
        }
        let location = Location::Data {
            file,
            offset: found.offset,
        };
        let mut entry = Entry::document(found.transaction, location, found.payload_bytes);
        entry.note_in_data_files();
        collection.highest_document_id = collection.highest_document_id.max(found.key.ordinal());
        collection.documents += 1;
        self.usage.add(&found.key, &entry);
        let is_larger = collection.map.append(found.key, entry);
        debug_assert!(is_larger, "sources are checked to be in order");
    }
}

/// What comes next from one data file: smallest key first, its newest version first.
type Head<K> = Reverse<(
    CollectionId,
    K,
    Reverse<(TransactionId, DataFileNumber)>,
    usize,
)>;

/// The newest record under each key of several footers, in key order.
struct Newest<'f, K> {
    sources: Vec<(DataFileNumber, Entries<'f, K>)>,
    /// The entry of each source that its head in the heap stands for.
    current: Vec<Option<FooterEntry<K>>>,
    heap: BinaryHeap<Head<K>>,
    last: Option<(CollectionId, K)>,
}

impl<'f, K: IndexKey> Newest<'f, K> {
    fn of(sources: Vec<(DataFileNumber, Entries<'f, K>)>) -> Result<Self, StorageError> {
        let count = sources.len();
        let mut newest = Self {
            sources,
            current: std::iter::repeat_with(|| None).take(count).collect(),
            heap: BinaryHeap::with_capacity(count),
            last: None,
        };
        for source in 0..count {
            newest.pull(source)?;
        }
        Ok(newest)
    }

    /// Takes the next entry of a source, if there is one, into the heap; returns the one before.
    fn pull(
        &mut self,
        source: usize,
    ) -> Result<Option<(DataFileNumber, FooterEntry<K>)>, StorageError> {
        let (Some((number, entries)), Some(current)) =
            (self.sources.get_mut(source), self.current.get_mut(source))
        else {
            return Ok(None);
        };
        let before = current.take().map(|entry| (*number, entry));
        if let Some(entry) = entries.next().transpose()? {
            let newest_first = Reverse((entry.transaction, *number));
            self.heap.push(Reverse((
                entry.collection,
                entry.key.clone(),
                newest_first,
                source,
            )));
            *current = Some(entry);
        }
        Ok(before)
    }

    fn advance(&mut self) -> Result<Option<(DataFileNumber, FooterEntry<K>)>, StorageError> {
        while let Some(Reverse((_, _, _, source))) = self.heap.pop() {
            let Some((number, entry)) = self.pull(source)? else {
                continue;
            };
            let is_older = self.last.as_ref().is_some_and(|(collection, key)| {
                *collection == entry.collection && *key == entry.key
            });
            if !is_older {
                self.last = Some((entry.collection, entry.key.clone()));
                return Ok(Some((number, entry)));
            }
        }
        Ok(None)
    }
}

impl<K: IndexKey> Iterator for Newest<'_, K> {
    type Item = Result<(DataFileNumber, FooterEntry<K>), StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}
