//! The metadata section: what a manifest would say at the time the file was published.
//!
//! ```text
//!  0  magic "META"
//!  4  crc32 of everything behind it, seeded with file and offset
//!  8  length of the whole structure, padding included, u32
//! 12  number of other live files u32
//! 16  number of collections u32
//! 20  id of the next collection u32
//! 24  generation of the manifest u64
//! 32  covered position of the log u64
//! 40  last transaction u64
//! 48  documents u64          56  bytes of documents u64
//! 64  tombstones u64         72  bytes of tombstones u64
//! 80  oldest transaction u64 88  newest transaction u64
//! 96  other live files: numbers u32, ascending
//!     collections: id u32, length of the name u16, name, highest document id u64
//!     zeros up to a multiple of 8
//! ```

use docdb_types::{CollectionId, CollectionName, TransactionId};

use super::footer::FooterEntry;
use super::record::{RecordKind, record_bytes};
use crate::bytes::{ByteReader, is_zero};
use crate::checksum::FileSeed;
use crate::{CollectionRecord, DataFileNumber, LogPosition};

const MAGIC: [u8; 4] = *b"META";
const CHECKED_FROM: usize = 8;
const PREFIX_BYTES: usize = 12;
/// Longest metadata section: a million collections with the longest names fit.
pub(super) const MAX_METADATA_BYTES: u64 = 128 << 20;

/// The state of the database that a data file belongs to: what the manifest says once the file is
/// live. Should the manifest be lost, the newest data file stands in for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFileMetadata {
    /// Generation of the manifest that makes the file live.
    pub generation: u64,
    /// How far the data files cover the log.
    pub covered: LogPosition,
    /// The newest transaction in front of the covered position.
    pub last_transaction: TransactionId,
    /// The other data files that are live together with this one, ascending. Files that are older
    /// than this one and not named have been replaced.
    pub other_live_files: Vec<DataFileNumber>,
    /// The collections at the covered position.
    pub collections: Vec<CollectionRecord>,
    /// Larger than the id of every collection that ever existed.
    pub next_collection_id: CollectionId,
}

/// What a data file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DataFileContent {
    /// Documents.
    pub documents: u64,
    /// Bytes of the documents' records.
    pub document_bytes: u64,
    /// Tombstones.
    pub tombstones: u64,
    /// Bytes of the tombstones' records.
    pub tombstone_bytes: u64,
    /// The smallest transaction of a record; 0 in an empty file.
    pub oldest_transaction: TransactionId,
    /// The largest transaction of a record; 0 in an empty file.
    pub newest_transaction: TransactionId,
}

impl DataFileContent {
    pub(super) fn add(&mut self, record: &FooterEntry<&[u8]>) {
        let stored_bytes = record_bytes(record.key.len(), record.payload_bytes);
        let is_first = self.documents == 0 && self.tombstones == 0;
        match record.kind {
            RecordKind::Document | RecordKind::Lost => {
                self.documents += 1;
                self.document_bytes += stored_bytes;
            }
            RecordKind::Tombstone => {
                self.tombstones += 1;
                self.tombstone_bytes += stored_bytes;
            }
        }
        let transaction = record.transaction;
        if is_first || transaction < self.oldest_transaction {
            self.oldest_transaction = transaction;
        }
        self.newest_transaction = self.newest_transaction.max(transaction);
    }
}

/// Encodes the section as it stands at `offset`.
pub(super) fn encode(
    seed: FileSeed,
    offset: u64,
    metadata: &DataFileMetadata,
    content: &DataFileContent,
) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend((metadata.other_live_files.len() as u32).to_le_bytes());
    body.extend((metadata.collections.len() as u32).to_le_bytes());
    body.extend(metadata.next_collection_id.get().to_le_bytes());
    for number in [
        metadata.generation,
        metadata.covered.get(),
        metadata.last_transaction.get(),
        content.documents,
        content.document_bytes,
        content.tombstones,
        content.tombstone_bytes,
        content.oldest_transaction.get(),
        content.newest_transaction.get(),
    ] {
        body.extend(number.to_le_bytes());
    }
    for file in &metadata.other_live_files {
        body.extend(file.get().to_le_bytes());
    }
    for collection in &metadata.collections {
        collection.put(&mut body);
    }
    let bytes = (PREFIX_BYTES + body.len()).next_multiple_of(8);
    body.resize(bytes - PREFIX_BYTES, 0);
    let length = (bytes as u32).to_le_bytes();
    let checksum = seed.at(offset, &[&length, &body]).to_le_bytes();
    [&MAGIC[..], &checksum, &length, &body].concat()
}

/// The length of the section that begins with `bytes`; `None` when none begins like this.
pub(super) fn length(bytes: &[u8]) -> Option<u64> {
    let mut reader = ByteReader::new(bytes);
    let magic: [u8; 4] = reader.array()?;
    let _checksum = reader.u32()?;
    let length = u64::from(reader.u32()?);
    (magic == MAGIC && length.is_multiple_of(8) && length <= MAX_METADATA_BYTES).then_some(length)
}

/// Decodes and verifies the section that `bytes` are, which stand at `offset`. The error says what
/// is wrong.
pub(super) fn decode(
    seed: FileSeed,
    offset: u64,
    bytes: &[u8],
) -> Result<(DataFileMetadata, DataFileContent), &'static str> {
    let is_whole = length(bytes) == Some(bytes.len() as u64);
    let mut reader = ByteReader::new(bytes);
    let (Some(_), Some(checksum), true) = (reader.u32(), reader.u32(), is_whole) else {
        return Err("metadata: header");
    };
    if seed.at(offset, &[bytes.get(CHECKED_FROM..).unwrap_or_default()]) != checksum {
        return Err("metadata: checksum");
    }
    decode_body(bytes.get(PREFIX_BYTES..).unwrap_or_default()).ok_or("metadata: content")
}

fn decode_body(body: &[u8]) -> Option<(DataFileMetadata, DataFileContent)> {
    let mut reader = ByteReader::new(body);
    let live_files = reader.u32()?;
    let collections = reader.u32()?;
    let next_collection_id = CollectionId::new(reader.u32()?);
    let generation = reader.u64()?;
    let covered = LogPosition::new(reader.u64()?);
    let last_transaction = TransactionId::new(reader.u64()?);
    let content = DataFileContent {
        documents: reader.u64()?,
        document_bytes: reader.u64()?,
        tombstones: reader.u64()?,
        tombstone_bytes: reader.u64()?,
        oldest_transaction: TransactionId::new(reader.u64()?),
        newest_transaction: TransactionId::new(reader.u64()?),
    };
    // Nothing is allocated by a count: the lists grow by what is there.
    let other_live_files: Vec<_> = (0..live_files)
        .map(|_| DataFileNumber::new(reader.u32()?))
        .collect::<Option<_>>()?;
    let collections: Vec<_> = (0..collections)
        .map(|_| CollectionRecord::take(&mut reader))
        .collect::<Option<_>>()?;
    let fits = covered <= LogPosition::MAX
        && other_live_files.is_sorted_by(|a, b| a < b)
        && collections.is_sorted_by(|a, b| a.id < b.id)
        && collections
            .last()
            .is_none_or(|last| last.id < next_collection_id)
        && reader.rest().len() < 8
        && is_zero(reader.rest());
    let metadata = DataFileMetadata {
        generation,
        covered,
        last_transaction,
        other_live_files,
        collections,
        next_collection_id,
    };
    fits.then_some((metadata, content))
}

impl CollectionRecord {
    /// `id u32, length of the name u16, name, highest document id u64`
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        let name = self.name.as_str().as_bytes();
        out.extend(self.id.get().to_le_bytes());
        out.extend((name.len() as u16).to_le_bytes());
        out.extend(name);
        out.extend(self.highest_document_id.to_le_bytes());
    }

    pub(crate) fn take(reader: &mut ByteReader<'_>) -> Option<Self> {
        let id = CollectionId::new(reader.u32()?);
        let name_bytes = usize::from(reader.u16()?);
        let name = std::str::from_utf8(reader.take(name_bytes)?).ok()?;
        Some(Self {
            id,
            name: CollectionName::new(name).ok()?,
            highest_document_id: reader.u64()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use docdb_types::DatabaseUid;

    use super::*;

    fn seed() -> FileSeed {
        FileSeed::new(DatabaseUid::from(1), 2)
    }

    fn sample() -> (DataFileMetadata, DataFileContent) {
        let metadata = DataFileMetadata {
            generation: 3,
            covered: LogPosition::new(0x1000),
            last_transaction: TransactionId::new(40),
            other_live_files: vec![DataFileNumber::FIRST, DataFileNumber::new(4).unwrap()],
            collections: vec![
                CollectionRecord::default_collection(),
                CollectionRecord {
                    id: CollectionId::new(2),
                    name: CollectionName::new("users").unwrap(),
                    highest_document_id: 9,
                },
            ],
            next_collection_id: CollectionId::new(3),
        };
        let content = DataFileContent {
            documents: 5,
            document_bytes: 500,
            tombstones: 1,
            tombstone_bytes: 32,
            oldest_transaction: TransactionId::new(2),
            newest_transaction: TransactionId::new(39),
        };
        (metadata, content)
    }

    #[test]
    fn golden_metadata() {
        let (metadata, content) = sample();
        let bytes = encode(seed(), 640, &metadata, &content);
        let mut expected = b"META".to_vec();
        expected.extend(GOLDEN_CHECKSUM.to_le_bytes());
        expected.extend(b"\x98\0\0\0\x02\0\0\0\x02\0\0\0\x03\0\0\0");
        for number in [3_u64, 0x1000, 40, 5, 500, 1, 32, 2, 39] {
            expected.extend(number.to_le_bytes());
        }
        expected.extend(b"\x01\0\0\0\x04\0\0\0");
        expected.extend(b"\0\0\0\0\x08\0_default\0\0\0\0\0\0\0\0");
        expected.extend(b"\x02\0\0\0\x05\0users\x09\0\0\0\0\0\0\0");
        crate::bytes::pad_to_eight(&mut expected);
        assert_eq!(bytes, expected);
        assert_eq!(decode(seed(), 640, &bytes), Ok((metadata, content)));
    }

    const GOLDEN_CHECKSUM: u32 = 0x029e_5ab3;

    #[test]
    fn every_flipped_bit_and_every_truncation_is_refused() {
        let (metadata, content) = sample();
        let bytes = encode(seed(), 640, &metadata, &content);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(seed(), 640, &flipped).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(decode(seed(), 640, &bytes[..length]).is_err());
        }
        assert!(decode(seed(), 648, &bytes).is_err());
    }

    #[test]
    fn counts_that_promise_more_than_there_is_are_refused() {
        let (metadata, content) = sample();
        for at in [12, 16] {
            let mut bytes = encode(seed(), 0, &metadata, &content);
            bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
            let checksum = seed().at(0, &[&bytes[8..]]);
            bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
            assert_eq!(decode(seed(), 0, &bytes), Err("metadata: content"));
        }
    }
}
