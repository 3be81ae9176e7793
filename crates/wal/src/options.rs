use std::path::PathBuf;

use docdb_types::{DatabaseName, DatabaseUid, FsyncMode, TransactionId};

use crate::Lsn;

/// Whose log it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalIdentity {
    /// The name of the database, which the files carry.
    pub name: DatabaseName,
    /// The identity of the database, which every checksum is seeded with.
    pub uid: DatabaseUid,
}

/// How a log is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalOptions {
    /// The directory of the segments; created, with the levels above it, when missing.
    pub directory: PathBuf,
    /// Length at which a segment is sealed and the next one started, in bytes. A batch is never
    /// split: one that is larger has a segment of its own.
    pub segment_bytes: u64,
    /// How many of the newest sealed segments trimming leaves although they are covered.
    pub keep_segments: u32,
    /// Most zeros written ahead of the end of the log so that a sync has no new file length to
    /// record, in bytes; 0 turns it off.
    pub preallocate_bytes: u64,
    /// When [`Wal::commit`](crate::Wal::commit) syncs.
    pub fsync: FsyncMode,
    /// Whether opening asks the system to forget its cached pages of the log first. On by default:
    /// after a failed sync, also one of an earlier process, the cache shows bytes that the disk does
    /// not have.
    pub drop_cache_before_read: bool,
    /// Whether a log that lost durable batches is opened for writing all the same. This is the
    /// explicit decision of a person; see [`Wal::open`](crate::Wal::open).
    pub accept_loss: bool,
}

impl WalOptions {
    /// The defaults: segments of 64 MiB, two kept, no preallocation, group commit,
    /// and read from the disk when opened.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            segment_bytes: 64 * 1024 * 1024,
            keep_segments: 2,
            preallocate_bytes: 0,
            fsync: FsyncMode::Group,
            drop_cache_before_read: true,
            accept_loss: false,
        }
    }
}

/// How far a checkpoint has made the log superfluous, as the manifest says.
///
/// INVARIANT: whoever writes a position other than 0 into a manifest knows that a log exists. A log
/// that is missing altogether is then corruption; with position 0 it is a log not created yet. A
/// new database therefore creates its log first and notes its [`end`](crate::Wal::end) in its first
/// manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Covered {
    /// Everything in front of this position is in data files. A boundary between batches.
    pub lsn: Lsn,
    /// The highest transaction id that the manifest knows of.
    pub last_transaction: TransactionId,
}

impl Covered {
    /// No checkpoint yet.
    pub const NOTHING: Self = Self {
        lsn: Lsn::ZERO,
        last_transaction: TransactionId::ZERO,
    };
}
