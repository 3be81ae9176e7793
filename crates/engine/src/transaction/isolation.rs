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
    /// The name used in the shell and in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Serializable => "serializable",
            Self::Snapshot => "snapshot",
        }
    }

    /// The level of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Serializable, Self::Snapshot]
            .into_iter()
            .find(|level| level.as_str() == name)
    }
}
