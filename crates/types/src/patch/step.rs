//! One step of a patch.

/// One change to a document.
///
/// Paths are JSON Pointers (RFC 6901), values the raw bytes of one JSON value, kept as they were
/// sent. Neither is checked before the step is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatchStep {
    /// Gives the member at `path` the `value`, creating it and the objects on the way to it; or
    /// replaces the array element there.
    Set {
        /// Where.
        path: String,
        /// What.
        value: Vec<u8>,
    },
    /// Removes the member or element at `path`.
    Delete {
        /// Where.
        path: String,
    },
    /// Inserts `value` into an array, before the element at `path`; `-` or the array's length
    /// appends.
    Insert {
        /// Where.
        path: String,
        /// What.
        value: Vec<u8>,
    },
    /// `add` of RFC 6902: inserts into an array, adds or replaces a member.
    Add {
        /// Where.
        path: String,
        /// What.
        value: Vec<u8>,
    },
    /// `remove` of RFC 6902.
    Remove {
        /// Where.
        path: String,
    },
    /// `replace` of RFC 6902: what it replaces must exist.
    Replace {
        /// Where.
        path: String,
        /// What.
        value: Vec<u8>,
    },
    /// `move` of RFC 6902: removes the value at `from` and adds it at `path`.
    Move {
        /// Whence.
        from: String,
        /// Whither.
        path: String,
    },
    /// `copy` of RFC 6902: adds the value at `from` at `path`.
    Copy {
        /// Whence.
        from: String,
        /// Whither.
        path: String,
    },
    /// `test` of RFC 6902: the patch fails unless the value at `path` equals `value`.
    Test {
        /// Where.
        path: String,
        /// What is expected there.
        value: Vec<u8>,
    },
}

impl PatchStep {
    /// Where the step applies.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Set { path, .. }
            | Self::Delete { path }
            | Self::Insert { path, .. }
            | Self::Add { path, .. }
            | Self::Remove { path }
            | Self::Replace { path, .. }
            | Self::Move { path, .. }
            | Self::Copy { path, .. }
            | Self::Test { path, .. } => path,
        }
    }

    /// Its name in a patch that is written as JSON.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Set { .. } => "set",
            Self::Delete { .. } => "delete",
            Self::Insert { .. } => "insert",
            Self::Add { .. } => "add",
            Self::Remove { .. } => "remove",
            Self::Replace { .. } => "replace",
            Self::Move { .. } => "move",
            Self::Copy { .. } => "copy",
            Self::Test { .. } => "test",
        }
    }

    /// Whence the step takes its value, where it takes it from another place.
    #[must_use]
    pub fn from(&self) -> Option<&str> {
        match self {
            Self::Move { from, .. } | Self::Copy { from, .. } => Some(from),
            _ => None,
        }
    }

    /// The raw value that the step carries.
    #[must_use]
    pub fn value(&self) -> Option<&[u8]> {
        match self {
            Self::Set { value, .. }
            | Self::Insert { value, .. }
            | Self::Add { value, .. }
            | Self::Replace { value, .. }
            | Self::Test { value, .. } => Some(value),
            Self::Delete { .. } | Self::Remove { .. } | Self::Move { .. } | Self::Copy { .. } => {
                None
            }
        }
    }

    /// Bytes of text that the step carries: its paths and its value.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        let from = self.from().map_or(0, str::len);
        self.path().len() + from + self.value().map_or(0, <[u8]>::len)
    }
}
