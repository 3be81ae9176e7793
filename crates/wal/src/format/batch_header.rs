//! The header of a batch, which is trusted before the batch is read.

use super::checksum::Seed;
use super::fields::Fields;
use super::limits::{COUNTER_LIMIT, MAX_BATCH_BYTES};
use crate::Lsn;

/// Bytes of a batch in front of its records.
pub(crate) const BATCH_HEADER_BYTES: usize = 56;
/// The first four bytes of a batch.
pub(crate) const BATCH_MAGIC: [u8; 4] = *b"dbB1";

/// What the header of a batch says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchHeader {
    /// Bytes of all records, padding included; a multiple of eight.
    pub(crate) body_bytes: u32,
    /// Number of records, 1 and up.
    pub(crate) records: u32,
    /// Consecutive over all segments.
    pub(crate) sequence: u64,
    /// Where the batch begins.
    pub(crate) lsn: Lsn,
    /// The highest position known durable when the batch was written.
    pub(crate) durable_upto: Lsn,
    /// The checksum over the checksums of the records.
    pub(crate) content: u32,
    /// The header checksum of the batch in front of this one, in this or an earlier segment.
    pub(crate) previous: u32,
}

/// Why bytes are not a batch header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BatchHeaderFault {
    /// They do not verify.
    Damaged,
    /// They verify and have flags that this version does not know.
    UnsupportedFlags(u32),
}

impl BatchHeader {
    /// Bytes of the whole batch.
    pub(crate) const fn batch_bytes(&self) -> u64 {
        BATCH_HEADER_BYTES as u64 + self.body_bytes as u64
    }

    /// The position behind the batch.
    pub(crate) const fn end(&self) -> Lsn {
        self.lsn.plus(self.batch_bytes())
    }

    /// The bytes, and the checksum among them.
    pub(crate) fn encode(&self, seed: Seed) -> ([u8; BATCH_HEADER_BYTES], u32) {
        let mut bytes = [0; BATCH_HEADER_BYTES];
        bytes[0..4].copy_from_slice(&BATCH_MAGIC);
        bytes[8..12].copy_from_slice(&self.body_bytes.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.records.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.lsn.get().to_le_bytes());
        bytes[32..40].copy_from_slice(&self.durable_upto.get().to_le_bytes());
        bytes[40..44].copy_from_slice(&self.content.to_le_bytes());
        bytes[44..48].copy_from_slice(&self.previous.to_le_bytes());
        let checksum = seed.bind(self.lsn, crc32fast::hash(&bytes[8..]));
        bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
        (bytes, checksum)
    }

    /// Decodes and verifies the header of a batch that begins at `lsn`, and returns its checksum
    /// beside it.
    pub(crate) fn decode(
        bytes: &[u8; BATCH_HEADER_BYTES],
        seed: Seed,
        lsn: Lsn,
    ) -> Result<(Self, u32), BatchHeaderFault> {
        let (header, checksum, flags) = Self::split(bytes).ok_or(BatchHeaderFault::Damaged)?;
        if bytes[0..4] != BATCH_MAGIC
            || header.lsn != lsn
            || checksum != seed.bind(lsn, crc32fast::hash(&bytes[8..]))
        {
            return Err(BatchHeaderFault::Damaged);
        }
        if flags != 0 {
            return Err(BatchHeaderFault::UnsupportedFlags(flags));
        }
        if header.body_bytes % 8 != 0
            || header.records == 0
            || header.sequence >= COUNTER_LIMIT
            || header.batch_bytes() > MAX_BATCH_BYTES as u64
        {
            return Err(BatchHeaderFault::Damaged);
        }
        Ok((header, checksum))
    }

    fn split(bytes: &[u8; BATCH_HEADER_BYTES]) -> Option<(Self, u32, u32)> {
        let mut fields = Fields::new(bytes);
        fields.u32()?;
        let checksum = fields.u32()?;
        let header = Self {
            body_bytes: fields.u32()?,
            records: fields.u32()?,
            sequence: fields.u64()?,
            lsn: Lsn::new(fields.u64()?),
            durable_upto: Lsn::new(fields.u64()?),
            content: fields.u32()?,
            previous: fields.u32()?,
        };
        Some((header, checksum, fields.u32()?))
    }
}
