//! What a checkpoint or a compaction does to the index once its data file is live.
//!
//! ORDER: checkpoints and compactions of one database take turns, and each of them finishes here
//! before the next begins.

use docdb_types::CollectionId;
use parking_lot::RwLockWriteGuard;

use super::state::State;
use super::{Index, IndexKey, Swung};
use crate::datafile::{FooterEntry, RecordKind};
use crate::{DataFile, DataFileNumber, Location, LogPosition, StorageError};

/// Most keys that are dealt with under one lock.
const KEYS_PER_LOCK: usize = 256;

impl<K: IndexKey> Index<K> {
    /// Points every version that `file` holds a copy of at that copy, a few hundred at a time, so
    /// that readers and commits get their turn. Versions that a commit has replaced meanwhile stay
    /// replaced.
    ///
    /// # Errors
    /// As [`DataFile::entries`]. Some entries may point at the file then, which is as right as
    /// where they pointed before.
    pub fn adopt(&self, file: &DataFile) -> Result<Swung, StorageError> {
        let number = file.number();
        let mut swung = Swung::default();
        let mut part = Vec::<FooterEntry<K>>::with_capacity(KEYS_PER_LOCK);
        let mut entries = file.entries::<K>();
        loop {
            part.clear();
            for entry in entries.by_ref().take(KEYS_PER_LOCK) {
                part.push(entry?);
            }
            if part.is_empty() {
                return Ok(swung);
            }
            let mut state = self.shared.state.write();
            for copy in part
                .iter()
                .filter(|copy| copy.kind != RecordKind::Tombstone)
            {
                let to = Location::Data {
                    file: number,
                    offset: copy.offset,
                };
                if state.swing(
                    copy.collection,
                    &copy.key,
                    copy.transaction,
                    to,
                    copy.payload_bytes,
                ) {
                    swung.moved += 1;
                } else {
                    swung.superseded += 1;
                }
            }
            RwLockWriteGuard::unlock_fair(state);
        }
    }

    /// Whether a merge has to copy a record of the live data file `file`: a document that is the
    /// newest version, or a tombstone that no newer document in a data file replaces.
    #[must_use]
    pub fn needs(&self, file: DataFileNumber, entry: &FooterEntry<K>) -> bool {
        let view = self.view();
        if !view.has_collection(entry.collection) {
            return false;
        }
        let newest = view.newest(entry.collection, &entry.key);
        match entry.kind {
            RecordKind::Document | RecordKind::Lost => {
                let location = Location::Data {
                    file,
                    offset: entry.offset,
                };
                newest.is_some_and(|newest| !newest.is_tombstone() && newest.location() == location)
            }
            // INVARIANT: a newest version that is only logged does not replace the tombstone: when
            // it is deleted before a checkpoint writes it, nothing else hides older documents.
            RecordKind::Tombstone => newest.is_none_or(|newest| {
                newest.is_tombstone() || matches!(newest.location(), Location::Log(_))
            }),
        }
    }

    /// Lets go of every deletion that was logged in front of `cut`, after a checkpoint at `cut` has
    /// made the tombstones live that are needed. One that hides something from an open snapshot
    /// goes with that snapshot.
    pub fn forget_deletions(&self, cut: LogPosition) {
        let ids: Vec<_> = self
            .view()
            .collections()
            .into_iter()
            .map(|state| state.id)
            .collect();
        let mut found = Vec::new();
        for id in ids {
            let mut from = None;
            loop {
                found.clear();
                from = self
                    .view()
                    .unsaved(id, from.as_ref(), None, cut, KEYS_PER_LOCK, &mut found);
                let keys: Vec<&K> = found
                    .iter()
                    .filter(|(_, entry)| entry.is_tombstone())
                    .map(|(key, _)| key)
                    .collect();
                self.forget(id, cut, &keys);
                if from.is_none() {
                    break;
                }
            }
        }
    }

    fn forget(&self, id: CollectionId, cut: LogPosition, keys: &[&K]) {
        if keys.is_empty() {
            return;
        }
        let mut state = self.shared.state.write();
        let open = self.shared.registry.lock().open_versions();
        for key in keys {
            // A commit may have come between.
            if state.is_deleted_before(id, key, cut) {
                state.forget(&open, id, key);
            }
        }
        self.shared.settle(&mut state);
        RwLockWriteGuard::unlock_fair(state);
    }
}

impl<K: IndexKey> State<K> {
    fn is_deleted_before(&self, id: CollectionId, key: &K, cut: LogPosition) -> bool {
        self.collections
            .get(id)
            .and_then(|collection| collection.map.get(key))
            .is_some_and(|entry| entry.is_tombstone() && entry.is_logged_before(cut))
    }
}
