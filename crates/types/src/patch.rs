/// One step of a patch. Paths are JSON Pointers (RFC 6901), values the raw text of one JSON value.
///
/// `set`, `delete` and `insert` are docdb's own vocabulary, the other six are RFC 6902; both may
/// stand in one list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatchStep {
    /// Sets a member or replaces an array element, creating missing parent objects.
    Set {
        /// Where.
        path: String,
        /// What.
        value: Vec<u8>,
    },
    /// Removes a member or an array element.
    Delete {
        /// Where.
        path: String,
    },
    /// Inserts into an array at the index in the last segment; `-` or the length appends.
    Insert {
        /// Where.
        path: String,
        /// What.
        value: Vec<u8>,
    },
    /// RFC 6902 `add`.
    Add {
        /// Where.
        path: String,
        /// What.
        value: Vec<u8>,
    },
    /// RFC 6902 `remove`.
    Remove {
        /// Where.
        path: String,
    },
    /// RFC 6902 `replace`.
    Replace {
        /// Where.
        path: String,
        /// What.
        value: Vec<u8>,
    },
    /// RFC 6902 `move`.
    Move {
        /// From where.
        from: String,
        /// To where.
        path: String,
    },
    /// RFC 6902 `copy`.
    Copy {
        /// From where.
        from: String,
        /// To where.
        path: String,
    },
    /// RFC 6902 `test`.
    Test {
        /// Where.
        path: String,
        /// What must be there.
        value: Vec<u8>,
    },
}

impl PatchStep {
    /// Bytes of payload that it carries: paths and value.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        match self {
            Self::Set { path, value }
            | Self::Insert { path, value }
            | Self::Add { path, value }
            | Self::Replace { path, value }
            | Self::Test { path, value } => path.len() + value.len(),
            Self::Delete { path } | Self::Remove { path } => path.len(),
            Self::Move { from, path } | Self::Copy { from, path } => from.len() + path.len(),
        }
    }
}
