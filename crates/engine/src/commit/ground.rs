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
    /// `MemoryLimit`, `PayloadTooLarge`; nothing was taken in.
    fn stage(&mut self, key: Key, document: Option<Bytes>) -> Result<Version, Error>;
}

/// The batch that is being gathered, and the index behind it.
pub(crate) struct BatchGround<'a> {
    pub(crate) database: &'a LogicalDb,
    pub(crate) batch: &'a mut Batch,
    /// The transaction that the operations belong to.
    pub(crate) transaction: TransactionId,
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
        if document.is_some() {
            self.database.reserve.check_growth()?;
        }
        let is_new_entry = match self.batch.overlay.get(key) {
            Some(staged) => staged.is_new_entry,
            None => {
                let is_new = self.database.index.newest(key.0, &key.1).is_none();
                if is_new {
                    let created = self.batch.overlay.created();
                    self.database.check_memory(created + 1)?;
                }
                is_new
            }
        };
        let version = self.transaction;
        self.batch.push(key, version, document.as_deref())?;
        self.batch.overlay.stage(
            key,
            Staged {
                version,
                document,
                is_new_entry,
            },
        );
        Ok(version)
    }
}
