//! Keys of the index.

use std::fmt;

use docdb_types::DocumentId;

/// A type whose values are keys of a collection.
///
/// In files a key is a string of bytes, 1 to [`MAX_KEY_BYTES`](crate::MAX_KEY_BYTES) long; in
/// memory it is whatever compares quickest. The order of values must be the order of their
/// encodings. Memory that keys hold outside of themselves is not counted by the index.
pub trait IndexKey: Clone + Ord + fmt::Debug + Send + Sync + 'static {
    /// The key as bytes.
    type Encoded: AsRef<[u8]>;

    /// The bytes that stand for this key in files.
    fn encode(&self) -> Self::Encoded;

    /// The key of these bytes; `None` when they are no key of this type.
    fn decode(bytes: &[u8]) -> Option<Self>;

    /// The number of the key, from which ids for new documents are counted up; 0 for keys that are
    /// not numbers.
    fn ordinal(&self) -> u64;
}

impl IndexKey for DocumentId {
    type Encoded = [u8; 8];

    fn encode(&self) -> Self::Encoded {
        self.to_key()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Self::from_key(bytes)
    }

    fn ordinal(&self) -> u64 {
        self.get()
    }
}

impl IndexKey for u64 {
    type Encoded = [u8; 8];

    fn encode(&self) -> Self::Encoded {
        self.to_be_bytes()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }

    fn ordinal(&self) -> u64 {
        *self
    }
}
