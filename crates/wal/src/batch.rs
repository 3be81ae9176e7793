//! Building a batch: records into one buffer that is written as it is.

use docdb_types::TransactionId;

use crate::format::limits::MAX_BATCH_BYTES;
use crate::format::{
    BATCH_HEADER_BYTES, BatchHeader, ContentChecksum, RecordRef, Seed, encode_record, stored_bytes,
};
use crate::{Lsn, WalError};

/// Capacity that a builder keeps between batches; what a larger batch needed is given back.
const KEPT_CAPACITY_BYTES: usize = 1024 * 1024;

/// Encodes records into one contiguous batch. The buffer is reused from batch to batch; a payload is
/// copied once, here.
///
/// INVARIANT: a batch holds whole transactions: the log keeps a batch whole or not at all, and knows
/// no smaller unit of atomicity.
#[derive(Debug, Clone)]
pub struct BatchBuilder {
    /// Room for the header, then the records with their checksum fields still to be filled.
    buffer: Vec<u8>,
    records: Vec<PendingRecord>,
    last_transaction: TransactionId,
}

#[derive(Debug, Clone, Copy)]
struct PendingRecord {
    offset: u32,
    /// Of the bytes alone, not yet bound to a position.
    crc: u32,
}

/// Where a record stands in its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordSlot {
    offset: u32,
    stored: u32,
}

impl RecordSlot {
    /// Bytes that the record takes in the log; see [`stored_bytes`].
    #[must_use]
    pub const fn stored_bytes(self) -> u32 {
        self.stored
    }
}

/// A point in a batch that can be gone back to.
#[derive(Debug, Clone, Copy)]
pub struct BatchMark {
    bytes: usize,
    records: usize,
    last_transaction: TransactionId,
}

/// Where a batch went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The position of the batch.
    pub start: Lsn,
    /// The position behind it.
    pub end: Lsn,
}

impl Appended {
    /// The position of one of its records.
    #[must_use]
    pub const fn lsn(self, slot: RecordSlot) -> Lsn {
        self.start.plus(slot.offset as u64)
    }
}

impl BatchBuilder {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self {
            buffer: vec![0; BATCH_HEADER_BYTES],
            records: Vec::new(),
            last_transaction: TransactionId::ZERO,
        }
    }

    /// Starts anew with an empty batch.
    pub fn begin(&mut self) {
        self.buffer.truncate(BATCH_HEADER_BYTES);
        self.buffer.shrink_to(KEPT_CAPACITY_BYTES);
        self.records.clear();
        self.records
            .shrink_to(KEPT_CAPACITY_BYTES / size_of::<PendingRecord>());
        self.last_transaction = TransactionId::ZERO;
    }

    /// Adds a record.
    ///
    /// # Errors
    /// [`WalError::TooLarge`] when the key, the payload or the batch would pass a
    /// [limit](crate::limits); [`WalError::OutOfMemory`]. The batch is unchanged.
    pub fn push(&mut self, record: RecordRef<'_>) -> Result<RecordSlot, WalError> {
        let stored = stored_bytes(record.key.len(), record.payload.len());
        let after = self.buffer.len() as u64 + stored;
        if after > MAX_BATCH_BYTES as u64 {
            return Err(WalError::TooLarge {
                what: "batch",
                bytes: after,
                limit: MAX_BATCH_BYTES as u64,
            });
        }
        let offset = self.buffer.len() as u32;
        let crc = encode_record(&mut self.buffer, &record)?;
        self.records.push(PendingRecord { offset, crc });
        self.last_transaction = self.last_transaction.max(record.transaction);
        Ok(RecordSlot {
            offset,
            stored: stored as u32,
        })
    }

    /// Where the batch stands now.
    #[must_use]
    pub fn mark(&self) -> BatchMark {
        BatchMark {
            bytes: self.buffer.len(),
            records: self.records.len(),
            last_transaction: self.last_transaction,
        }
    }

    /// Takes back everything added since `mark`, which must be of this batch.
    pub fn truncate_to(&mut self, mark: BatchMark) {
        self.buffer.truncate(mark.bytes.max(BATCH_HEADER_BYTES));
        self.records.truncate(mark.records);
        self.last_transaction = mark.last_transaction;
    }

    /// Whether there is no record in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Number of records.
    #[must_use]
    pub fn record_count(&self) -> usize {
        self.records.len()
    }

    /// Bytes that the batch takes in the log, its header included.
    #[must_use]
    pub fn len_bytes(&self) -> u64 {
        self.buffer.len() as u64
    }

    /// The highest transaction id in it.
    pub(crate) const fn last_transaction(&self) -> TransactionId {
        self.last_transaction
    }

    /// Binds the batch to its place in the log, and returns the bytes to write and the header's
    /// checksum. May be called again with another place.
    pub(crate) fn seal(&mut self, place: &BatchPlace) -> (&[u8], u32) {
        let mut content = ContentChecksum::default();
        for record in &self.records {
            let lsn = place.lsn.plus(u64::from(record.offset));
            let checksum = place.seed.bind(lsn, record.crc);
            content.add(checksum);
            let field = self
                .buffer
                .get_mut(record.offset as usize..)
                .and_then(|bytes| bytes.first_chunk_mut());
            if let Some(field) = field {
                *field = checksum.to_le_bytes();
            }
        }
        let header = BatchHeader {
            body_bytes: (self.buffer.len() - BATCH_HEADER_BYTES) as u32,
            records: self.records.len() as u32,
            sequence: place.sequence,
            lsn: place.lsn,
            durable_upto: place.durable_upto,
            content: content.finish(),
            previous: place.previous,
        };
        let (bytes, checksum) = header.encode(place.seed);
        if let Some(room) = self.buffer.first_chunk_mut() {
            *room = bytes;
        }
        (&self.buffer, checksum)
    }
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a batch is to go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchPlace {
    pub(crate) seed: Seed,
    pub(crate) lsn: Lsn,
    pub(crate) sequence: u64,
    pub(crate) durable_upto: Lsn,
    pub(crate) previous: u32,
}
