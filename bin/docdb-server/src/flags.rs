use std::path::PathBuf;
use std::time::Duration;

use clap::{CommandFactory as _, Parser, ValueEnum};
use docdb_service::{EngineOptions, ServiceOptions};
use docdb_types::FsyncMode;

/// Serves many small JSON document databases over a Unix socket.
#[derive(Debug, Parser)]
#[command(name = "docdb-server", version)]
pub(crate) struct Flags {
    /// Directory of the catalog and the data files; created when missing.
    #[arg(
        long,
        value_name = "DIR",
        env = "DOCDB_DATA_DIR",
        default_value = "./data"
    )]
    data_dir: PathBuf,

    /// Directory of the logs; created when missing. Without it: `wal` in the data directory.
    #[arg(long, value_name = "DIR", env = "DOCDB_WAL_DIR")]
    wal_dir: Option<PathBuf>,

    /// Unix socket to listen on; only its owner may connect.
    #[arg(
        long,
        value_name = "PATH",
        env = "DOCDB_SOCKET",
        default_value = "/tmp/docdb.sock"
    )]
    socket: PathBuf,

    /// When a write is acknowledged: after a sync of its own (always), after a sync shared with
    /// the writes beside it (group), before the next periodic sync (interval), or without any
    /// sync (none: a crash of the machine may lose everything).
    #[arg(
        long,
        value_name = "MODE",
        env = "DOCDB_FSYNC",
        default_value = "group"
    )]
    fsync: FsyncMode,

    /// With `--fsync interval`: milliseconds that an acknowledged write may stay unsynced.
    #[arg(
        long,
        value_name = "MS",
        env = "DOCDB_FSYNC_INTERVAL",
        default_value_t = 1
    )]
    fsync_interval: u64,

    /// Least severe messages that are logged.
    #[arg(
        long,
        value_name = "LEVEL",
        env = "DOCDB_LOG_LEVEL",
        default_value = "info"
    )]
    pub(crate) log_level: LogLevel,

    /// How they are written to standard error.
    #[arg(
        long,
        value_name = "FORMAT",
        env = "DOCDB_LOG_FORMAT",
        default_value = "text"
    )]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl Flags {
    /// What the flags say, checked. Wrong values end the program as any bad usage does.
    pub(crate) fn service_options(self) -> ServiceOptions {
        let mut engine = EngineOptions::in_directory(self.data_dir);
        if let Some(directory) = self.wal_dir {
            engine.wal_directory = directory;
        }
        engine.fsync = self.fsync;
        engine.fsync_interval = Duration::from_millis(self.fsync_interval);
        if let Err(invalid) = engine.validate() {
            Self::command()
                .error(clap::error::ErrorKind::ValueValidation, invalid)
                .exit();
        }
        ServiceOptions {
            engine,
            socket_path: Some(self.socket),
            ..ServiceOptions::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_are_consistent() {
        Flags::command().debug_assert();
    }

    #[test]
    fn the_logs_follow_the_data_directory_unless_told_otherwise() {
        let parse = |arguments: &[&str]| {
            let all = std::iter::once(&"docdb-server").chain(arguments);
            Flags::parse_from(all).service_options().engine
        };
        let engine = parse(&["--data-dir", "/srv/docdb"]);
        assert_eq!(engine.wal_directory, PathBuf::from("/srv/docdb/wal"));
        let engine = parse(&[
            "--data-dir",
            "/srv/docdb",
            "--wal-dir",
            "/fast",
            "--fsync",
            "always",
        ]);
        assert_eq!(engine.wal_directory, PathBuf::from("/fast"));
        assert_eq!(engine.fsync, FsyncMode::Always);
    }

    #[test]
    fn an_unknown_mode_is_refused() {
        assert!(Flags::try_parse_from(["docdb-server", "--fsync", "sometimes"]).is_err());
    }
}
