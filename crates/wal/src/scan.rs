//! Reading batches of one segment in order.

use std::io;

use docdb_vfs::File;

use crate::error::Corruption;
use crate::format::{
    BATCH_HEADER_BYTES, BatchHeader, BatchHeaderFault, ContentChecksum, RecordFault,
    SEGMENT_HEADER_BYTES, Seed, decode_record, parse_record,
};
use crate::{Lsn, Recovered, WalError};

/// How often a read is tried before its place counts as unreadable.
pub(crate) const READ_ATTEMPTS: u32 = 3;
/// How much is read at once.
const READ_AHEAD_BYTES: u64 = 256 * 1024;

/// Fills `buf` from `offset` up to the end of the file and returns how much there was. A failed read
/// is tried again; it never counts as the end.
pub(crate) fn read_with_retries(
    file: &dyn File,
    buf: &mut [u8],
    offset: u64,
    attempts: u32,
) -> io::Result<usize> {
    let (mut done, mut failures) = (0, 0);
    while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                failures += 1;
                if failures >= attempts {
                    return Err(error);
                }
            }
        }
    }
    Ok(done)
}

/// A segment to read batches from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) file: &'a dyn File,
    pub(crate) name: &'a str,
    pub(crate) seed: Seed,
    pub(crate) base: Lsn,
}

impl Source<'_> {
    pub(crate) const fn first_batch(&self) -> Lsn {
        self.base.plus(SEGMENT_HEADER_BYTES as u64)
    }

    pub(crate) fn corrupt(&self, offset: u64, what: Corruption) -> WalError {
        WalError::Corrupt {
            file: self.name.to_owned(),
            offset,
            what,
        }
    }

    fn unsupported(&self, offset: u64, what: String) -> WalError {
        WalError::Unsupported {
            file: self.name.to_owned(),
            offset,
            what,
        }
    }
}

/// A window on the file being read.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    buffer: Vec<u8>,
    /// Where in the file the buffer begins.
    start: u64,
}

/// A batch whose every byte verified.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    pub(crate) header: BatchHeader,
    body: &'a [u8],
}

impl Scan {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Forgets what was read, before another file.
    pub(crate) fn forget(&mut self) {
        self.buffer.clear();
    }

    /// The bytes at `offset`, `wanted` of them or fewer where the file or the `limit` ends.
    ///
    /// # Errors
    /// [`Corruption::Unreadable`] when exactly these bytes cannot be read; that what lies behind
    /// them cannot be read is no error.
    pub(crate) fn bytes(
        &mut self,
        source: &Source<'_>,
        offset: u64,
        wanted: u64,
        limit: u64,
    ) -> Result<&[u8], WalError> {
        let wanted = wanted.min(limit.saturating_sub(offset));
        let held = self.start..self.start + self.buffer.len() as u64;
        if !(held.contains(&offset) && offset + wanted <= held.end) {
            let ahead = wanted
                .max(READ_AHEAD_BYTES)
                .min(limit.saturating_sub(offset));
            self.fill(source, offset, ahead, 1)
                .or_else(|_| self.fill(source, offset, wanted, READ_ATTEMPTS))?;
        }
        let from = (offset - self.start) as usize;
        let until = (from + wanted as usize).min(self.buffer.len());
        Ok(self.buffer.get(from..until).unwrap_or_default())
    }

    fn fill(
        &mut self,
        source: &Source<'_>,
        offset: u64,
        bytes: u64,
        attempts: u32,
    ) -> Result<(), WalError> {
        self.buffer.clear();
        self.buffer.shrink_to(4 * READ_AHEAD_BYTES as usize);
        self.start = offset;
        self.buffer
            .try_reserve(bytes as usize)
            .map_err(|_| WalError::OutOfMemory { bytes })?;
        self.buffer.resize(bytes as usize, 0);
        match read_with_retries(source.file, &mut self.buffer, offset, attempts) {
            Ok(read) => {
                self.buffer.truncate(read);
                Ok(())
            }
            Err(_) => {
                self.buffer.clear();
                Err(source.corrupt(offset, Corruption::Unreadable))
            }
        }
    }

    /// The header of the batch at `offset`, and its checksum.
    ///
    /// # Errors
    /// [`WalError::Corrupt`] when there is none that verifies, [`WalError::Unsupported`] when it is
    /// of a newer version, [`WalError::OutOfMemory`].
    pub(crate) fn header(
        &mut self,
        source: &Source<'_>,
        offset: u64,
        limit: u64,
    ) -> Result<(BatchHeader, u32), WalError> {
        let bytes = self.bytes(source, offset, BATCH_HEADER_BYTES as u64, limit)?;
        let Some(bytes) = bytes.first_chunk() else {
            return Err(source.corrupt(offset, Corruption::BatchHeader));
        };
        match BatchHeader::decode(bytes, source.seed, source.base.plus(offset)) {
            Ok((header, _)) if header.batch_bytes() > limit.saturating_sub(offset) => {
                Err(source.corrupt(offset, Corruption::BatchLength))
            }
            Ok(found) => Ok(found),
            Err(BatchHeaderFault::Damaged) => Err(source.corrupt(offset, Corruption::BatchHeader)),
            Err(BatchHeaderFault::UnsupportedFlags(flags)) => {
                Err(source.unsupported(offset, format!("batch flags {flags:#x}")))
            }
        }
    }

    /// The batch at `offset`, whole and verified.
    ///
    /// # Errors
    /// As for [`header`](Self::header).
    pub(crate) fn batch(
        &mut self,
        source: &Source<'_>,
        offset: u64,
        limit: u64,
    ) -> Result<Batch<'_>, WalError> {
        let (header, _) = self.header(source, offset, limit)?;
        let bytes = self.bytes(source, offset, header.batch_bytes(), limit)?;
        let body = bytes.get(BATCH_HEADER_BYTES..).unwrap_or_default();
        if body.len() as u64 != u64::from(header.body_bytes) {
            return Err(source.corrupt(offset, Corruption::BatchLength));
        }
        verify(source, &header, body)?;
        Ok(Batch { header, body })
    }
}

/// Verifies every record, and that they are the ones of the header.
fn verify(source: &Source<'_>, header: &BatchHeader, body: &[u8]) -> Result<(), WalError> {
    let offset = header.lsn.since(source.base);
    let damaged = || source.corrupt(offset, Corruption::BatchContent);
    let (mut content, mut records) = (ContentChecksum::default(), 0);
    let mut lsn = header.lsn.plus(BATCH_HEADER_BYTES as u64);
    let mut rest = body;
    let mut unsupported = None;
    while !rest.is_empty() {
        let (checksum, stored) = match decode_record(rest, source.seed, lsn) {
            Ok(decoded) => (decoded.checksum, decoded.stored),
            Err(RecordFault::Damaged) => return Err(damaged()),
            Err(RecordFault::Unsupported(what, value)) => {
                unsupported.get_or_insert((lsn.since(source.base), format!("{what} {value}")));
                parse_record(rest)
                    .map(|parsed| (parsed.checksum, parsed.stored()))
                    .ok_or_else(damaged)?
            }
        };
        content.add(checksum);
        records += 1;
        lsn = lsn.plus(stored as u64);
        rest = rest.get(stored..).unwrap_or_default();
    }
    if records != header.records || content.finish() != header.content {
        return Err(damaged());
    }
    match unsupported {
        Some((at, what)) => Err(source.unsupported(at, what)),
        None => Ok(()),
    }
}

impl Batch<'_> {
    /// Hands over the records in order.
    pub(crate) fn visit(
        &self,
        visit: &mut dyn FnMut(Recovered<'_>) -> Result<(), WalError>,
    ) -> Result<(), WalError> {
        self.records().try_for_each(visit)
    }

    /// The records in order.
    pub(crate) fn records(&self) -> impl Iterator<Item = Recovered<'_>> {
        let mut lsn = self.header.lsn.plus(BATCH_HEADER_BYTES as u64);
        let mut rest = self.body;
        std::iter::from_fn(move || {
            let parsed = parse_record(rest)?;
            let recovered = Recovered {
                lsn,
                record: parsed.record()?,
                stored_bytes: parsed.stored() as u32,
            };
            rest = rest.get(parsed.stored()..).unwrap_or_default();
            lsn = lsn.plus(parsed.stored() as u64);
            Some(recovered)
        })
    }
}
