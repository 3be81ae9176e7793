//! Going through the records of a data file: verifying them, and finding them again when the
//! footer is damaged.

use std::ops::Range;

use super::record::{RECORD_ALIGNMENT, RECORD_HEADER_BYTES, Record, RecordHeader};
use super::window::Window;
use crate::StorageError;
use crate::checksum::FileSeed;

/// What stands at a position among the records.
pub(super) enum Found<'w> {
    /// A record that verifies, its checksum, and where it ends.
    Record(Record<'w>, u32, u64),
    /// Anything else.
    Nothing,
}

/// The record at `offset`, if one verifies there.
pub(super) fn record_at<'w>(
    window: &'w mut Window<'_>,
    seed: FileSeed,
    offset: u64,
) -> Result<Found<'w>, StorageError> {
    let header = window
        .get(offset, RECORD_HEADER_BYTES as u64)?
        .and_then(RecordHeader::decode);
    let Some(stored) = header.map(|header| header.stored_bytes()) else {
        return Ok(Found::Nothing);
    };
    let Some(bytes) = window.get(offset, stored)? else {
        return Ok(Found::Nothing);
    };
    Ok(match Record::decode(seed, offset, bytes) {
        Ok((record, checksum)) => Found::Record(record, checksum, offset + stored),
        Err(_) => Found::Nothing,
    })
}

/// Bytes in which no record verifies, joined as they are found.
#[derive(Debug, Default)]
pub(super) struct Gaps(Vec<Range<u64>>);

impl Gaps {
    /// Notes that nothing verifies in the eight bytes at `offset`; returns where to look next.
    pub(super) fn note(&mut self, offset: u64) -> u64 {
        let next = offset.saturating_add(RECORD_ALIGNMENT);
        match self.0.last_mut() {
            Some(gap) if gap.end == offset => gap.end = next,
            _ => self.0.push(offset..next),
        }
        next
    }

    /// The ranges, ascending.
    pub(super) fn into_ranges(self) -> Vec<Range<u64>> {
        self.0
    }
}
