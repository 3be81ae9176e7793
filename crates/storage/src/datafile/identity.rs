//! The beginning and the end of a data file: whose it is, and where its parts are.
//!
//! ```text
//! header, 64 bytes at 0               trailer, 80 bytes at the very end
//!  0  magic "DOCDBDAT"                 0  magic "DOCDBEND"
//!  8  format version u32               8  format version u32
//! 12  features u32                    12  features u32
//! 16  uid of the database, 16 bytes   16  uid of the database, 16 bytes
//! 32  number of the file u32          32  number of the file u32
//! 36  zero, 4 bytes                   36  zero, 4 bytes
//! 40  salt u64                        40  salt u64
//! 48  zero, 12 bytes                  48  length of the file u64
//! 60  crc32 of bytes 0–59             56  offset of the section table u64
//!                                     64  length of the section table u32
//!                                     68  crc32 of the section table u32
//!                                     72  zero, 4 bytes
//!                                     76  crc32 of bytes 0–75
//! ```
//!
//! The first 48 bytes of both, the places of their checksums and their lengths are the same in
//! every format version, so that a newer version is told apart from damage.

use docdb_types::DatabaseUid;

use crate::bytes::ByteReader;
use crate::checksum::{FileSeed, plain};
use crate::{DataFileNumber, StorageError};
use std::path::Path;

pub(super) const HEADER_BYTES: usize = 64;
pub(super) const TRAILER_BYTES: usize = 80;

const HEADER_MAGIC: [u8; 8] = *b"DOCDBDAT";
const TRAILER_MAGIC: [u8; 8] = *b"DOCDBEND";
const FORMAT_VERSION: u32 = 1;
/// Records of the file may be lost: a reader has to know what that means.
const HOLDS_LOST: u32 = 1;
const KNOWN_FEATURES: u32 = HOLDS_LOST;

/// Which data file of which database, and which of all the files that ever had the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileIdentity {
    pub(crate) uid: DatabaseUid,
    pub(crate) number: DataFileNumber,
    pub(crate) salt: u64,
    /// Whether records of it may be known to be lost.
    pub(crate) holds_lost: bool,
}

impl FileIdentity {
    pub(crate) fn seed(&self) -> FileSeed {
        FileSeed::new(self.uid, self.salt)
    }

    fn put(&self, magic: [u8; 8], out: &mut Vec<u8>) {
        out.extend(magic);
        out.extend(FORMAT_VERSION.to_le_bytes());
        let features = if self.holds_lost { HOLDS_LOST } else { 0 };
        out.extend(features.to_le_bytes());
        out.extend(self.uid.to_bytes());
        out.extend(self.number.get().to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.salt.to_le_bytes());
    }

    pub(super) fn encode_header(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        self.put(HEADER_MAGIC, &mut out);
        out.resize(HEADER_BYTES - 4, 0);
        seal(out)
    }

    pub(super) fn decode_header(path: &Path, bytes: &[u8]) -> Result<Self, StorageError> {
        let damaged = |what| StorageError::corrupt(path, 0, what);
        let fields = open(bytes, HEADER_BYTES).ok_or(damaged("header: checksum"))?;
        let mut reader = ByteReader::new(fields);
        let identity = Self::take(path, 0, HEADER_MAGIC, &mut reader)?;
        reader.zeros(12).ok_or(damaged("header: padding"))?;
        Ok(identity)
    }

    fn take(
        path: &Path,
        offset: u64,
        magic: [u8; 8],
        reader: &mut ByteReader<'_>,
    ) -> Result<Self, StorageError> {
        let damaged = |what| StorageError::corrupt(path, offset, what);
        let short = damaged("identity: too short");
        if reader.array() != Some(magic) {
            return Err(damaged("identity: not a data file"));
        }
        let (Some(version), Some(features), Some(uid), Some(number), Some(()), Some(salt)) = (
            reader.u32(),
            reader.u32(),
            reader.array(),
            reader.u32(),
            reader.zeros(4),
            reader.u64(),
        ) else {
            return Err(short);
        };
        if version > FORMAT_VERSION {
            let path = path.to_owned();
            return Err(StorageError::NewerFormat {
                path,
                version,
                known: FORMAT_VERSION,
            });
        }
        if version == 0 {
            return Err(damaged("identity: format version 0"));
        }
        if features & !KNOWN_FEATURES != 0 {
            let features = features & !KNOWN_FEATURES;
            return Err(StorageError::UnknownFeatures {
                path: path.to_owned(),
                features,
            });
        }
        let number = DataFileNumber::new(number).ok_or(damaged("identity: number of the file"))?;
        Ok(Self {
            uid: DatabaseUid::from_bytes(uid),
            number,
            salt,
            holds_lost: features & HOLDS_LOST != 0,
        })
    }
}

/// Where the parts of a data file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trailer {
    pub(super) identity: FileIdentity,
    pub(super) file_bytes: u64,
    pub(super) table_offset: u64,
    pub(super) table_bytes: u32,
    pub(super) table_checksum: u32,
}

impl Trailer {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(TRAILER_BYTES);
        self.identity.put(TRAILER_MAGIC, &mut out);
        out.extend(self.file_bytes.to_le_bytes());
        out.extend(self.table_offset.to_le_bytes());
        out.extend(self.table_bytes.to_le_bytes());
        out.extend(self.table_checksum.to_le_bytes());
        out.extend([0; 4]);
        seal(out)
    }

    /// Decodes the trailer that stands at `offset` of the file.
    pub(super) fn decode(path: &Path, offset: u64, bytes: &[u8]) -> Result<Self, StorageError> {
        let damaged = |what| StorageError::corrupt(path, offset, what);
        let fields = open(bytes, TRAILER_BYTES).ok_or(damaged("trailer: checksum"))?;
        let mut reader = ByteReader::new(fields);
        let identity = FileIdentity::take(path, offset, TRAILER_MAGIC, &mut reader)?;
        match (
            reader.u64(),
            reader.u64(),
            reader.u32(),
            reader.u32(),
            reader.zeros(4),
        ) {
            (
                Some(file_bytes),
                Some(table_offset),
                Some(table_bytes),
                Some(table_checksum),
                Some(()),
            ) => Ok(Self {
                identity,
                file_bytes,
                table_offset,
                table_bytes,
                table_checksum,
            }),
            _ => Err(damaged("trailer: padding")),
        }
    }
}

/// Appends the checksum of what stands in front of it.
fn seal(mut out: Vec<u8>) -> Vec<u8> {
    let checksum = plain(&[&out]);
    out.extend(checksum.to_le_bytes());
    out
}

/// What stands in front of a checksum that is right.
fn open(bytes: &[u8], expected_bytes: usize) -> Option<&[u8]> {
    let (fields, checksum) = bytes.split_last_chunk()?;
    (bytes.len() == expected_bytes && plain(&[fields]) == u32::from_le_bytes(*checksum))
        .then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> FileIdentity {
        FileIdentity {
            uid: DatabaseUid::from_bytes(*b"0123456789abcdef"),
            number: DataFileNumber::new(0x0102_0304).unwrap(),
            salt: 0x1122_3344_5566_7788,
            holds_lost: false,
        }
    }

    fn trailer() -> Trailer {
        Trailer {
            identity: identity(),
            file_bytes: 1000,
            table_offset: 800,
            table_bytes: 120,
            table_checksum: 0xdead_beef,
        }
    }

    #[test]
    fn golden_header() {
        let mut expected = b"DOCDBDAT\x01\0\0\0\0\0\0\x000123456789abcdef".to_vec();
        expected.extend(b"\x04\x03\x02\x01\0\0\0\0\x88\x77\x66\x55\x44\x33\x22\x11");
        expected.extend([0; 12]);
        expected.extend(GOLDEN_HEADER_CHECKSUM.to_le_bytes());
        assert_eq!(identity().encode_header(), expected);
        assert_eq!(
            FileIdentity::decode_header(Path::new("f"), &expected).unwrap(),
            identity()
        );
    }

    #[test]
    fn golden_trailer() {
        let mut expected = b"DOCDBEND\x01\0\0\0\0\0\0\x000123456789abcdef".to_vec();
        expected.extend(b"\x04\x03\x02\x01\0\0\0\0\x88\x77\x66\x55\x44\x33\x22\x11");
        expected.extend(b"\xe8\x03\0\0\0\0\0\0\x20\x03\0\0\0\0\0\0");
        expected.extend(b"\x78\0\0\0\xef\xbe\xad\xde\0\0\0\0");
        expected.extend(GOLDEN_TRAILER_CHECKSUM.to_le_bytes());
        assert_eq!(trailer().encode(), expected);
        assert_eq!(
            Trailer::decode(Path::new("f"), 920, &expected).unwrap(),
            trailer()
        );
    }

    const GOLDEN_HEADER_CHECKSUM: u32 = 0x6406_aea4;
    const GOLDEN_TRAILER_CHECKSUM: u32 = 0x6700_b3c7;

    #[test]
    fn a_newer_version_and_an_unknown_feature_are_told_apart_from_damage() {
        let sealed = |at: usize, value: u8| {
            let mut bytes = identity().encode_header();
            bytes[at] = value;
            bytes.truncate(HEADER_BYTES - 4);
            FileIdentity::decode_header(Path::new("f"), &seal(bytes)).unwrap_err()
        };
        assert!(matches!(
            sealed(8, 2),
            StorageError::NewerFormat {
                version: 2,
                known: 1,
                ..
            }
        ));
        assert!(matches!(
            sealed(12, 4),
            StorageError::UnknownFeatures { features: 4, .. }
        ));
        assert!(matches!(sealed(8, 0), StorageError::Corrupt { .. }));
        assert!(matches!(sealed(36, 1), StorageError::Corrupt { .. }));
        assert!(matches!(sealed(50, 1), StorageError::Corrupt { .. }));
    }

    #[test]
    fn every_flipped_bit_is_damage() {
        for (bytes, is_header) in [
            (identity().encode_header(), true),
            (trailer().encode(), false),
        ] {
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let error = if is_header {
                    FileIdentity::decode_header(Path::new("f"), &flipped).map(|_| ())
                } else {
                    Trailer::decode(Path::new("f"), 0, &flipped).map(|_| ())
                };
                assert!(
                    matches!(error, Err(StorageError::Corrupt { .. })),
                    "bit {bit}"
                );
            }
        }
    }
}
