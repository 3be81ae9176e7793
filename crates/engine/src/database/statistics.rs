//! What a database tells of itself. Every figure is taken from what is there when it is asked for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use docdb_types::{CollectionId, CollectionName, Error, FsyncMode, Quotas, Version};
use docdb_wal::{Histogram, WalStatistics};
use parking_lot::Mutex;

use super::{Condition, LogicalDb};
use crate::healing::HealingFigures;
use crate::quota::QuotaRefusals;
use crate::transaction::TransactionStatistics;

/// A collection as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionInfo {
    /// Its id.
    pub id: CollectionId,
    /// Its name.
    pub name: CollectionName,
    /// Live documents in it.
    pub documents: u64,
}

/// One run of what works on a database beside its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaintenanceRun {
    /// When it ended, by the wall clock since 1970.
    pub finished_at: Duration,
    /// How long it took.
    pub duration: Duration,
    /// Documents that it wrote.
    pub documents: u64,
    /// Bytes that it wrote.
    pub bytes: u64,
}

/// All runs of one kind together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MaintenanceWork {
    /// How long each took, in microseconds.
    pub took_us: Histogram,
    /// Documents that they wrote.
    pub documents: u64,
    /// Bytes that they wrote.
    pub bytes: u64,
}

impl MaintenanceWork {
    /// Adds the runs of another database, or opening.
    pub(crate) fn add(&mut self, other: &Self) {
        self.took_us.merge(&other.took_us);
        self.documents += other.documents;
        self.bytes += other.bytes;
    }
}

/// The runs of one kind since the database was opened.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Runs {
    last: Option<MaintenanceRun>,
    work: MaintenanceWork,
}

impl Runs {
    fn note(&mut self, run: MaintenanceRun) {
        let took = u64::try_from(run.duration.as_micros()).unwrap_or(u64::MAX);
        self.work.took_us.record(took);
        self.work.documents += run.documents;
        self.work.bytes += run.bytes;
        self.last = Some(run);
    }
}

/// The runs of each kind.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct AllRuns {
    pub(crate) checkpoint: Runs,
    pub(crate) compaction: Runs,
}

/// The figures of one database.
#[derive(Debug, Clone, PartialEq)]
pub struct DatabaseStatistics {
    /// What it can do at present.
    pub condition: Condition,
    /// Why it takes no writes, where it takes none.
    pub cause: Option<Error>,
    /// When its writes are acknowledged.
    pub fsync: FsyncMode,
    /// The newest transaction that readers see.
    pub last_transaction: Version,
    /// Live documents of all collections.
    pub documents: u64,
    /// Deletions that no data file holds yet.
    pub tombstones: u64,
    /// Collections, `_default` included.
    pub collections: u64,
    /// Bytes of all log segments.
    pub log_bytes: u64,
    /// Bytes of all data files.
    pub data_bytes: u64,
    /// Bytes of the records in data files that are the newest of their document.
    pub live_bytes: u64,
    /// Data files.
    pub data_files: u64,
    /// What it may use.
    pub quotas: Quotas,
    /// Bytes that it takes on the disk, as the quota counts them.
    pub quota_bytes: u64,
    /// Requests that are under way.
    pub requests_in_flight: u64,
    /// What its quotas have refused since the start.
    pub quota_refusals: QuotaRefusals,
    /// Memory in use, in bytes: index, kept versions, queued requests.
    pub memory_bytes: u64,
    /// Memory of the index alone, in bytes.
    pub index_bytes: u64,
    /// Cap on its memory, in bytes.
    pub memory_cap_bytes: u64,
    /// Requests that wait for the committer.
    pub queued: u64,
    /// Open snapshots.
    pub snapshots: u64,
    /// How old the oldest one is; `None` where none is open.
    pub oldest_snapshot: Option<Duration>,
    /// Snapshots that grew too old and were ended since it was opened.
    pub expired_snapshots: u64,
    /// Older versions that snapshots keep.
    pub kept_versions: u64,
    /// Transactions committed since it was opened that wrote something.
    pub committed: u64,
    /// Those of them that were one step: a single operation or an atomic request.
    pub one_step: u64,
    /// Its transactions of many steps.
    pub transactions: TransactionStatistics,
    /// The last checkpoint since it was opened.
    pub last_checkpoint: Option<MaintenanceRun>,
    /// The last compaction since it was opened.
    pub last_compaction: Option<MaintenanceRun>,
    /// All checkpoints since then.
    pub checkpoints: MaintenanceWork,
    /// All compactions since then.
    pub compactions: MaintenanceWork,
    /// How long opening it took.
    pub recovery: Duration,
    /// What its log has done since it was opened.
    pub log: WalStatistics,
    /// What its healing has done since then.
    pub healing: HealingFigures,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) committed: AtomicU64,
    pub(super) recovery: Duration,
    pub(super) runs: Mutex<AllRuns>,
}

impl LogicalDb {
    /// The collections, `_default` first, then by id.
    ///
    /// # Errors
    /// `DbNotActive` once closed.
    pub fn list_collections(&self) -> Result<Vec<CollectionInfo>, Error> {
        self.health.check_readable()?;
        let states = self.index.view().collections();
        let info = states.into_iter().map(|state| CollectionInfo {
            id: state.id,
            name: state.name,
            documents: state.documents,
        });
        Ok(info.collect())
    }

    /// The figures of this database.
    #[must_use]
    pub fn statistics(&self) -> DatabaseStatistics {
        let log = self.log.statistics();
        let runs = *self.counters.runs.lock();
        let files = self.files.view();
        // ORDER: before the view. Who locks the index for reading twice waits for ever for a commit
        // that came in between and waits for the first.
        let memory_bytes = self.memory_bytes();
        let quota_bytes = self.quota_bytes();
        let view = self.index.view();
        let collections = view.collections();
        let (mut data_bytes, mut live_bytes, mut data_files) = (0, 0, 0);
        for file in files.iter() {
            data_files += 1;
            data_bytes += file.file_bytes();
            live_bytes += view.file_use(file.number()).live_bytes;
        }
        let index_bytes = view.bytes();
        let committed = self.counters.committed.load(Ordering::Relaxed);
        DatabaseStatistics {
            condition: self.health.condition(),
            cause: self.health.cause(),
            fsync: self.options.fsync,
            last_transaction: view.last_applied(),
            documents: collections.iter().map(|state| state.documents).sum(),
            tombstones: collections.iter().map(|state| state.tombstones).sum(),
            collections: collections.len() as u64,
            log_bytes: log.bytes,
            data_bytes,
            live_bytes,
            data_files,
            quotas: self.gate.quotas(),
            quota_bytes,
            requests_in_flight: self.gate.in_flight(),
            quota_refusals: self.gate.refusals(),
            memory_bytes,
            index_bytes,
            memory_cap_bytes: self.options.memory_bytes,
            queued: self.queue.len() as u64,
            snapshots: self.index.open_snapshots() as u64,
            oldest_snapshot: self
                .leases
                .oldest()
                .map(|begun| self.signals.now().saturating_sub(begun)),
            expired_snapshots: self.leases.expired(),
            kept_versions: view.kept_versions(),
            committed,
            one_step: committed.saturating_sub(self.transactions.written()),
            transactions: self.transactions.statistics(),
            last_checkpoint: runs.checkpoint.last,
            last_compaction: runs.compaction.last,
            checkpoints: runs.checkpoint.work,
            compactions: runs.compaction.work,
            recovery: self.counters.recovery,
            log,
            healing: self.healing.figures(),
        }
    }

    /// Notes the end of what worked beside requests.
    pub(crate) fn note_run(
        &self,
        kind: impl FnOnce(&mut AllRuns) -> &mut Runs,
        run: MaintenanceRun,
    ) {
        kind(&mut self.counters.runs.lock()).note(run);
    }

    /// The wall clock, since 1970.
    pub(crate) fn unix_time(&self) -> Duration {
        self.signals.unix_time()
    }

    /// Notes transactions that were committed.
    pub(crate) fn count_committed(&self, transactions: u64) {
        self.counters
            .committed
            .fetch_add(transactions, Ordering::Relaxed);
    }
}
