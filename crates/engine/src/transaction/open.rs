use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use docdb_types::{Code, CollectionId, DocumentId, Error, Version};
use parking_lot::Mutex;

use super::TransactionLimits;

/// The open transactions of a database: how many, what they hold, and the ids that were assigned in
/// them.
#[derive(Debug, Default)]
pub(crate) struct OpenTransactions {
    count: AtomicU64,
    bytes: AtomicU64,
    /// The largest id assigned in each collection. Forgotten when no transaction is open: ids that
    /// were not used in the end are free again then.
    assigned: Mutex<HashMap<CollectionId, DocumentId>>,
    begun: AtomicU64,
    only_read: AtomicU64,
    written: AtomicU64,
    conflicts: AtomicU64,
}

/// The transactions of many steps of one database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TransactionStatistics {
    /// Open now.
    pub open: u64,
    /// Bytes that the open ones hold.
    pub bytes: u64,
    /// Begun since the database was opened.
    pub begun: u64,
    /// Committed since then, those that only read among them.
    pub committed: u64,
    /// Refused since then because another transaction was first.
    pub conflicts: u64,
}

/// The place of one open transaction; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    of: Arc<OpenTransactions>,
    bytes: u64,
}

impl OpenTransactions {
    /// Takes a place.
    ///
    /// # Errors
    /// `TooManyTxns`.
    pub(crate) fn enter(self: &Arc<Self>, limits: &TransactionLimits) -> Result<Place, Error> {
        let taken = self.count.fetch_add(1, Ordering::AcqRel);
        let place = Place {
            of: Arc::clone(self),
            bytes: 0,
        };
        if taken >= limits.open as u64 {
            let text = format!("the database has {taken} open transactions, which is the most");
            return Err(Error::new(Code::TooManyTxns, text));
        }
        self.begun.fetch_add(1, Ordering::Relaxed);
        Ok(place)
    }

    /// Counts the commit of a transaction that only read.
    pub(crate) fn note_read(&self) {
        self.only_read.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts how the commit of one that wrote was decided.
    pub(crate) fn note_decision(&self, answer: &Result<Version, Error>) {
        match answer {
            Ok(_) => self.written.fetch_add(1, Ordering::Relaxed),
            Err(error) if error.code() == Code::TxnConflict => {
                self.conflicts.fetch_add(1, Ordering::Relaxed)
            }
            Err(_) => 0,
        };
    }

    /// Committed ones that wrote something.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    pub(crate) fn statistics(&self) -> TransactionStatistics {
        TransactionStatistics {
            open: self.count(),
            bytes: self.bytes(),
            begun: self.begun.load(Ordering::Relaxed),
            committed: self.only_read.load(Ordering::Relaxed) + self.written(),
            conflicts: self.conflicts.load(Ordering::Relaxed),
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Bytes that they hold.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The largest id that an open transaction was given in a collection; 0 before the first.
    pub(crate) fn highest_assigned(&self, collection: CollectionId) -> u64 {
        if self.count() == 0 {
            return 0;
        }
        let assigned = self.assigned.lock();
        assigned.get(&collection).map_or(0, |id| id.get())
    }

    /// Assigns the id behind `stored`, or behind the last one assigned; `None` at the end of ids.
    pub(crate) fn assign(&self, collection: CollectionId, stored: u64) -> Option<DocumentId> {
        let mut assigned = self.assigned.lock();
        let last = assigned.get(&collection).map_or(0, |id| id.get());
        let id = last.max(stored).checked_add(1).and_then(DocumentId::new)?;
        assigned.insert(collection, id);
        Some(id)
    }
}

impl Place {
    /// Notes what the transaction holds now.
    pub(crate) fn hold(&mut self, bytes: u64) {
        self.of.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.of.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = bytes;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.of.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        let mut assigned = self.of.assigned.lock();
        if self.of.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            *assigned = HashMap::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_free_again_when_no_transaction_is_open() {
        let open = Arc::new(OpenTransactions::default());
        let collection = CollectionId::DEFAULT;
        let limits = TransactionLimits {
            open: 2,
            ..TransactionLimits::DEFAULT
        };
        let mut one = open.enter(&limits).unwrap();
        let two = open.enter(&limits).unwrap();
        let error = open.enter(&limits).unwrap_err();
        assert_eq!(error.code(), Code::TooManyTxns);
        assert_eq!(open.assign(collection, 4).unwrap().get(), 5);
        assert_eq!(open.assign(collection, 4).unwrap().get(), 6);
        assert_eq!(open.assign(collection, 9).unwrap().get(), 10);
        one.hold(100);
        one.hold(30);
        assert_eq!((open.count(), open.bytes()), (2, 30));
        drop(one);
        assert_eq!(open.highest_assigned(collection), 10);
        drop(two);
        assert_eq!((open.count(), open.bytes()), (0, 0));
        assert_eq!(open.highest_assigned(collection), 0);
        assert_eq!(open.assign(collection, u64::MAX), None);
        assert_eq!(open.begun.load(Ordering::Relaxed), 2);
    }
}
