//! The header of a file of parity: which data file it belongs to.
//!
//! ```text
//!  0  magic "DOCDBPAR"
//!  8  format version u32
//! 12  features u32
//! 16  uid of the database, 16 bytes
//! 32  number of the data file u32
//! 36  parity blocks of a stripe u32
//! 40  salt of the data file u64
//! 48  length of the data file u64
//! 56  data blocks of a stripe u32; 0: sixteen
//! 60  crc32 of bytes 0–59
//! ```

use docdb_types::DatabaseUid;

use super::geometry::{Geometry, Parity, STRIPE_BLOCKS};
use crate::DataFileNumber;
use crate::bytes::ByteReader;
use crate::checksum::plain;
use crate::datafile::FileIdentity;
use crate::position::MAX_DATA_FILE_BYTES;

pub(crate) const HEADER_BYTES: usize = 64;
const MAGIC: [u8; 8] = *b"DOCDBPAR";
const FORMAT_VERSION: u32 = 1;
/// Data blocks of a stripe in files that do not say.
const SIXTEEN: u32 = STRIPE_BLOCKS as u32;

/// Which data file the parity was computed from, and how much of it there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ParityHeader {
    pub(crate) uid: DatabaseUid,
    pub(crate) number: DataFileNumber,
    pub(crate) salt: u64,
    pub(crate) geometry: Geometry,
}

impl ParityHeader {
    pub(crate) const fn new(identity: &FileIdentity, geometry: Geometry) -> Self {
        Self {
            uid: identity.uid,
            number: identity.number,
            salt: identity.salt,
            geometry,
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend(MAGIC);
        out.extend(FORMAT_VERSION.to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.uid.to_bytes());
        out.extend(self.number.get().to_le_bytes());
        out.extend(self.geometry.parity.blocks().to_le_bytes());
        out.extend(self.salt.to_le_bytes());
        out.extend(self.geometry.file_bytes.to_le_bytes());
        let data = match self.geometry.parity.data_blocks() {
            SIXTEEN => 0,
            data => data,
        };
        out.extend(data.to_le_bytes());
        let checksum = plain(&[&out]);
        out.extend(checksum.to_le_bytes());
        out
    }

    /// The header that `bytes` are; `None` when they are damaged, or of a newer version, which is
    /// as good as no parity.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (fields, checksum) = bytes.split_last_chunk()?;
        if bytes.len() != HEADER_BYTES || plain(&[fields]) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let mut reader = ByteReader::new(fields);
        let is_known = reader.array() == Some(MAGIC)
            && reader.u32() == Some(FORMAT_VERSION)
            && reader.u32() == Some(0);
        let uid = DatabaseUid::from_bytes(reader.array()?);
        let number = DataFileNumber::new(reader.u32()?)?;
        let parity = reader.u32()?;
        let salt = reader.u64()?;
        let file_bytes = reader.u64()?;
        let data = match reader.u32()? {
            0 => SIXTEEN,
            data => data,
        };
        let parity = Parity::from_shape(data, parity).filter(|parity| !parity.is_none())?;
        let fits = (1..=2 * MAX_DATA_FILE_BYTES).contains(&file_bytes);
        (is_known && fits).then_some(Self {
            uid,
            number,
            salt,
            geometry: Geometry { file_bytes, parity },
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::parity) fn header() -> ParityHeader {
        ParityHeader {
            uid: DatabaseUid::from_bytes(*b"0123456789abcdef"),
            number: DataFileNumber::new(0x0102_0304).unwrap(),
            salt: 0x1122_3344_5566_7788,
            geometry: Geometry {
                file_bytes: 100_000,
                parity: Parity::DEFAULT,
            },
        }
    }

    #[test]
    fn golden_header() {
        let mut expected = b"DOCDBPAR\x01\0\0\0\0\0\0\x000123456789abcdef".to_vec();
        expected.extend(b"\x04\x03\x02\x01\x02\0\0\0\x88\x77\x66\x55\x44\x33\x22\x11");
        expected.extend(b"\xa0\x86\x01\0\0\0\0\0\0\0\0\0");
        expected.extend(GOLDEN_CHECKSUM.to_le_bytes());
        assert_eq!(header().encode(), expected);
        assert_eq!(ParityHeader::decode(&expected), Some(header()));
    }

    const GOLDEN_CHECKSUM: u32 = 0xad59_1215;

    #[test]
    fn golden_header_of_other_stripes() {
        let mut other = header();
        other.geometry.parity = Parity::from_shape(19, 1).unwrap();
        let bytes = other.encode();
        assert_eq!(bytes[36..40], [1, 0, 0, 0]);
        assert_eq!(bytes[56..60], [19, 0, 0, 0]);
        assert_eq!(ParityHeader::decode(&bytes), Some(other));
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let bytes = header().encode();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(ParityHeader::decode(&flipped), None, "bit {bit}");
        }
    }
}
