use bytes::Bytes;

use crate::{CollectionName, Document, DocumentId, PatchStep, Version};

/// One step of a request, on one document of one collection.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// Where the document is.
    pub collection: CollectionName,
    /// What is done to it.
    pub action: Action,
}

/// What an [`Operation`] does. `expected` makes it conditional: `VersionMismatch` unless the
/// document still has that version.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Stores a new document; without an id the database assigns the next free one.
    Create {
        /// The id, or `None` to have one assigned.
        id: Option<DocumentId>,
        /// What is stored.
        document: Document,
    },
    /// Answers the document and its version.
    Read {
        /// Which document.
        id: DocumentId,
    },
    /// Replaces a live document whole.
    Update {
        /// Which document.
        id: DocumentId,
        /// What replaces it.
        document: Document,
        /// The version it must have.
        expected: Option<Version>,
    },
    /// Creates or replaces.
    Upsert {
        /// Which document.
        id: DocumentId,
        /// What is stored.
        document: Document,
    },
    /// Removes a live document.
    Delete {
        /// Which document.
        id: DocumentId,
        /// The version it must have.
        expected: Option<Version>,
    },
    /// Applies steps to a live document, all or none.
    Patch {
        /// Which document.
        id: DocumentId,
        /// The steps, in order.
        steps: Vec<PatchStep>,
        /// The version it must have.
        expected: Option<Version>,
    },
    /// Applies an RFC 7396 merge patch to a live document.
    Merge {
        /// Which document.
        id: DocumentId,
        /// The merge patch.
        patch: Document,
        /// The version it must have.
        expected: Option<Version>,
    },
}

impl Action {
    /// Whether the action can change anything.
    #[must_use]
    pub const fn is_write(&self) -> bool {
        !matches!(self, Self::Read { .. })
    }

    /// The document it names, if it names one.
    #[must_use]
    pub const fn id(&self) -> Option<DocumentId> {
        match self {
            Self::Create { id, .. } => *id,
            Self::Read { id }
            | Self::Update { id, .. }
            | Self::Upsert { id, .. }
            | Self::Delete { id, .. }
            | Self::Patch { id, .. }
            | Self::Merge { id, .. } => Some(*id),
        }
    }

    /// Bytes of payload that it carries, as the limits of a request count them.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        match self {
            Self::Create { document, .. }
            | Self::Update { document, .. }
            | Self::Upsert { document, .. } => document.len(),
            Self::Merge { patch, .. } => patch.len(),
            Self::Patch { steps, .. } => steps.iter().map(PatchStep::payload_bytes).sum(),
            Self::Read { .. } | Self::Delete { .. } => 0,
        }
    }
}

/// How an operation that succeeded left the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was not there before.
    Created,
    /// It was there before, with another content.
    Replaced,
    /// It is there no more.
    Deleted,
    /// It was only read.
    Read,
}

/// What a successful [`Operation`] answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The document.
    pub id: DocumentId,
    /// The version that was written (for a delete: the transaction that removed it) or read.
    pub version: Version,
    /// What became of it.
    pub change: Change,
    /// The stored text, of a read.
    pub document: Option<Bytes>,
    /// Of a read: committed transactions of the database are lost, and one of them may have replaced
    /// or removed this version.
    pub may_be_older: bool,
}
