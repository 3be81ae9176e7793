use std::fmt;
use std::num::NonZeroU64;

macro_rules! number {
    ($(#[$docs:meta])* $name:ident($inner:ty)) => {
        $(#[$docs])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($inner);

        impl $name {
            /// Wraps the number.
            #[must_use]
            pub const fn new(value: $inner) -> Self {
                Self(value)
            }

            /// The number itself.
            #[must_use]
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

number! {
    /// A database of one data directory: counted up by its catalog, never used again.
    DatabaseId(u64)
}

number! {
    /// A collection of one database: counted up, never used again. 0 is `_default`.
    CollectionId(u32)
}

number! {
    /// A committed transaction. Ids increase in commit order and are never used twice.
    #[derive(Default)]
    TransactionId(u64)
}

/// The version of a document: the transaction that wrote it.
pub type Version = TransactionId;

impl CollectionId {
    /// The collection that every database has.
    pub const DEFAULT: Self = Self(0);
}

impl TransactionId {
    /// Before the first transaction.
    pub const ZERO: Self = Self(0);

    /// The transaction after this one.
    ///
    /// Ids are counted from 0 by ones and by bounded gaps: 2⁶⁴ are out of reach.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The identity of a database for ever: random, in every file that belongs to it, so that files of
/// a database dropped earlier or copied from elsewhere are never taken for its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatabaseUid([u8; 16]);

impl DatabaseUid {
    /// Wraps sixteen random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The sixteen bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

impl From<u128> for DatabaseUid {
    fn from(random: u128) -> Self {
        Self(random.to_le_bytes())
    }
}

impl fmt::Display for DatabaseUid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for DatabaseUid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DatabaseUid({self})")
    }
}

/// The id of a document within its collection: 1 and up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentId(NonZeroU64);

impl DocumentId {
    /// The smallest id.
    pub const MIN: Self = Self(NonZeroU64::MIN);
    /// The largest id.
    pub const MAX: Self = Self(NonZeroU64::MAX);

    /// The id with this number; `None` for 0, which means "assign one".
    #[must_use]
    pub const fn new(id: u64) -> Option<Self> {
        match NonZeroU64::new(id) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// The key under which files keep the document: eight bytes, big-endian, so that byte order is
    /// numeric order.
    #[must_use]
    pub const fn to_key(self) -> [u8; 8] {
        self.0.get().to_be_bytes()
    }

    /// The id of a key, if the key is one of a document.
    #[must_use]
    pub fn from_key(key: &[u8]) -> Option<Self> {
        key.try_into()
            .ok()
            .map(u64::from_be_bytes)
            .and_then(Self::new)
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_order_of_keys_is_the_order_of_ids() {
        let ids = [1, 2, 255, 256, 65_535, 65_536, u64::MAX - 1, u64::MAX];
        let keys: Vec<_> = ids
            .iter()
            .map(|id| DocumentId::new(*id).unwrap().to_key())
            .collect();
        assert!(keys.is_sorted());
        for (id, key) in ids.iter().zip(&keys) {
            assert_eq!(DocumentId::from_key(key).unwrap().get(), *id);
        }
    }

    #[test]
    fn zero_and_keys_of_another_length_are_no_document() {
        assert_eq!(DocumentId::new(0), None);
        assert_eq!(DocumentId::from_key(&[0; 8]), None);
        assert_eq!(DocumentId::from_key(&[1; 7]), None);
        assert_eq!(DocumentId::from_key(&[1; 9]), None);
    }

    #[test]
    fn a_uid_reads_as_hexadecimal() {
        assert_eq!(
            DatabaseUid::from(0x0102_u128).to_string(),
            format!("0201{}", "00".repeat(14))
        );
    }
}
