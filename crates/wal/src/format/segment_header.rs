//! The header of a segment: whose it is, where it stands in the log, and what it continues.

use docdb_types::{DatabaseUid, TransactionId};

use super::checksum::Seed;
use super::fields::Fields;
use super::limits::COUNTER_LIMIT;
use crate::Lsn;

/// Bytes of a segment in front of its first batch.
pub(crate) const SEGMENT_HEADER_BYTES: usize = 96;
const MAGIC: [u8; 8] = *b"docdbWAL";
const VERSION: u32 = 1;

/// What the header of a segment says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) uid: DatabaseUid,
    /// Counted up by one from 1.
    pub(crate) number: u64,
    /// The position of the first byte of the segment.
    pub(crate) base: Lsn,
    /// Random, so that checksums of another life of this segment do not verify.
    pub(crate) salt: u64,
    /// Bytes of the segment in front; 0 for the first one.
    pub(crate) previous_bytes: u64,
    /// Sequence of the last batch in the segments in front; 0 when there was none.
    pub(crate) previous_sequence: u64,
    /// Highest transaction id in the segments in front.
    pub(crate) previous_transaction: TransactionId,
    /// Header checksum of the last batch in the segments in front; 0 when there was none.
    pub(crate) previous_checksum: u32,
}

/// Why bytes are not a segment header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SegmentHeaderFault {
    /// They do not verify.
    Damaged,
    /// They verify and have a version that this one does not know.
    UnsupportedVersion(u32),
    /// They verify and have features that this version does not know.
    UnsupportedFeatures(u32),
}

impl SegmentHeader {
    /// What the checksums of this segment are seeded with.
    pub(crate) fn seed(&self) -> Seed {
        Seed::new(self.uid, self.number, self.base, self.salt)
    }

    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.uid.to_bytes());
        bytes[32..40].copy_from_slice(&self.number.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.base.get().to_le_bytes());
        bytes[48..56].copy_from_slice(&self.salt.to_le_bytes());
        bytes[56..64].copy_from_slice(&self.previous_bytes.to_le_bytes());
        bytes[64..72].copy_from_slice(&self.previous_sequence.to_le_bytes());
        bytes[72..80].copy_from_slice(&self.previous_transaction.get().to_le_bytes());
        bytes[80..84].copy_from_slice(&self.previous_checksum.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[0..92]);
        bytes[92..96].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Decodes and verifies a header. Magic, version and checksum stand where they stand in every
    /// version, so that a newer header is told from a damaged one.
    pub(crate) fn decode(bytes: &[u8; SEGMENT_HEADER_BYTES]) -> Result<Self, SegmentHeaderFault> {
        let mut checksum = Fields::new(&bytes[92..96]);
        if bytes[0..8] != MAGIC || checksum.u32() != Some(crc32fast::hash(&bytes[0..92])) {
            return Err(SegmentHeaderFault::Damaged);
        }
        let mut fields = Fields::new(&bytes[8..]);
        let version = fields.u32().unwrap_or_default();
        if version != VERSION {
            return Err(SegmentHeaderFault::UnsupportedVersion(version));
        }
        let features = fields.u32().unwrap_or_default();
        if features != 0 {
            return Err(SegmentHeaderFault::UnsupportedFeatures(features));
        }
        Self::split(fields)
            .filter(Self::is_in_range)
            .ok_or(SegmentHeaderFault::Damaged)
    }

    fn is_in_range(&self) -> bool {
        let counters = [self.number, self.base.get(), self.previous_sequence];
        self.number != 0
            && self.base == self.base.aligned()
            && counters.iter().all(|counter| *counter < COUNTER_LIMIT)
    }

    fn split(mut fields: Fields<'_>) -> Option<Self> {
        Some(Self {
            uid: DatabaseUid::from_bytes(fields.array()?),
            number: fields.u64()?,
            base: Lsn::new(fields.u64()?),
            salt: fields.u64()?,
            previous_bytes: fields.u64()?,
            previous_sequence: fields.u64()?,
            previous_transaction: TransactionId::new(fields.u64()?),
            previous_checksum: fields.u32()?,
        })
    }
}
