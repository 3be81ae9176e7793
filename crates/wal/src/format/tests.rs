//! The bytes of each structure, and what damage and unknown values make of them.

use docdb_types::{CollectionId, DatabaseUid, TransactionId};

use super::*;
use crate::batch::{BatchBuilder, BatchPlace};
use crate::{Lsn, WalError};

fn hex(bytes: &[u8]) -> String {
    bytes
        .chunks(16)
        .map(|line| {
            line.iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
                + "\n"
        })
        .collect()
}

fn segment_header() -> SegmentHeader {
    SegmentHeader {
        uid: DatabaseUid::from_bytes(*b"sixteen bytes id"),
        number: 3,
        base: Lsn::new(0x1_0000),
        salt: 0x1122_3344_5566_7788,
        previous_bytes: 0x8000,
        previous_sequence: 42,
        previous_transaction: TransactionId::new(1000),
        previous_checksum: 0xaabb_ccdd,
    }
}

fn record() -> RecordRef<'static> {
    RecordRef {
        kind: RecordKind::Put,
        collection: CollectionId::new(5),
        transaction: TransactionId::new(1001),
        key: b"\0\0\0\0\0\0\0\x07",
        payload: b"{\"a\":1}",
    }
}

fn place() -> BatchPlace {
    BatchPlace {
        seed: segment_header().seed(),
        lsn: Lsn::new(0x1_0060),
        sequence: 43,
        durable_upto: Lsn::new(0x1_0000),
        previous: 0xaabb_ccdd,
    }
}

fn batch() -> Vec<u8> {
    let mut batch = BatchBuilder::new();
    batch.push(record()).unwrap();
    let delete = RecordRef {
        kind: RecordKind::Delete,
        payload: b"",
        ..record()
    };
    batch.push(delete).unwrap();
    batch.seal(&place()).0.to_vec()
}

#[test]
fn golden_segment_header() {
    assert_eq!(hex(&segment_header().encode()), GOLDEN_SEGMENT_HEADER);
    assert_eq!(
        SegmentHeader::decode(&segment_header().encode()),
        Ok(segment_header())
    );
}

#[test]
fn golden_batch() {
    assert_eq!(hex(&batch()), GOLDEN_BATCH);
}

/// Magic, version 1, no features; uid; number, base; salt, previous bytes; previous sequence and
/// transaction; previous checksum, reserved, checksum.
const GOLDEN_SEGMENT_HEADER: &str = "\
646f63646257414c0100000000000000
7369787465656e206279746573206964
03000000000000000000010000000000
88776655443322110080000000000000
2a00000000000000e803000000000000
ddccbbaa00000000000000007d8b6574
";

/// The header (56 bytes), a put of 40 bytes and a delete of 32.
const GOLDEN_BATCH: &str = "\
646242316efc84284800000002000000
2b000000000000006000010000000000
000001000000000080cd2347ddccbbaa
0000000000000000eb88190e07000000
0800010005000000e903000000000000
00000000000000077b2261223a317d00
5785b323000000000800020005000000
e9030000000000000000000000000007
";

#[test]
fn every_flipped_bit_of_a_segment_header_is_noticed() {
    for bit in 0..SEGMENT_HEADER_BYTES * 8 {
        let mut bytes = segment_header().encode();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(
            SegmentHeader::decode(&bytes),
            Err(SegmentHeaderFault::Damaged),
            "bit {bit}"
        );
    }
}

fn decode_header(bytes: &[u8]) -> Result<(BatchHeader, u32), BatchHeaderFault> {
    BatchHeader::decode(bytes.first_chunk().unwrap(), place().seed, place().lsn)
}

#[test]
fn every_flipped_bit_of_a_batch_header_is_noticed() {
    assert!(decode_header(&batch()).is_ok());
    for bit in 0..BATCH_HEADER_BYTES * 8 {
        let mut bytes = batch();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(decode_header(&bytes), Err(BatchHeaderFault::Damaged));
    }
}

#[test]
fn zeros_are_no_structure_wherever_they_stand() {
    for lsn in (0..1 << 16).step_by(8).map(Lsn::new) {
        let seed = Seed::new(DatabaseUid::from(0), 0, lsn, 0);
        for seed in [seed, place().seed, Seed::default()] {
            let zeros = [0; BATCH_HEADER_BYTES];
            assert!(BatchHeader::decode(&zeros, seed, lsn).is_err());
            assert!(decode_record(&zeros, seed, lsn).is_err());
        }
    }
    assert!(SegmentHeader::decode(&[0; SEGMENT_HEADER_BYTES]).is_err());
}

#[test]
fn a_batch_verifies_only_at_its_own_place_of_its_own_segment() {
    let bytes = batch();
    let chunk = bytes.first_chunk().unwrap();
    let other = SegmentHeader {
        salt: 1,
        ..segment_header()
    };
    assert!(BatchHeader::decode(chunk, other.seed(), place().lsn).is_err());
    assert!(BatchHeader::decode(chunk, place().seed, Lsn::new(0x1_0068)).is_err());
    let record_lsn = place().lsn.plus(BATCH_HEADER_BYTES as u64);
    let record = &bytes[BATCH_HEADER_BYTES..];
    assert!(decode_record(record, place().seed, record_lsn).is_ok());
    assert!(decode_record(record, other.seed(), record_lsn).is_err());
    assert!(decode_record(record, place().seed, record_lsn.plus(8)).is_err());
}

#[test]
fn every_truncation_and_flipped_bit_of_a_record_is_noticed() {
    let lsn = place().lsn.plus(BATCH_HEADER_BYTES as u64);
    let batch = batch();
    let stored = stored_bytes(8, 7) as usize;
    let bytes = &batch[BATCH_HEADER_BYTES..BATCH_HEADER_BYTES + stored];
    let decoded = decode_record(bytes, place().seed, lsn).unwrap();
    assert_eq!((decoded.record, decoded.stored), (record(), stored));
    for length in 0..stored {
        assert!(decode_record(&bytes[..length], place().seed, lsn).is_err());
    }
    for bit in 0..stored * 8 {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(
            decode_record(&bytes, place().seed, lsn).is_err(),
            "bit {bit}"
        );
    }
}

/// Changes one byte of the first record and makes its checksum right again.
fn rewritten(at: usize, value: u8) -> (Vec<u8>, Lsn) {
    let lsn = place().lsn.plus(BATCH_HEADER_BYTES as u64);
    let mut bytes = batch()[BATCH_HEADER_BYTES..].to_vec();
    bytes.truncate(stored_bytes(8, 7) as usize);
    bytes[at] = value;
    let checksum = place().seed.bind(lsn, crc32fast::hash(&bytes[4..]));
    bytes[..4].copy_from_slice(&checksum.to_le_bytes());
    (bytes, lsn)
}

#[test]
fn a_record_of_a_newer_version_is_told_from_a_damaged_one() {
    for number in 1..=6 {
        let (bytes, lsn) = rewritten(10, number);
        let decoded = decode_record(&bytes, place().seed, lsn).unwrap();
        assert_eq!(decoded.record.kind.number(), number);
    }
    for number in 7..=255 {
        let (bytes, lsn) = rewritten(10, number);
        let fault = decode_record(&bytes, place().seed, lsn).unwrap_err();
        assert_eq!(fault, RecordFault::Unsupported("record kind", number));
    }
    let (bytes, lsn) = rewritten(10, 0);
    let fault = decode_record(&bytes, place().seed, lsn).unwrap_err();
    assert_eq!(fault, RecordFault::Damaged);
    let (bytes, lsn) = rewritten(11, 4);
    let fault = decode_record(&bytes, place().seed, lsn).unwrap_err();
    assert_eq!(fault, RecordFault::Unsupported("record flags", 4));
}

#[test]
fn a_batch_with_unknown_flags_is_told_from_a_damaged_one() {
    let mut bytes = batch();
    bytes[48] = 1;
    let checksum = place()
        .seed
        .bind(place().lsn, crc32fast::hash(&bytes[8..BATCH_HEADER_BYTES]));
    bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
    assert_eq!(
        decode_header(&bytes),
        Err(BatchHeaderFault::UnsupportedFlags(1))
    );
}

#[test]
fn lengths_that_lie_are_refused_and_never_allocated() {
    for length in [u32::MAX, 1 << 31, 1 << 27, 100] {
        let mut bytes = batch()[BATCH_HEADER_BYTES..].to_vec();
        bytes[4..8].copy_from_slice(&length.to_le_bytes());
        assert!(parse_record(&bytes).is_none());
    }
    let huge = RecordRef {
        key: &[0; limits::MAX_KEY_BYTES + 1],
        ..record()
    };
    let mut buffer = Vec::new();
    assert!(matches!(
        encode_record(&mut buffer, &huge),
        Err(WalError::TooLarge { what: "key", .. })
    ));
    assert!(buffer.is_empty());
}
