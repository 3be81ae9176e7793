use std::fmt;

use crate::format::SEGMENT_HEADER_BYTES;

/// A position in the log of one database: bytes since its beginning, over all segments.
///
/// Positions only grow and are never used twice for different durable bytes; 0 is in front of every
/// record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lsn(u64);

impl Lsn {
    /// The beginning of every log.
    pub const ZERO: Self = Self(0);
    /// Where the first batch of every log begins, behind the header of its first segment.
    pub const FIRST_BATCH: Self = Self(SEGMENT_HEADER_BYTES as u64);

    /// Wraps a position in bytes.
    #[must_use]
    pub const fn new(position: u64) -> Self {
        Self(position)
    }

    /// The position in bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The position `bytes` further on.
    #[must_use]
    pub(crate) const fn plus(self, bytes: u64) -> Self {
        Self(self.0.saturating_add(bytes))
    }

    /// How far this position is behind `start`; 0 when it is in front of it.
    #[must_use]
    pub(crate) const fn since(self, start: Self) -> u64 {
        self.0.saturating_sub(start.0)
    }

    /// The nearest place at or behind this one where a batch may start.
    #[must_use]
    pub(crate) const fn aligned(self) -> Self {
        Self(self.0.saturating_add(7) & !7)
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
