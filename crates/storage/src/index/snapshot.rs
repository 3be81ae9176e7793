//! Snapshots: which versions somebody may still read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use docdb_types::TransactionId;

use super::IndexKey;
use super::concurrent::Shared;

/// The snapshots that are open, and those that were closed and not yet cleaned up after.
#[derive(Debug, Default)]
pub(super) struct Registry {
    open: BTreeMap<TransactionId, usize>,
    closed: BTreeSet<TransactionId>,
}

impl Registry {
    pub(super) fn open(&mut self, version: TransactionId) {
        *self.open.entry(version).or_default() += 1;
    }

    fn close(&mut self, version: TransactionId) {
        if let Some(count) = self.open.get_mut(&version) {
            *count -= 1;
            if *count == 0 {
                self.open.remove(&version);
                self.closed.insert(version);
            }
        }
    }

    /// The versions that are open, ascending.
    pub(super) fn open_versions(&self) -> Vec<TransactionId> {
        self.open.keys().copied().collect()
    }

    pub(super) fn oldest(&self) -> Option<TransactionId> {
        self.open.keys().next().copied()
    }

    pub(super) fn count(&self) -> usize {
        self.open.values().sum()
    }

    /// The versions that were closed since the last call, ascending.
    pub(super) fn take_closed(&mut self) -> BTreeSet<TransactionId> {
        std::mem::take(&mut self.closed)
    }
}

/// The state of the database after one transaction, readable until the value is dropped.
///
/// Open snapshots keep older versions in memory, and the files that hold them.
pub struct Snapshot<K: IndexKey = docdb_types::DocumentId> {
    pub(super) version: TransactionId,
    pub(super) shared: Arc<Shared<K>>,
}

impl<K: IndexKey> Snapshot<K> {
    /// The newest transaction that the snapshot sees.
    #[must_use]
    pub const fn version(&self) -> TransactionId {
        self.version
    }
}

impl<K: IndexKey> Clone for Snapshot<K> {
    fn clone(&self) -> Self {
        // The version is open already, so that nothing of it can have been let go.
        self.shared.registry.lock().open(self.version);
        Self {
            version: self.version,
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<K: IndexKey> Drop for Snapshot<K> {
    fn drop(&mut self) {
        self.shared.registry.lock().close(self.version);
        self.shared.clean_up();
    }
}

impl<K: IndexKey> fmt::Debug for Snapshot<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Snapshot")
            .field(&self.version.get())
            .finish()
    }
}
