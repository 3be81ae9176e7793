use std::path::PathBuf;

use super::Span;

/// Puts load on a docdb server and measures what comes back.
///
/// Without a server on the socket it starts one of its own in a temporary directory and removes it
/// afterwards. Flags override the configuration file.
#[derive(Debug, Clone, Default, clap::Parser)]
#[command(
    name = "docdb-loadtest",
    version,
    about,
    long_about = None,
    after_help = "Exit codes: 0 the run is complete; 1 wrong answers, nothing but errors, the server \
                  lost, or ended early; 2 bad usage."
)]
pub struct Arguments {
    /// Databases to load, separated by commas
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        conflicts_with = "db_name"
    )]
    pub databases: Option<Vec<String>>,
    /// The one database to load when there is no list [default: loadtest]
    #[arg(long, value_name = "NAME")]
    pub db_name: Option<String>,
    /// Workers, each with its own connection, per database of the list [default: 10]
    #[arg(long, value_name = "N")]
    pub workers_per_db: Option<usize>,
    /// Workers for the one database [default: 10]
    #[arg(long, value_name = "N", conflicts_with = "databases")]
    pub workers: Option<usize>,
    /// How long to run [default: 5m]
    #[arg(long, value_name = "TIME")]
    pub duration: Option<Span>,
    /// Ends after so many operations, if that is sooner; 0: never [default: 0]
    #[arg(long, value_name = "N")]
    pub operations: Option<u64>,
    /// Reads in a hundred operations [default: 40]
    #[arg(long, value_name = "PERCENT")]
    pub read_percent: Option<u32>,
    /// Creates in a hundred operations [default: 30]
    #[arg(long, value_name = "PERCENT")]
    pub write_percent: Option<u32>,
    /// Updates in a hundred operations [default: 20]
    #[arg(long, value_name = "PERCENT")]
    pub update_percent: Option<u32>,
    /// Deletes in a hundred operations [default: 10]
    #[arg(long, value_name = "PERCENT")]
    pub delete_percent: Option<u32>,
    /// Size of every document in bytes [default: 1024]
    #[arg(long, value_name = "BYTES")]
    pub doc_size: Option<usize>,
    /// Ids are drawn from 1 to this [default: 10000]
    #[arg(long, value_name = "N")]
    pub doc_count: Option<u64>,
    /// Time between two samples of the server's figures [default: 1s]
    #[arg(long, value_name = "TIME")]
    pub metrics_interval: Option<Span>,
    /// Unix socket of the server [default: /tmp/docdb.sock]
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Where log files are measured if the server does not tell their size [default: ./data/wal]
    #[arg(long, value_name = "DIR")]
    pub wal_dir: Option<PathBuf>,
    /// Where files of results go; created when missing [default: .]
    #[arg(long, value_name = "DIR")]
    pub output_dir: Option<PathBuf>,
    /// Name of the file of results [default: multidb_results.json]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Also writes CSV files
    #[arg(long)]
    pub csv: bool,
    /// Seed of the random choices; printed, so that a run can be repeated [default: from the clock]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Configuration file, JSON or YAML
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Operations in one request [default: 1]
    #[arg(long, value_name = "N")]
    pub batch: Option<usize>,
    /// Requests that a worker keeps under way [default: 1]
    #[arg(long, value_name = "N")]
    pub pipeline: Option<usize>,
    /// Operations per second in all, due whether or not earlier ones are answered [default: as fast
    /// as answers come]
    #[arg(long, value_name = "OPS")]
    pub rate: Option<f64>,
    /// Stores a document under every id before the run
    #[arg(long)]
    pub preload: bool,
    /// What is loaded
    #[arg(long, value_enum, default_value_t)]
    pub target: Target,
}

/// What is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Target {
    /// A docdb server.
    #[default]
    Docdb,
}
