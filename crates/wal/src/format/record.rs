//! A record: what one operation did to one key, verifiable alone.

use docdb_types::{CollectionId, TransactionId};

use super::checksum::Seed;
use super::fields::Fields;
use super::limits::{MAX_KEY_BYTES, MAX_PAYLOAD_BYTES};
use crate::{Lsn, WalError};

/// Bytes of a record in front of its key.
pub(crate) const RECORD_HEADER_BYTES: usize = 24;

/// What a record did.
///
/// The numbers are part of the format. 7 (expiry), 8 (secondary index) and 9 (schema) are reserved;
/// 0 never occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecordKind {
    /// The key has the payload as its value from here on.
    Put = 1,
    /// The key has no value from here on.
    Delete = 2,
    /// The collection exists from here on; the payload names it.
    CreateCollection = 3,
    /// The collection does not exist from here on.
    DropCollection = 4,
    /// A checkpoint has covered the log up to the position in the payload (eight bytes). A note for
    /// people and tools: recovery goes by the manifest.
    Checkpoint = 5,
    /// The key is the idempotency key of the transaction.
    IdempotencyKey = 6,
}

impl RecordKind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 6] = [
        Self::Put,
        Self::Delete,
        Self::CreateCollection,
        Self::DropCollection,
        Self::Checkpoint,
        Self::IdempotencyKey,
    ];

    /// The number on the disk.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The kind with this number, if there is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }
}

/// A record, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// What it did.
    pub kind: RecordKind,
    /// The collection it did it in.
    pub collection: CollectionId,
    /// The transaction it is part of.
    pub transaction: TransactionId,
    /// The key it did it to; at most [`limits::MAX_KEY_BYTES`](crate::limits::MAX_KEY_BYTES).
    pub key: &'a [u8],
    /// The new value; at most [`limits::MAX_PAYLOAD_BYTES`](crate::limits::MAX_PAYLOAD_BYTES).
    pub payload: &'a [u8],
}

/// Bytes that a record with a key and a payload of these lengths takes in the log: header, key,
/// payload, and padding to a multiple of eight.
#[must_use]
pub const fn stored_bytes(key_bytes: usize, payload_bytes: usize) -> u64 {
    (RECORD_HEADER_BYTES as u64 + key_bytes as u64 + payload_bytes as u64).next_multiple_of(8)
}

/// Why bytes are not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordFault {
    /// They do not verify.
    Damaged,
    /// They verify and say something that this version does not know.
    Unsupported(&'static str, u8),
}

/// Adds a record to `buffer`, its checksum field 0, and returns the plain CRC-32 that belongs there.
///
/// # Errors
/// [`WalError::TooLarge`], [`WalError::OutOfMemory`]; `buffer` is unchanged.
pub(crate) fn encode_record(buffer: &mut Vec<u8>, record: &RecordRef<'_>) -> Result<u32, WalError> {
    let key_bytes = bounded("key", record.key.len(), MAX_KEY_BYTES)?;
    let payload_bytes = bounded("payload", record.payload.len(), MAX_PAYLOAD_BYTES)?;
    let stored = stored_bytes(record.key.len(), record.payload.len());
    buffer
        .try_reserve(stored as usize)
        .map_err(|_| WalError::OutOfMemory { bytes: stored })?;

    let mut header = [0; RECORD_HEADER_BYTES];
    header[4..8].copy_from_slice(&payload_bytes.to_le_bytes());
    header[8..10].copy_from_slice(&(key_bytes as u16).to_le_bytes());
    header[10] = record.kind.number();
    header[12..16].copy_from_slice(&record.collection.get().to_le_bytes());
    header[16..24].copy_from_slice(&record.transaction.get().to_le_bytes());

    let start = buffer.len();
    buffer.extend_from_slice(&header);
    buffer.extend_from_slice(record.key);
    buffer.extend_from_slice(record.payload);
    buffer.resize(start + stored as usize, 0);
    let checked = buffer.get(start + size_of::<u32>()..).unwrap_or_default();
    Ok(crc32fast::hash(checked))
}

fn bounded(what: &'static str, bytes: usize, limit: usize) -> Result<u32, WalError> {
    if bytes > limit {
        return Err(WalError::TooLarge {
            what,
            bytes: bytes as u64,
            limit: limit as u64,
        });
    }
    Ok(bytes as u32)
}

/// A record that verified.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DecodedRecord<'a> {
    pub(crate) record: RecordRef<'a>,
    pub(crate) checksum: u32,
    pub(crate) stored: usize,
}

/// Decodes and verifies the record at the front of `bytes`, which begin at `lsn`.
pub(crate) fn decode_record(
    bytes: &[u8],
    seed: Seed,
    lsn: Lsn,
) -> Result<DecodedRecord<'_>, RecordFault> {
    let parsed = parse_record(bytes).ok_or(RecordFault::Damaged)?;
    if seed.bind(lsn, crc32fast::hash(parsed.checked)) != parsed.checksum || parsed.kind == 0 {
        return Err(RecordFault::Damaged);
    }
    if parsed.flags != 0 {
        return Err(RecordFault::Unsupported("record flags", parsed.flags));
    }
    let record = parsed
        .record()
        .ok_or(RecordFault::Unsupported("record kind", parsed.kind))?;
    Ok(DecodedRecord {
        record,
        checksum: parsed.checksum,
        stored: parsed.stored(),
    })
}

/// The fields of a record that fits into its bytes; nothing of it is verified.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ParsedRecord<'a> {
    pub(crate) checksum: u32,
    kind: u8,
    flags: u8,
    collection: u32,
    transaction: u64,
    key: &'a [u8],
    payload: &'a [u8],
    /// Everything behind the checksum, padding included.
    checked: &'a [u8],
}

impl<'a> ParsedRecord<'a> {
    /// Bytes that it takes.
    pub(crate) const fn stored(&self) -> usize {
        self.checked.len() + size_of::<u32>()
    }

    /// What it says, unless its kind is unknown.
    pub(crate) fn record(&self) -> Option<RecordRef<'a>> {
        Some(RecordRef {
            kind: RecordKind::from_number(self.kind)?,
            collection: CollectionId::new(self.collection),
            transaction: TransactionId::new(self.transaction),
            key: self.key,
            payload: self.payload,
        })
    }
}

/// Takes the record at the front of `bytes` apart; `None` when it does not fit into them.
pub(crate) fn parse_record(bytes: &[u8]) -> Option<ParsedRecord<'_>> {
    let mut fields = Fields::new(bytes);
    let checksum = fields.u32()?;
    let payload_bytes = fields.u32()? as usize;
    let key_bytes = fields.u16()? as usize;
    let (kind, flags) = (fields.u8()?, fields.u8()?);
    let (collection, transaction) = (fields.u32()?, fields.u64()?);
    if payload_bytes > MAX_PAYLOAD_BYTES {
        return None;
    }
    let stored = stored_bytes(key_bytes, payload_bytes) as usize;
    Some(ParsedRecord {
        checksum,
        kind,
        flags,
        collection,
        transaction,
        key: fields.slice(key_bytes)?,
        payload: fields.slice(payload_bytes)?,
        checked: bytes.get(size_of::<u32>()..stored)?,
    })
}
