use bytes::Bytes;
use docdb_types::{CollectionId, CollectionName, DocumentId, Error, TransactionId, Version};

use super::batch::Batch;
use super::overlay::{Key, Staged};
use super::request::TextRoom;
use crate::database::LogicalDb;

/// What operations see and touch: the rules of the operations stand on it and are the same whatever
/// it is.
pub(crate) trait Ground {
    fn database(&self) -> &LogicalDb;

    /// The collection of a name.
    ///
    /// # Errors
    /// `CollectionNotFound`.
    fn resolve(&mut self, name: &CollectionName) -> Result<CollectionId, Error>;

    /// The version of a document as the next operation sees it; `None` where none is live.
    fn live_version(&mut self, key: Key) -> Option<Version>;

    /// The text of a document as the next operation sees it.
    ///
    /// # Errors
    /// Those of reading a document; `FrameTooLarge` where there is no room for it.
    fn text(&mut self, key: Key, room: &mut TextRoom) -> Result<Bytes, Error>;

    /// One past the largest id that was ever used; `None` where that is the last one.
    ///
    /// # Errors
    /// Why none can be assigned.
    fn next_id(&mut self, collection: CollectionId) -> Result<Option<DocumentId>, Error>;

    /// Takes in what an operation leaves under a key; `None` deletes.
    ///
    /// # Errors
    /// `MemoryLimit`, `PayloadTooLarge`, those of the quotas; nothing was taken in.
    fn stage(&mut self, key: Key, document: Option<Bytes>) -> Result<Version, Error>;
}

/// The batch that is being gathered, and the index behind it.
pub(crate) struct BatchGround<'a> {
    pub(crate) database: &'a LogicalDb,
    pub(crate) batch: &'a mut Batch,
    /// The transaction that the operations belong to.
    pub(crate) transaction: TransactionId,
}

impl BatchGround<'_> {
    /// Whether the quotas allow for a document of so many bytes under the next key.
    ///
    /// # Errors
    /// `DocumentQuota`, `DiskQuota`.
    fn check_quotas(&self, bytes: usize, replaces: bool) -> Result<(), Error> {
        let (database, batch) = (self.database, &*self.batch);
        if !replaces {
            database.gate.check_documents(|| {
                let stored = database.documents();
                stored.saturating_add_signed(batch.overlay.added())
            })?;
        }
        let batched = batch.builder.len_bytes() + bytes as u64;
        database.check_disk_quota(batched)
    }
}

impl Ground for BatchGround<'_> {
    fn database(&self) -> &LogicalDb {
        self.database
    }

    fn resolve(&mut self, name: &CollectionName) -> Result<CollectionId, Error> {
        self.database.resolve(name)
    }

    fn live_version(&mut self, key: Key) -> Option<Version> {
        if let Some(staged) = self.batch.overlay.get(key) {
            return staged.document.as_ref().map(|_| staged.version);
        }
        let entry = self.database.index.get(key.0, &key.1)?;
        Some(entry.version())
    }

    fn text(&mut self, key: Key, room: &mut TextRoom) -> Result<Bytes, Error> {
        let Some(staged) = self.batch.overlay.get(key) else {
            return self
                .database
                .read_document(key.0, key.1, room)
                .map(|found| found.text);
        };
        let text = staged.document.clone();
        let text = text.ok_or_else(|| self.database.health.missing())?;
        room.take(text.len())?;
        Ok(text)
    }

    fn next_id(&mut self, collection: CollectionId) -> Result<Option<DocumentId>, Error> {
        let staged = self.batch.overlay.highest(collection);
        let stored = self.database.highest_document_id(collection);
        let assigned = self.database.transactions.highest_assigned(collection);
        let highest = staged.max(stored).max(assigned);
        Ok(highest.checked_add(1).and_then(DocumentId::new))
    }

    fn stage(&mut self, key: Key, document: Option<Bytes>) -> Result<Version, Error> {
        let (is_new_entry, was_live, is_live) = match self.batch.overlay.get(key) {
            Some(staged) => (
                staged.is_new_entry,
                staged.was_live,
                staged.document.is_some(),
            ),
            None => {
                let newest = self.database.index.newest(key.0, &key.1);
                let was_live = newest.as_ref().is_some_and(|entry| !entry.is_tombstone());
                if newest.is_none() {
                    let created = self.batch.overlay.created();
                    self.database.check_memory(created + 1)?;
                }
                (newest.is_none(), was_live, was_live)
            }
        };
        if let Some(document) = &document {
            self.database.reserve.check_growth()?;
            self.check_quotas(document.len(), is_live)?;
        }
        let version = self.transaction;
        self.batch.push(key, version, document.as_deref())?;
        self.batch.overlay.stage(
            key,
            Staged {
                version,
                document,
                is_new_entry,
                was_live,
            },
        );
        Ok(version)
    }
}
