//! Records of a data file: each explains and verifies itself.
//!
//! ```text
//!  0  crc32 of everything behind it, padding included, seeded with file and offset
//!  4  length of the payload u32
//!  8  length of the key u16
//! 10  kind u8
//! 11  flags u8, zero
//! 12  collection u32
//! 16  transaction u64
//! 24  key, payload, zeros up to a multiple of 8
//! ```

use docdb_types::{CollectionId, TransactionId};

use super::footer::FooterEntry;
use super::lost::LOST_BYTES;
use crate::StorageError;
use crate::bytes::{ByteReader, is_zero};
use crate::checksum::FileSeed;

/// Longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 1024;
/// Longest payload, in bytes: 64 MiB, above every limit of a document.
pub const MAX_PAYLOAD_BYTES: u32 = 64 << 20;

pub(super) const RECORD_HEADER_BYTES: usize = 24;
/// Records begin at multiples of this.
pub(super) const RECORD_ALIGNMENT: u64 = 8;

/// Bytes that a record takes in a data file, with header, key and padding.
#[must_use]
pub const fn record_bytes(key_bytes: usize, payload_bytes: u32) -> u64 {
    (RECORD_HEADER_BYTES as u64 + key_bytes as u64 + payload_bytes as u64)
        .next_multiple_of(RECORD_ALIGNMENT)
}

/// What a record is. The numbers 3 (expiry), 4 (entry of a secondary index) and 5 (schema) are
/// reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RecordKind {
    /// A document.
    Document = 1,
    /// A deletion, which hides older documents of the key in other data files.
    Tombstone = 2,
    /// A document that is known to be lost: its file was damaged beyond parity, or the log's only
    /// copy of it was. Reading it is an error until it is written or deleted again.
    Lost = 6,
}

impl RecordKind {
    pub(super) const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Document),
            2 => Some(Self::Tombstone),
            6 => Some(Self::Lost),
            _ => None,
        }
    }

    const fn max_payload_bytes(self) -> u32 {
        match self {
            Self::Document => MAX_PAYLOAD_BYTES,
            Self::Tombstone => 0,
            Self::Lost => LOST_BYTES,
        }
    }
}

/// A record without its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// The collection.
    pub collection: CollectionId,
    /// The key, 1 to [`MAX_KEY_BYTES`] long.
    pub key: &'a [u8],
    /// The transaction that wrote this version.
    pub transaction: TransactionId,
    /// What the record is.
    pub kind: RecordKind,
    /// The document, at most [`MAX_PAYLOAD_BYTES`] long; empty for a tombstone.
    pub payload: &'a [u8],
}

impl<'a> Record<'a> {
    /// Checks the limits of the format.
    pub(super) fn check(&self) -> Result<(), StorageError> {
        let key_bytes = self.key.len() as u64;
        let payload_bytes = self.payload.len() as u64;
        if self.key.is_empty() || self.key.len() > MAX_KEY_BYTES {
            let limit = MAX_KEY_BYTES as u64;
            return Err(StorageError::TooLarge {
                what: "key",
                bytes: key_bytes,
                limit,
            });
        }
        let limit = u64::from(self.kind.max_payload_bytes());
        if payload_bytes > limit {
            return Err(StorageError::TooLarge {
                what: "payload",
                bytes: payload_bytes,
                limit,
            });
        }
        Ok(())
    }

    /// What the footer says of the record, which stands at `offset`.
    pub(super) const fn outline(&self, checksum: u32, offset: u64) -> FooterEntry<&'a [u8]> {
        FooterEntry {
            collection: self.collection,
            key: self.key,
            transaction: self.transaction,
            kind: self.kind,
            payload_bytes: self.payload.len() as u32,
            checksum,
            offset,
        }
    }

    /// The bytes in front of the key, and the zeros behind the payload. The record keeps to the
    /// limits, which [`check`](Self::check) says.
    pub(super) fn frame(&self, seed: FileSeed, offset: u64) -> RecordFrame {
        let mut header = [0; RECORD_HEADER_BYTES];
        header[4..8].copy_from_slice(&(self.payload.len() as u32).to_le_bytes());
        header[8..10].copy_from_slice(&(self.key.len() as u16).to_le_bytes());
        header[10] = self.kind as u8;
        header[12..16].copy_from_slice(&self.collection.get().to_le_bytes());
        header[16..24].copy_from_slice(&self.transaction.get().to_le_bytes());
        let end = RECORD_HEADER_BYTES + self.key.len() + self.payload.len();
        let padding = end.next_multiple_of(RECORD_ALIGNMENT as usize) - end;
        let zeros = PADDING.get(..padding).unwrap_or_default();
        let checksum = seed.at(offset, &[&header[4..], self.key, self.payload, zeros]);
        header[..4].copy_from_slice(&checksum.to_le_bytes());
        RecordFrame {
            header,
            padding: zeros,
            checksum,
        }
    }

    /// Decodes and verifies the record that `bytes` are, which stand at `offset`.
    ///
    /// The error says what is wrong.
    pub(super) fn decode(
        seed: FileSeed,
        offset: u64,
        bytes: &'a [u8],
    ) -> Result<(Self, u32), &'static str> {
        let header = RecordHeader::decode(bytes).ok_or("record: header")?;
        let mut body = ByteReader::new(bytes.get(RECORD_HEADER_BYTES..).unwrap_or_default());
        let (Some(key), Some(payload)) = (
            body.take(header.key_bytes),
            body.take(header.payload_bytes as usize),
        ) else {
            return Err("record: length");
        };
        if header.stored_bytes() != bytes.len() as u64 {
            return Err("record: length");
        }
        let checked = bytes.get(4..).unwrap_or_default();
        if seed.at(offset, &[checked]) != header.checksum {
            return Err("record: checksum");
        }
        if !is_zero(body.rest()) {
            return Err("record: padding");
        }
        let RecordHeader {
            collection,
            transaction,
            kind,
            ..
        } = header;
        Ok((
            Self {
                collection,
                key,
                transaction,
                kind,
                payload,
            },
            header.checksum,
        ))
    }
}

const PADDING: [u8; RECORD_ALIGNMENT as usize] = [0; RECORD_ALIGNMENT as usize];

/// What surrounds key and payload in the file.
pub(super) struct RecordFrame {
    pub(super) header: [u8; RECORD_HEADER_BYTES],
    pub(super) padding: &'static [u8],
    pub(super) checksum: u32,
}

/// The first bytes of a record, plausible but not verified.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordHeader {
    checksum: u32,
    payload_bytes: u32,
    key_bytes: usize,
    kind: RecordKind,
    collection: CollectionId,
    transaction: TransactionId,
}

impl RecordHeader {
    /// The header at the beginning of `bytes`; `None` when no record begins like this.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = ByteReader::new(bytes);
        let checksum = reader.u32()?;
        let payload_bytes = reader.u32()?;
        let key_bytes = usize::from(reader.u16()?);
        let kind = RecordKind::from_number(reader.u8()?)?;
        reader.zeros(1)?;
        let collection = CollectionId::new(reader.u32()?);
        let transaction = TransactionId::new(reader.u64()?);
        let fits = payload_bytes <= kind.max_payload_bytes();
        ((1..=MAX_KEY_BYTES).contains(&key_bytes) && fits).then_some(Self {
            checksum,
            payload_bytes,
            key_bytes,
            kind,
            collection,
            transaction,
        })
    }

    /// Length of the whole record in the file.
    pub(super) const fn stored_bytes(&self) -> u64 {
        record_bytes(self.key_bytes, self.payload_bytes)
    }
}

#[cfg(test)]
mod tests {
    use docdb_types::DatabaseUid;
    use proptest::prelude::*;

    use super::*;

    fn seed() -> FileSeed {
        FileSeed::new(DatabaseUid::from(1), 2)
    }

    fn encode(record: &Record<'_>, offset: u64) -> Vec<u8> {
        let frame = record.frame(seed(), offset);
        [&frame.header[..], record.key, record.payload, frame.padding].concat()
    }

    fn sample() -> Record<'static> {
        Record {
            collection: CollectionId::new(0x0a0b),
            key: &[0, 0, 0, 0, 0, 0, 0, 5],
            transaction: TransactionId::new(0x77),
            kind: RecordKind::Document,
            payload: b"{\"a\":1}",
        }
    }

    #[test]
    fn golden_record() {
        let expected = [
            &GOLDEN_CHECKSUM.to_le_bytes()[..],
            b"\x07\0\0\0\x08\0\x01\0\x0b\x0a\0\0\x77\0\0\0\0\0\0\0",
            b"\0\0\0\0\0\0\0\x05{\"a\":1}\0",
        ]
        .concat();
        assert_eq!(encode(&sample(), 64), expected);
        assert_eq!(record_bytes(8, 7), expected.len() as u64);
    }

    const GOLDEN_CHECKSUM: u32 = 0x920d_5692;

    #[test]
    fn every_flipped_bit_and_every_other_length_is_refused() {
        let bytes = encode(&sample(), 64);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Record::decode(seed(), 64, &flipped).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(Record::decode(seed(), 64, &bytes[..length]).is_err());
        }
        assert!(Record::decode(seed(), 64, &[&bytes[..], &[0; 8]].concat()).is_err());
        assert!(Record::decode(seed(), 72, &bytes).is_err());
    }

    #[test]
    fn keys_and_payloads_end_at_their_limits() {
        let key = vec![1; MAX_KEY_BYTES + 1];
        assert!(
            Record {
                key: &key,
                ..sample()
            }
            .check()
            .is_err()
        );
        assert!(
            Record {
                key: &key[1..],
                ..sample()
            }
            .check()
            .is_ok()
        );
        assert!(
            Record {
                key: &[],
                ..sample()
            }
            .check()
            .is_err()
        );
        assert!(
            Record {
                kind: RecordKind::Tombstone,
                ..sample()
            }
            .check()
            .is_err()
        );
    }

    proptest! {
        #[test]
        fn every_record_survives(
            collection: u32,
            key in proptest::collection::vec(any::<u8>(), 1..40),
            transaction: u64,
            payload in proptest::collection::vec(any::<u8>(), 0..200),
            offset in 0_u64..1 << 40,
        ) {
            let record = Record {
                collection: CollectionId::new(collection),
                key: &key,
                transaction: TransactionId::new(transaction),
                kind: RecordKind::Document,
                payload: &payload,
            };
            let bytes = encode(&record, offset * 8);
            prop_assert_eq!(bytes.len() as u64, record_bytes(key.len(), payload.len() as u32));
            let (decoded, _) = Record::decode(seed(), offset * 8, &bytes).unwrap();
            prop_assert_eq!(decoded, record);
        }

        #[test]
        fn any_bytes_are_no_record(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(Record::decode(seed(), 64, &bytes).is_err());
        }
    }
}
