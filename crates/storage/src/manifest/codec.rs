//! One copy of a manifest as bytes.
//!
//! ```text
//!  0  magic "DOCDBMAN"
//!  8  format version u32
//! 12  features u32
//! 16  length of the body u32
//! 20  crc32 of the body u32
//! 24  zero, 4 bytes
//! 28  crc32 of bytes 0–27
//! 32  body:
//!       uid of the database, 16 bytes
//!       generation u64, covered position of the log u64, last transaction u64
//!       next collection id u32, next data file u32
//!       number of data files u32, number of collections u32
//!       per data file: number u32, zero u32, salt u64, length u64, documents u64,
//!         bytes of documents u64, tombstones u64, bytes of tombstones u64, oldest transaction u64, newest transaction u64
//!       per collection: id u32, length of the name u16, name, highest document id u64
//!     zeros up to a multiple of 4096
//! ```
//!
//! The first 32 bytes are laid out the same in every format version.

use docdb_types::{CollectionId, DatabaseUid, TransactionId};

use super::{DataFileRecord, Manifest};
use crate::bytes::{ByteReader, is_zero};
use crate::checksum::plain;
use crate::{CollectionRecord, DataFileContent, DataFileNumber, LogPosition};

/// Copies begin and end at multiples of this: no sector holds parts of both.
pub(super) const COPY_ALIGNMENT: usize = 4096;

const MAGIC: [u8; 8] = *b"DOCDBMAN";
pub(super) const FORMAT_VERSION: u32 = 1;
const KNOWN_FEATURES: u32 = 0;
const PREFIX_BYTES: usize = 32;

/// Why bytes are no copy of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// They are damaged, or something else.
    Damaged,
    /// They are one of a newer format.
    NewerFormat(u32),
    /// They use features that are not known.
    UnknownFeatures(u32),
}

pub(super) fn encode(uid: DatabaseUid, manifest: &Manifest) -> Vec<u8> {
    let body = encode_body(uid, manifest);
    let mut out = Vec::new();
    out.extend(MAGIC);
    out.extend(FORMAT_VERSION.to_le_bytes());
    out.extend(KNOWN_FEATURES.to_le_bytes());
    out.extend((body.len() as u32).to_le_bytes());
    out.extend(plain(&[&body]).to_le_bytes());
    out.extend([0; 4]);
    out.extend(plain(&[&out]).to_le_bytes());
    out.extend(body);
    out.resize(out.len().next_multiple_of(COPY_ALIGNMENT), 0);
    out
}

fn encode_body(uid: DatabaseUid, manifest: &Manifest) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(uid.to_bytes());
    body.extend(manifest.generation.to_le_bytes());
    body.extend(manifest.covered.get().to_le_bytes());
    body.extend(manifest.last_transaction.get().to_le_bytes());
    body.extend(manifest.next_collection_id.get().to_le_bytes());
    body.extend(manifest.next_data_file.get().to_le_bytes());
    body.extend((manifest.data_files.len() as u32).to_le_bytes());
    body.extend((manifest.collections.len() as u32).to_le_bytes());
    for file in &manifest.data_files {
        body.extend(file.number.get().to_le_bytes());
        body.extend([0; 4]);
        for number in [
            file.salt,
            file.file_bytes,
            file.content.documents,
            file.content.document_bytes,
            file.content.tombstones,
            file.content.tombstone_bytes,
            file.content.oldest_transaction.get(),
            file.content.newest_transaction.get(),
        ] {
            body.extend(number.to_le_bytes());
        }
    }
    for collection in &manifest.collections {
        collection.put(&mut body);
    }
    body
}

/// Decodes and verifies the copy at the beginning of `bytes`; returns it with its length.
pub(super) fn decode(bytes: &[u8]) -> Result<(DatabaseUid, Manifest, usize), Refusal> {
    let prefix: &[u8; PREFIX_BYTES] = bytes.first_chunk().ok_or(Refusal::Damaged)?;
    let body_bytes = decode_prefix(prefix)?;
    let end = PREFIX_BYTES
        .checked_add(body_bytes.0)
        .ok_or(Refusal::Damaged)?;
    let body = bytes.get(PREFIX_BYTES..end).ok_or(Refusal::Damaged)?;
    let copy_bytes = end
        .checked_next_multiple_of(COPY_ALIGNMENT)
        .ok_or(Refusal::Damaged)?;
    let padding = bytes.get(end..copy_bytes).ok_or(Refusal::Damaged)?;
    if plain(&[body]) != body_bytes.1 || !is_zero(padding) {
        return Err(Refusal::Damaged);
    }
    let (uid, manifest) = decode_body(body).ok_or(Refusal::Damaged)?;
    Ok((uid, manifest, copy_bytes))
}

/// The length and the checksum of the body.
fn decode_prefix(prefix: &[u8; PREFIX_BYTES]) -> Result<(usize, u32), Refusal> {
    let mut reader = ByteReader::new(prefix);
    let fields = (|| {
        let magic: [u8; 8] = reader.array()?;
        let version = reader.u32()?;
        let features = reader.u32()?;
        let body_bytes = reader.u32()?;
        let body_checksum = reader.u32()?;
        reader.zeros(4)?;
        let is_right = reader.u32()? == plain(&[prefix.get(..PREFIX_BYTES - 4)?]);
        (is_right && magic == MAGIC).then_some((version, features, body_bytes, body_checksum))
    })();
    let (version, features, body_bytes, checksum) = fields.ok_or(Refusal::Damaged)?;
    if version > FORMAT_VERSION {
        return Err(Refusal::NewerFormat(version));
    }
    if version == 0 {
        return Err(Refusal::Damaged);
    }
    if features & !KNOWN_FEATURES != 0 {
        return Err(Refusal::UnknownFeatures(features & !KNOWN_FEATURES));
    }
    Ok((body_bytes as usize, checksum))
}

fn decode_body(body: &[u8]) -> Option<(DatabaseUid, Manifest)> {
    let mut reader = ByteReader::new(body);
    let uid = DatabaseUid::from_bytes(reader.array()?);
    let generation = reader.u64()?;
    let covered = LogPosition::new(reader.u64()?);
    let last_transaction = TransactionId::new(reader.u64()?);
    let next_collection_id = CollectionId::new(reader.u32()?);
    let next_data_file = DataFileNumber::new(reader.u32()?)?;
    let (data_files, collections) = (reader.u32()?, reader.u32()?);
    // Nothing is allocated by a count: the lists grow by what is there.
    let data_files: Vec<_> = (0..data_files)
        .map(|_| take_data_file(&mut reader))
        .collect::<Option<_>>()?;
    let collections: Vec<_> = (0..collections)
        .map(|_| CollectionRecord::take(&mut reader))
        .collect::<Option<_>>()?;
    let fits = reader.rest().is_empty()
        && covered <= LogPosition::MAX
        && data_files.is_sorted_by(|a, b| a.number < b.number)
        && data_files
            .last()
            .is_none_or(|last| last.number < next_data_file)
        && collections.is_sorted_by(|a, b| a.id < b.id)
        && collections
            .last()
            .is_none_or(|last| last.id < next_collection_id);
    let manifest = Manifest {
        generation,
        covered,
        last_transaction,
        data_files,
        collections,
        next_collection_id,
        next_data_file,
    };
    fits.then_some((uid, manifest))
}

fn take_data_file(reader: &mut ByteReader<'_>) -> Option<DataFileRecord> {
    let number = DataFileNumber::new(reader.u32()?)?;
    reader.zeros(4)?;
    Some(DataFileRecord {
        number,
        salt: reader.u64()?,
        file_bytes: reader.u64()?,
        content: DataFileContent {
            documents: reader.u64()?,
            document_bytes: reader.u64()?,
            tombstones: reader.u64()?,
            tombstone_bytes: reader.u64()?,
            oldest_transaction: TransactionId::new(reader.u64()?),
            newest_transaction: TransactionId::new(reader.u64()?),
        },
    })
}

#[cfg(test)]
pub(super) mod tests {
    use docdb_types::CollectionName;

    use super::*;

    pub(in crate::manifest) fn sample() -> Manifest {
        Manifest {
            generation: 3,
            covered: LogPosition::new(0x1000),
            last_transaction: TransactionId::new(40),
            data_files: vec![DataFileRecord {
                number: DataFileNumber::new(2).unwrap(),
                salt: 0x1122_3344_5566_7788,
                file_bytes: 999,
                content: DataFileContent {
                    documents: 5,
                    document_bytes: 500,
                    tombstones: 1,
                    tombstone_bytes: 32,
                    oldest_transaction: TransactionId::new(2),
                    newest_transaction: TransactionId::new(39),
                },
            }],
            collections: vec![
                CollectionRecord::default_collection(),
                CollectionRecord {
                    id: CollectionId::new(2),
                    name: CollectionName::new("users").unwrap(),
                    highest_document_id: 9,
                },
            ],
            next_collection_id: CollectionId::new(3),
            next_data_file: DataFileNumber::new(4).unwrap(),
        }
    }

    #[test]
    fn golden_manifest() {
        let uid = DatabaseUid::from_bytes(*b"0123456789abcdef");
        let mut body = b"0123456789abcdef".to_vec();
        for number in [3_u64, 0x1000, 40] {
            body.extend(number.to_le_bytes());
        }
        body.extend(b"\x03\0\0\0\x04\0\0\0\x01\0\0\0\x02\0\0\0");
        body.extend(b"\x02\0\0\0\0\0\0\0\x88\x77\x66\x55\x44\x33\x22\x11");
        for number in [999_u64, 5, 500, 1, 32, 2, 39] {
            body.extend(number.to_le_bytes());
        }
        body.extend(b"\0\0\0\0\x08\0_default\0\0\0\0\0\0\0\0");
        body.extend(b"\x02\0\0\0\x05\0users\x09\0\0\0\0\0\0\0");
        let mut expected = b"DOCDBMAN\x01\0\0\0\0\0\0\0".to_vec();
        expected.extend((body.len() as u32).to_le_bytes());
        expected.extend(GOLDEN_CHECKSUMS[0].to_le_bytes());
        expected.extend([0; 4]);
        expected.extend(GOLDEN_CHECKSUMS[1].to_le_bytes());
        expected.extend(&body);
        expected.resize(COPY_ALIGNMENT, 0);
        assert_eq!(encode(uid, &sample()), expected);
        assert_eq!(decode(&expected), Ok((uid, sample(), COPY_ALIGNMENT)));
    }

    const GOLDEN_CHECKSUMS: [u32; 2] = [0xad7f_7452, 0x491d_d4cf];

    #[test]
    fn a_newer_version_and_an_unknown_feature_are_told_apart_from_damage() {
        let with = |at: usize, value: u8| {
            let mut bytes = encode(DatabaseUid::from(1), &sample());
            bytes[at] = value;
            let checksum = plain(&[&bytes[..28]]);
            bytes[28..32].copy_from_slice(&checksum.to_le_bytes());
            decode(&bytes).unwrap_err()
        };
        assert_eq!(with(8, 7), Refusal::NewerFormat(7));
        assert_eq!(with(12, 2), Refusal::UnknownFeatures(2));
        assert_eq!(with(8, 0), Refusal::Damaged);
        assert_eq!(with(19, 0xff), Refusal::Damaged);
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_refused() {
        let bytes = encode(DatabaseUid::from(1), &sample());
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&flipped), Err(Refusal::Damaged), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert_eq!(decode(&bytes[..length]), Err(Refusal::Damaged));
        }
    }
}
