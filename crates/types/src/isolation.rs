use std::fmt;
use std::str::FromStr;

use crate::{Code, Error};

/// What a transaction is protected from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Isolation {
    /// As if transactions had run one after the other: the commit is refused where anything that the
    /// transaction read has changed since it began, be it a document, a missing one, or a range that
    /// it scanned.
    #[default]
    Serializable,
    /// Reads are of one moment, and of two transactions that write one document the first to commit
    /// wins. Two that each read what the other writes may both commit (write skew).
    Snapshot,
}

impl Isolation {
    /// Both levels.
    pub const ALL: [Self; 2] = [Self::Serializable, Self::Snapshot];

    /// The name used in the shell and in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Serializable => "serializable",
            Self::Snapshot => "snapshot",
        }
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Isolation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or_else(|| {
                Error::new(
                    Code::UnknownOperation,
                    format!("unknown isolation {text:?}, expected serializable or snapshot"),
                )
            })
    }
}
