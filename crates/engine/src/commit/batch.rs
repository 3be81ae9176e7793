use docdb_types::{CollectionId, DocumentId, Error, IdempotencyKey, TransactionId};
use docdb_wal::{BatchBuilder, BatchMark, RecordKind, RecordRef, RecordSlot};

use super::keys::Remembered;
use super::overlay::{Key, Overlay};
use crate::trouble;

/// What one batch of the log is going to say: its bytes, the changes that they make to the index,
/// and the layer through which its later operations see its earlier ones.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) builder: BatchBuilder,
    pub(crate) changes: Vec<StagedChange>,
    pub(crate) overlay: Overlay,
    /// The keys of its transactions, which are known once it is durable.
    pub(crate) keys: Vec<(IdempotencyKey, Remembered)>,
    transactions: u64,
}

/// A change of the index that waits for its batch to be durable.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StagedChange {
    pub(crate) collection: CollectionId,
    pub(crate) id: DocumentId,
    pub(crate) version: TransactionId,
    pub(crate) is_tombstone: bool,
    /// Length of the document in bytes.
    pub(crate) length: u32,
    pub(crate) record: RecordSlot,
}

/// A place in a batch to which a refused transaction is taken back.
#[derive(Debug)]
pub(crate) struct Savepoint {
    bytes: BatchMark,
    changes: usize,
    keys: usize,
}

impl Batch {
    /// Bytes after which no further transaction joins.
    const FULL_BYTES: u64 = 8 * 1024 * 1024;

    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Transactions in it.
    pub(crate) const fn transactions(&self) -> u64 {
        self.transactions
    }

    /// Whether the next transaction, of about so many bytes, belongs into another batch.
    pub(crate) fn is_full(&self, max_transactions: u64, next_bytes: u64) -> bool {
        !self.is_empty()
            && (self.transactions >= max_transactions
                || self.builder.len_bytes().saturating_add(next_bytes) > Self::FULL_BYTES)
    }

    /// Adds what one operation leaves under a key; `None` deletes.
    ///
    /// # Errors
    /// `PayloadTooLarge` where the batch would pass what the log takes at once; it is unchanged.
    pub(crate) fn push(
        &mut self,
        key: Key,
        version: TransactionId,
        text: Option<&[u8]>,
    ) -> Result<(), Error> {
        let (kind, payload) = match text {
            Some(text) => (RecordKind::Put, text),
            None => (RecordKind::Delete, &[][..]),
        };
        let (collection, id) = key;
        let record = self
            .builder
            .push(RecordRef {
                kind,
                collection,
                transaction: version,
                key: &id.to_key(),
                payload,
            })
            .map_err(trouble::of_log)?;
        let is_tombstone = text.is_none();
        // INVARIANT: the log has taken it, so it is far below 4 GiB.
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        self.changes.push(StagedChange {
            collection,
            id,
            version,
            is_tombstone,
            length,
            record,
        });
        Ok(())
    }

    /// Adds the key of the running transaction, with what its request is answered.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub(crate) fn push_key(
        &mut self,
        key: &IdempotencyKey,
        version: TransactionId,
        remembered: Remembered,
    ) -> Result<(), Error> {
        self.builder
            .push(RecordRef {
                kind: RecordKind::IdempotencyKey,
                collection: CollectionId::DEFAULT,
                transaction: version,
                key: key.as_bytes(),
                payload: &remembered.encode(),
            })
            .map_err(trouble::of_log)?;
        self.keys.push((key.clone(), remembered));
        Ok(())
    }

    /// What the request of a key in the batch is going to be answered.
    pub(crate) fn remembered(&self, key: &IdempotencyKey) -> Option<&Remembered> {
        let mut keys = self.keys.iter();
        keys.find_map(|(known, remembered)| (known == key).then_some(remembered))
    }

    pub(crate) fn savepoint(&self) -> Savepoint {
        Savepoint {
            bytes: self.builder.mark(),
            changes: self.changes.len(),
            keys: self.keys.len(),
        }
    }

    pub(crate) fn keep_transaction(&mut self) {
        self.transactions += 1;
        self.overlay.keep_transaction();
    }

    pub(crate) fn undo_to(&mut self, savepoint: Savepoint) {
        self.builder.truncate_to(savepoint.bytes);
        self.changes.truncate(savepoint.changes);
        self.keys.truncate(savepoint.keys);
        self.overlay.undo_transaction();
    }

    pub(crate) fn clear(&mut self) {
        self.builder.begin();
        self.changes.clear();
        self.keys.clear();
        self.overlay.clear();
        self.transactions = 0;
    }
}
