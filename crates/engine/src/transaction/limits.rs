use std::time::Duration;

/// Bounds on snapshots and transactions of one database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionLimits {
    /// How long a snapshot, or the one of a transaction, may be kept; above zero. Afterwards it
    /// answers `TxnExpired`, and what it held is let go.
    pub max_age: Duration,
    /// Most operations and pages of one transaction, 1 and up; one more answers `TooManyOps`.
    pub operations: usize,
    /// Most bytes that one transaction may write, as its documents are at its end; more answer
    /// `PayloadTooLarge`. Each document counts [`TransactionLimits::WRITE_BYTES`] beside its text.
    pub bytes: u64,
    /// Most transactions that may be open at a time, 1 and up; one more answers `TooManyTxns`.
    pub open: usize,
}

impl TransactionLimits {
    /// What a written document costs beside its text, in bytes.
    pub const WRITE_BYTES: u64 = 128;
    /// The largest value of [`bytes`](Self::bytes): what one batch of the log takes.
    pub const MAX_BYTES: u64 = 64 * 1024 * 1024;

    /// The limits in force when nothing is configured.
    pub const DEFAULT: Self = Self {
        max_age: Duration::from_secs(5 * 60),
        operations: 100_000,
        bytes: 16 * 1024 * 1024,
        open: 1024,
    };
}

impl Default for TransactionLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
