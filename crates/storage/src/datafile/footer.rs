//! The footer: what open needs to know of every record, in blocks that verify alone.
//!
//! ```text
//! block, at most 64 KiB
//!  0  crc32 of everything behind it, seeded with file and offset
//!  4  length of the block, padding included, u32
//!  8  number of entries u32
//! 12  collection of all its entries u32
//! 16  offset of the first record u64; each further one follows its predecessor
//! 24  transaction that the first difference counts from u64
//! 32  form of the keys u8
//! 33  zero, 7 bytes
//! 40  entries, zeros up to a multiple of 8
//!
//! entry
//!     key: in form 1 (eight bytes, big-endian) the difference to the key before (from 0) varint;
//!          in form 2 (any bytes) the length of the prefix shared with the key before varint,
//!          the length of the rest varint, the rest
//!     difference to the transaction before, zigzag varint
//!     length of the payload × 8 + kind, varint
//!     crc32 of the record: a witness that damaged bytes of the record cannot supply
//! ```

use docdb_types::{CollectionId, TransactionId};

use super::record::{MAX_KEY_BYTES, MAX_PAYLOAD_BYTES, RecordKind, record_bytes};
use crate::IndexKey;
use crate::bytes::{ByteReader, is_zero, pad_to_eight};
use crate::checksum::FileSeed;
use crate::varint;

pub(super) const BLOCK_HEADER_BYTES: usize = 40;
pub(super) const MAX_BLOCK_BYTES: usize = 64 * 1024;
/// A key with its two lengths, a transaction, a length and a checksum, each at its longest.
const MAX_ENTRY_BYTES: usize = MAX_KEY_BYTES + 4 + varint::MAX_VARINT_BYTES + 5 + 4;
const KIND_BITS: u32 = 3;

/// How a block writes its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum KeyForm {
    /// Eight bytes, big-endian: numbers.
    Number = 1,
    /// Any bytes.
    Bytes = 2,
}

impl KeyForm {
    const fn of(key: &[u8]) -> Self {
        if key.len() == 8 {
            Self::Number
        } else {
            Self::Bytes
        }
    }
}

/// What the footer says of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FooterEntry<K> {
    /// The collection.
    pub collection: CollectionId,
    /// The key.
    pub key: K,
    /// The transaction that wrote this version.
    pub transaction: TransactionId,
    /// What the record is.
    pub kind: RecordKind,
    /// Length of the payload in bytes.
    pub payload_bytes: u32,
    /// The checksum that the record has, unless it is damaged.
    pub checksum: u32,
    /// Position of the record in the file, in bytes.
    pub offset: u64,
}

/// Builds the footer while records are written. Holds it in memory: about ten bytes a record.
#[derive(Debug, Default)]
pub(super) struct FooterBuilder {
    blocks: Vec<u8>,
    open: Option<OpenBlock>,
}

#[derive(Debug)]
struct OpenBlock {
    start: usize,
    entries: u32,
    collection: CollectionId,
    form: KeyForm,
    number: u64,
    key: Vec<u8>,
    transaction: u64,
    next_offset: u64,
}

impl FooterBuilder {
    /// Adds the record at `offset`, which is larger than every one before.
    pub(super) fn push(&mut self, record: &FooterEntry<&[u8]>) {
        let form = KeyForm::of(record.key);
        let goes_on = self.open.as_ref().is_some_and(|block| {
            block.collection == record.collection
                && block.form == form
                && block.next_offset == record.offset
                && self.blocks.len() - block.start + MAX_ENTRY_BYTES + 8 <= MAX_BLOCK_BYTES
        });
        if !goes_on {
            self.close_block();
            self.open_block(record, form);
        }
        if let Some(block) = &mut self.open {
            block.put(record, &mut self.blocks);
        }
    }

    fn open_block(&mut self, record: &FooterEntry<&[u8]>, form: KeyForm) {
        self.open = Some(OpenBlock {
            start: self.blocks.len(),
            entries: 0,
            collection: record.collection,
            form,
            number: 0,
            key: Vec::new(),
            transaction: record.transaction.get(),
            next_offset: record.offset,
        });
        // Checksum, length and number of entries are known when the block is closed.
        self.blocks.extend([0; 12]);
        self.blocks.extend(record.collection.get().to_le_bytes());
        self.blocks.extend(record.offset.to_le_bytes());
        self.blocks.extend(record.transaction.get().to_le_bytes());
        self.blocks.extend([form as u8, 0, 0, 0, 0, 0, 0, 0]);
    }

    fn close_block(&mut self) {
        if let Some(block) = self.open.take() {
            pad_to_eight(&mut self.blocks);
            let bytes = (self.blocks.len() - block.start) as u32;
            let lengths = [bytes.to_le_bytes(), block.entries.to_le_bytes()];
            let places = self.blocks.iter_mut().skip(block.start + 4);
            for (place, byte) in places.zip(lengths.as_flattened()) {
                *place = *byte;
            }
        }
    }

    /// The footer as it stands at `offset` of the file.
    pub(super) fn finish(mut self, seed: FileSeed, offset: u64) -> Vec<u8> {
        self.close_block();
        let mut rest = self.blocks.as_mut_slice();
        let mut position = offset;
        while let Some(header) = BlockHeader::decode(rest) {
            let Some((block, behind)) = rest.split_at_mut_checked(header.block_bytes) else {
                break;
            };
            if let Some((checksum, checked)) = block.split_first_chunk_mut() {
                *checksum = seed.at(position, &[checked]).to_le_bytes();
            }
            position += header.block_bytes as u64;
            rest = behind;
        }
        self.blocks
    }
}

impl OpenBlock {
    fn put(&mut self, record: &FooterEntry<&[u8]>, out: &mut Vec<u8>) {
        match self.form {
            KeyForm::Number => {
                let number = record.key.try_into().map_or(0, u64::from_be_bytes);
                varint::put(out, number.wrapping_sub(self.number));
                self.number = number;
            }
            KeyForm::Bytes => {
                let shared = self
                    .key
                    .iter()
                    .zip(record.key)
                    .take_while(|(a, b)| a == b)
                    .count();
                let rest = record.key.get(shared..).unwrap_or_default();
                varint::put(out, shared as u64);
                varint::put(out, rest.len() as u64);
                out.extend(rest);
                self.key.truncate(shared);
                self.key.extend(rest);
            }
        }
        let transaction = record.transaction.get();
        let difference = transaction.wrapping_sub(self.transaction).cast_signed();
        varint::put(out, varint::zigzag(difference));
        varint::put(
            out,
            u64::from(record.payload_bytes) << KIND_BITS | record.kind as u64,
        );
        out.extend(record.checksum.to_le_bytes());
        self.transaction = transaction;
        self.entries += 1;
        self.next_offset += record_bytes(record.key.len(), record.payload_bytes);
    }
}

/// The beginning of a block, plausible but not verified.
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockHeader {
    checksum: u32,
    pub(super) block_bytes: usize,
    entries: u32,
    collection: CollectionId,
    first_offset: u64,
    transaction: u64,
    form: KeyForm,
}

impl BlockHeader {
    /// The header at the beginning of `bytes`; `None` when no block begins like this.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = ByteReader::new(bytes);
        let header = Self {
            checksum: reader.u32()?,
            block_bytes: reader.u32()? as usize,
            entries: reader.u32()?,
            collection: CollectionId::new(reader.u32()?),
            first_offset: reader.u64()?,
            transaction: reader.u64()?,
            form: match reader.u8()? {
                1 => KeyForm::Number,
                2 => KeyForm::Bytes,
                _ => return None,
            },
        };
        reader.zeros(7)?;
        let is_plausible = (BLOCK_HEADER_BYTES..=MAX_BLOCK_BYTES).contains(&header.block_bytes)
            && header.block_bytes.is_multiple_of(8)
            && header.entries > 0;
        is_plausible.then_some(header)
    }
}

/// Goes through the entries of one verified block.
///
/// It does not hold the bytes of the block, so that it can live beside the buffer they are in:
/// every call is given the same bytes.
#[derive(Debug)]
pub(super) struct BlockCursor {
    collection: CollectionId,
    form: KeyForm,
    remaining: u32,
    position: usize,
    is_first: bool,
    number: u64,
    key: Vec<u8>,
    transaction: u64,
    offset: u64,
}

impl BlockCursor {
    /// Verifies the block that `bytes` are, which stand at `offset`. The error says what is wrong.
    pub(super) fn open(seed: FileSeed, offset: u64, bytes: &[u8]) -> Result<Self, &'static str> {
        let header = BlockHeader::decode(bytes)
            .filter(|header| header.block_bytes == bytes.len())
            .ok_or("footer block: header")?;
        if seed.at(offset, &[bytes.get(4..).unwrap_or_default()]) != header.checksum {
            return Err("footer block: checksum");
        }
        Ok(Self {
            collection: header.collection,
            form: header.form,
            remaining: header.entries,
            position: BLOCK_HEADER_BYTES,
            is_first: true,
            number: 0,
            key: Vec::new(),
            transaction: header.transaction,
            offset: header.first_offset,
        })
    }

    /// Where the next record begins; behind the last entry, where the records of the block end.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.remaining == 0
    }

    /// The next entry, of which there must be one.
    #[inline]
    pub(super) fn next<K: IndexKey>(
        &mut self,
        block: &[u8],
    ) -> Result<FooterEntry<K>, &'static str> {
        const DAMAGED: &str = "footer block: entries";
        let rest = block.get(self.position..).unwrap_or_default();
        let mut reader = ByteReader::new(rest);
        let (key, key_bytes) = self.take_key::<K>(&mut reader).ok_or(DAMAGED)?;
        let (Some(difference), Some(tagged), Some(checksum)) =
            (reader.varint(), reader.varint(), reader.u32())
        else {
            return Err(DAMAGED);
        };
        let kind = RecordKind::from_number((tagged & ((1 << KIND_BITS) - 1)) as u8);
        let payload_bytes = u32::try_from(tagged >> KIND_BITS).ok();
        let (Some(kind), Some(payload_bytes)) = (kind, payload_bytes) else {
            return Err("footer block: kind or length");
        };
        if payload_bytes > MAX_PAYLOAD_BYTES {
            return Err("footer block: kind or length");
        }
        self.transaction = self
            .transaction
            .wrapping_add(varint::unzigzag(difference).cast_unsigned());
        let offset = self.offset;
        self.offset = offset.saturating_add(record_bytes(key_bytes, payload_bytes));
        self.position += rest.len() - reader.rest().len();
        self.is_first = false;
        self.remaining = self.remaining.saturating_sub(1);
        if self.remaining == 0 && !(reader.rest().len() < 8 && is_zero(reader.rest())) {
            return Err("footer block: padding");
        }
        Ok(FooterEntry {
            collection: self.collection,
            key,
            transaction: TransactionId::new(self.transaction),
            kind,
            payload_bytes,
            checksum,
            offset,
        })
    }

    /// The next key, larger than the one before, and its length.
    #[inline]
    fn take_key<K: IndexKey>(&mut self, reader: &mut ByteReader<'_>) -> Option<(K, usize)> {
        match self.form {
            KeyForm::Number => {
                let difference = reader.varint()?;
                let number = self.number.checked_add(difference)?;
                if difference == 0 && !self.is_first {
                    return None;
                }
                self.number = number;
                Some((K::decode(&number.to_be_bytes())?, 8))
            }
            KeyForm::Bytes => {
                let shared = usize::try_from(reader.varint()?).ok()?;
                let rest = reader
                    .varint()
                    .and_then(|bytes| usize::try_from(bytes).ok())?;
                let rest = reader.take(rest)?;
                let replaced = self.key.get(shared..)?;
                let is_larger = self.is_first || rest > replaced;
                self.key.truncate(shared);
                self.key.extend(rest);
                let fits = is_larger && (1..=MAX_KEY_BYTES).contains(&self.key.len());
                fits.then(|| K::decode(&self.key))
                    .flatten()
                    .map(|key| (key, self.key.len()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use docdb_types::DatabaseUid;
    use proptest::prelude::*;

    use super::*;
    use crate::Record;

    /// A key that is its bytes.
    #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
    struct Bytes(Vec<u8>);

    impl IndexKey for Bytes {
        type Encoded = Vec<u8>;
        fn encode(&self) -> Vec<u8> {
            self.0.clone()
        }
        fn decode(bytes: &[u8]) -> Option<Self> {
            Some(Self(bytes.to_vec()))
        }
        fn ordinal(&self) -> u64 {
            0
        }
    }

    fn seed() -> FileSeed {
        FileSeed::new(DatabaseUid::from(1), 2)
    }

    fn record<'a>(
        collection: u32,
        key: &'a [u8],
        transaction: u64,
        payload: &'a [u8],
    ) -> Record<'a> {
        let kind = if payload.is_empty() {
            RecordKind::Tombstone
        } else {
            RecordKind::Document
        };
        Record {
            collection: CollectionId::new(collection),
            key,
            transaction: TransactionId::new(transaction),
            kind,
            payload,
        }
    }

    fn decode_all(
        mut bytes: &[u8],
        mut offset: u64,
    ) -> Result<Vec<FooterEntry<Bytes>>, &'static str> {
        let mut entries = Vec::new();
        while !bytes.is_empty() {
            let length = BlockHeader::decode(bytes).ok_or("header")?.block_bytes;
            let (block, rest) = bytes.split_at_checked(length).ok_or("length")?;
            let mut cursor = BlockCursor::open(seed(), offset, block)?;
            while !cursor.is_at_end() {
                entries.push(cursor.next(block)?);
            }
            offset += length as u64;
            bytes = rest;
        }
        Ok(entries)
    }

    #[test]
    fn golden_block() {
        let mut builder = FooterBuilder::default();
        builder.push(&record(3, &5_u64.to_be_bytes(), 100, b"0123456").outline(0x1111_1111, 64));
        builder.push(&record(3, &300_u64.to_be_bytes(), 99, b"").outline(0x2222_2222, 104));
        builder.push(&record(3, b"key", 101, b"x").outline(0x3333_3333, 136));
        builder.push(&record(3, b"kez", 101, b"x").outline(0x4444_4444, 168));
        let bytes = builder.finish(seed(), 1000);
        let mut expected = Vec::new();
        expected.extend(GOLDEN_CHECKSUMS[0].to_le_bytes());
        expected.extend(b"\x38\0\0\0\x02\0\0\0\x03\0\0\0\x40\0\0\0\0\0\0\0\x64\0\0\0\0\0\0\0");
        expected.extend(b"\x01\0\0\0\0\0\0\0\x05\0\x39\x11\x11\x11\x11");
        expected.extend(b"\xa7\x02\x01\x02\x22\x22\x22\x22\0");
        expected.extend(GOLDEN_CHECKSUMS[1].to_le_bytes());
        expected.extend(b"\x40\0\0\0\x02\0\0\0\x03\0\0\0\x88\0\0\0\0\0\0\0\x65\0\0\0\0\0\0\0");
        expected.extend(b"\x02\0\0\0\0\0\0\0\0\x03key\0\x09\x33\x33\x33\x33");
        expected.extend(b"\x02\x01z\0\x09\x44\x44\x44\x44\0\0\0\0");
        assert_eq!(bytes, expected);
        let entries = decode_all(&bytes, 1000).unwrap();
        assert_eq!(
            entries.iter().map(|e| e.offset).collect::<Vec<_>>(),
            [64, 104, 136, 168]
        );
        assert_eq!(entries[1].transaction.get(), 99);
        assert_eq!(entries[3].key, Bytes(b"kez".to_vec()));
    }

    const GOLDEN_CHECKSUMS: [u32; 2] = [0x4777_bdb0, 0x0cff_9ae8];

    #[test]
    fn every_flipped_bit_is_refused() {
        let mut builder = FooterBuilder::default();
        builder.push(&record(3, &5_u64.to_be_bytes(), 100, b"0123456").outline(1, 64));
        builder.push(&record(3, b"key", 101, b"x").outline(3, 104));
        let bytes = builder.finish(seed(), 1000);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode_all(&flipped, 1000).is_err(), "bit {bit}");
        }
        assert!(decode_all(&bytes, 1008).is_err());
    }

    #[test]
    fn a_document_takes_about_nine_bytes() {
        let mut builder = FooterBuilder::default();
        let payload = [b'1'; 1000];
        let mut offset = 64;
        for id in 0..100_000_u64 {
            let key = (1_000_000 + id).to_be_bytes();
            builder.push(&record(0, &key, 5000 + id / 3, &payload).outline(7, offset));
            offset += record_bytes(8, 1000);
        }
        let bytes = builder.finish(seed(), offset);
        assert!(bytes.len() <= 9 * 100_000, "{}", bytes.len());
        assert_eq!(decode_all(&bytes, offset).unwrap().len(), 100_000);
    }

    proptest! {
        #[test]
        fn every_footer_survives(
            rows in proptest::collection::btree_map(
                (0_u32..3, prop_oneof![
                    any::<[u8; 8]>().prop_map(|key| key.to_vec()),
                    proptest::collection::vec(0_u8..4, 1..30),
                ]),
                (any::<u64>(), 0_usize..50, any::<u32>()),
                0..300,
            )
        ) {
            let payload = [b' '; 50];
            let mut builder = FooterBuilder::default();
            let mut offset = 64;
            let mut expected = Vec::new();
            for ((collection, key), (transaction, length, checksum)) in &rows {
                let record = record(*collection, key, *transaction, &payload[..*length]);
                builder.push(&record.outline(*checksum, offset));
                expected.push(FooterEntry {
                    collection: record.collection,
                    key: Bytes(key.clone()),
                    transaction: record.transaction,
                    kind: record.kind,
                    payload_bytes: *length as u32,
                    checksum: *checksum,
                    offset,
                });
                offset += record_bytes(key.len(), *length as u32);
            }
            let bytes = builder.finish(seed(), offset);
            prop_assert_eq!(decode_all(&bytes, offset).unwrap(), expected);
        }

        #[test]
        fn any_entries_behind_a_right_checksum_are_decoded_or_refused(
            form in 1_u8..3,
            entries in 1_u32..20,
            mut body in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            pad_to_eight(&mut body);
            let mut block = vec![0; 4];
            block.extend(((BLOCK_HEADER_BYTES + body.len()) as u32).to_le_bytes());
            block.extend(entries.to_le_bytes());
            block.extend([0; 4]);
            block.extend(64_u64.to_le_bytes());
            block.extend(0_u64.to_le_bytes());
            block.extend([form, 0, 0, 0, 0, 0, 0, 0]);
            block.extend(&body);
            let checksum = seed().at(0, &[&block[4..]]);
            block[..4].copy_from_slice(&checksum.to_le_bytes());
            let _ = decode_all(&block, 0);
        }
    }
}
