use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use docdb_service::{ServiceOptions, TlsOptions};
use docdb_types::FsyncMode;

/// Everything that can be configured about the server, with a value for each.
///
/// The default values are those of the service; what it does not know stands beside it.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) service: ServiceOptions,
    /// Without it, the logs are in `wal` in the data directory.
    pub(crate) wal_directory: Option<PathBuf>,
    /// How long a connection may have nothing under way; zero: for ever.
    pub(crate) connection_idle: Duration,
    pub(crate) tcp: TcpSettings,
    pub(crate) log: LogSettings,
    /// Checkpoints that are kept; 0: the ones that are needed.
    pub(crate) max_checkpoints: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct TcpSettings {
    pub(crate) is_enabled: bool,
    pub(crate) address: SocketAddr,
    /// Set by the flag: both of the above in one.
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

#[derive(Debug, Clone)]
pub(crate) struct LogSettings {
    pub(crate) level: LogLevel,
    pub(crate) format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Zeros written ahead in a log, so that a sync of it has no new length to record. The sync that
/// follows writes them: more at a time would make the slowest one in a hundred slower.
const PREALLOCATE_BYTES: u64 = 256 << 10;

impl Default for Settings {
    fn default() -> Self {
        let mut service = ServiceOptions::default();
        service.engine.reserve_bytes = 64 << 20;
        Self {
            service,
            wal_directory: None,
            connection_idle: Duration::ZERO,
            tcp: TcpSettings {
                is_enabled: false,
                address: SocketAddr::from((Ipv4Addr::LOCALHOST, 7717)),
                listen: None,
                certificate: None,
                key: None,
            },
            log: LogSettings {
                level: LogLevel::Info,
                format: LogFormat::Text,
            },
            max_checkpoints: 0,
        }
    }
}

impl Settings {
    /// Where to listen on TCP.
    pub(crate) fn tcp_address(&self) -> Option<SocketAddr> {
        let configured = self.tcp.is_enabled.then_some(self.tcp.address);
        self.tcp.listen.or(configured)
    }

    /// What TLS on TCP takes, where it is spoken.
    pub(crate) fn tls(&self) -> Option<TlsOptions> {
        Some(TlsOptions {
            certificate: self.tcp.certificate.clone()?,
            key: self.tcp.key.clone()?,
        })
    }

    /// Where the logs are.
    pub(crate) fn wal_directory(&self) -> PathBuf {
        let in_data = || self.service.engine.data_directory.join("wal");
        self.wal_directory.clone().unwrap_or_else(in_data)
    }

    /// Takes over from another configuration what can change while the server runs: the keys whose
    /// effect is [`Reload`](super::key::Effect::Reload).
    pub(crate) fn adopt(&mut self, next: &Self) {
        self.log.level = next.log.level;
        self.service.slow_request = next.service.slow_request;
    }

    /// What the service is started with.
    pub(crate) fn service_options(&self) -> ServiceOptions {
        let mut options = self.service.clone();
        options.engine.wal_directory = self.wal_directory();
        options.engine.document_cache_bytes = options.engine.global_memory_bytes / 4;
        options.engine.preallocate_bytes = PREALLOCATE_BYTES.min(options.engine.segment_bytes);
        options.tcp.address = self.tcp_address();
        options.tcp.tls = self.tls();
        options.deadlines.idle = (!self.connection_idle.is_zero()).then_some(self.connection_idle);
        options
    }
}

/// A place for one of a few words.
pub(crate) trait Word {
    /// Puts a word there, if it is one of them.
    fn put(&mut self, word: &str) -> bool;
    /// The word that is there.
    fn word(&self) -> &'static str;
    /// All words that may be there.
    fn words(&self) -> Vec<&'static str>;
}

impl Word for FsyncMode {
    fn put(&mut self, word: &str) -> bool {
        let mode = word.parse().ok();
        mode.is_some_and(|mode| {
            *self = mode;
            true
        })
    }

    fn word(&self) -> &'static str {
        self.as_str()
    }

    fn words(&self) -> Vec<&'static str> {
        Self::ALL.map(Self::as_str).to_vec()
    }
}

impl LogLevel {
    const ALL: [Self; 5] = [
        Self::Error,
        Self::Warn,
        Self::Info,
        Self::Debug,
        Self::Trace,
    ];
}

impl Word for LogLevel {
    fn put(&mut self, word: &str) -> bool {
        let level = Self::ALL.into_iter().find(|level| level.word() == word);
        level.is_some_and(|level| {
            *self = level;
            true
        })
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    fn words(&self) -> Vec<&'static str> {
        Self::ALL.iter().map(Word::word).collect()
    }
}

impl Word for LogFormat {
    fn put(&mut self, word: &str) -> bool {
        *self = match word {
            "text" => Self::Text,
            "json" => Self::Json,
            _ => return false,
        };
        true
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }

    fn words(&self) -> Vec<&'static str> {
        vec!["text", "json"]
    }
}
