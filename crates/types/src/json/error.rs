//! Why a text was refused, and where.

/// A text is not one JSON value within its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {offset}")]
pub struct JsonError {
    /// Position in the text of the first byte that cannot stand where it stands; the length of
    /// the text where it ends too early. For a duplicate key, the first byte inside the quotes of
    /// a repeated occurrence.
    pub offset: usize,
    /// What is wrong there.
    pub reason: JsonReason,
}

/// What is wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonReason {
    /// Nothing but white space.
    #[error("no value")]
    Empty,
    /// Longer than allowed.
    #[error("text is longer than {limit} bytes")]
    TooLarge {
        /// Allowed length in bytes.
        limit: usize,
    },
    /// Objects and arrays within each other beyond what is allowed.
    #[error("nesting is deeper than {limit} levels")]
    TooDeep {
        /// Allowed levels.
        limit: u16,
    },
    /// The text begins with U+FEFF.
    #[error("byte-order mark")]
    ByteOrderMark,
    /// Not UTF-8: a stray byte, an overlong form, an encoded surrogate, a cut-off sequence.
    #[error("invalid utf-8")]
    InvalidUtf8,
    /// The text ends inside a value.
    #[error("unexpected end of text")]
    UnexpectedEnd,
    /// A value was due.
    #[error("expected a value")]
    ExpectedValue,
    /// A member's name in quotes was due.
    #[error("expected a quoted member name")]
    ExpectedKey,
    /// The colon behind a member's name was due.
    #[error("expected a colon")]
    ExpectedColon,
    /// A comma or the end of the object was due.
    #[error("expected a comma or a closing brace")]
    ExpectedCommaOrBrace,
    /// A comma or the end of the array was due.
    #[error("expected a comma or a closing bracket")]
    ExpectedCommaOrBracket,
    /// Something follows the value.
    #[error("trailing bytes after the value")]
    TrailingBytes,
    /// A byte below 0x20 inside a string.
    #[error("unescaped control character in a string")]
    ControlCharacter,
    /// A backslash followed by something that is no escape.
    #[error("invalid escape in a string")]
    InvalidEscape,
    /// One half of a surrogate pair without the other.
    #[error("lone surrogate escape in a string")]
    LoneSurrogate,
    /// A digit was due.
    #[error("expected a digit")]
    ExpectedDigit,
    /// A number of several digits begins with zero.
    #[error("number with a leading zero")]
    LeadingZero,
    /// A name occurs twice in one object.
    #[error("duplicate key in an object")]
    DuplicateKey,
}
