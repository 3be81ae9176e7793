//! One database: what it is made of. Each way through it has a file of its own.

mod direct;
mod health;
mod lease;
mod open;
mod read;
mod scan;
mod snapshot;
mod statistics;
mod texts;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use docdb_storage::{FileSet, Index};
use docdb_types::{CollectionId, CollectionName, DatabaseId, DatabaseName, Error, FsyncMode};
use docdb_vfs::Clock;
use docdb_wal::group::GroupQueue;
use docdb_wal::{LogReader, Lsn};
use parking_lot::Mutex;

use crate::catalog::Identity;
use crate::checkpoint::Checkpointer;
use crate::commit::{Committer, Gathering, Work};
use crate::healing::Healing;
use crate::options::DatabaseOptions;
use crate::pool::{CachedDocuments, MemoryShare, Reserve, Signals};
use crate::quota::Gate;
use crate::transaction::OpenTransactions;

pub use health::Condition;
pub(crate) use health::Health;
pub(crate) use open::first_manifest;
pub(crate) use read::Missed;
pub use scan::{Page, ScanLimit, Scanned};
pub(crate) use snapshot::Held;
pub use snapshot::Snapshot;
pub use statistics::{CollectionInfo, DatabaseStatistics, MaintenanceRun, MaintenanceWork};
pub use write::Submitted;

/// One isolated database of JSON documents.
///
/// Writes go through one committer, in batches; reads take what is durable and wait for no commit.
/// All methods may be called from any number of threads.
#[derive(Debug)]
pub struct LogicalDb {
    pub(crate) identity: Identity,
    pub(crate) options: DatabaseOptions,
    pub(crate) health: Health,
    pub(crate) index: Index,
    pub(crate) files: FileSet,
    pub(crate) log: LogReader,
    pub(crate) committer: Mutex<Committer>,
    pub(crate) checkpointer: Mutex<Checkpointer>,
    pub(crate) signals: Signals,
    /// What it may use.
    pub(crate) gate: Arc<Gate>,
    queue: GroupQueue<Work>,
    gathering: Gathering,
    clock: Arc<dyn Clock>,
    memory: MemoryShare,
    pub(crate) reserve: Arc<Reserve>,
    /// How far data files cover the log, as a log position.
    covered: AtomicU64,
    /// As far, or as far as the checkpoint that runs is going to.
    covering: AtomicU64,
    /// Payload bytes of requests that are queued or running.
    requested_bytes: AtomicU64,
    texts: Arc<texts::Texts>,
    /// Documents that were read lately.
    documents: CachedDocuments,
    /// Memory of the idempotency keys, in bytes.
    key_bytes: AtomicU64,
    counters: statistics::Counters,
    /// Whether it is about to be closed: what can be left for later stops.
    ending: AtomicBool,
    leases: Arc<lease::Leases>,
    pub(crate) transactions: Arc<OpenTransactions>,
    pub(crate) healing: Healing,
}

impl LogicalDb {
    /// Its number in the data directory.
    #[must_use]
    pub const fn id(&self) -> DatabaseId {
        self.identity.id
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &DatabaseName {
        &self.identity.name
    }

    /// When its writes are acknowledged.
    #[must_use]
    pub const fn fsync_mode(&self) -> FsyncMode {
        self.options.fsync
    }

    /// What it can do at present.
    #[must_use]
    pub fn condition(&self) -> Condition {
        self.health.condition()
    }

    /// Whether it is being closed, or is closed.
    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed) || self.condition() == Condition::Closed
    }

    /// Whether requests wait for the committer.
    pub(crate) fn is_loaded(&self) -> bool {
        !self.queue.is_empty()
    }

    /// How far data files cover the log.
    pub(crate) fn covered(&self) -> Lsn {
        Lsn::new(self.covered.load(Ordering::Relaxed))
    }

    /// Notes how far data files cover the log.
    pub(crate) fn note_covered(&self, covered: Lsn) {
        self.covered.store(covered.get(), Ordering::Relaxed);
    }

    /// How far data files cover the log, or are going to by the checkpoint that runs.
    pub(crate) fn covering(&self) -> Lsn {
        Lsn::new(self.covering.load(Ordering::Relaxed))
    }

    /// Notes how far a checkpoint that has begun is going to cover the log, or that it does not.
    pub(crate) fn note_covering(&self, covering: Lsn) {
        self.covering.store(covering.get(), Ordering::Relaxed);
    }

    /// Notes what the idempotency keys take.
    pub(crate) fn note_key_bytes(&self, bytes: u64) {
        self.key_bytes.store(bytes, Ordering::Relaxed);
    }

    /// The collection of a name.
    ///
    /// # Errors
    /// `CollectionNotFound` (`CorruptLog` in a degraded database).
    pub(crate) fn resolve(&self, name: &CollectionName) -> Result<CollectionId, Error> {
        if name.is_default() {
            return Ok(CollectionId::DEFAULT);
        }
        let found = self.index.view().collection_id(name);
        found.ok_or_else(|| self.health.no_collection(name))
    }

    /// The collection that had a name at a moment that is held.
    ///
    /// # Errors
    /// `CollectionNotFound` (`CorruptLog` in a degraded database).
    pub(crate) fn resolve_at(
        &self,
        name: &CollectionName,
        held: &Held,
    ) -> Result<CollectionId, Error> {
        if name.is_default() {
            return Ok(CollectionId::DEFAULT);
        }
        let view = self.index.view();
        let found = view.collection_id_at(&held.versions, name);
        drop(view);
        found.ok_or_else(|| self.health.no_collection(name))
    }

    /// Live documents of all collections.
    pub(crate) fn documents(&self) -> u64 {
        let collections = self.index.view().collections();
        collections.iter().map(|state| state.documents).sum()
    }

    /// Bytes that it takes on the disk, as its quota counts them: data files, and the log that they
    /// do not cover yet. What the log keeps beyond that is bounded for all databases alike.
    #[must_use]
    pub fn quota_bytes(&self) -> u64 {
        let files = self.files.view();
        let data: u64 = files.iter().map(|file| file.file_bytes()).sum();
        data + self.uncovered_bytes()
    }

    /// Files that it has open: segments of the log, and data files, those among them that are replaced
    /// and still read.
    pub(crate) fn open_files(&self) -> u64 {
        self.log.statistics().segments + self.files.open_files()
    }

    fn uncovered_bytes(&self) -> u64 {
        let end = self.log.end().get();
        end.saturating_sub(self.covered().get())
    }

    /// How much of the log is uncovered, in units of what a checkpoint is made for.
    pub(crate) fn lag(&self) -> f64 {
        let due = self.options.checkpoint_bytes.unwrap_or(u64::MAX);
        self.uncovered_bytes() as f64 / due as f64
    }

    /// Whether its quota lets it take so many bytes more. Where not, whatever could be given back is
    /// looked for.
    ///
    /// # Errors
    /// `DiskQuota`.
    pub(crate) fn check_disk_quota(&self, more: u64) -> Result<(), Error> {
        let checked = self.gate.check_disk(|| self.quota_bytes() + more);
        if checked.is_err() {
            self.signals.want_compaction(Duration::ZERO);
        }
        checked
    }

    pub(crate) fn documents_in(&self, collection: CollectionId) -> u64 {
        self.index
            .view()
            .collection(collection)
            .map_or(0, |state| state.documents)
    }

    pub(crate) fn highest_document_id(&self, collection: CollectionId) -> u64 {
        self.index
            .view()
            .collection(collection)
            .map_or(0, |state| state.highest_document_id)
    }
}
