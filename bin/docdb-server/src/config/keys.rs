//! The list of all keys.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::field::{Bare, Field};
use super::key::{Effect, Key};
use super::settings::Settings;
use super::size::{GIB, KIB, MIB, TIB};

const DAY: Duration = Duration::from_secs(24 * 3600);
const MICROSECOND: Duration = Duration::from_micros(1);
const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// A key that any server follows.
const fn key(path: &'static str, about: &'static str, field: Field) -> Key {
    Key {
        path,
        flag: None,
        about,
        field,
        effect: Effect::Start,
        only: &[],
    }
}

impl Key {
    const fn flag(mut self, flag: &'static str) -> Self {
        self.flag = Some(flag);
        self
    }

    const fn at_reload(mut self) -> Self {
        self.effect = Effect::Reload;
        self
    }

    const fn only(mut self, values: &'static [&'static str]) -> Self {
        self.only = values;
        self
    }
}

const MEMORY: RangeInclusive<u64> = MIB..=1024 * TIB;
const CONNECTIONS: RangeInclusive<u64> = 1..=1_000_000;

/// All keys, in the order of the example file. The keys of one section stand together.
pub(crate) static KEYS: &[Key] = &[
    key(
        "data_dir",
        "Directory of the catalog and the data files; created when missing.",
        Field::Path(|s| &mut s.service.engine.data_directory),
    )
    .flag("data-dir"),
    key(
        "memory.global_capacity_mb",
        "Cap on the memory of all open databases together: index, versions kept for snapshots,\n\
         requests. What would pass it is refused whole with MemoryLimit. Of what is left, up to a\n\
         quarter of the cap is taken by documents that were read lately.",
        Field::Size(|s| &mut s.service.engine.global_memory_bytes, MEMORY),
    ),
    key(
        "memory.per_db_limit_mb",
        "Cap on the memory of one database; at most global_capacity_mb.",
        Field::Size(|s| &mut s.service.engine.database_memory_bytes, MEMORY),
    ),
    key(
        "wal.dir",
        "Directory of the logs; created when missing. null: `wal` in data_dir.",
        Field::OptionalPath(|s| &mut s.wal_directory, Settings::wal_directory),
    )
    .flag("wal-dir"),
    key(
        "wal.max_file_size_mb",
        "Length at which a log segment is full and the next one begins.",
        Field::Size(|s| &mut s.service.engine.segment_bytes, 64 * KIB..=4 * GIB),
    ),
    key(
        "wal.fsync.mode",
        "When a write is acknowledged: after a sync of its own (always), after a sync shared with\n\
         the writes beside it (group), before the next periodic sync (interval), or without any\n\
         (none: a crash of the machine may lose everything).",
        Field::Word(|s| &mut s.service.engine.fsync),
    )
    .flag("fsync"),
    key(
        "wal.fsync.interval_ms",
        "In mode interval: how long an acknowledged write may stay unsynced.",
        Field::Time {
            place: |s| &mut s.service.engine.fsync_interval,
            range: MILLISECOND..=Duration::from_secs(60),
            bare: Bare::Millis,
            zero: None,
        },
    )
    .flag("fsync-interval"),
    key(
        "wal.fsync.max_batch_size",
        "Most transactions that share one sync.",
        Field::Count(|s| &mut s.service.engine.max_batch_size, 1..=65_535),
    ),
    key(
        "wal.checkpoint.interval_mb",
        "Log after which a database makes a checkpoint.",
        Field::Size(
            |s| &mut s.service.engine.checkpoint_bytes,
            64 * KIB..=64 * GIB,
        ),
    ),
    key(
        "wal.checkpoint.auto_create",
        "Whether such checkpoints are made by themselves. A clean close makes one either way.",
        Field::Switch(|s| &mut s.service.engine.automatic_checkpoints),
    ),
    key(
        "wal.checkpoint.max_checkpoints",
        "Checkpoints that are kept; 0: as many as the live documents need.",
        Field::Count(|s| &mut s.max_checkpoints, 0..=1_000_000),
    )
    .only(&["0"]),
    key(
        "wal.trim_after_checkpoint",
        "Whether a checkpoint removes the log segments that it covers.",
        Field::Switch(|s| &mut s.service.engine.trim_after_checkpoint),
    ),
    key(
        "wal.keep_segments",
        "Log segments that are kept although a checkpoint covers them.",
        Field::Count(|s| &mut s.service.engine.keep_segments, 0..=1_000_000),
    ),
    key(
        "sched.queue_depth",
        "Requests of one database that may wait; one more is answered QueueFull.",
        Field::Count(|s| &mut s.service.scheduler.queue_depth, 1..=1_000_000),
    ),
    key(
        "sched.worker_count",
        "Requests that may run at a time; 0: by load, twice the cores or the busy databases.",
        Field::Count(|s| &mut s.service.scheduler.worker_count, 0..=4096),
    ),
    key(
        "sched.max_workers",
        "Upper limit of what goes by load.",
        Field::Count(|s| &mut s.service.scheduler.max_workers, 1..=4096),
    ),
    key(
        "db.compaction_size_threshold_mb",
        "Size of all data files of a database below which their dead share does not matter.",
        Field::Size(
            |s| &mut s.service.engine.compaction_threshold_bytes,
            0..=1024 * TIB,
        ),
    ),
    key(
        "db.compaction_tombstone_ratio",
        "Share of a data file that may be dead before it is rewritten.",
        Field::Ratio(|s| &mut s.service.engine.compaction_dead_ratio, 0.01..=1.0),
    ),
    key(
        "db.disk_reserve_mb",
        "Space kept back for what frees space on a full disk; 0: none.",
        Field::Size(|s| &mut s.service.engine.reserve_bytes, 0..=TIB),
    ),
    key(
        "db.max_open_dbs",
        "Open databases beyond which the least recently used one without users is closed.",
        Field::Count(|s| &mut s.service.engine.max_open_databases, 1..=1_000_000),
    ),
    key(
        "db.idle_timeout",
        "How long a database without users stays open; 0: for ever.",
        Field::Time {
            place: |s| &mut s.service.engine.idle_timeout,
            range: MILLISECOND..=Duration::from_secs(365 * 24 * 3600),
            bare: Bare::Refused,
            zero: Some("for ever"),
        },
    ),
    key(
        "ipc.socket_path",
        "Unix socket to listen on.",
        Field::SocketPath(|s| &mut s.service.socket_path),
    )
    .flag("socket"),
    key(
        "ipc.socket_mode",
        "Permission bits of the socket: who may connect.",
        Field::Mode(|s| &mut s.service.socket_mode),
    ),
    key(
        "ipc.enable_tcp",
        "Whether to listen on TCP too, for clients with a token (docdb-server token create).",
        Field::Switch(|s| &mut s.tcp.is_enabled),
    ),
    key(
        "ipc.tcp_addr",
        "Where to listen on TCP.",
        Field::Address(|s| &mut s.tcp.address),
    ),
    key(
        "ipc.listen",
        "Where to listen on TCP, as enable_tcp and tcp_addr say in two; null: as those say.",
        Field::OptionalAddress(|s| &mut s.tcp.listen),
    )
    .flag("listen"),
    key(
        "ipc.tls_certificate",
        "The server's certificate in PEM, then those above it; with it and its key, TCP speaks TLS,\n\
         and may listen on any address. Both files are read again at every reload.",
        Field::File(|s| &mut s.tcp.certificate),
    ),
    key(
        "ipc.tls_key",
        "The certificate's private key in PEM, readable to the server alone.",
        Field::File(|s| &mut s.tcp.key),
    ),
    key(
        "ipc.max_connections_per_address",
        "TCP connections of one address at a time; one more is answered QueueFull and closed.",
        Field::Count(
            |s| &mut s.service.tcp.max_connections_per_address,
            CONNECTIONS,
        ),
    ),
    key(
        "ipc.hello_timeout",
        "How long a TCP client may take to say who it is.",
        Field::Time {
            place: |s| &mut s.service.deadlines.hello,
            range: MILLISECOND..=DAY,
            bare: Bare::Refused,
            zero: None,
        },
    ),
    key(
        "ipc.max_connections",
        "Connections at a time; one more is answered QueueFull and closed.",
        Field::Count(|s| &mut s.service.max_connections, CONNECTIONS),
    ),
    key(
        "ipc.max_frame_mb",
        "Most payload of one request; a frame may be that and its envelope.",
        Field::Size(
            |s| &mut s.service.engine.limits.request_bytes,
            KIB..=16 * MIB,
        ),
    ),
    key(
        "ipc.max_requests_in_flight",
        "Requests of one connection that may be under way; the rest is not read yet.",
        Field::Count(|s| &mut s.service.max_requests_in_flight, 1..=65_535),
    ),
    key(
        "ipc.frame_timeout",
        "How long a client may take from the first byte of a frame to its last.",
        Field::Time {
            place: |s| &mut s.service.deadlines.frame,
            range: MILLISECOND..=DAY,
            bare: Bare::Refused,
            zero: None,
        },
    ),
    key(
        "ipc.write_timeout",
        "How long a client may leave answers lying without taking a byte of them.",
        Field::Time {
            place: |s| &mut s.service.deadlines.write,
            range: MILLISECOND..=DAY,
            bare: Bare::Refused,
            zero: None,
        },
    ),
    key(
        "ipc.idle_timeout",
        "How long a connection may have nothing under way; 0: for ever.",
        Field::Time {
            place: |s| &mut s.connection_idle,
            range: SECOND..=DAY,
            bare: Bare::Refused,
            zero: Some("for ever"),
        },
    ),
    key(
        "limits.document_mb",
        "Largest document; at most ipc.max_frame_mb.",
        Field::Size(
            |s| &mut s.service.engine.limits.document_bytes,
            KIB..=16 * MIB,
        ),
    ),
    key(
        "limits.document_depth",
        "Deepest nesting of arrays and objects in a document.",
        Field::Count(|s| &mut s.service.engine.limits.document_depth, 1..=128),
    ),
    key(
        "limits.request_operations",
        "Most operations in one request.",
        Field::Count(
            |s| &mut s.service.engine.limits.request_operations,
            1..=65_535,
        ),
    ),
    key(
        "transactions.max_age",
        "How long a snapshot or a transaction may be kept; it is ended then.",
        Field::Time {
            place: |s| &mut s.service.engine.transactions.max_age,
            range: MILLISECOND..=DAY,
            bare: Bare::Refused,
            zero: None,
        },
    ),
    key(
        "transactions.max_operations",
        "Most operations and pages of one transaction.",
        Field::Count(
            |s| &mut s.service.engine.transactions.operations,
            1..=1_000_000,
        ),
    ),
    key(
        "transactions.max_mb",
        "Most that one transaction may write.",
        Field::Size(|s| &mut s.service.engine.transactions.bytes, KIB..=64 * MIB),
    ),
    key(
        "transactions.max_open_per_db",
        "Open transactions of a database; one more is answered TooManyTxns.",
        Field::Count(|s| &mut s.service.engine.transactions.open, 1..=1_000_000),
    ),
    key(
        "transactions.max_open_per_connection",
        "Open transactions of a connection; one more is answered TooManyTxns.",
        Field::Count(|s| &mut s.service.max_transactions, 1..=1_000_000),
    ),
    key(
        "http.addr",
        "Where to answer /healthz, /readyz and /metrics over HTTP, to whoever asks; null: nowhere.",
        Field::OptionalAddress(|s| &mut s.service.http.address),
    )
    .flag("http"),
    key(
        "http.database_labels",
        "Open databases that have figures of their own in /metrics, the first by name.",
        Field::Count(|s| &mut s.service.http.database_labels, 0..=10_000),
    ),
    key(
        "healing.enabled",
        "Whether what is damaged is restored without a command: by reads and by the scrub. The\n\
         commands Heal and HealAll work either way.",
        Field::Switch(|s| &mut s.service.engine.healing.enabled),
    ),
    key(
        "healing.interval",
        "Time from the end of one search for damage in a database to the next; 0: none.",
        Field::Time {
            place: |s| &mut s.service.engine.healing.interval,
            range: SECOND..=Duration::from_secs(365 * 24 * 3600),
            bare: Bare::Refused,
            zero: Some("off"),
        },
    ),
    key(
        "healing.rate_mb",
        "How much that search reads in a second; half of it while requests wait. 0: as much as\n\
         the disk gives.",
        Field::Size(
            |s| &mut s.service.engine.healing.scrub_bytes_per_second,
            0..=TIB,
        ),
    ),
    key(
        "healing.on_read_corruption",
        "Whether a read that meets damage answers from another copy of the same version, and the\n\
         file is written anew.",
        Field::Switch(|s| &mut s.service.engine.healing.on_read_corruption),
    ),
    key(
        "healing.max_batch_size",
        "Documents that each thread of HealAll and Validate takes on at a time.",
        Field::Count(
            |s| &mut s.service.engine.healing.max_batch_size,
            1..=1_000_000,
        ),
    ),
    key(
        "healing.parity_percent",
        "Parity that data files get, in percent of their size, checksums included; 0: none.",
        Field::Count(|s| &mut s.service.engine.healing.parity_percent, 0..=100),
    ),
    key(
        "log.level",
        "Least severe messages that are logged.",
        Field::Word(|s| &mut s.log.level),
    )
    .flag("log-level")
    .at_reload(),
    key(
        "log.slow_operation",
        "Requests that take longer are logged as slow, without what they held.",
        Field::Time {
            place: |s| &mut s.service.slow_request,
            range: MICROSECOND..=DAY,
            bare: Bare::Refused,
            zero: Some("never logged"),
        },
    )
    .at_reload(),
    key(
        "log.format",
        "How they are written to standard error.",
        Field::Word(|s| &mut s.log.format),
    )
    .flag("log-format"),
];
