//! Finding the record that wrote a certain version, for whoever lost its other copy.

use std::io::ErrorKind;

use docdb_types::{CollectionId, TransactionId};

use crate::recovery::next_whole_batch;
use crate::scan::{Scan, Source};
use crate::segment::Segment;
use crate::{LogReader, Lsn, RecordKind, StoredRecord, WalError};

/// A span that is read through rather than halved again, in bytes.
const WINDOW_BYTES: u64 = 256 * 1024;

/// A version of a document, as its log record names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionKey<'a> {
    /// The collection.
    pub collection: CollectionId,
    /// The key of the document.
    pub key: &'a [u8],
    /// The transaction that wrote the version.
    pub transaction: TransactionId,
}

impl LogReader {
    /// The record with which a transaction left a document, if the log still holds it, verified.
    ///
    /// Transactions stand in the log in their order, so the place is found by halving: some twenty
    /// reads for a segment of 64 MiB.
    ///
    /// # Errors
    /// [`WalError::OutOfMemory`] and [`WalError::Unsupported`]. Damage on the way is passed over: a
    /// version that stands in a damaged batch is not found.
    pub fn find(&self, wanted: &VersionKey<'_>) -> Result<Option<StoredRecord>, WalError> {
        let mut segments = self.all_segments();
        // The newest segment that begins at or before the transaction holds it.
        while let Some(segment) = segments.pop() {
            let mut search = Search::new(&segment);
            let first = search.source.first_batch().since(segment.header.base);
            match search.first_from(first)? {
                Some((_, begins)) if begins > wanted.transaction => {}
                Some(_) => {
                    if let Some(found) = search.find(wanted)? {
                        let (lsn, stored_bytes) = found;
                        return self.read(lsn, stored_bytes).map(Some).or_else(passed_over);
                    }
                }
                None => {}
            }
        }
        Ok(None)
    }

    /// The newest version of a document in front of a transaction that the log still holds,
    /// verified. Reads through the whole log.
    ///
    /// # Errors
    /// As for [`find`](Self::find).
    pub fn find_older(&self, newer: &VersionKey<'_>) -> Result<Option<StoredRecord>, WalError> {
        let mut segments = self.all_segments();
        while let Some(segment) = segments.pop() {
            let mut search = Search::new(&segment);
            if let Some((lsn, stored_bytes)) = search.find_older(newer)? {
                return self.read(lsn, stored_bytes).map(Some).or_else(passed_over);
            }
        }
        Ok(None)
    }
}

/// Bytes that one read of [`LogReader::check_readable`] asks for.
const READ_BYTES: usize = 256 * 1024;

impl LogReader {
    /// Reads every segment to its last byte, whatever those are: whether a version that was not
    /// [found](Self::find) is nowhere in the log, or only where the disk does not read.
    ///
    /// # Errors
    /// [`WalError::Io`] for the first place that the disk does not read.
    pub fn check_readable(&self) -> Result<(), WalError> {
        let mut buffer = vec![0; READ_BYTES];
        for segment in self.all_segments() {
            let mut offset = 0;
            while offset < segment.length() {
                match segment.file.read_at(&mut buffer, offset) {
                    Ok(0) => break,
                    Ok(read) => offset += read as u64,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(source) => {
                        return Err(WalError::Io {
                            operation: "read",
                            file: segment.name.clone(),
                            source,
                        });
                    }
                }
            }
        }
        Ok(())
    }
}

/// Damage is passed over, everything else is not.
fn passed_over<T>(error: WalError) -> Result<Option<T>, WalError> {
    match error {
        WalError::Corrupt { .. } | WalError::NotInLog { .. } => Ok(None),
        error => Err(error),
    }
}

/// A look through one segment.
struct Search<'a> {
    source: Source<'a>,
    scan: Scan,
    /// Bytes of the segment.
    limit: u64,
}

impl<'a> Search<'a> {
    fn new(segment: &'a Segment) -> Self {
        Self {
            source: Source::of(segment),
            scan: Scan::new(),
            limit: segment.length(),
        }
    }

    /// The first batch at or behind `offset` that verifies, and its first transaction.
    fn first_from(&mut self, offset: u64) -> Result<Option<(u64, TransactionId)>, WalError> {
        next_whole_batch(&mut self.scan, &self.source, offset, self.limit, 0)
    }

    /// Where the last record of the wanted version stands, and how long it is.
    fn find(&mut self, wanted: &VersionKey<'_>) -> Result<Option<(Lsn, u32)>, WalError> {
        let mut low = self.source.first_batch().since(self.source.base);
        let mut high = self.limit;
        // INVARIANT: the wanted batch does not begin in front of `low`, and begins in front of
        // `high` or at the first batch behind it.
        while high - low > WINDOW_BYTES {
            let middle = low + (high - low) / 2;
            match self.first_from(middle)? {
                Some((at, first)) if first < wanted.transaction && at < high => low = at,
                _ => high = middle,
            }
        }
        let mut found = None;
        let mut at = low;
        while let Some(batch) = self.next_batch(&mut at)? {
            let mut records = batch.records().peekable();
            if records
                .peek()
                .is_some_and(|first| first.record.transaction > wanted.transaction)
            {
                break;
            }
            for recovered in records {
                let record = &recovered.record;
                if record.transaction == wanted.transaction
                    && record.collection == wanted.collection
                    && record.key == wanted.key
                    && record.kind != RecordKind::IdempotencyKey
                {
                    // What a transaction did last to a document is what it left.
                    found = (record.kind == RecordKind::Put)
                        .then_some((recovered.lsn, recovered.stored_bytes));
                }
            }
        }
        Ok(found)
    }

    fn find_older(&mut self, newer: &VersionKey<'_>) -> Result<Option<(Lsn, u32)>, WalError> {
        let mut at = self.source.first_batch().since(self.source.base);
        let mut found = None;
        while let Some(batch) = self.next_batch(&mut at)? {
            for recovered in batch.records() {
                let record = &recovered.record;
                if record.transaction >= newer.transaction {
                    continue;
                }
                if record.kind == RecordKind::Put
                    && record.collection == newer.collection
                    && record.key == newer.key
                {
                    found = Some((recovered.lsn, recovered.stored_bytes));
                }
            }
        }
        Ok(found)
    }

    /// The first batch at or behind `at` that verifies; `at` moves behind it.
    fn next_batch(&mut self, at: &mut u64) -> Result<Option<crate::scan::Batch<'_>>, WalError> {
        let Some((found, _)) = self.first_from(*at)? else {
            return Ok(None);
        };
        let batch = self.scan.batch(&self.source, found, self.limit)?;
        *at = batch.header.end().since(self.source.base);
        Ok(Some(batch))
    }
}
