//! What a document may be at most, and which kinds of values there are.

use crate::Limits;

/// How large and how deep a JSON text may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonLimits {
    /// Deepest allowed nesting of objects and arrays: a scalar has depth 0, `[]` has depth 1.
    /// Values above [`JsonLimits::DEPTH_CEILING`] count as the ceiling.
    pub max_depth: u16,
    /// Largest allowed text in bytes, white space included. Values above
    /// [`JsonLimits::BYTES_CEILING`] count as the ceiling.
    pub max_bytes: usize,
}

impl JsonLimits {
    /// Depth that no configuration exceeds, so that whoever walks a checked text by recursion
    /// needs a bounded stack.
    pub const DEPTH_CEILING: u16 = 1024;

    /// Size in bytes that no configuration exceeds, so that positions in a text fit 32 bits.
    pub const BYTES_CEILING: usize = 1 << 30;

    /// The nesting in force.
    #[must_use]
    pub fn depth(self) -> u16 {
        self.max_depth.min(Self::DEPTH_CEILING)
    }

    /// The size in force, in bytes.
    #[must_use]
    pub fn bytes(self) -> usize {
        self.max_bytes.min(Self::BYTES_CEILING)
    }
}

impl From<&Limits> for JsonLimits {
    /// Those of a document.
    fn from(limits: &Limits) -> Self {
        Self {
            max_depth: limits.document_depth,
            max_bytes: limits.document_bytes,
        }
    }
}

impl Default for JsonLimits {
    /// Those of a document when nothing is configured: 128 levels, 16 MiB.
    fn default() -> Self {
        Self::from(&Limits::DEFAULT)
    }
}

/// The kind of a JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JsonKind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    String,
    /// Digits, with sign, fraction and exponent.
    Number,
    /// `true` or `false`
    Boolean,
    /// `null`
    Null,
}

impl JsonKind {
    /// The kind of the value whose first byte is `first`, or `None` where no value begins so.
    #[must_use]
    pub fn of_first_byte(first: u8) -> Option<Self> {
        match first {
            b'{' => Some(Self::Object),
            b'[' => Some(Self::Array),
            b'"' => Some(Self::String),
            b'-' | b'0'..=b'9' => Some(Self::Number),
            b't' | b'f' => Some(Self::Boolean),
            b'n' => Some(Self::Null),
            _ => None,
        }
    }
}
