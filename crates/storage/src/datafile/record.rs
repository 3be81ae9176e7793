//! Records of a data file.

/// Longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 1024;
/// Longest payload, in bytes: one gibibyte, far above every limit of a document.
pub const MAX_PAYLOAD_BYTES: u32 = 1 << 30;

const HEADER_BYTES: u64 = 24;

/// Bytes that a record takes in a data file, with header, key and padding.
#[must_use]
pub const fn record_bytes(key_bytes: usize, payload_bytes: u32) -> u64 {
    (HEADER_BYTES + key_bytes as u64 + payload_bytes as u64).next_multiple_of(8)
}
