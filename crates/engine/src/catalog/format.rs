//! The bytes of one copy of the catalog. All integers are little-endian.
//!
//! ```text
//! header, 52 bytes
//!  0  8  magic "docdbcat"
//!  8  4  format version: 1 where no database has quotas, else 2
//! 12  4  checksum of the body: CRC-32
//! 16  8  generation
//! 24  8  next database id
//! 32  8  length of the body in bytes
//! 40  4  number of entries
//! 44  4  reserved, 0
//! 48  4  checksum of the 48 bytes in front: CRC-32
//! body: entries in ascending byte order of their names
//!  0  8  database id
//!  8 16  database uid
//! 24  8  creation time, milliseconds since 1970
//! 32  1  status: 1 active, 2 dropping
//! 33  1  length of the name, 1 to 64
//! 34  …  name, UTF-8
//!  …  32 in version 2: quotas, four numbers of 8 bytes, 0 for none: bytes on disk, documents,
//!        operations per second, requests in flight
//! ```
//!
//! The layout of the header, its checksum included, is that of every format version: a version that
//! is too new is told apart from a damaged one.

use std::collections::BTreeSet;

use docdb_types::{DatabaseId, DatabaseName, DatabaseUid, Quotas};

use super::{Contents, Entry, Identity, Status};
use crate::unread::Reader;

pub(super) const MAGIC: [u8; 8] = *b"docdbcat";
/// The newest version.
pub(super) const VERSION: u32 = 2;
/// The version that knows no quotas: written as long as there are none, so that a server from before
/// them can go back to the directory.
const WITHOUT_QUOTAS: u32 = 1;
pub(super) const HEADER_BYTES: usize = 52;

/// A header whose checksum holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) version: u32,
    body_checksum: u32,
    pub(super) generation: u64,
    pub(super) next_id: DatabaseId,
    body_bytes: u64,
    entries: u32,
}

impl Header {
    /// The header that `bytes` begin with, of whatever format version; `None` where none is or its
    /// checksum does not hold.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (protected, checksum) = bytes.get(..HEADER_BYTES)?.split_at_checked(48)?;
        let mut checksum = Reader(checksum);
        let mut reader = Reader(protected);
        if reader.array()? != MAGIC || crc32fast::hash(protected) != checksum.u32()? {
            return None;
        }
        Some(Self {
            version: reader.u32()?,
            body_checksum: reader.u32()?,
            generation: reader.u64()?,
            next_id: DatabaseId::new(reader.u64()?),
            body_bytes: reader.u64()?,
            entries: reader.u32()?,
        })
    }

    fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.version.to_le_bytes());
        bytes.extend_from_slice(&self.body_checksum.to_le_bytes());
        bytes.extend_from_slice(&self.generation.to_le_bytes());
        bytes.extend_from_slice(&self.next_id.get().to_le_bytes());
        bytes.extend_from_slice(&self.body_bytes.to_le_bytes());
        bytes.extend_from_slice(&self.entries.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        let mut header = [0; HEADER_BYTES];
        header
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = from);
        header
    }
}

/// One copy of the catalog.
pub(super) fn encode(contents: &Contents) -> Vec<u8> {
    let mut copy = vec![0; HEADER_BYTES];
    let has_quotas = |entry: &Entry| entry.quotas != Quotas::NONE;
    let version = if contents.entries.values().any(has_quotas) {
        VERSION
    } else {
        WITHOUT_QUOTAS
    };
    for entry in contents.entries.values() {
        encode_entry(entry, version, &mut copy);
    }
    let body = copy.get(HEADER_BYTES..).unwrap_or_default();
    let header = Header {
        version,
        body_checksum: crc32fast::hash(body),
        generation: contents.generation,
        next_id: contents.next_id,
        body_bytes: body.len() as u64,
        entries: u32::try_from(contents.entries.len()).unwrap_or(u32::MAX),
    };
    copy.splice(..HEADER_BYTES, header.encode());
    copy
}

fn encode_entry(entry: &Entry, version: u32, bytes: &mut Vec<u8>) {
    let name = entry.identity.name.as_str().as_bytes();
    bytes.extend_from_slice(&entry.identity.id.get().to_le_bytes());
    bytes.extend_from_slice(&entry.identity.uid.to_bytes());
    bytes.extend_from_slice(&entry.created_unix_ms.to_le_bytes());
    bytes.push(entry.status.to_byte());
    // A name has at most 64 bytes.
    bytes.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
    bytes.extend_from_slice(name);
    if version > WITHOUT_QUOTAS {
        bytes.extend_from_slice(&entry.quotas.to_bytes());
    }
}

/// The contents of the copy that `bytes` begin with; `None` unless all of it is there, of this
/// version, and holds together.
pub(super) fn decode(bytes: &[u8]) -> Option<Contents> {
    let known = WITHOUT_QUOTAS..=VERSION;
    let header = Header::decode(bytes).filter(|header| known.contains(&header.version))?;
    let length = usize::try_from(header.body_bytes).ok()?;
    let body = bytes.get(HEADER_BYTES..)?.get(..length)?;
    if crc32fast::hash(body) != header.body_checksum {
        return None;
    }
    let mut contents = Contents {
        generation: header.generation,
        next_id: header.next_id,
        ..Contents::empty()
    };
    let mut ids = BTreeSet::new();
    let mut reader = Reader(body);
    for _ in 0..header.entries {
        let entry = decode_entry(&mut reader, header.version)?;
        let Identity { id, name, .. } = &entry.identity;
        let ascending = contents.entries.keys().next_back() < Some(name);
        if !ascending || *id >= header.next_id || !ids.insert(*id) {
            return None;
        }
        contents.entries.insert(name.clone(), entry);
    }
    reader.0.is_empty().then_some(contents)
}

fn decode_entry(reader: &mut Reader<'_>, version: u32) -> Option<Entry> {
    let id = DatabaseId::new(reader.u64()?);
    let uid = DatabaseUid::from_bytes(reader.array()?);
    let created_unix_ms = reader.u64()?;
    let [status, length] = reader.array()?;
    let name = std::str::from_utf8(reader.bytes(usize::from(length))?).ok()?;
    let quotas = if version > WITHOUT_QUOTAS {
        Quotas::from_bytes(reader.array()?)
    } else {
        Quotas::NONE
    };
    Some(Entry {
        identity: Identity {
            id,
            name: DatabaseName::new(name).ok()?,
            uid,
        },
        created_unix_ms,
        status: Status::from_byte(status)?,
        quotas,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::catalog) fn entry(id: u64, name: &str, status: Status) -> Entry {
        Entry {
            identity: Identity {
                id: DatabaseId::new(id),
                name: DatabaseName::new(name).unwrap(),
                uid: DatabaseUid::from_bytes([u8::try_from(id).unwrap(); 16]),
            },
            created_unix_ms: 0x0102_0304,
            status,
            quotas: Quotas::NONE,
        }
    }

    pub(in crate::catalog) fn contents(next_id: u64, entries: Vec<Entry>) -> Contents {
        Contents {
            generation: 7,
            next_id: DatabaseId::new(next_id),
            entries: entries
                .into_iter()
                .map(|entry| (entry.identity.name.clone(), entry))
                .collect(),
        }
    }

    fn sample() -> Contents {
        contents(
            4,
            vec![
                entry(1, "shop", Status::Active),
                entry(3, "b", Status::Dropping),
            ],
        )
    }

    #[test]
    fn the_bytes_of_a_copy_are_those_of_the_format() {
        let expected = [
            "646f636462636174", // magic
            "01000000",         // version
            "05c56f23",         // checksum of the body
            "0700000000000000", // generation
            "0400000000000000", // next id
            "4900000000000000", // length of the body
            "02000000",         // entries
            "00000000",         // reserved
            "6e95ddcc",         // checksum of the header
            "0300000000000000", // id
            "03030303030303030303030303030303",
            "0403020100000000",
            "02",
            "01",
            "62",
            "0100000000000000", // id
            "01010101010101010101010101010101",
            "0403020100000000",
            "01",
            "04",
            "73686f70",
        ]
        .concat();
        let bytes: String = encode(&sample())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(bytes, expected);
    }

    #[test]
    fn what_is_encoded_decodes_to_the_same() {
        for contents in [Contents::empty(), sample(), with_quotas()] {
            assert_eq!(decode(&encode(&contents)), Some(contents));
        }
    }

    fn with_quotas() -> Contents {
        let mut contents = sample();
        for entry in contents.entries.values_mut().take(1) {
            entry.quotas = Quotas {
                disk_bytes: 0x0a0b,
                documents: 2,
                operations_per_second: 3,
                requests_in_flight: 4,
            };
        }
        contents
    }

    #[test]
    fn quotas_make_it_the_second_version_and_stand_behind_the_names() {
        let hex =
            |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
        assert_eq!(encode(&sample())[8], 1);
        let copy = encode(&with_quotas());
        assert_eq!(copy[8], 2);
        let numbers = ["0b0a", "02", "03", "04"].map(|number| format!("{number:0<16}"));
        let text = hex(&copy);
        let first = text.split_once("020162").map(|(_, behind)| &behind[..64]);
        assert_eq!(first, Some(&*numbers.concat()));
        assert!(text.ends_with(&format!("73686f70{}", "0".repeat(64))));
    }

    #[test]
    fn no_part_of_a_copy_and_no_copy_with_a_flipped_bit_is_accepted() {
        let copy = encode(&sample());
        for length in 0..copy.len() {
            assert_eq!(decode(&copy[..length]), None, "cut to {length}");
        }
        for bit in 0..copy.len() * 8 {
            let mut flipped = copy.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&flipped), None, "bit {bit}");
        }
    }

    /// Encodes what a correct writer never would, with checksums that hold.
    fn forged(next_id: u64, entries: &[Entry], count: u32, trailing: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        for entry in entries {
            encode_entry(entry, WITHOUT_QUOTAS, &mut body);
        }
        body.extend_from_slice(trailing);
        let header = Header {
            version: WITHOUT_QUOTAS,
            body_checksum: crc32fast::hash(&body),
            generation: 1,
            next_id: DatabaseId::new(next_id),
            body_bytes: body.len() as u64,
            entries: count,
        };
        [&header.encode()[..], &body].concat()
    }

    #[test]
    fn contents_that_contradict_themselves_are_refused() {
        let (a, b) = (entry(1, "a", Status::Active), entry(2, "b", Status::Active));
        let both = [a.clone(), b.clone()];
        assert!(decode(&forged(3, &both, 2, &[])).is_some());
        assert_eq!(decode(&forged(2, &both, 2, &[])), None, "id not below next");
        assert_eq!(decode(&forged(3, &both, 3, &[])), None, "too few entries");
        assert_eq!(decode(&forged(3, &both, 1, &[])), None, "too many entries");
        assert_eq!(decode(&forged(3, &both, 2, &[0])), None, "trailing byte");
        assert_eq!(decode(&forged(3, &[b, a.clone()], 2, &[])), None, "order");
        assert_eq!(decode(&forged(3, &[a.clone(), a], 2, &[])), None, "twice");
        let same_id = [entry(1, "a", Status::Active), entry(1, "b", Status::Active)];
        assert_eq!(decode(&forged(3, &same_id, 2, &[])), None, "id twice");
    }

    #[test]
    fn a_length_that_no_memory_could_hold_is_refused_without_allocating() {
        let mut header = Header::decode(&encode(&sample())).unwrap();
        header.body_bytes = u64::MAX;
        header.entries = u32::MAX;
        assert_eq!(decode(&header.encode()), None);
    }
}
