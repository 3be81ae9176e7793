use std::io;
use std::path::Path;

use docdb_types::Effect;

use crate::Lsn;

/// What went wrong in the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WalError {
    /// A call to the file system failed where it changes nothing that was committed.
    #[error("cannot {operation} {file}")]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// The name of the file or directory.
        file: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },

    /// No space is left. The batch is not in the log, now or after a crash; the log stays writable.
    #[error("no space left for {file}")]
    Full {
        /// The name of the file.
        file: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },

    /// A write failed, and the log takes no more until it is opened again.
    #[error("cannot write {file} at offset {offset}")]
    Write {
        /// The name of the file.
        file: String,
        /// Where the batch was to begin.
        offset: u64,
        /// Whether the batch was taken back durably (not applied) or may be found after a crash
        /// (unknown).
        effect: Effect,
        /// What the system said.
        #[source]
        source: io::Error,
    },

    /// A sync failed. What was appended since the last successful one may or may not be on the
    /// disk; the log takes no more until it is opened again.
    #[error("cannot sync {file}")]
    Sync {
        /// The name of the file or directory.
        file: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },

    /// An earlier failure has closed the log for writing. This call did nothing.
    #[error("log is closed for writing since {cause}")]
    Poisoned {
        /// The earlier failure.
        cause: String,
    },

    /// The log was opened read-only. This call did nothing.
    #[error("log is open read-only: {reason}")]
    ReadOnly {
        /// Why it was opened so.
        reason: String,
    },

    /// The bytes at the position are not what was written there.
    #[error("{file} is damaged at offset {offset}: {what}")]
    Corrupt {
        /// The name of the file.
        file: String,
        /// Where the damaged batch or record begins.
        offset: u64,
        /// How it shows.
        what: Corruption,
    },

    /// The position is in a segment that has been trimmed, or was never written.
    #[error("log position {lsn} is not in the log")]
    NotInLog {
        /// The position.
        lsn: Lsn,
    },

    /// A file was written by a newer version. Nothing has been changed.
    #[error("{file} needs a newer version: {what} at offset {offset}")]
    Unsupported {
        /// The name of the file.
        file: String,
        /// Where the unknown value stands.
        offset: u64,
        /// The unknown value.
        what: String,
    },

    /// A record or batch would pass a limit of the format. Nothing was added.
    #[error("{what} of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },

    /// Memory for a batch or record was refused by the system.
    #[error("no memory for {bytes} bytes of log")]
    OutOfMemory {
        /// How much was needed.
        bytes: u64,
    },

    /// The one who was handed the records refused to go on.
    #[error("recovery was stopped")]
    Visitor(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl WalError {
    /// Wraps an error of the one who is handed the records.
    pub fn visitor(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Visitor(error.into())
    }

    /// What became of the batch when [`Wal::append`](crate::Wal::append),
    /// [`Wal::sync`](crate::Wal::sync) or [`Wal::commit`](crate::Wal::commit) gave this error.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match self {
            Self::Write { effect, .. } => *effect,
            Self::Sync { .. } => Effect::Unknown,
            _ => Effect::NotApplied,
        }
    }
}

/// How damage shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Corruption {
    /// No segment header that verifies.
    #[error("segment header does not verify")]
    SegmentHeader,
    /// The segment belongs to another database.
    #[error("segment belongs to another database")]
    ForeignSegment,
    /// The segment says that it has another number than its name.
    #[error("segment is not the one that its name says")]
    MisnamedSegment,
    /// A segment, or the whole log, is missing.
    #[error("segment is missing")]
    MissingSegment,
    /// The segment is shorter than its successor or the manifest says that it was.
    #[error("segment is too short")]
    ShortSegment,
    /// The segment does not end in the batch that its successor continues.
    #[error("segment does not continue its predecessor")]
    BrokenChain,
    /// No batch header that verifies.
    #[error("batch header does not verify")]
    BatchHeader,
    /// The batch reaches past the end of the segment.
    #[error("batch is cut off")]
    BatchLength,
    /// The records of the batch do not verify.
    #[error("batch content does not verify")]
    BatchContent,
    /// The batch does not follow the one in front of it.
    #[error("batch is out of sequence")]
    BatchSequence,
    /// The record does not verify.
    #[error("record does not verify")]
    Record,
    /// The disk does not read it.
    #[error("place cannot be read")]
    Unreadable,
}

/// The name of a file or directory without the path in front of it.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

pub(crate) fn io_error(operation: &'static str, path: &Path, source: io::Error) -> WalError {
    let file = file_name(path);
    if is_full(&source) {
        return WalError::Full { file, source };
    }
    WalError::Io {
        operation,
        file,
        source,
    }
}

/// Whether the system refused for want of space: a quota and a file size limit are such wants too.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}
