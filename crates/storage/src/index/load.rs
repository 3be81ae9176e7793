//! The index from the footers of the data files.

use std::collections::BTreeSet;

use super::collections::Collections;
use super::history::History;
use super::state::State;
use super::usage::Usage;
use super::{Entry, Index, IndexKey};
use crate::datafile::{FooterEntry, MergedEntries, RecordKind};
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
            settled: BTreeSet::new(),
        };
        let mut sources = Vec::new();
        for record in &manifest.data_files {
            let number = record.number;
            let file = files.get(number).ok_or(StorageError::NotOpen { number })?;
            sources.push((number, file.entries::<K>()));
        }
        let mut last = None;
        for found in MergedEntries::of(sources)? {
            let (file, entry) = found?;
            let key = (entry.collection, entry.key.clone());
            // The newest version of a key comes first.
            if last.as_ref() != Some(&key) {
                last = Some(key);
                state.load(file, entry);
            }
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
