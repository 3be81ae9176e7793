//! What stands behind a place that does not verify.

use docdb_types::TransactionId;

use crate::WalError;
use crate::format::{BATCH_HEADER_BYTES, BATCH_MAGIC, BatchHeader};
use crate::scan::{Scan, Source};

/// Batches begin at multiples of this.
const ALIGNMENT: usize = 8;
/// How much is looked through at once, and passed over where the disk does not read it.
const STEP_BYTES: u64 = 4096;

/// What a tail tells about the place in front of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evidence {
    /// There are only zeros, the place itself included: nothing was ever written there.
    Zeros,
    /// There is something, and nothing that promises that the place was durable.
    Unpromised,
    /// A batch written later knew the place to be durable, or the disk does not read what may say
    /// so.
    Promised,
}

/// Looks at everything from `offset`, the place that does not verify, to `limit`.
///
/// A later batch counts by its header alone: the header verifies, so this life of this segment wrote
/// it there, whatever became of its records.
pub(super) fn evidence(
    scan: &mut Scan,
    source: &Source<'_>,
    offset: u64,
    limit: u64,
) -> Result<Evidence, WalError> {
    match only_zeros(scan, source, offset, limit) {
        Ok(true) => return Ok(Evidence::Zeros),
        Ok(false) => {}
        Err(WalError::Corrupt { .. }) => return Ok(Evidence::Promised),
        Err(error) => return Err(error),
    }
    let place = source.base.plus(offset);
    let mut from = offset + ALIGNMENT as u64;
    loop {
        match candidate(scan, source, from, limit) {
            Ok(Some((_, header))) if header.durable_upto > place => return Ok(Evidence::Promised),
            Ok(Some((at, _))) => from = at + ALIGNMENT as u64,
            Ok(None) => return Ok(Evidence::Unpromised),
            Err(WalError::Corrupt { .. }) => return Ok(Evidence::Promised),
            Err(error) => return Err(error),
        }
    }
}

/// The first batch from `offset` on that verifies as a whole: where it begins, and its first
/// transaction.
pub(crate) fn next_whole_batch(
    scan: &mut Scan,
    source: &Source<'_>,
    offset: u64,
    limit: u64,
    above_sequence: u64,
) -> Result<Option<(u64, TransactionId)>, WalError> {
    let mut from = offset.next_multiple_of(ALIGNMENT as u64);
    while from < limit {
        match candidate(scan, source, from, limit) {
            Ok(None) => break,
            Ok(Some((at, header))) if header.sequence > above_sequence => {
                from = at + ALIGNMENT as u64;
                match scan.batch(source, at, limit) {
                    Ok(batch) => {
                        let first = batch.records().next();
                        let first =
                            first.map_or(TransactionId::ZERO, |found| found.record.transaction);
                        return Ok(Some((at, first)));
                    }
                    Err(WalError::Corrupt { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(Some((at, _))) => from = at + ALIGNMENT as u64,
            Err(WalError::Corrupt { offset, .. }) => {
                from = (offset + 1).next_multiple_of(STEP_BYTES)
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn only_zeros(
    scan: &mut Scan,
    source: &Source<'_>,
    offset: u64,
    limit: u64,
) -> Result<bool, WalError> {
    let mut at = offset;
    while at < limit {
        let bytes = scan.bytes(source, at, STEP_BYTES, limit)?;
        if bytes.is_empty() {
            break;
        }
        if bytes.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        at += bytes.len() as u64;
    }
    Ok(true)
}

/// The first header of a batch from `from` on that verifies.
fn candidate(
    scan: &mut Scan,
    source: &Source<'_>,
    from: u64,
    limit: u64,
) -> Result<Option<(u64, BatchHeader)>, WalError> {
    let mut at = from.next_multiple_of(ALIGNMENT as u64);
    while at < limit {
        let wanted = STEP_BYTES - at % STEP_BYTES;
        let bytes = scan.bytes(source, at, wanted, limit)?;
        let read = bytes.len() as u64;
        let Some(index) = bytes
            .chunks(ALIGNMENT)
            .position(|chunk| chunk.starts_with(&BATCH_MAGIC))
        else {
            if read < wanted {
                break;
            }
            at += wanted;
            continue;
        };
        at += (index * ALIGNMENT) as u64;
        let bytes = scan.bytes(source, at, BATCH_HEADER_BYTES as u64, limit)?;
        if let Some(bytes) = bytes.first_chunk()
            && let Ok((header, _)) = BatchHeader::decode(bytes, source.seed, source.base.plus(at))
        {
            return Ok(Some((at, header)));
        }
        at += ALIGNMENT as u64;
    }
    Ok(None)
}
