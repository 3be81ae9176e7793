//! Statistics as named values.

use docdb_client::{
    CheckpointReport, CompactionReport, CriticalError, DatabaseStatistics, Distribution,
    ErrorCounts, MaintenanceRun, ServerStatistics, Statistics,
};

use docdb_types::Quotas;

use crate::answer::{Record, Value};

/// Everything that was measured.
pub(crate) fn all(statistics: &Statistics) -> Record {
    Record::new()
        .with("server", server(&statistics.server))
        .with("database", database(&statistics.database))
}

/// The use of memory.
pub(crate) fn memory(statistics: &Statistics) -> Record {
    let (server, database) = (&statistics.server, &statistics.database);
    Record::new()
        .with("server_used_bytes", server.memory_used_bytes)
        .with("server_cap_bytes", server.memory_cap_bytes)
        .with("used_bytes", database.memory_used_bytes)
        .with("cap_bytes", database.memory_cap_bytes)
        .with("index_bytes", database.index_bytes)
        .with("documents", database.documents)
        .with("snapshots", database.snapshots)
}

/// The state of the log.
pub(crate) fn log(statistics: &Statistics) -> Record {
    let database = &statistics.database;
    Record::new()
        .with("fsync", database.fsync_mode.as_str())
        .with("bytes", database.log_bytes)
        .with("segments", database.log_segments)
        .with("last_transaction", database.last_transaction)
        .with("batches", database.batches)
        .with("syncs", database.syncs)
        .with("batch_size", database.batch_size.map(distribution))
        .with(
            "sync_latency_us",
            database.sync_latency_us.map(distribution),
        )
        .with("last_checkpoint", database.last_checkpoint.map(run))
}

/// What a checkpoint did.
pub(crate) fn checkpoint(report: &CheckpointReport) -> Record {
    Record::new()
        .with("documents", report.documents)
        .with("bytes_written", report.bytes_written)
        .with("log_bytes_trimmed", report.log_bytes_trimmed)
        .with("duration_us", report.duration_us)
        .with("covered_position", report.covered_position)
}

/// What a compaction did.
pub(crate) fn compaction(report: &CompactionReport) -> Record {
    Record::new()
        .with("replaced_files", report.replaced_files)
        .with("replaced_bytes", report.replaced_bytes)
        .with("documents", report.documents)
        .with("bytes_written", report.bytes_written)
        .with("duration_us", report.duration_us)
}

/// What a database may use.
pub(crate) fn quotas(quotas: Quotas) -> Record {
    Record::new()
        .with("disk_bytes", quotas.disk_bytes)
        .with("documents", quotas.documents)
        .with("operations_per_second", quotas.operations_per_second)
        .with("requests_in_flight", quotas.requests_in_flight)
}

fn server(server: &ServerStatistics) -> Record {
    Record::new()
        .with("version", server.version.as_str())
        .with("uptime_ms", server.uptime_ms)
        .with("fsync", server.fsync_mode.as_str())
        .with("databases", server.databases)
        .with("databases_active", server.databases_active)
        .with("databases_impaired", server.databases_impaired)
        .with("memory_used_bytes", server.memory_used_bytes)
        .with("memory_cap_bytes", server.memory_cap_bytes)
        .with("workers", server.workers)
        .with("workers_busy", server.workers_busy)
        .with("connections", server.connections)
        .with("requests", server.requests)
        .with("errors", server.errors)
        .with("bytes_in", server.bytes_in)
        .with("bytes_out", server.bytes_out)
        .with("cursors", server.cursors)
        .with("connections_refused", server.connections_refused)
        .with("slow_requests", server.slow_requests)
        .with("errors_by_category", server.errors_by_category.map(errors))
        .with("critical_errors", critical(&server.critical_errors))
}

fn errors(counts: ErrorCounts) -> Value {
    Record::new()
        .with("transient", counts.transient)
        .with("permanent", counts.permanent)
        .with("critical", counts.critical)
        .with("validation", counts.validation)
        .with("network", counts.network)
        .into()
}

/// Left out where there was none.
fn critical(errors: &[CriticalError]) -> Option<Vec<Record>> {
    let record = |error: &CriticalError| {
        Record::new()
            .with("code", error.code.as_str())
            .with("text", error.text.clone())
            .with("count", error.count)
            .with("last_at_ms", error.last_at_ms)
    };
    (!errors.is_empty()).then(|| errors.iter().map(record).collect())
}

fn database(database: &DatabaseStatistics) -> Record {
    // The sum over all databases has neither id, nor name, nor status.
    let named = (!database.name.is_empty()).then_some(());
    Record::new()
        .with("db_id", named.map(|()| database.id))
        .with("name", named.map(|()| database.name.clone()))
        .with("status", database.status.map(|status| status.as_str()))
        .with("fsync", database.fsync_mode.as_str())
        .with("documents", database.documents)
        .with("tombstones", database.tombstones)
        .with("collections", database.collections)
        .with("log_bytes", database.log_bytes)
        .with("log_segments", database.log_segments)
        .with("data_bytes", database.data_bytes)
        .with("data_files", database.data_files)
        .with("dead_bytes", database.dead_bytes)
        .with("transactions_begun", database.transactions_begun)
        .with("transactions_committed", database.transactions_committed)
        .with("last_transaction", database.last_transaction)
        .with("memory_used_bytes", database.memory_used_bytes)
        .with("memory_cap_bytes", database.memory_cap_bytes)
        .with("index_bytes", database.index_bytes)
        .with("snapshots", database.snapshots)
        .with("queue_depth", database.queue_depth)
        .with("queue_capacity", database.queue_capacity)
        .with("batches", database.batches)
        .with("syncs", database.syncs)
        .with("batch_size", database.batch_size.map(distribution))
        .with(
            "sync_latency_us",
            database.sync_latency_us.map(distribution),
        )
        .with("queue_wait_us", database.queue_wait_us.map(distribution))
        .with("last_checkpoint", database.last_checkpoint.map(run))
        .with("last_compaction", database.last_compaction.map(run))
        .with("last_healing", database.last_healing.map(run))
        .with("recovery_us", database.recovery_us)
        .with("transactions_open", database.transactions_open)
        .with("transaction_conflicts", database.transaction_conflicts)
        .with("snapshots_expired", database.snapshots_expired)
        .with("oldest_snapshot_ms", database.oldest_snapshot_ms)
        .with("quotas", database.quotas.map(|of| Value::from(quotas(of))))
        .with("quota_bytes", database.quota_bytes)
        .with("requests_in_flight", database.requests_in_flight)
        .with("quota_refusals", database.quota_refusals)
}

fn distribution(distribution: Distribution) -> Value {
    Record::new()
        .with("count", distribution.count)
        .with("min", distribution.min)
        .with("mean", distribution.mean)
        .with("p50", distribution.p50)
        .with("p95", distribution.p95)
        .with("p99", distribution.p99)
        .with("p999", distribution.p999)
        .with("max", distribution.max)
        .into()
}

pub(crate) fn run(run: MaintenanceRun) -> Value {
    Record::new()
        .with("finished_at_ms", run.finished_at_ms)
        .with("duration_us", run.duration_us)
        .with("documents", run.documents)
        .with("bytes", run.bytes)
        .into()
}
