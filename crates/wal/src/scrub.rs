//! Looking through the sealed segments for damage, a piece at a time.

use crate::error::Corruption;
use crate::format::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::recovery::next_whole_batch;
use crate::scan::{READ_ATTEMPTS, Scan, Source, read_with_retries};
use crate::segment::Segment;
use crate::{LogReader, Lsn, WalError};

/// What one look through sealed segments found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogScrub {
    /// Where to go on; `None`: the last sealed segment has been looked at.
    pub next: Option<Lsn>,
    /// Bytes looked at.
    pub bytes: u64,
    /// What does not verify, in the order of the log.
    pub damages: Vec<LogDamage>,
}

/// A place of a sealed segment that does not verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDamage {
    /// The file.
    pub file: String,
    /// Where in it.
    pub offset: u64,
    /// How it shows.
    pub what: Corruption,
    /// The position where it begins.
    pub from: Lsn,
    /// The position of the next batch that verifies, or the end of the segment.
    pub to: Lsn,
}

impl LogReader {
    /// Verifies sealed segments from `from` on, which is [`Lsn::ZERO`] or what an earlier call
    /// returned, until about `max_bytes` are read. What has been trimmed is passed over.
    ///
    /// # Errors
    /// [`WalError::OutOfMemory`] and [`WalError::Unsupported`]. Damage is no error.
    pub fn scrub(&self, from: Lsn, max_bytes: u64) -> Result<LogScrub, WalError> {
        let mut found = LogScrub::default();
        for segment in self.all_segments() {
            if !segment.sealed || segment.end() <= from {
                continue;
            }
            let at = from.max(segment.header.base);
            scrub_segment(&segment, at, max_bytes, &mut found)?;
            if found.next.is_some() {
                break;
            }
        }
        Ok(found)
    }
}

fn scrub_segment(
    segment: &Segment,
    from: Lsn,
    max_bytes: u64,
    found: &mut LogScrub,
) -> Result<(), WalError> {
    let source = Source::of(segment);
    let first = SEGMENT_HEADER_BYTES as u64;
    let limit = segment.length();
    let mut at = from.since(source.base);
    if at < first {
        if !has_header(segment) {
            found.note(&source, 0, first, Corruption::SegmentHeader);
        }
        found.bytes += first;
        at = first;
    }
    let mut scan = Scan::new();
    while at < limit {
        if found.bytes >= max_bytes {
            found.next = Some(source.base.plus(at));
            return Ok(());
        }
        let before = at;
        match scan.batch(&source, at, limit) {
            Ok(batch) => at = batch.header.end().since(source.base),
            Err(WalError::Corrupt { what, .. }) => {
                let next = next_whole_batch(&mut scan, &source, at + 1, limit, 0)?;
                at = next.map_or(limit, |(next, _)| next);
                found.note(&source, before, at, what);
            }
            Err(error) => return Err(error),
        }
        found.bytes += at - before;
    }
    Ok(())
}

/// Whether the header on the disk is the one that the segment was opened with.
fn has_header(segment: &Segment) -> bool {
    let mut bytes = [0; SEGMENT_HEADER_BYTES];
    let read = read_with_retries(&*segment.file, &mut bytes, 0, READ_ATTEMPTS);
    read.is_ok_and(|read| read == bytes.len())
        && SegmentHeader::decode(&bytes).is_ok_and(|header| header == segment.header)
}

impl LogScrub {
    fn note(&mut self, source: &Source<'_>, from: u64, to: u64, what: Corruption) {
        self.damages.push(LogDamage {
            file: source.name.to_owned(),
            offset: from,
            what,
            from: source.base.plus(from),
            to: source.base.plus(to),
        });
    }
}
