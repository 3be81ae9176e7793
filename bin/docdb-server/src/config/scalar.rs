use std::fmt;

/// A value as it was written, before anybody knows what it is meant to be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    /// Text: quoted, or plain and nothing else.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Decimal(f64),
    /// `true` or `false`.
    Switch(bool),
    /// `null`, or nothing behind the colon.
    Nothing,
    /// A list; no key takes one.
    List,
    /// Keys; a value was expected.
    Section,
}

impl fmt::Display for Scalar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(formatter, "{text:?}"),
            Self::Integer(number) => write!(formatter, "{number}"),
            Self::Decimal(number) => write!(formatter, "{number}"),
            Self::Switch(is_on) => write!(formatter, "{is_on}"),
            Self::Nothing => formatter.write_str("empty"),
            Self::List => formatter.write_str("a list"),
            Self::Section => formatter.write_str("a section"),
        }
    }
}
