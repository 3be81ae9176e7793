use docdb_types::{Code, FsyncMode, Quotas};

use super::enums::{
    code_from_wire, code_to_wire, database_status_from_wire, database_status_to_wire,
    fsync_mode_from_wire, fsync_mode_to_wire,
};
use crate::proto;
use crate::{
    CriticalError, DatabaseStatistics, Distribution, ErrorCounts, MaintenanceRun, ServerStatistics,
    Statistics,
};

pub(super) fn statistics_to_wire(statistics: Statistics) -> proto::StatsResult {
    proto::StatsResult {
        server: Some(server_to_wire(statistics.server)),
        database: Some(database_to_wire(statistics.database)),
    }
}

pub(super) fn statistics_from_wire(message: proto::StatsResult) -> Statistics {
    Statistics {
        server: message.server.map(server_from_wire).unwrap_or_default(),
        database: message.database.map(database_from_wire).unwrap_or_default(),
    }
}

/// A mode that is not known here, of a newer server, reads as the weakest one.
fn fsync_mode(number: i32) -> FsyncMode {
    fsync_mode_from_wire(number).unwrap_or(FsyncMode::None)
}

fn server_to_wire(it: ServerStatistics) -> proto::ServerStatistics {
    proto::ServerStatistics {
        version: it.version,
        uptime_ms: it.uptime_ms,
        fsync_mode: fsync_mode_to_wire(it.fsync_mode) as i32,
        databases: it.databases,
        databases_active: it.databases_active,
        databases_impaired: it.databases_impaired,
        memory_used_bytes: it.memory_used_bytes,
        memory_cap_bytes: it.memory_cap_bytes,
        workers: it.workers,
        workers_busy: it.workers_busy,
        connections: it.connections,
        requests: it.requests,
        errors: it.errors,
        bytes_in: it.bytes_in,
        bytes_out: it.bytes_out,
        cursors: it.cursors,
        errors_by_category: it.errors_by_category.map(|of| proto::ErrorCounts {
            transient: of.transient,
            permanent: of.permanent,
            critical: of.critical,
            validation: of.validation,
            network: of.network,
        }),
        critical_errors: it
            .critical_errors
            .into_iter()
            .map(critical_to_wire)
            .collect(),
        connections_refused: it.connections_refused,
        slow_requests: it.slow_requests,
    }
}

fn critical_to_wire(it: CriticalError) -> proto::CriticalError {
    proto::CriticalError {
        code: code_to_wire(it.code) as i32,
        text: it.text,
        count: it.count,
        last_at_ms: it.last_at_ms,
    }
}

/// A code that is not known here, of a newer server, reads as an internal error.
fn critical_from_wire(it: proto::CriticalError) -> CriticalError {
    CriticalError {
        code: code_from_wire(it.code).unwrap_or(Code::Internal),
        text: it.text,
        count: it.count,
        last_at_ms: it.last_at_ms,
    }
}

fn server_from_wire(it: proto::ServerStatistics) -> ServerStatistics {
    ServerStatistics {
        version: it.version,
        uptime_ms: it.uptime_ms,
        fsync_mode: fsync_mode(it.fsync_mode),
        databases: it.databases,
        databases_active: it.databases_active,
        databases_impaired: it.databases_impaired,
        memory_used_bytes: it.memory_used_bytes,
        memory_cap_bytes: it.memory_cap_bytes,
        workers: it.workers,
        workers_busy: it.workers_busy,
        connections: it.connections,
        requests: it.requests,
        errors: it.errors,
        bytes_in: it.bytes_in,
        bytes_out: it.bytes_out,
        cursors: it.cursors,
        errors_by_category: it.errors_by_category.map(|of| ErrorCounts {
            transient: of.transient,
            permanent: of.permanent,
            critical: of.critical,
            validation: of.validation,
            network: of.network,
        }),
        critical_errors: it
            .critical_errors
            .into_iter()
            .map(critical_from_wire)
            .collect(),
        connections_refused: it.connections_refused,
        slow_requests: it.slow_requests,
    }
}

fn database_to_wire(it: DatabaseStatistics) -> proto::DatabaseStatistics {
    proto::DatabaseStatistics {
        id: it.id,
        name: it.name,
        status: it
            .status
            .map_or(0, |status| database_status_to_wire(status) as i32),
        fsync_mode: fsync_mode_to_wire(it.fsync_mode) as i32,
        documents: it.documents,
        tombstones: it.tombstones,
        collections: it.collections,
        log_bytes: it.log_bytes,
        log_segments: it.log_segments,
        data_bytes: it.data_bytes,
        data_files: it.data_files,
        dead_bytes: it.dead_bytes,
        transactions_begun: it.transactions_begun,
        transactions_committed: it.transactions_committed,
        last_transaction: it.last_transaction,
        memory_used_bytes: it.memory_used_bytes,
        memory_cap_bytes: it.memory_cap_bytes,
        index_bytes: it.index_bytes,
        snapshots: it.snapshots,
        queue_depth: it.queue_depth,
        queue_capacity: it.queue_capacity,
        batches: it.batches,
        syncs: it.syncs,
        batch_size: it.batch_size.map(distribution_to_wire),
        sync_latency_us: it.sync_latency_us.map(distribution_to_wire),
        queue_wait_us: it.queue_wait_us.map(distribution_to_wire),
        last_checkpoint: it.last_checkpoint.map(run_to_wire),
        last_compaction: it.last_compaction.map(run_to_wire),
        last_healing: it.last_healing.map(run_to_wire),
        recovery_us: it.recovery_us,
        transactions_open: it.transactions_open,
        transaction_conflicts: it.transaction_conflicts,
        snapshots_expired: it.snapshots_expired,
        oldest_snapshot_ms: it.oldest_snapshot_ms,
        quotas: it.quotas.map(quotas_to_wire),
        quota_bytes: it.quota_bytes,
        requests_in_flight: it.requests_in_flight,
        quota_refusals: it.quota_refusals,
    }
}

fn database_from_wire(it: proto::DatabaseStatistics) -> DatabaseStatistics {
    DatabaseStatistics {
        id: it.id,
        name: it.name,
        status: database_status_from_wire(it.status),
        fsync_mode: fsync_mode(it.fsync_mode),
        documents: it.documents,
        tombstones: it.tombstones,
        collections: it.collections,
        log_bytes: it.log_bytes,
        log_segments: it.log_segments,
        data_bytes: it.data_bytes,
        data_files: it.data_files,
        dead_bytes: it.dead_bytes,
        transactions_begun: it.transactions_begun,
        transactions_committed: it.transactions_committed,
        last_transaction: it.last_transaction,
        memory_used_bytes: it.memory_used_bytes,
        memory_cap_bytes: it.memory_cap_bytes,
        index_bytes: it.index_bytes,
        snapshots: it.snapshots,
        queue_depth: it.queue_depth,
        queue_capacity: it.queue_capacity,
        batches: it.batches,
        syncs: it.syncs,
        batch_size: it.batch_size.map(distribution_from_wire),
        sync_latency_us: it.sync_latency_us.map(distribution_from_wire),
        queue_wait_us: it.queue_wait_us.map(distribution_from_wire),
        last_checkpoint: it.last_checkpoint.map(run_from_wire),
        last_compaction: it.last_compaction.map(run_from_wire),
        last_healing: it.last_healing.map(run_from_wire),
        recovery_us: it.recovery_us,
        transactions_open: it.transactions_open,
        transaction_conflicts: it.transaction_conflicts,
        snapshots_expired: it.snapshots_expired,
        oldest_snapshot_ms: it.oldest_snapshot_ms,
        quotas: it.quotas.map(quotas_from_wire),
        quota_bytes: it.quota_bytes,
        requests_in_flight: it.requests_in_flight,
        quota_refusals: it.quota_refusals,
    }
}

pub(super) const fn quotas_to_wire(it: Quotas) -> proto::Quotas {
    proto::Quotas {
        disk_bytes: it.disk_bytes,
        documents: it.documents,
        operations_per_second: it.operations_per_second,
        requests_in_flight: it.requests_in_flight,
    }
}

pub(super) const fn quotas_from_wire(it: proto::Quotas) -> Quotas {
    Quotas {
        disk_bytes: it.disk_bytes,
        documents: it.documents,
        operations_per_second: it.operations_per_second,
        requests_in_flight: it.requests_in_flight,
    }
}

fn distribution_to_wire(it: Distribution) -> proto::Distribution {
    proto::Distribution {
        count: it.count,
        min: it.min,
        mean: it.mean,
        p50: it.p50,
        p95: it.p95,
        p99: it.p99,
        p999: it.p999,
        max: it.max,
    }
}

fn distribution_from_wire(it: proto::Distribution) -> Distribution {
    Distribution {
        count: it.count,
        min: it.min,
        mean: it.mean,
        p50: it.p50,
        p95: it.p95,
        p99: it.p99,
        p999: it.p999,
        max: it.max,
    }
}

pub(super) fn run_to_wire(it: MaintenanceRun) -> proto::MaintenanceRun {
    proto::MaintenanceRun {
        finished_at_ms: it.finished_at_ms,
        duration_us: it.duration_us,
        documents: it.documents,
        bytes: it.bytes,
    }
}

pub(super) fn run_from_wire(it: proto::MaintenanceRun) -> MaintenanceRun {
    MaintenanceRun {
        finished_at_ms: it.finished_at_ms,
        duration_us: it.duration_us,
        documents: it.documents,
        bytes: it.bytes,
    }
}
