use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use docdb_types::DatabaseId;
use docdb_wal::Histogram;
use parking_lot::Mutex;

use crate::database::{DatabaseStatistics, LogicalDb, MaintenanceWork};
use crate::healing::HealingFigures;

/// What databases have done, over all of their openings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct WorkDone {
    /// Transactions committed that wrote something.
    pub committed: u64,
    /// Transactions of many steps that were begun.
    pub transactions_begun: u64,
    /// Those that were committed.
    pub transactions_committed: u64,
    /// Those that another one came before.
    pub transaction_conflicts: u64,
    /// Snapshots that were ended because they grew too old.
    pub expired_snapshots: u64,
    /// Records in each batch of the logs.
    pub batch_records: Histogram,
    /// Latency of the syncs of the logs, in microseconds.
    pub sync_latency_us: Histogram,
    /// Bytes appended to the logs.
    pub appended_bytes: u64,
    /// Log segments sealed.
    pub rotations: u64,
    /// Log segments trimmed.
    pub trimmed_segments: u64,
    /// Checkpoints.
    pub checkpoints: MaintenanceWork,
    /// Compactions.
    pub compactions: MaintenanceWork,
    /// How long openings took, in microseconds.
    pub recovery_us: Histogram,
    /// Healing.
    pub healing: HealingFigures,
}

impl WorkDone {
    fn add(&mut self, of: &DatabaseStatistics) {
        self.committed += of.committed;
        self.transactions_begun += of.transactions.begun;
        self.transactions_committed += of.transactions.committed;
        self.transaction_conflicts += of.transactions.conflicts;
        self.expired_snapshots += of.expired_snapshots;
        self.batch_records.merge(&of.log.batch_records);
        self.sync_latency_us.merge(&of.log.sync_latency_us);
        self.appended_bytes += of.log.appended_bytes;
        self.rotations += of.log.rotations;
        self.trimmed_segments += of.log.trimmed_segments;
        self.checkpoints.add(&of.checkpoints);
        self.compactions.add(&of.compactions);
        self.healing.add(&of.healing);
    }
}

/// The work of all databases: of those that are open as they tell it, of those that were closed as
/// they told it last.
///
/// INVARIANT: under the lock, the work of each opening is in exactly one of the two, so that a sum
/// never goes back when a database is closed.
#[derive(Debug, Default)]
pub(crate) struct Totals(Mutex<Ledger>);

#[derive(Debug, Default)]
struct Ledger {
    open: BTreeMap<DatabaseId, Weak<LogicalDb>>,
    past: WorkDone,
}

impl Totals {
    pub(crate) fn opened(&self, database: &Arc<LogicalDb>) {
        let recovery = micros(database.statistics().recovery);
        let mut ledger = self.0.lock();
        ledger.past.recovery_us.record(recovery);
        ledger.open.insert(database.id(), Arc::downgrade(database));
    }

    /// Takes the last word of a database that does nothing any more.
    pub(crate) fn closed(&self, database: &LogicalDb) {
        let mut ledger = self.0.lock();
        if ledger.open.remove(&database.id()).is_some() {
            ledger.past.add(&database.statistics());
        }
    }

    pub(crate) fn work_done(&self) -> WorkDone {
        let ledger = self.0.lock();
        let mut sum = ledger.past.clone();
        for database in ledger.open.values().filter_map(Weak::upgrade) {
            sum.add(&database.statistics());
        }
        sum
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
