//! The index behind its lock.
//!
//! ORDER: the lock of the state before the lock of the registry, never the other way round.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use docdb_types::{CollectionId, DocumentId, TransactionId};
use parking_lot::{Mutex, RwLock};

use super::collections::Collections;
use super::history::History;
use super::snapshot::Registry;
use super::state::State;
use super::usage::Usage;
use super::{Entry, IndexChange, IndexKey, IndexView, Snapshot};
use crate::{CollectionRecord, StorageError};

/// The index of one database: key → newest version, in key order per collection, with the older
/// versions that open snapshots see. Cheap to clone; clones are the same index.
///
/// Writers hold its lock for one [`apply`](Self::apply), readers for one lookup or one page; nobody
/// holds it while reading or writing a file.
pub struct Index<K: IndexKey = DocumentId> {
    pub(super) shared: Arc<Shared<K>>,
}

#[derive(Debug)]
pub(super) struct Shared<K> {
    pub(super) state: RwLock<State<K>>,
    pub(super) registry: Mutex<Registry>,
    /// Changes only while the state is locked for writing.
    last_applied: AtomicU64,
    /// Whether closing a snapshot may let something go; changes like `last_applied`.
    keeps_for_snapshots: AtomicBool,
}

impl<K: IndexKey> Index<K> {
    /// An index without documents: collections as `records` say, the next one `next_collection_id`.
    #[must_use]
    pub fn new(
        records: &[CollectionRecord],
        next_collection_id: CollectionId,
        last_applied: TransactionId,
    ) -> Self {
        Self::from_state(
            State {
                collections: Collections::new(records, next_collection_id),
                history: History::default(),
                usage: Usage::default(),
                settled: BTreeSet::new(),
            },
            last_applied,
        )
    }

    pub(super) fn from_state(state: State<K>, last_applied: TransactionId) -> Self {
        Self {
            shared: Arc::new(Shared {
                state: RwLock::new(state),
                registry: Mutex::default(),
                last_applied: AtomicU64::new(last_applied.get()),
                keeps_for_snapshots: AtomicBool::new(false),
            }),
        }
    }

    /// Applies the effects of whole transactions, in commit order, at once: a reader sees all of
    /// them or none. Afterwards `last` is the newest transaction that readers see.
    ///
    /// # Errors
    /// [`StorageError::UnknownCollection`]; then nothing was applied.
    pub fn apply(
        &self,
        last: TransactionId,
        changes: &[IndexChange<K>],
    ) -> Result<(), StorageError> {
        let mut state = self.shared.state.write();
        state.check(changes)?;
        // Nobody opens a snapshot while the state is locked; one that closes meanwhile is cleaned
        // up after below, or by its own drop.
        let open = self.shared.registry.lock().open_versions();
        for change in changes {
            state.apply(&open, change);
        }
        self.shared
            .last_applied
            .fetch_max(last.get(), Ordering::Release);
        self.shared.settle(&mut state);
        Ok(())
    }

    /// The newest transaction that readers see.
    #[must_use]
    pub fn last_applied(&self) -> TransactionId {
        self.shared.last_applied()
    }

    /// Locks the index for reading. See [`IndexView`] for how long.
    #[must_use]
    pub fn view(&self) -> IndexView<'_, K> {
        let state = self.shared.state.read();
        IndexView {
            last_applied: self.shared.last_applied(),
            state,
        }
    }

    /// The newest version of a document; `None` when there is none or it is deleted.
    #[must_use]
    pub fn get(&self, collection: CollectionId, key: &K) -> Option<Entry> {
        self.view().get(collection, key)
    }

    /// The newest version under a key, a deletion too.
    #[must_use]
    pub fn newest(&self, collection: CollectionId, key: &K) -> Option<Entry> {
        self.view().newest(collection, key)
    }

    /// The version of a document that a snapshot sees.
    #[must_use]
    pub fn get_at(
        &self,
        snapshot: &Snapshot<K>,
        collection: CollectionId,
        key: &K,
    ) -> Option<Entry> {
        self.view().get_at(snapshot, collection, key)
    }

    /// Opens a snapshot of the newest state.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot<K> {
        self.snapshot_with(|| ()).0
    }

    /// Opens a snapshot of the newest state and, while the index stands still, calls `pin`, which
    /// takes hold of what the versions lie in: a [`FilePin`](crate::FilePin), a pin on the log.
    ///
    /// ORDER: files are retired and the log is trimmed only after the index points elsewhere
    /// ([`adopt`](Self::adopt)), which cannot happen in here: everything that the index points at
    /// is there to be pinned.
    pub fn snapshot_with<P>(&self, pin: impl FnOnce() -> P) -> (Snapshot<K>, P) {
        let _standing_still = self.shared.state.read();
        let version = self.shared.last_applied();
        self.shared.registry.lock().open(version);
        let snapshot = Snapshot {
            version,
            shared: Arc::clone(&self.shared),
        };
        (snapshot, pin())
    }

    /// Whether a snapshot is one of this index, and not of another or of an earlier life of it.
    #[must_use]
    pub fn has_opened(&self, snapshot: &Snapshot<K>) -> bool {
        Arc::ptr_eq(&self.shared, &snapshot.shared)
    }

    /// The version of the oldest open snapshot.
    #[must_use]
    pub fn oldest_snapshot(&self) -> Option<TransactionId> {
        self.shared.registry.lock().oldest()
    }

    /// How many snapshots are open.
    #[must_use]
    pub fn open_snapshots(&self) -> usize {
        self.shared.registry.lock().count()
    }
}

impl<K: IndexKey> Shared<K> {
    fn last_applied(&self) -> TransactionId {
        TransactionId::new(self.last_applied.load(Ordering::Acquire))
    }

    /// Cleans up after closed snapshots, unless the index is in use: then whoever changes it next
    /// or closes a snapshot next does it. Closing therefore never waits.
    pub(super) fn clean_up(&self) {
        if !self.keeps_for_snapshots.load(Ordering::Acquire) {
            return;
        }
        if let Some(mut state) = self.state.try_write() {
            self.clean_up_in(&mut state);
        }
    }

    /// Ends a change that may keep something for snapshots which have closed meanwhile.
    ///
    /// ORDER: the flag before cleaning up, so that a snapshot that closes after it sees the flag.
    pub(super) fn settle(&self, state: &mut State<K>) {
        self.note_keeping(state);
        self.clean_up_in(state);
    }

    fn note_keeping(&self, state: &State<K>) {
        self.keeps_for_snapshots
            .store(state.keeps_for_snapshots(), Ordering::Release);
    }

    fn clean_up_in(&self, state: &mut State<K>) {
        let (closed, open) = {
            let mut registry = self.registry.lock();
            (registry.take_closed(), registry.open_versions())
        };
        state.close(&closed, &open);
        self.note_keeping(state);
    }
}

impl<K: IndexKey> Clone for Index<K> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<K: IndexKey> fmt::Debug for Index<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Index")
            .field("last_applied", &self.last_applied().get())
            .field("open_snapshots", &self.open_snapshots())
            .finish_non_exhaustive()
    }
}
