//! Records that are known to be lost: their key and version stay, so that the document is an error
//! until it is written again, and never one that was not there.
//!
//! ```text
//! payload, 32 bytes
//!  0  number of the data file that was damaged u32; 0: it was a segment of the log
//!  4  length of the payload that is lost u32
//!  8  offset of the record in that file u64
//! 16  salt of that file u64; of a segment: its number
//! 24  crc32 that the record had there u32; of a segment: 0
//! 28  zero, 4 bytes
//! ```

use docdb_types::{CollectionId, TransactionId};

use super::footer::FooterEntry;
use super::identity::FileIdentity;
use super::reader::{DataFile, RecordIdentity};
use super::record::{Record, RecordKind, record_bytes};
use crate::bytes::ByteReader;
use crate::checksum::FileSeed;
use crate::{DataFileNumber, IndexKey, StorageError, StorageHome};

/// Length of the payload of a lost record.
pub(super) const LOST_BYTES: u32 = 32;

/// A document of which the log's only copy is damaged, before any data file held one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoggedLoss<'a> {
    /// Its collection.
    pub collection: CollectionId,
    /// Its key, 1 to [`MAX_KEY_BYTES`](crate::MAX_KEY_BYTES) long.
    pub key: &'a [u8],
    /// The transaction that wrote the version which is lost.
    pub transaction: TransactionId,
    /// Length of the document, in bytes.
    pub payload_bytes: u32,
    /// The number of the log segment in which it stood.
    pub segment: u64,
    /// Where in it, in bytes.
    pub offset: u64,
}

/// What is still known of a record that is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LostMark {
    original: Original,
    offset: u64,
    payload_bytes: u32,
}

/// What held a record that is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Original {
    DataFile {
        number: DataFileNumber,
        salt: u64,
        /// The checksum that the record had there.
        checksum: u32,
    },
    Segment(u64),
}

impl LostMark {
    /// The mark of a record that the footer describes as `entry`.
    pub(crate) const fn of<K>(identity: &FileIdentity, entry: &FooterEntry<K>) -> Self {
        Self {
            original: Original::DataFile {
                number: identity.number,
                salt: identity.salt,
                checksum: entry.checksum,
            },
            offset: entry.offset,
            payload_bytes: entry.payload_bytes,
        }
    }

    pub(super) const fn of_logged(loss: &LoggedLoss<'_>) -> Self {
        Self {
            original: Original::Segment(loss.segment),
            offset: loss.offset,
            payload_bytes: loss.payload_bytes,
        }
    }

    /// The name of the file in which the record stood: of a segment, the one that it has for good.
    fn file_name(&self, home: &StorageHome) -> String {
        match self.original {
            Original::DataFile { number, .. } => {
                let path = home.data_file_path(number);
                path.file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned()
            }
            Original::Segment(number) => format!("{}.wal.{number}", home.name),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let (number, salt, checksum) = match self.original {
            Original::DataFile {
                number,
                salt,
                checksum,
            } => (number.get(), salt, checksum),
            Original::Segment(number) => (0, number, 0),
        };
        let mut out = Vec::with_capacity(LOST_BYTES as usize);
        out.extend(number.to_le_bytes());
        out.extend(self.payload_bytes.to_le_bytes());
        out.extend(self.offset.to_le_bytes());
        out.extend(salt.to_le_bytes());
        out.extend(checksum.to_le_bytes());
        out.extend([0; 4]);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = ByteReader::new(bytes);
        let number = reader.u32()?;
        let payload_bytes = reader.u32()?;
        let offset = reader.u64()?;
        let salt = reader.u64()?;
        let checksum = reader.u32()?;
        reader.zeros(4)?;
        let original = match DataFileNumber::new(number) {
            Some(number) => Original::DataFile {
                number,
                salt,
                checksum,
            },
            None if number == 0 && checksum == 0 => Original::Segment(salt),
            None => return None,
        };
        reader.rest().is_empty().then_some(Self {
            original,
            offset,
            payload_bytes,
        })
    }

    /// Whether `record`, found in the log, is the one that is lost: of the same version, and with the
    /// checksum that it had in its place.
    ///
    /// INVARIANT: the checksum comes from the footer or from a mark, never from the bytes that were
    /// damaged. An older version of the document does not have it. A record that stood in the log
    /// alone has the one that the log binds to its place, which whoever found it has compared.
    pub(crate) fn is_of(&self, file: &DataFile, record: &Record<'_>) -> bool {
        if record.payload.len() as u64 != u64::from(self.payload_bytes) {
            return false;
        }
        match self.original {
            Original::DataFile { salt, checksum, .. } => {
                let seed = FileSeed::new(file.identity.uid, salt);
                record.frame(seed, self.offset).checksum == checksum
            }
            Original::Segment(_) => true,
        }
    }
}

impl DataFile {
    /// The error for a record that is known to be lost, if that is what stands at `offset`.
    pub(super) fn lost_at(
        &self,
        offset: u64,
        expected: &RecordIdentity<'_>,
    ) -> Option<StorageError> {
        if !self.identity.holds_lost {
            return None;
        }
        let stored = record_bytes(expected.key.len(), LOST_BYTES);
        if offset.checked_add(stored)? > self.records.end() {
            return None;
        }
        let mut bytes = vec![0; stored as usize];
        self.file.read_exact_at(&mut bytes, offset).ok()?;
        let (record, _) = Record::decode(self.seed, offset, &bytes).ok()?;
        let is_it = record.kind == RecordKind::Lost
            && record.collection == expected.collection
            && record.key == expected.key
            && record.transaction == expected.transaction;
        let mark = LostMark::decode(record.payload).filter(|_| is_it)?;
        Some(StorageError::Lost {
            path: self.path.clone(),
            offset,
            original: mark.file_name(&self.home),
            original_offset: mark.offset,
        })
    }

    /// The records of the file that are known to be lost, in key order. Reads nothing unless the
    /// file was written around a loss.
    ///
    /// # Errors
    /// As [`entries`](Self::entries).
    pub fn lost_records<K: IndexKey>(&self) -> Result<Vec<FooterEntry<K>>, StorageError> {
        if !self.identity.holds_lost {
            return Ok(Vec::new());
        }
        let is_lost = |entry: &Result<FooterEntry<K>, _>| {
            entry
                .as_ref()
                .map_or(true, |entry| entry.kind == RecordKind::Lost)
        };
        self.entries().filter(is_lost).collect()
    }
}

/// A record that takes the place of one that is lost.
pub(crate) const fn lost_record<'a>(entry: &FooterEntry<&'a [u8]>, mark: &'a [u8]) -> Record<'a> {
    Record {
        collection: entry.collection,
        key: entry.key,
        transaction: entry.transaction,
        kind: RecordKind::Lost,
        payload: mark,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_mark() {
        let mark = LostMark {
            original: Original::DataFile {
                number: DataFileNumber::new(7).unwrap(),
                salt: 0x1122_3344_5566_7788,
                checksum: 0xdead_beef,
            },
            offset: 0x0a0b_0c0d,
            payload_bytes: 0x99,
        };
        let mut expected = b"\x07\0\0\0\x99\0\0\0\x0d\x0c\x0b\x0a\0\0\0\0".to_vec();
        expected.extend(b"\x88\x77\x66\x55\x44\x33\x22\x11\xef\xbe\xad\xde\0\0\0\0");
        assert_eq!(mark.encode(), expected);
        assert_eq!(expected.len(), LOST_BYTES as usize);
        assert_eq!(LostMark::decode(&expected), Some(mark));
        assert_eq!(LostMark::decode(&expected[..31]), None);
        assert_eq!(LostMark::decode(&[&expected[..], &[0]].concat()), None);
    }
    #[test]
    fn golden_mark_of_a_record_that_stood_in_the_log() {
        let mark = LostMark::of_logged(&LoggedLoss {
            collection: CollectionId::DEFAULT,
            key: b"key",
            transaction: TransactionId::new(5),
            payload_bytes: 0x99,
            segment: 0x1122_3344_5566,
            offset: 0x0a0b_0c0d,
        });
        let mut expected = b"\0\0\0\0\x99\0\0\0\x0d\x0c\x0b\x0a\0\0\0\0".to_vec();
        expected.extend(b"\x66\x55\x44\x33\x22\x11\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(mark.encode(), expected);
        assert_eq!(LostMark::decode(&expected), Some(mark));
        let mut with_checksum = expected;
        with_checksum[24] = 1;
        assert_eq!(LostMark::decode(&with_checksum), None);
    }
}
