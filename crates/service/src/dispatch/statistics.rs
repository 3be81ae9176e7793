use std::time::Duration;

use docdb_engine::{
    Condition, DatabaseStatistics as Figures, DatabaseStatus as Stand, LogicalDb,
    MaintenanceRun as Run, TransactionStatistics,
};
use docdb_ipc::{
    CriticalError, DatabaseStatistics, DatabaseStatus, ErrorCounts, MaintenanceRun, Reply,
    ServerStatistics, Statistics,
};
use docdb_scheduler::{DatabaseStats, SchedulerStats};

use docdb_types::Category;

use super::tally::{Tally, micros};
use crate::metrics::CriticalError as KeptError;
use crate::shared::Shared;

/// The figures of one database, and those of the server for whom they are meant: they name other
/// databases.
pub(super) fn of_database(database: &LogicalDb, shared: &Shared, sees_the_server: bool) -> Reply {
    let scheduled = shared.scheduler.stats();
    let mut sum = Sum::default();
    let figures = database.statistics();
    sum.add(
        &figures,
        scheduled
            .databases
            .iter()
            .find(|of| of.database == database.id()),
    );
    let statistics = DatabaseStatistics {
        id: database.id().get(),
        name: database.name().as_str().to_owned(),
        status: Some(status_of(figures.condition)),
        last_transaction: Some(figures.last_transaction.get()),
        recovery_us: Some(micros(figures.recovery)),
        quotas: Some(figures.quotas),
        ..sum.statistics(shared)
    };
    if sees_the_server {
        return reply(shared, &scheduled, statistics);
    }
    let server = ServerStatistics {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        fsync_mode: shared.options.engine.fsync,
        ..ServerStatistics::default()
    };
    let database = statistics;
    Reply::Statistics(Box::new(Statistics { server, database }))
}

/// The figures of the server, and the sum over all open databases.
pub(super) fn of_server(shared: &Shared) -> Reply {
    let scheduled = shared.scheduler.stats();
    let mut sum = Sum::default();
    for database in shared.engine.open_handles() {
        let queue = scheduled
            .databases
            .iter()
            .find(|of| of.database == database.id());
        sum.add(&database.statistics(), queue);
    }
    let statistics = sum.statistics(shared);
    reply(shared, &scheduled, statistics)
}

fn reply(shared: &Shared, scheduled: &SchedulerStats, database: DatabaseStatistics) -> Reply {
    let engine = shared.engine.statistics();
    let impaired = shared
        .engine
        .list_databases()
        .iter()
        .filter(|info| is_impaired(&info.status))
        .count();
    let counters = &shared.counters;
    let server = ServerStatistics {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_ms: u64::try_from(shared.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        fsync_mode: engine.fsync,
        databases: engine.databases,
        databases_active: engine.open,
        databases_impaired: Some(impaired as u64),
        memory_used_bytes: Some(engine.memory_bytes),
        memory_cap_bytes: Some(engine.memory_cap_bytes),
        workers: Some(scheduled.workers_alive as u64),
        workers_busy: Some(
            (scheduled
                .workers_alive
                .saturating_sub(scheduled.workers_idle)) as u64,
        ),
        connections: Some(counters.connections.get()),
        requests: Some(counters.requests.get()),
        errors: Some(counters.errors.get()),
        bytes_in: Some(counters.bytes_in.get()),
        bytes_out: Some(counters.bytes_out.get()),
        cursors: Some(counters.cursors.get()),
        errors_by_category: Some(errors_by_category(shared)),
        critical_errors: shared
            .outcomes
            .critical
            .read()
            .into_iter()
            .map(critical)
            .collect(),
        connections_refused: Some(counters.connections_refused.get()),
        slow_requests: Some(shared.outcomes.slow.get()),
    };
    Reply::Statistics(Box::new(Statistics { server, database }))
}

fn errors_by_category(shared: &Shared) -> ErrorCounts {
    let mut counts = ErrorCounts::default();
    for (category, count) in shared.outcomes.by_category() {
        *match category {
            Category::Transient => &mut counts.transient,
            Category::Permanent => &mut counts.permanent,
            Category::Critical => &mut counts.critical,
            Category::Validation => &mut counts.validation,
            Category::Network => &mut counts.network,
        } = count;
    }
    counts
}

fn critical(kept: KeptError) -> CriticalError {
    CriticalError {
        code: kept.code,
        text: kept.text,
        count: kept.count,
        last_at_ms: kept.last_unix_ms,
    }
}

/// Where a database stands, as it is listed.
pub(crate) const fn status(stand: &Stand) -> DatabaseStatus {
    match stand {
        Stand::Closed => DatabaseStatus::Closed,
        Stand::Opening => DatabaseStatus::Opening,
        Stand::Open(condition) => status_of(*condition),
        Stand::Closing => DatabaseStatus::Closing,
        Stand::Failed(_) => DatabaseStatus::Failed,
        Stand::Dropping => DatabaseStatus::Dropping,
    }
}

const fn status_of(condition: Condition) -> DatabaseStatus {
    match condition {
        Condition::Serving => DatabaseStatus::Active,
        Condition::ReadOnly => DatabaseStatus::ReadOnly,
        Condition::Degraded => DatabaseStatus::Degraded,
        Condition::Closed => DatabaseStatus::Closed,
    }
}

const fn is_impaired(stand: &Stand) -> bool {
    matches!(
        status(stand),
        DatabaseStatus::ReadOnly | DatabaseStatus::Degraded | DatabaseStatus::Failed
    )
}

/// The figures of databases, added up.
#[derive(Debug, Default)]
struct Sum {
    documents: u64,
    tombstones: u64,
    collections: u64,
    log_bytes: u64,
    log_segments: u64,
    data_bytes: u64,
    data_files: u64,
    dead_bytes: u64,
    quota_bytes: u64,
    requests_in_flight: u64,
    quota_refusals: u64,
    memory_bytes: u64,
    memory_cap_bytes: u64,
    index_bytes: u64,
    snapshots: u64,
    snapshots_expired: u64,
    oldest_snapshot: Option<Duration>,
    one_step: u64,
    transactions: TransactionStatistics,
    queued: u64,
    batches: u64,
    batch_size: Tally,
    sync_latency_us: Tally,
    queue_wait_us: Tally,
    last_checkpoint: Option<Run>,
    last_compaction: Option<Run>,
    last_healing: Option<Run>,
}

impl Sum {
    fn add(&mut self, of: &Figures, queue: Option<&DatabaseStats>) {
        self.documents += of.documents;
        self.tombstones += of.tombstones;
        self.collections += of.collections;
        self.log_bytes += of.log_bytes;
        self.log_segments += of.log.segments;
        self.data_bytes += of.data_bytes;
        self.data_files += of.data_files;
        self.dead_bytes += of.data_bytes.saturating_sub(of.live_bytes);
        self.one_step += of.one_step;
        self.quota_bytes += of.quota_bytes;
        self.requests_in_flight += of.requests_in_flight;
        self.quota_refusals += of.quota_refusals.sum();
        self.memory_bytes += of.memory_bytes;
        self.memory_cap_bytes += of.memory_cap_bytes;
        self.index_bytes += of.index_bytes;
        self.snapshots += of.snapshots;
        self.snapshots_expired += of.expired_snapshots;
        self.oldest_snapshot = self.oldest_snapshot.max(of.oldest_snapshot);
        self.transactions.open += of.transactions.open;
        self.transactions.begun += of.transactions.begun;
        self.transactions.committed += of.transactions.committed;
        self.transactions.conflicts += of.transactions.conflicts;
        self.queued += of.queued;
        self.batches += of.log.batches;
        let (batches, syncs) = (&of.log.batch_records, &of.log.sync_latency_us);
        self.batch_size
            .add(batches.buckets(), batches.sum() as f64, batches.max());
        self.sync_latency_us
            .add(syncs.buckets(), syncs.sum() as f64, syncs.max());
        self.last_checkpoint = newest(self.last_checkpoint, of.last_checkpoint);
        self.last_compaction = newest(self.last_compaction, of.last_compaction);
        self.last_healing = newest(self.last_healing, of.healing.last_healing);
        if let Some(queue) = queue {
            self.queued += queue.queued as u64;
            self.queue_wait_us.add_waits(&queue.waits);
        }
    }

    fn statistics(&self, shared: &Shared) -> DatabaseStatistics {
        let syncs = self.sync_latency_us.distribution();
        DatabaseStatistics {
            fsync_mode: shared.options.engine.fsync,
            documents: self.documents,
            tombstones: Some(self.tombstones),
            collections: Some(self.collections),
            log_bytes: Some(self.log_bytes),
            log_segments: Some(self.log_segments),
            data_bytes: Some(self.data_bytes),
            data_files: Some(self.data_files),
            dead_bytes: Some(self.dead_bytes),
            // Whatever is one step is begun and committed at once.
            transactions_begun: Some(self.one_step + self.transactions.begun),
            transactions_committed: Some(self.one_step + self.transactions.committed),
            transactions_open: Some(self.transactions.open),
            transaction_conflicts: Some(self.transactions.conflicts),
            snapshots_expired: Some(self.snapshots_expired),
            oldest_snapshot_ms: self
                .oldest_snapshot
                .and_then(|age| u64::try_from(age.as_millis()).ok()),
            quota_bytes: Some(self.quota_bytes),
            requests_in_flight: Some(self.requests_in_flight),
            quota_refusals: Some(self.quota_refusals),
            memory_used_bytes: Some(self.memory_bytes),
            memory_cap_bytes: Some(self.memory_cap_bytes),
            index_bytes: Some(self.index_bytes),
            snapshots: Some(self.snapshots),
            queue_depth: Some(self.queued),
            queue_capacity: Some(shared.options.scheduler.queue_depth as u64),
            batches: Some(self.batches),
            syncs: Some(syncs.count),
            batch_size: Some(self.batch_size.distribution()),
            sync_latency_us: Some(syncs),
            queue_wait_us: Some(self.queue_wait_us.distribution()),
            last_checkpoint: self.last_checkpoint.map(run),
            last_compaction: self.last_compaction.map(run),
            last_healing: self.last_healing.map(run),
            ..DatabaseStatistics::default()
        }
    }
}

/// The one of two runs that ended later.
fn newest(one: Option<Run>, other: Option<Run>) -> Option<Run> {
    [one, other]
        .into_iter()
        .flatten()
        .max_by_key(|run| run.finished_at)
}

pub(super) fn run(run: Run) -> MaintenanceRun {
    let finished_at_ms = u64::try_from(run.finished_at.as_millis());
    MaintenanceRun {
        finished_at_ms: finished_at_ms.unwrap_or(u64::MAX),
        duration_us: micros(run.duration),
        documents: run.documents,
        bytes: run.bytes,
    }
}
