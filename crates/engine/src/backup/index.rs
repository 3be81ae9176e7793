//! The bytes of the index of a backup. All integers are little-endian.
//!
//! ```text
//! header, 32 bytes
//!  0  8  magic "DOCDBBAK"
//!  8  4  format version, 1
//! 12  4  checksum of the body: CRC-32
//! 16  8  length of the body in bytes
//! 24  4  reserved, 0
//! 28  4  checksum of the 28 bytes in front: CRC-32
//! body
//!  0  8  when it was taken, milliseconds since 1970
//!  8  4  number of databases
//! databases in ascending byte order of their names
//!  0  8  creation time, milliseconds since 1970
//!  8 16  database uid
//! 24 32  quotas
//! 56  4  length of the manifest in bytes
//! 60  1  length of the name, 1 to 64
//! 61  …  name, UTF-8
//!  …  …  manifest: one copy, as in its file
//!  …  …  for every data file of the manifest, in its order: CRC-32 of the whole file, 4 bytes
//! ```
//!
//! The layout of the header is that of every format version.

use docdb_storage::Manifest;
use docdb_types::{DatabaseName, DatabaseUid, Quotas};

use crate::unread::Reader;

const MAGIC: [u8; 8] = *b"DOCDBBAK";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 32;

/// What one backup consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) taken_unix_ms: u64,
    /// In the order of their names.
    pub(super) databases: Vec<Image>,
}

/// One database in a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) name: DatabaseName,
    pub(super) uid: DatabaseUid,
    pub(super) created_unix_ms: u64,
    pub(super) quotas: Quotas,
    pub(super) manifest: Manifest,
    /// CRC-32 of each data file of the manifest, in its order.
    pub(super) checksums: Vec<u32>,
}

/// Why bytes are no index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Damaged,
    /// They are one of a newer format.
    Newer(u32),
}

pub(super) fn encode(index: &Index) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(index.taken_unix_ms.to_le_bytes());
    body.extend((index.databases.len() as u32).to_le_bytes());
    for image in &index.databases {
        let manifest = image.manifest.to_bytes(image.uid);
        let name = image.name.as_str().as_bytes();
        body.extend(image.created_unix_ms.to_le_bytes());
        body.extend(image.uid.to_bytes());
        body.extend(image.quotas.to_bytes());
        body.extend((manifest.len() as u32).to_le_bytes());
        // A name has at most 64 bytes.
        body.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        body.extend(name);
        body.extend(manifest);
        body.extend(image.checksums.iter().flat_map(|it| it.to_le_bytes()));
    }
    let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(crc32fast::hash(&body).to_le_bytes());
    bytes.extend((body.len() as u64).to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes.extend(body);
    bytes
}

pub(super) fn decode(bytes: &[u8]) -> Result<Index, Refusal> {
    let body = body(bytes)?;
    decode_body(body).ok_or(Refusal::Damaged)
}

fn body(bytes: &[u8]) -> Result<&[u8], Refusal> {
    let header = || -> Option<(u32, u32, u64, &[u8])> {
        let (header, body) = bytes.split_at_checked(HEADER_BYTES)?;
        let (protected, checksum) = header.split_at_checked(28)?;
        let checksum = u32::from_le_bytes(checksum.try_into().ok()?);
        let mut reader = Reader(protected);
        let is_one = reader.array()? == MAGIC && crc32fast::hash(protected) == checksum;
        is_one.then_some(())?;
        Some((reader.u32()?, reader.u32()?, reader.u64()?, body))
    };
    let (version, checksum, length, body) = header().ok_or(Refusal::Damaged)?;
    if version > VERSION {
        return Err(Refusal::Newer(version));
    }
    let is_whole = body.len() as u64 == length && crc32fast::hash(body) == checksum;
    is_whole.then_some(body).ok_or(Refusal::Damaged)
}

fn decode_body(body: &[u8]) -> Option<Index> {
    let mut reader = Reader(body);
    let taken_unix_ms = reader.u64()?;
    let count = reader.u32()?;
    let mut databases: Vec<Image> = Vec::new();
    for _ in 0..count {
        let image = decode_image(&mut reader)?;
        let is_ascending = databases.last().is_none_or(|last| last.name < image.name);
        is_ascending.then(|| databases.push(image))?;
    }
    reader.0.is_empty().then_some(Index {
        taken_unix_ms,
        databases,
    })
}

fn decode_image(reader: &mut Reader<'_>) -> Option<Image> {
    let created_unix_ms = reader.u64()?;
    let uid = DatabaseUid::from_bytes(reader.array()?);
    let quotas = Quotas::from_bytes(reader.array()?);
    let manifest_bytes = reader.u32()?;
    let [name_bytes] = reader.array()?;
    let name = std::str::from_utf8(reader.bytes(usize::from(name_bytes))?).ok()?;
    let name = DatabaseName::new(name).ok()?;
    let (owner, manifest) = Manifest::from_bytes(reader.bytes(manifest_bytes as usize)?)?;
    if owner != uid {
        return None;
    }
    let files = manifest.data_files.iter();
    let checksums: Option<Vec<_>> = files.map(|_| reader.u32()).collect();
    Some(Image {
        name,
        uid,
        created_unix_ms,
        quotas,
        manifest,
        checksums: checksums?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str) -> Image {
        Image {
            name: DatabaseName::new(name).unwrap(),
            uid: DatabaseUid::from_bytes([7; 16]),
            created_unix_ms: 0x0102,
            quotas: Quotas {
                documents: 5,
                ..Quotas::NONE
            },
            manifest: Manifest::empty(),
            checksums: Vec::new(),
        }
    }

    fn sample() -> Index {
        Index {
            taken_unix_ms: 0x0304,
            databases: vec![image("a"), image("b")],
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_format() {
        let bytes = encode(&Index {
            taken_unix_ms: 0x0304,
            databases: vec![image("a")],
        });
        let hex: String = bytes[32..106]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let expected = [
            "0403000000000000", // taken
            "01000000",         // databases
            "0201000000000000", // created
            "07070707070707070707070707070707",
            "0000000000000000", // quotas
            "0500000000000000",
            "0000000000000000",
            "0000000000000000",
            "00100000", // length of the manifest
            "01",       // length of the name
            "61",       // name
        ]
        .concat();
        assert_eq!(hex, expected);
        assert_eq!(bytes.len(), 106 + 4096);
        assert_eq!(&bytes[..12], b"DOCDBBAK\x01\0\0\0");
    }

    #[test]
    fn what_is_encoded_decodes_to_the_same() {
        assert_eq!(decode(&encode(&sample())), Ok(sample()));
    }

    #[test]
    fn no_part_and_no_flipped_bit_is_accepted() {
        let whole = encode(&sample());
        for length in 0..whole.len() {
            assert_eq!(decode(&whole[..length]), Err(Refusal::Damaged), "{length}");
        }
        for byte in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[byte] ^= 1 << (byte % 8);
            assert!(decode(&flipped).is_err(), "byte {byte}");
        }
    }

    #[test]
    fn a_newer_format_is_told_apart_from_damage() {
        let mut bytes = encode(&sample());
        bytes[8] = 2;
        let checksum = crc32fast::hash(&bytes[..28]).to_le_bytes();
        bytes[28..32].copy_from_slice(&checksum);
        assert_eq!(decode(&bytes), Err(Refusal::Newer(2)));
    }
}
