use std::collections::BTreeMap;
use std::fmt;

use docdb_engine::{Condition, DatabaseStatistics};
use docdb_types::Code;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::{Registry, Unit};

use super::critical::CriticalError;
use super::families::{Buckets, Families};
use super::figures::{Figures, OpenDatabase};
use crate::shared::Shared;
use crate::tls::Gate;

/// What the text is, for whoever receives it over HTTP.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All figures as OpenMetrics text. Reading them changes none of them.
///
/// Figures of single databases are shown for at most as many open databases as the options allow,
/// the first by name.
pub(crate) fn text(shared: &Shared) -> String {
    let figures = Figures::read(shared);
    let mut text = String::new();
    let mut registry = Registry::with_prefix("docdb");
    let limits = Limits {
        memory: shared.options.wire_memory_bytes as u64,
        connections: shared.options.max_connections as u64,
        labels: shared.options.http.database_labels,
        queue: shared.options.scheduler.queue_depth as u64,
    };
    registry.register_collector(Box::new(Exposition {
        counted: Counted::read(shared),
        figures,
        limits,
    }));
    // A string takes whatever is written to it.
    let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
    text
}

/// The figures of a service that has not opened its directories yet.
pub(crate) fn starting_text() -> String {
    "# HELP docdb_ready Whether requests are taken in.\n# TYPE docdb_ready gauge\ndocdb_ready 0\n\
     # EOF\n"
        .to_owned()
}

/// What bounds the figures.
#[derive(Debug)]
struct Limits {
    memory: u64,
    connections: u64,
    labels: usize,
    queue: u64,
}

/// What the service counted, read once.
#[derive(Debug)]
struct Counted {
    started_unix_seconds: f64,
    connections: u64,
    connections_accepted: u64,
    connections_refused: u64,
    handshakes_failed: u64,
    certificate_expires_unix_s: Option<u64>,
    requests: u64,
    bytes_in: u64,
    bytes_out: u64,
    cursors: u64,
    wire_bytes: u64,
    slow: u64,
    operations: Vec<(&'static str, u64)>,
    categories: Vec<(&'static str, u64)>,
    codes: Vec<(Code, u64)>,
    critical: Vec<CriticalError>,
    latencies: Vec<(&'static str, Buckets)>,
}

impl Counted {
    fn read(shared: &Shared) -> Self {
        let (counters, outcomes) = (&shared.counters, &shared.outcomes);
        let categories = outcomes.by_category();
        let latencies = outcomes.latencies();
        Self {
            started_unix_seconds: shared.started_unix_ms as f64 / 1e3,
            connections: counters.connections.get(),
            connections_accepted: counters.connections_accepted.get(),
            connections_refused: counters.connections_refused.get(),
            handshakes_failed: counters.handshakes_failed.get(),
            certificate_expires_unix_s: shared.gate.as_ref().map(Gate::expires_unix_s),
            requests: counters.requests.get(),
            bytes_in: counters.bytes_in.get(),
            bytes_out: counters.bytes_out.get(),
            cursors: counters.cursors.get(),
            wire_bytes: counters.wire_bytes.get(),
            slow: outcomes.slow.get(),
            operations: outcomes.operations.read().collect(),
            categories: categories.map(|(of, count)| (of.as_str(), count)).to_vec(),
            codes: outcomes.by_code(),
            critical: outcomes.critical.read(),
            latencies: latencies
                .map(|(kind, latency)| (kind.as_str(), Buckets::of_latency(latency)))
                .collect(),
        }
    }
}

#[derive(Debug)]
struct Exposition {
    figures: Figures,
    counted: Counted,
    limits: Limits,
}

impl Collector for Exposition {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = Families(encoder);
        self.server(&mut families)?;
        self.requests(&mut families)?;
        self.scheduler(&mut families)?;
        self.databases(&mut families)?;
        self.logs(&mut families)?;
        self.each_database(&mut families)
    }
}

impl Exposition {
    fn document_cache(&self, out: &mut Families<'_>) -> fmt::Result {
        let cache = &self.figures.engine.document_cache;
        out.byte_gauge(
            "document_cache",
            "Memory of documents that were read lately, which gives way first.",
            cache.bytes,
        )?;
        out.byte_gauge(
            "document_cache_limit",
            "The most that docdb_document_cache_bytes may be at present.",
            cache.capacity_bytes,
        )?;
        let hits = "Reads that were answered without a file.";
        out.counter("document_cache_hits", hits, cache.hits)?;
        let misses = "Reads that needed a file.";
        out.counter("document_cache_misses", misses, cache.misses)
    }

    fn server(&self, out: &mut Families<'_>) -> fmt::Result {
        let (engine, counted) = (&self.figures.engine, &self.counted);
        let version = env!("CARGO_PKG_VERSION");
        let mode = engine.fsync.as_str();
        out.gauges(
            "server",
            "Always 1; its labels say what runs.",
            None,
            [([("version", version), ("fsync", mode)], 1)],
        )?;
        let ready = "Whether requests are taken in.";
        out.gauge("ready", ready, u64::from(self.figures.is_ready))?;
        let started = [([], counted.started_unix_seconds)];
        out.second_gauges(
            "start_time",
            "When the service was started, since 1970.",
            started,
        )?;
        out.byte_gauge(
            "memory",
            "Memory of all open databases.",
            engine.memory_bytes,
        )?;
        let cap = "The cap on docdb_memory_bytes.";
        out.byte_gauge("memory_limit", cap, engine.memory_cap_bytes)?;
        self.document_cache(out)?;
        let wire = "Memory of large requests and answers on their way.";
        out.byte_gauge("wire_memory", wire, counted.wire_bytes)?;
        let cap = "The cap on docdb_wire_memory_bytes.";
        out.byte_gauge("wire_memory_limit", cap, self.limits.memory)
    }

    fn requests(&self, out: &mut Families<'_>) -> fmt::Result {
        let counted = &self.counted;
        out.gauge(
            "connections",
            "Connections that are open.",
            counted.connections,
        )?;
        let cap = "Connections that may be open.";
        out.gauge("connections_limit", cap, self.limits.connections)?;
        let taken = "Connections that were served.";
        out.counter("connections_accepted", taken, counted.connections_accepted)?;
        let refused = "Connections that were refused because too many were open.";
        out.counter("connections_refused", refused, counted.connections_refused)?;
        let failed = "TCP connections whose TLS handshake failed or took too long.";
        out.counter("tls_handshakes_failed", failed, counted.handshakes_failed)?;
        if let Some(expires) = counted.certificate_expires_unix_s {
            out.second_gauges(
                "tls_certificate_expiry_time",
                "When the certificate's time is over, since 1970.",
                [([], expires as f64)],
            )?;
        }
        out.byte_counter("received", "Bytes received from clients.", counted.bytes_in)?;
        out.byte_counter("sent", "Bytes sent to clients.", counted.bytes_out)?;
        out.gauge(
            "cursors",
            "Scans that are open between two pages.",
            counted.cursors,
        )?;
        out.counter("requests", "Requests that were answered.", counted.requests)?;
        let operations = counted.operations.iter();
        out.counters(
            "operations",
            "Operations on documents that were asked for.",
            None,
            operations.map(|(name, count)| ([("operation", *name)], *count)),
        )?;
        let categories = counted.categories.iter();
        out.counters(
            "errors",
            "Requests and operations that were answered with an error, by its category.",
            None,
            categories.map(|(name, count)| ([("category", *name)], *count)),
        )?;
        let codes = counted.codes.iter();
        out.counters(
            "error_codes",
            "The same by the code of the error; a code that never came is left out.",
            None,
            codes.map(|(code, count)| ([("code", code.as_str())], *count)),
        )?;
        // The newest of each code is the last.
        let critical = counted.critical.iter();
        let critical = critical.map(|error| (error.code.as_str(), error.last_unix_ms as f64 / 1e3));
        let critical: BTreeMap<_, _> = critical.collect();
        out.second_gauges(
            "last_critical_error_time",
            "When the last critical error of a code was answered, since 1970.",
            critical.iter().map(|(code, at)| ([("code", *code)], *at)),
        )?;
        let slow = "Requests that took longer than the configured time.";
        out.counter("slow_requests", slow, counted.slow)?;
        let latencies = counted.latencies.iter();
        out.histograms(
            "request_duration",
            "From a request's arrival to its answer.",
            Some(&Unit::Seconds),
            latencies.map(|(name, of)| ([("command", *name)], of.clone())),
        )
    }

    fn scheduler(&self, out: &mut Families<'_>) -> fmt::Result {
        let of = &self.figures.scheduler;
        let alive = of.workers_alive;
        out.gauge("workers", "Worker threads.", alive as u64)?;
        let busy = alive.saturating_sub(of.workers_idle);
        out.gauge(
            "workers_busy",
            "Worker threads that are at work.",
            busy as u64,
        )?;
        let running = "Requests that hold a place.";
        out.gauge("scheduler_running", running, of.running as u64)?;
        let target = "Requests that should hold one under the present load.";
        out.gauge("scheduler_places", target, of.target as u64)?;
        out.counters(
            "scheduler_admitted",
            "Requests that were admitted: to run at once, or to a queue.",
            None,
            [
                ([("way", "inline")], of.admitted_inline),
                ([("way", "queued")], of.admitted_queued),
            ],
        )?;
        out.counters(
            "scheduler_refused",
            "Requests that were not admitted.",
            None,
            [
                ([("reason", "queue_full")], of.refused_queue_full),
                ([("reason", "stopping")], of.refused_stopping),
            ],
        )?;
        out.counter(
            "worker_panics",
            "Requests whose worker panicked.",
            of.panics,
        )?;
        out.histograms(
            "queue_wait",
            "How long queued requests waited for a worker.",
            Some(&Unit::Seconds),
            [([], Buckets::of_waits(&of.waits))],
        )?;
        let depth = "Requests of one database that may wait.";
        out.gauge("queue_depth_limit", depth, self.limits.queue)
    }

    fn databases(&self, out: &mut Families<'_>) -> fmt::Result {
        let engine = &self.figures.engine;
        let states = [
            "closed",
            "opening",
            "active",
            "read_only",
            "degraded",
            "closing",
            "failed",
            "dropping",
        ];
        let mut by_state: BTreeMap<&str, u64> = states.map(|state| (state, 0)).into();
        for database in &self.figures.listed {
            let name = crate::dispatch::status(&database.status).as_str();
            *by_state.entry(name).or_default() += 1;
        }
        let by_state = by_state.iter();
        out.gauges(
            "databases",
            "Databases by their state.",
            None,
            by_state.map(|(state, count)| ([("state", *state)], *count)),
        )?;
        out.counter("database_openings", "Databases opened.", engine.openings)?;
        let failed = "Openings that failed.";
        out.counter("database_opening_failures", failed, engine.failed_openings)?;
        out.counter("database_closings", "Databases closed.", engine.closings)?;
        let failed = "Closings whose checkpoint or sync failed.";
        out.counter("database_closing_failures", failed, engine.failed_closings)?;
        let evicted = "Closings that made room for other databases.";
        out.counter("database_evictions", evicted, engine.evictions)?;
        let idle = "Closings of databases that nobody used.";
        out.counter("database_idle_closings", idle, engine.idle_closings)?;
        let failed = "Syncs and checkpoints beside requests that failed.";
        out.counter("background_failures", failed, engine.failed_tasks)?;
        let figures = &self.figures;
        let sum = figures.sum(|of| of.documents);
        out.gauge("documents", "Live documents of open databases.", sum)?;
        let sum = figures.sum(|of| of.index_bytes);
        out.byte_gauge("index", "Indexes of open databases.", sum)?;
        let sum = figures.sum(|of| of.log_bytes);
        out.byte_gauge("log", "Logs of open databases.", sum)?;
        let sum = figures.sum(|of| of.data_bytes);
        out.byte_gauge("data", "Data files of open databases.", sum)?;
        let sum = figures.sum(|of| of.data_bytes.saturating_sub(of.live_bytes));
        out.byte_gauge("dead", "Bytes of data files that nothing needs.", sum)?;
        let sum = figures.sum(|of| of.snapshots);
        out.gauge("snapshots", "Open snapshots of open databases.", sum)
    }

    fn logs(&self, out: &mut Families<'_>) -> fmt::Result {
        let work = &self.figures.work;
        let committed = "Transactions that wrote something, single operations among them.";
        out.counter("transactions_committed", committed, work.committed)?;
        out.counters(
            "interactive_transactions",
            "Transactions of many steps, by what became of them.",
            None,
            [
                ([("event", "begun")], work.transactions_begun),
                ([("event", "committed")], work.transactions_committed),
                ([("event", "conflict")], work.transaction_conflicts),
            ],
        )?;
        let expired = "Snapshots that were ended because they grew too old.";
        out.counter("snapshots_expired", expired, work.expired_snapshots)?;
        out.histograms(
            "batch_records",
            "Records in one batch of a log.",
            None,
            [([], Buckets::of_values(&work.batch_records))],
        )?;
        out.histograms(
            "log_sync_duration",
            "Latency of a sync of a log.",
            Some(&Unit::Seconds),
            [([], Buckets::of_micros(&work.sync_latency_us))],
        )?;
        out.byte_counter("log_written", "Bytes written to logs.", work.appended_bytes)?;
        out.counter("log_rotations", "Log segments sealed.", work.rotations)?;
        let trimmed = "Log segments removed.";
        out.counter("log_segments_trimmed", trimmed, work.trimmed_segments)?;
        for (name, of) in [
            ("checkpoint", &work.checkpoints),
            ("compaction", &work.compactions),
        ] {
            let duration = format!("{name}_duration");
            let took = [([], Buckets::of_micros(&of.took_us))];
            out.histograms(&duration, "How long each took.", Some(&Unit::Seconds), took)?;
            let documents = "Documents that they wrote.";
            out.counter(&format!("{name}_documents"), documents, of.documents)?;
            out.byte_counter(
                &format!("{name}_written"),
                "Bytes that they wrote.",
                of.bytes,
            )?;
        }
        let healing = &work.healing;
        out.counters(
            "healed_documents",
            "Documents that were restored from another copy: for a read, and in a file.",
            None,
            [
                ([("where", "read")], healing.healed_reads),
                ([("where", "file")], healing.healed_documents),
            ],
        )?;
        out.counters(
            "healings",
            "Repairs of files, by what made them.",
            None,
            [
                ([("trigger", "on_demand")], healing.on_demand),
                ([("trigger", "background")], healing.background),
            ],
        )?;
        let lost = "Documents that were found damaged without another copy.";
        out.counter("corrupted_documents", lost, healing.corrupted_documents)?;
        let copies = "Parity, manifests and other copies that were written anew.";
        out.counter("restored_copies", copies, healing.restored_copies)?;
        let log = "Damaged places of logs that scrubs met.";
        out.counter("damaged_log_places", log, healing.damaged_log)?;
        out.counter("scrubs", "Scrubs that were finished.", healing.scans)?;
        out.byte_counter(
            "scrubbed",
            "Bytes that scrubs looked at.",
            healing.scanned_bytes,
        )?;
        let took = [([], Buckets::of_micros(&healing.work.took_us))];
        out.histograms(
            "healing_duration",
            "How long each took.",
            Some(&Unit::Seconds),
            took,
        )?;
        out.histograms(
            "recovery_duration",
            "How long opening a database took.",
            Some(&Unit::Seconds),
            [([], Buckets::of_micros(&work.recovery_us))],
        )
    }

    fn each_database(&self, out: &mut Families<'_>) -> fmt::Result {
        let shown = || self.figures.open.iter().take(self.limits.labels);
        let hidden = self.figures.open.len().saturating_sub(self.limits.labels);
        let note = "Open databases without figures of their own here.";
        out.gauge("databases_unlabelled", note, hidden as u64)?;
        for gauge in GAUGES {
            let values =
                shown().map(|open| ([("database", open.name.as_str())], (gauge.read)(open)));
            out.gauges(gauge.name, gauge.help, gauge.unit.as_ref(), values)?;
        }
        let quotas = |read: fn(&DatabaseStatistics) -> [u64; 4]| {
            shown().flat_map(move |open| {
                let bounds = quotas_of(&open.of)
                    .into_iter()
                    .zip(QUOTAS)
                    .zip(read(&open.of));
                let bound = bounds.filter(|((bound, _), _)| *bound > 0);
                bound.map(|((_, quota), value)| {
                    let labels = [("database", open.name.as_str()), ("quota", quota)];
                    (labels, value)
                })
            })
        };
        let help = "What it may use, where that is bounded.";
        out.gauges("database_quota", help, None, quotas(quotas_of))?;
        let help = "What it uses of that, where it can be told.";
        out.gauges("database_quota_used", help, None, quotas(used_of))?;
        let help = "What its quotas refused since the start.";
        out.counters("database_quota_refusals", help, None, quotas(refused_of))?;
        let committed = shown().map(|open| ([("database", open.name.as_str())], open.of.committed));
        out.counters(
            "database_transactions_committed",
            "Transactions that wrote something since the database was opened.",
            None,
            committed,
        )?;
        let waits = shown().map(|open| {
            let waits = Buckets::of_waits(&open.waits);
            ([("database", open.name.as_str())], waits)
        });
        let help = "How long its queued requests waited for a worker.";
        out.histograms("database_queue_wait", help, Some(&Unit::Seconds), waits)?;
        let recovery = shown().map(|open| {
            let seconds = open.of.recovery.as_secs_f64();
            ([("database", open.name.as_str())], seconds)
        });
        out.second_gauges("database_recovery", "How long opening it took.", recovery)
    }
}

/// The names of quotas, in the order of their figures.
const QUOTAS: [&str; 4] = [
    "disk_bytes",
    "documents",
    "operations_per_second",
    "requests_in_flight",
];

const fn quotas_of(of: &DatabaseStatistics) -> [u64; 4] {
    let quotas = &of.quotas;
    [
        quotas.disk_bytes,
        quotas.documents,
        quotas.operations_per_second,
        quotas.requests_in_flight,
    ]
}

/// A rate is told by the counters of operations.
const fn used_of(of: &DatabaseStatistics) -> [u64; 4] {
    [of.quota_bytes, of.documents, 0, of.requests_in_flight]
}

const fn refused_of(of: &DatabaseStatistics) -> [u64; 4] {
    let refusals = &of.quota_refusals;
    [
        refusals.disk_bytes,
        refusals.documents,
        refusals.operations_per_second,
        refusals.requests_in_flight,
    ]
}

/// A figure that every open database has.
struct Gauge {
    name: &'static str,
    help: &'static str,
    unit: Option<Unit>,
    read: fn(&OpenDatabase) -> u64,
}

const fn gauge(
    name: &'static str,
    help: &'static str,
    unit: Option<Unit>,
    read: fn(&OpenDatabase) -> u64,
) -> Gauge {
    Gauge {
        name,
        help,
        unit,
        read,
    }
}

const BYTES: Option<Unit> = Some(Unit::Bytes);

static GAUGES: &[Gauge] = &[
    gauge(
        "database_writable",
        "Whether it takes writes.",
        None,
        |open| u64::from(open.of.condition == Condition::Serving),
    ),
    gauge(
        "database_degraded",
        "Whether committed transactions are lost.",
        None,
        |open| u64::from(open.of.condition == Condition::Degraded),
    ),
    gauge("database_documents", "Its live documents.", None, |open| {
        open.of.documents
    }),
    gauge("database_collections", "Its collections.", None, |open| {
        open.of.collections
    }),
    gauge(
        "database_queue_depth",
        "Its requests that wait.",
        None,
        |open| open.queued,
    ),
    gauge("database_snapshots", "Its open snapshots.", None, |open| {
        open.of.snapshots
    }),
    gauge("database_memory", "Its memory.", BYTES, |open| {
        open.of.memory_bytes
    }),
    gauge("database_memory_limit", "The cap on it.", BYTES, |open| {
        open.of.memory_cap_bytes
    }),
    gauge("database_index", "Its index.", BYTES, |open| {
        open.of.index_bytes
    }),
    gauge("database_log", "Its log.", BYTES, |open| open.of.log_bytes),
    gauge(
        "database_log_segments",
        "Segments of its log.",
        None,
        |open| open.of.log.segments,
    ),
    gauge("database_data", "Its data files.", BYTES, |open| {
        open.of.data_bytes
    }),
    gauge("database_data_files", "How many they are.", None, |open| {
        open.of.data_files
    }),
    gauge(
        "database_dead",
        "Bytes of them that nothing needs.",
        BYTES,
        |open| open.of.data_bytes.saturating_sub(open.of.live_bytes),
    ),
];
