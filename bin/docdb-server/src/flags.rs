use std::path::PathBuf;

use clap::{Parser, Subcommand};
use docdb_service::LostTransactions;
use docdb_types::DatabaseName;

use crate::config::Given;
use crate::token::TokenCommand;

/// Serves many small JSON document databases over a Unix socket.
///
/// What no flag says is taken from the environment (DOCDB_DATA_DIR, …), then from the configuration
/// file, then from the defaults: a working server in ./data.
#[derive(Debug, Parser)]
#[command(name = "docdb-server", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Flags {
    #[command(subcommand)]
    pub(crate) work: Option<Work>,

    /// Configuration file in YAML [env: DOCDB_CONFIG].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Directory of the catalog and the data files; created when missing [default: ./data].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,

    /// Directory of the logs; created when missing [default: `wal` in the data directory].
    #[arg(long, value_name = "DIR")]
    wal_dir: Option<String>,

    /// Unix socket to listen on; only its owner may connect [default: /tmp/docdb.sock].
    #[arg(long, value_name = "PATH")]
    socket: Option<String>,

    /// Address to listen on TCP too, for clients with a token [default: none].
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,

    /// Address to answer /healthz, /readyz and /metrics at [default: none].
    #[arg(long, value_name = "ADDR")]
    http: Option<String>,

    /// When a write is acknowledged: after a sync of its own (always), after a sync shared with
    /// the writes beside it (group), before the next periodic sync (interval), or without any
    /// sync (none: a crash of the machine may lose everything) [default: group].
    #[arg(long, value_name = "MODE")]
    fsync: Option<String>,

    /// With `--fsync interval`: how long an acknowledged write may stay unsynced, in milliseconds
    /// or with a unit [default: 1].
    #[arg(long, value_name = "TIME")]
    fsync_interval: Option<String>,

    /// Least severe messages that are logged: error, warn, info, debug, trace [default: info].
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,

    /// How they are written to standard error: text or json [default: text].
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,

    /// Checks the configuration and exits: 0 when a server would start with it, 2 when not.
    #[arg(long)]
    pub(crate) check_config: bool,

    /// Prints the configuration in force, with the origin of each value, and exits.
    #[arg(long)]
    pub(crate) print_config: bool,

    /// Prints a commented configuration file, with every key at its default, and exits.
    #[arg(long)]
    pub(crate) example_config: bool,
}

/// What is done to a directory instead of serving it.
#[derive(Debug, Subcommand)]
pub(crate) enum Work {
    /// Reads every byte of every database of a directory, or of every backup of a directory of
    /// backups, and reports what is damaged. Exits with 1 where anything is.
    Verify {
        /// The data directory, or the directory of backups.
        #[arg(value_name = "DIR")]
        directory: PathBuf,
        /// Directory of the logs [default: `wal` in the data directory].
        #[arg(long, value_name = "DIR")]
        wal_dir: Option<PathBuf>,
        /// Prints one JSON object instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Heals a database that no server has open; with `--accept-loss`, accepts that its log has lost
    /// transactions, so that it can be written again.
    Repair {
        /// The data directory.
        #[arg(value_name = "DIR")]
        directory: PathBuf,
        /// Directory of the logs [default: `wal` in the data directory].
        #[arg(long, value_name = "DIR")]
        wal_dir: Option<PathBuf>,
        /// The database.
        #[arg(long, value_name = "NAME", value_parser = |name: &str| DatabaseName::new(name))]
        db: DatabaseName,
        /// The lost transactions, exactly as `verify` names them.
        #[arg(long, value_name = "FROM..TO")]
        accept_loss: Option<LostTransactions>,
    },
    /// Backs up databases of a directory, whether or not a server runs on it. What an earlier backup
    /// in the same directory of backups holds is not copied again.
    Backup(crate::backup::Backup),
    /// Makes databases out of a backup, in a directory that no server has open. All of them appear,
    /// or none; nothing is written over.
    Restore(crate::backup::Restore),
    /// Manages the tokens that clients on TCP need, whether or not a server runs on the directory.
    #[command(subcommand)]
    Token(TokenCommand),
}

impl Flags {
    /// What was said outside of the file: these flags and the environment of the process.
    pub(crate) fn given(&self) -> Given {
        let flags = [
            ("data-dir", &self.data_dir),
            ("wal-dir", &self.wal_dir),
            ("socket", &self.socket),
            ("listen", &self.listen),
            ("http", &self.http),
            ("fsync", &self.fsync),
            ("fsync-interval", &self.fsync_interval),
            ("log-level", &self.log_level),
            ("log-format", &self.log_format),
        ];
        let said = flags
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.clone()?)));
        Given {
            file: self.config.clone(),
            flags: said.collect(),
            environment: std::env::vars_os().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_flags_are_consistent() {
        Flags::command().debug_assert();
    }

    #[test]
    fn every_flag_of_a_key_reaches_it() {
        let flags = crate::config::KEYS.iter().filter_map(|key| key.flag);
        for flag in flags {
            let parsed = Flags::try_parse_from(["docdb-server", &format!("--{flag}"), "x"]);
            assert_eq!(parsed.unwrap().given().flags, [(flag, "x".to_owned())]);
        }
    }
}
