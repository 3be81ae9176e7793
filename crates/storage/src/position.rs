//! Positions: in the log, among the data files, in a data file.

use std::fmt;

/// A byte position in the log of one database.
///
/// The log itself is no business of this crate: the position is a number that is kept and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LogPosition(u64);

impl LogPosition {
    /// The beginning of the log.
    pub const ZERO: Self = Self(0);
    /// The largest position: 2⁶³ − 1, so that a [`Location`] fits in eight bytes.
    pub const MAX: Self = Self(u64::MAX >> 1);

    /// Wraps a position, at most [`LogPosition::MAX`].
    #[must_use]
    pub const fn new(position: u64) -> Self {
        Self(position)
    }

    /// The position in bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for LogPosition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The number of a data file of one database: counted up from 1, never used for two files that a
/// manifest has named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataFileNumber(u32);

impl DataFileNumber {
    /// The first number.
    pub const FIRST: Self = Self(1);
    /// The last number: 2²⁷ − 1, so that a [`Location`] fits in eight bytes.
    pub const MAX: Self = Self((1 << 27) - 1);

    /// The number, if it is one between [`FIRST`](Self::FIRST) and [`MAX`](Self::MAX).
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        if number >= Self::FIRST.0 && number <= Self::MAX.0 {
            Some(Self(number))
        } else {
            None
        }
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The number after this one; `None` after the last.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        Self::new(self.0.saturating_add(1))
    }
}

impl fmt::Display for DataFileNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Where the bytes of a document version are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// A record of the log.
    Log(LogPosition),
    /// A record of a data file.
    Data {
        /// Which file.
        file: DataFileNumber,
        /// Position of the record in it, in bytes; a multiple of 8.
        offset: u64,
    },
}

/// A [`Location`] in eight bytes.
///
/// ```text
/// bit 63      0: log, 1: data file
/// log:        bits 0–62 the position
/// data file:  bits 36–62 the number of the file, bits 0–35 the offset divided by 8
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct PackedLocation(u64);

const DATA_BIT: u64 = 1 << 63;
const OFFSET_BITS: u32 = 36;
const OFFSET_MASK: u64 = (1 << OFFSET_BITS) - 1;

/// The largest length of a data file: 512 GiB, so that every offset fits in a [`PackedLocation`].
pub(crate) const MAX_DATA_FILE_BYTES: u64 = 1 << (OFFSET_BITS + 3);

impl PackedLocation {
    pub(crate) const fn pack(location: Location) -> Self {
        match location {
            Location::Log(position) => {
                debug_assert!(position.0 <= LogPosition::MAX.0);
                Self(position.0 & !DATA_BIT)
            }
            Location::Data { file, offset } => {
                debug_assert!(offset.is_multiple_of(8) && offset < MAX_DATA_FILE_BYTES);
                Self(DATA_BIT | ((file.0 as u64) << OFFSET_BITS) | ((offset >> 3) & OFFSET_MASK))
            }
        }
    }

    pub(crate) const fn unpack(self) -> Location {
        if self.0 & DATA_BIT == 0 {
            Location::Log(LogPosition(self.0))
        } else {
            Location::Data {
                // INVARIANT: `pack` put 27 bits there.
                file: DataFileNumber(((self.0 & !DATA_BIT) >> OFFSET_BITS) as u32),
                offset: (self.0 & OFFSET_MASK) << 3,
            }
        }
    }

    pub(crate) const fn is_log(self) -> bool {
        self.0 & DATA_BIT == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_survive_packing_at_their_limits() {
        let last_offset = MAX_DATA_FILE_BYTES - 8;
        for location in [
            Location::Log(LogPosition::ZERO),
            Location::Log(LogPosition::MAX),
            Location::Data {
                file: DataFileNumber::FIRST,
                offset: 0,
            },
            Location::Data {
                file: DataFileNumber::FIRST,
                offset: last_offset,
            },
            Location::Data {
                file: DataFileNumber::MAX,
                offset: 64,
            },
            Location::Data {
                file: DataFileNumber::MAX,
                offset: last_offset,
            },
        ] {
            let packed = PackedLocation::pack(location);
            assert_eq!(packed.unpack(), location);
            assert_eq!(packed.is_log(), matches!(location, Location::Log(_)));
        }
    }

    #[test]
    fn numbers_of_data_files_end_where_their_bits_end() {
        assert_eq!(DataFileNumber::new(0), None);
        assert_eq!(DataFileNumber::new(1 << 27), None);
        assert_eq!(DataFileNumber::MAX.next(), None);
        assert_eq!(DataFileNumber::FIRST.next(), DataFileNumber::new(2));
    }
}
