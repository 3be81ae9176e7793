//! Reading the log beside the writer.

use std::sync::Arc;

use docdb_types::{CollectionId, TransactionId};
use docdb_vfs::File;

use crate::error::Corruption;
use crate::format::{RECORD_HEADER_BYTES, RecordFault, RecordKind, RecordRef, decode_record};
use crate::scan::{READ_ATTEMPTS, Scan, Source, read_with_retries};
use crate::segment::{Segment, SegmentInfo, Segments};
use crate::{Lsn, Recovered, WalError, WalStatistics};

/// Reads records and ranges of a log while it is written. Cheap to clone; used by any number of
/// threads.
///
/// Holds no lock during I/O. A segment that is trimmed meanwhile stays readable for a read that has
/// begun.
#[derive(Debug, Clone)]
pub struct LogReader {
    shared: Arc<Segments>,
}

/// A record read from the log, verified.
#[derive(Debug, Clone)]
pub struct StoredRecord {
    /// The record as it is in the log.
    bytes: Vec<u8>,
    kind: RecordKind,
    collection: CollectionId,
    transaction: TransactionId,
    key_bytes: usize,
    payload_bytes: usize,
}

impl StoredRecord {
    /// What it did.
    #[must_use]
    pub const fn kind(&self) -> RecordKind {
        self.kind
    }

    /// The collection it did it in.
    #[must_use]
    pub const fn collection(&self) -> CollectionId {
        self.collection
    }

    /// The transaction it is part of.
    #[must_use]
    pub const fn transaction(&self) -> TransactionId {
        self.transaction
    }

    /// The key it did it to.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        self.bytes
            .get(RECORD_HEADER_BYTES..RECORD_HEADER_BYTES + self.key_bytes)
            .unwrap_or_default()
    }

    /// The new value.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        let start = RECORD_HEADER_BYTES + self.key_bytes;
        self.bytes
            .get(start..start + self.payload_bytes)
            .unwrap_or_default()
    }

    /// The new value, in the allocation that it was read into.
    #[must_use]
    pub fn into_payload(mut self) -> Vec<u8> {
        let start = RECORD_HEADER_BYTES + self.key_bytes;
        self.bytes.truncate(start + self.payload_bytes);
        self.bytes.drain(..start.min(self.bytes.len()));
        self.bytes
    }
}

impl LogReader {
    pub(crate) const fn new(shared: Arc<Segments>) -> Self {
        Self { shared }
    }

    /// Reads the record at `lsn`, which takes `stored_bytes` (see
    /// [`stored_bytes`](crate::stored_bytes)), with one read, and verifies it.
    ///
    /// The checksum binds the record to its place; whether it is the record that an index expected
    /// there, the caller compares by [`key`](StoredRecord::key) and
    /// [`transaction`](StoredRecord::transaction).
    ///
    /// # Errors
    /// [`WalError::NotInLog`] when the segment has been trimmed; [`WalError::Corrupt`] when the
    /// bytes do not verify or cannot be read.
    pub fn read(&self, lsn: Lsn, stored_bytes: u32) -> Result<StoredRecord, WalError> {
        let segment = self.shared.find(lsn).ok_or(WalError::NotInLog { lsn })?;
        let offset = lsn.since(segment.header.base);
        let corrupt = |what| WalError::Corrupt {
            file: segment.name.clone(),
            offset,
            what,
        };
        if u64::from(stored_bytes) > segment.end().since(lsn) {
            return Err(corrupt(Corruption::Record));
        }
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(stored_bytes as usize)
            .map_err(|_| WalError::OutOfMemory {
                bytes: u64::from(stored_bytes),
            })?;
        bytes.resize(stored_bytes as usize, 0);
        let read = read_with_retries(&*segment.file, &mut bytes, offset, READ_ATTEMPTS)
            .map_err(|_| corrupt(Corruption::Unreadable))?;
        let record = match decode_record(bytes.get(..read).unwrap_or_default(), segment.seed, lsn) {
            Ok(decoded) if decoded.stored == bytes.len() => decoded.record,
            Ok(_) | Err(RecordFault::Damaged) => return Err(corrupt(Corruption::Record)),
            Err(RecordFault::Unsupported(what, value)) => {
                return Err(WalError::Unsupported {
                    file: segment.name.clone(),
                    offset,
                    what: format!("{what} {value}"),
                });
            }
        };
        let RecordRef {
            kind,
            collection,
            transaction,
            ..
        } = record;
        let (key_bytes, payload_bytes) = (record.key.len(), record.payload.len());
        Ok(StoredRecord {
            bytes,
            kind,
            collection,
            transaction,
            key_bytes,
            payload_bytes,
        })
    }

    /// Hands every record of the batches in `from..to` to `visit`, in order. Both positions are
    /// boundaries between batches; `to` is at most [`end`](Self::end).
    ///
    /// # Errors
    /// [`WalError::NotInLog`] when part of the range has been trimmed or not been written;
    /// [`WalError::Corrupt`] at the first batch that does not verify, after the records in front of
    /// it have been handed over; the error of `visit`.
    pub fn scan(
        &self,
        from: Lsn,
        to: Lsn,
        visit: &mut dyn FnMut(Recovered<'_>) -> Result<(), WalError>,
    ) -> Result<(), WalError> {
        let mut scan = Scan::new();
        let mut at = from;
        for segment in self.shared.all() {
            let source = Source::of(&segment);
            let (base, end) = (segment.header.base, segment.end());
            // Between two segments a position is the end of one as well as the beginning of the
            // other, whose first batch stands behind its header.
            if base <= at && at < source.first_batch() {
                at = source.first_batch();
            }
            while source.first_batch() <= at && at < to.min(end) {
                let batch = scan.batch(&source, at.since(base), end.since(base))?;
                let behind = batch.header.end();
                batch.visit(visit)?;
                at = behind;
            }
            scan.forget();
        }
        if at < to {
            return Err(WalError::NotInLog { lsn: at });
        }
        Ok(())
    }

    /// Keeps every segment with positions at or behind `from` until the pin is dropped.
    ///
    /// # Errors
    /// [`WalError::NotInLog`] when `from` has been trimmed already.
    pub fn pin(&self, from: Lsn) -> Result<Pin, WalError> {
        if !self.shared.pin(from) {
            return Err(WalError::NotInLog { lsn: from });
        }
        Ok(Pin {
            shared: Arc::clone(&self.shared),
            from,
        })
    }

    /// The position behind the last batch appended.
    #[must_use]
    pub fn end(&self) -> Lsn {
        self.shared.end()
    }

    /// The position up to which the log is known to be durable.
    #[must_use]
    pub fn durable(&self) -> Lsn {
        self.shared.durable()
    }

    /// The segments in the order of the log.
    #[must_use]
    pub fn segments(&self) -> Vec<SegmentInfo> {
        let describe = |segment: Arc<Segment>| SegmentInfo {
            name: segment.name.clone(),
            number: segment.header.number,
            start: segment.header.base,
            end: segment.end(),
            sealed: segment.sealed,
        };
        self.shared.all().into_iter().map(describe).collect()
    }

    pub(crate) fn all_segments(&self) -> Vec<Arc<Segment>> {
        self.shared.all()
    }

    /// What the log has done since it was opened, and its size.
    #[must_use]
    pub fn statistics(&self) -> WalStatistics {
        self.shared.statistics()
    }
}

/// Keeps segments from being trimmed while it lives.
#[derive(Debug)]
pub struct Pin {
    shared: Arc<Segments>,
    from: Lsn,
}

impl Pin {
    /// The first position that is kept.
    #[must_use]
    pub const fn from(&self) -> Lsn {
        self.from
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.shared.unpin(self.from);
    }
}

impl Source<'_> {
    pub(crate) fn of(segment: &Segment) -> Source<'_> {
        let file: &dyn File = &*segment.file;
        Source {
            file,
            name: &segment.name,
            seed: segment.seed,
            base: segment.header.base,
        }
    }
}
