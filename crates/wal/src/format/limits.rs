//! What the format carries at most.

/// Longest key of a record, in bytes.
pub const MAX_KEY_BYTES: usize = 4096;
/// Largest payload of a record, in bytes: 64 MiB.
pub const MAX_PAYLOAD_BYTES: usize = 64 * 1024 * 1024;
/// Largest batch, in bytes with its header: 256 MiB. Opening a log needs memory for the largest
/// batch in it.
pub const MAX_BATCH_BYTES: usize = 256 * 1024 * 1024;
/// Positions, segment numbers and sequences stay below this; a file that says otherwise is damaged.
/// It is out of reach of counting, and leaves room for sums.
pub const COUNTER_LIMIT: u64 = 1 << 62;
