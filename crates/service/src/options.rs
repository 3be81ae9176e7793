use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use docdb_engine::EngineOptions;
use docdb_scheduler::SchedulerOptions;

/// Everything that can be chosen about a service.
///
/// The default values are those of the server.
#[derive(Debug, Clone)]
pub struct ServiceOptions {
    /// The databases: directories, durability, limits.
    pub engine: EngineOptions,
    /// How requests of different databases share the machine.
    pub scheduler: SchedulerOptions,
    /// Where to listen; `None`: nowhere, connections are brought by
    /// [`RunningService::serve`](crate::RunningService::serve).
    pub socket_path: Option<PathBuf>,
    /// Permission bits of the socket: who may connect.
    pub socket_mode: u32,
    /// Connections at a time, 1 and up; one more is answered with an error and closed.
    pub max_connections: usize,
    /// Largest frame in either direction, in bytes without its length field; `None`: what the
    /// limits of a request need.
    pub max_frame_bytes: Option<usize>,
    /// Requests of one connection that may be under way, 1 and up. The rest is not read yet.
    pub max_requests_in_flight: usize,
    /// Bytes that requests and answers on their way may take together, over all connections. When
    /// they do, a large frame is answered `MemoryLimit` and its connection closes.
    pub wire_memory_bytes: usize,
    /// Scans of one connection that may be left open between two pages, 1 and up; the one that lay
    /// unused for longest makes room.
    pub max_cursors: usize,
    /// Transactions of one connection that may be open, 1 and up; one more answers `TooManyTxns`.
    pub max_transactions: usize,
    /// Limits on how long clients may take.
    pub deadlines: Deadlines,
    /// How long a stop may take.
    pub drain: DrainDeadlines,
    /// Who is served on TCP.
    pub tcp: TcpOptions,
    /// What is told over HTTP.
    pub http: HttpOptions,
    /// From how long on a request is logged and counted as slow; zero: none is.
    pub slow_request: Duration,
}

/// Who is served on TCP: whoever has a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpOptions {
    /// Where to listen, on loopback unless there is TLS; `None`: nowhere.
    pub address: Option<SocketAddr>,
    /// With it, every connection is one of TLS.
    pub tls: Option<TlsOptions>,
    /// Connections of one address at a time, 1 and up; one more is answered with an error and
    /// closed.
    pub max_connections_per_address: usize,
}

/// The files that prove to clients who the server is, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsOptions {
    /// The server's certificate, then those between it and the authority that clients trust.
    pub certificate: PathBuf,
    /// The private key of the first of them, not encrypted.
    pub key: PathBuf,
}

/// What is told over HTTP: whether the service lives and serves, and its figures. Whoever reaches
/// the address may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpOptions {
    /// Where to listen; `None`: nowhere.
    pub address: Option<SocketAddr>,
    /// Open databases that have figures of their own in the metrics, the first by name. Each takes
    /// a few dozen lines there.
    pub database_labels: usize,
}

/// Limits on how long a client may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// On TCP, until a client has said who it is.
    pub hello: Duration,
    /// From the first byte of a frame to its last.
    pub frame: Duration,
    /// How long a client may leave answers lying without taking a byte of them.
    pub write: Duration,
    /// How long a connection may have nothing under way; `None`: for ever.
    pub idle: Option<Duration>,
    /// How long a scan may be left between two pages. It keeps documents on the disk that were
    /// replaced since.
    pub cursor: Duration,
}

/// How long the phases of a stop may take, each counted from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainDeadlines {
    /// What is queued is begun until then, and refused afterwards.
    pub queues: Duration,
    /// What was begun is answered until then; connections that are left are cut.
    pub requests: Duration,
    /// The databases are synced, checkpointed and closed until then.
    pub close: Duration,
}

impl Default for ServiceOptions {
    fn default() -> Self {
        Self {
            engine: EngineOptions::default(),
            scheduler: SchedulerOptions::default(),
            socket_path: Some(PathBuf::from("/tmp/docdb.sock")),
            socket_mode: 0o600,
            max_connections: 1024,
            max_frame_bytes: None,
            max_requests_in_flight: 128,
            wire_memory_bytes: 512 * 1024 * 1024,
            max_cursors: 16,
            max_transactions: 64,
            deadlines: Deadlines::default(),
            drain: DrainDeadlines::default(),
            tcp: TcpOptions::default(),
            http: HttpOptions::default(),
            slow_request: Duration::from_secs(1),
        }
    }
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            address: None,
            tls: None,
            max_connections_per_address: 256,
        }
    }
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            address: None,
            database_labels: 100,
        }
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            hello: Duration::from_secs(10),
            frame: Duration::from_secs(30),
            write: Duration::from_secs(30),
            idle: None,
            cursor: Duration::from_secs(60),
        }
    }
}

impl Default for DrainDeadlines {
    fn default() -> Self {
        Self {
            queues: Duration::from_secs(5),
            requests: Duration::from_secs(25),
            close: Duration::from_secs(30),
        }
    }
}
