use docdb_types::{Code, FsyncMode, Quotas};

use crate::DatabaseStatus;

/// What a server measures. `None` was not measured, which is not 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Statistics {
    /// Figures of the server as a whole.
    pub server: ServerStatistics,
    /// Figures of the database that was named, or their sum over all open databases.
    pub database: DatabaseStatistics,
}

/// Figures of a server as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerStatistics {
    /// Version of the program.
    pub version: String,
    /// Milliseconds since it started.
    pub uptime_ms: u64,
    /// The fsync mode in force.
    pub fsync_mode: FsyncMode,
    /// Databases in the catalog.
    pub databases: u64,
    /// Databases that are open.
    pub databases_active: u64,
    /// Databases that take no writes: read-only, degraded or failed.
    pub databases_impaired: Option<u64>,
    /// Memory used, in bytes, as the cap counts it.
    pub memory_used_bytes: Option<u64>,
    /// The cap on it, in bytes.
    pub memory_cap_bytes: Option<u64>,
    /// Worker threads that exist.
    pub workers: Option<u64>,
    /// Worker threads that are at work.
    pub workers_busy: Option<u64>,
    /// Open connections.
    pub connections: Option<u64>,
    /// Requests answered since the start.
    pub requests: Option<u64>,
    /// Requests answered with an error since the start.
    pub errors: Option<u64>,
    /// Bytes received from clients since the start.
    pub bytes_in: Option<u64>,
    /// Bytes sent to clients since the start.
    pub bytes_out: Option<u64>,
    /// Open server-side cursors.
    pub cursors: Option<u64>,
    /// Errors by their category, since the start.
    pub errors_by_category: Option<ErrorCounts>,
    /// The last critical errors, each once, the newest last.
    pub critical_errors: Vec<CriticalError>,
    /// Connections refused because too many were open, since the start.
    pub connections_refused: Option<u64>,
    /// Requests that took longer than the configured time, since the start.
    pub slow_requests: Option<u64>,
}

/// Errors by their category: requests, and single operations of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ErrorCounts {
    /// May succeed later.
    pub transient: u64,
    /// Will not, until something else changes.
    pub permanent: u64,
    /// A person must look.
    pub critical: u64,
    /// The request was wrong.
    pub validation: u64,
    /// The connection broke.
    pub network: u64,
}

/// A critical error that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CriticalError {
    /// What it is.
    pub code: Code,
    /// The error with what it is about.
    pub text: String,
    /// How often it came.
    pub count: u64,
    /// When it came last: milliseconds since 1970-01-01 UTC.
    pub last_at_ms: u64,
}

/// Figures of one database, or their sum over all databases of a server.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DatabaseStatistics {
    /// Its id; 0 for the sum.
    pub id: u64,
    /// Its name; empty for the sum.
    pub name: String,
    /// Its state; `None` for the sum.
    pub status: Option<DatabaseStatus>,
    /// The fsync mode in force.
    pub fsync_mode: FsyncMode,
    /// Live documents.
    pub documents: u64,
    /// Deleted documents that the index or a data file still notes.
    pub tombstones: Option<u64>,
    /// Collections, `_default` among them.
    pub collections: Option<u64>,
    /// Bytes of the log, all segments together.
    pub log_bytes: Option<u64>,
    /// Segments of the log.
    pub log_segments: Option<u64>,
    /// Bytes of the data files.
    pub data_bytes: Option<u64>,
    /// Data files.
    pub data_files: Option<u64>,
    /// Bytes of the data files that no live document and no snapshot needs.
    pub dead_bytes: Option<u64>,
    /// Transactions begun since the start, single operations among them.
    pub transactions_begun: Option<u64>,
    /// Transactions committed since the start, single operations among them.
    pub transactions_committed: Option<u64>,
    /// The newest committed transaction.
    pub last_transaction: Option<u64>,
    /// Memory used, in bytes, as the cap counts it.
    pub memory_used_bytes: Option<u64>,
    /// The cap on it, in bytes.
    pub memory_cap_bytes: Option<u64>,
    /// Bytes of memory that the index takes.
    pub index_bytes: Option<u64>,
    /// Open snapshots.
    pub snapshots: Option<u64>,
    /// Requests that wait in the queue.
    pub queue_depth: Option<u64>,
    /// Most requests that the queue holds.
    pub queue_capacity: Option<u64>,
    /// Commits: batches written since the start.
    pub batches: Option<u64>,
    /// Syncs of the log since the start.
    pub syncs: Option<u64>,
    /// Transactions per batch.
    pub batch_size: Option<Distribution>,
    /// Duration of a sync, in microseconds.
    pub sync_latency_us: Option<Distribution>,
    /// Wait in the queue, in microseconds.
    pub queue_wait_us: Option<Distribution>,
    /// The last checkpoint.
    pub last_checkpoint: Option<MaintenanceRun>,
    /// The last compaction.
    pub last_compaction: Option<MaintenanceRun>,
    /// The last healing.
    pub last_healing: Option<MaintenanceRun>,
    /// Duration of the last recovery, in microseconds.
    pub recovery_us: Option<u64>,
    /// Transactions of many steps that are open.
    pub transactions_open: Option<u64>,
    /// Transactions refused because another one was first, since the start.
    pub transaction_conflicts: Option<u64>,
    /// Snapshots ended because they grew too old, since the start.
    pub snapshots_expired: Option<u64>,
    /// Age of the oldest open snapshot, in milliseconds; `None` also when none is open.
    pub oldest_snapshot_ms: Option<u64>,
    /// What it may use; `None` for the sum.
    pub quotas: Option<Quotas>,
    /// Bytes on the disk, as the quota counts them.
    pub quota_bytes: Option<u64>,
    /// Requests that are under way.
    pub requests_in_flight: Option<u64>,
    /// Requests and operations that quotas refused since the start.
    pub quota_refusals: Option<u64>,
}

/// The distribution of a measured quantity since the start of the server.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Distribution {
    /// How many were measured.
    pub count: u64,
    /// Smallest.
    pub min: u64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Half of them were at most this.
    pub p50: u64,
    /// 95 of 100 were at most this.
    pub p95: u64,
    /// 99 of 100 were at most this.
    pub p99: u64,
    /// 999 of 1000 were at most this.
    pub p999: u64,
    /// Largest.
    pub max: u64,
}

/// The last run of a piece of maintenance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MaintenanceRun {
    /// When it finished: milliseconds since 1970-01-01 UTC.
    pub finished_at_ms: u64,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// Documents that it wrote or healed.
    pub documents: u64,
    /// Bytes that it wrote.
    pub bytes: u64,
}
