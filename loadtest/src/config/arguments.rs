use std::path::PathBuf;

use super::{Inserts, KeyDistribution, SizeDistribution, Span, Workload};
use crate::peer::PeerUrl;

/// What is asked of a run on the command line.
#[derive(Debug, Clone, Default, clap::Parser)]
#[command(name = "docdb-loadtest", version, args_override_self = true)]
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
    /// A load that is known by name; other flags override its parts
    #[arg(long, value_enum, value_name = "NAME")]
    pub workload: Option<Workload>,
    /// How long to measure [default: 5m]
    #[arg(long, value_name = "TIME")]
    pub duration: Option<Span>,
    /// How long to load before measuring begins [default: 0]
    #[arg(long, value_name = "TIME")]
    pub warmup: Option<Span>,
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
    /// Patches of one member in a hundred operations [default: 0]
    #[arg(long, value_name = "PERCENT")]
    pub patch_percent: Option<u32>,
    /// Scans in a hundred operations [default: 0]
    #[arg(long, value_name = "PERCENT")]
    pub scan_percent: Option<u32>,
    /// Read-modify-writes in a hundred operations [default: 0]
    #[arg(long, value_name = "PERCENT")]
    pub modify_percent: Option<u32>,
    /// Transactions of several documents in a hundred operations [default: 0]
    #[arg(long, value_name = "PERCENT")]
    pub transaction_percent: Option<u32>,
    /// Size of documents: BYTES, uniform:LOW-HIGH or lognormal:MEDIAN:SIGMA [default: 1024]
    #[arg(long, value_name = "SIZE")]
    pub doc_size: Option<SizeDistribution>,
    /// Ids are drawn from 1 to this [default: 10000]
    #[arg(long, value_name = "N")]
    pub doc_count: Option<u64>,
    /// How ids are drawn: uniform, `zipfian[:SKEW]`, `latest[:SKEW]`, sequential or
    /// hotset[:PERCENT-OF-IDS:PERCENT-OF-OPERATIONS] [default: uniform]
    #[arg(long, value_name = "NAME")]
    pub distribution: Option<KeyDistribution>,
    /// Which ids documents are created under [default: drawn]
    #[arg(long, value_enum, value_name = "WHICH")]
    pub inserts: Option<Inserts>,
    /// Most documents of a scan, which asks for 1 to this [default: 100]
    #[arg(long, value_name = "N")]
    pub scan_length: Option<u32>,
    /// Documents of a transaction [default: 4]
    #[arg(long, value_name = "N")]
    pub transaction_size: Option<usize>,
    /// Time between two samples of the server's figures [default: 1s]
    #[arg(long, value_name = "TIME")]
    pub metrics_interval: Option<Span>,
    /// Unix socket of the server [default: /tmp/docdb.sock]
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Host and port of a server on TCP, instead of a Unix socket
    #[arg(long, value_name = "ADDR", conflicts_with_all = ["socket", "kill_every"])]
    pub host: Option<String>,
    /// File whose first line is the token that it takes [default: the environment's DOCDB_TOKEN]
    #[arg(long, value_name = "FILE", requires = "host")]
    pub token_file: Option<PathBuf>,
    /// Speaks TLS: file of the certificates, in PEM, of the authorities that are trusted
    #[arg(long, value_name = "FILE", requires = "host")]
    pub ca: Option<PathBuf>,
    /// Name that the server's certificate is for, where it is not the host
    #[arg(long, value_name = "NAME", requires = "ca")]
    pub server_name: Option<String>,
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
    /// Writes no HTML report beside the file of results
    #[arg(long)]
    pub no_html: bool,
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
    /// A request that is not answered for so long is a lost answer [default: 10s]
    #[arg(long, value_name = "TIME")]
    pub timeout: Option<Span>,
    /// A server that cannot be reached for so long is lost [default: 5s]
    #[arg(long, value_name = "TIME")]
    pub patience: Option<Span>,
    /// Fails the run unless all of these hold, as in 'p99<2ms,errors=0,ops>20000'
    #[arg(long, value_name = "CONDITIONS")]
    pub assert: Option<String>,
    /// Writes every operation to this file
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Asks for the operations of a recorded file instead of drawing them
    #[arg(long, value_name = "FILE", conflicts_with_all = ["databases", "db_name", "config", "record", "workload", "rate", "preload"])]
    pub replay: Option<PathBuf>,
    /// How much faster than it was recorded; 0: as fast as answers come [default: 1]
    #[arg(long, value_name = "FACTOR", requires = "replay")]
    pub replay_speed: Option<f64>,
    /// Kills and restarts the server it started at every such interval, and checks at the end that
    /// nothing acknowledged is lost
    #[arg(long, value_name = "TIME")]
    pub kill_every: Option<Span>,
    /// Reads every document that was touched once more at the end, and compares
    #[arg(long)]
    pub verify: bool,
    /// How long the generator's own ceiling is measured against a server that does nothing; 0: not
    /// at all [default: 1s]
    #[arg(long, value_name = "TIME")]
    pub ceiling: Option<Span>,
    /// What is loaded; several of them, or a peer: in turns, and compared
    #[arg(long, value_enum, value_delimiter = ',', default_value = "docdb")]
    pub target: Vec<Target>,
    /// How often each of several targets is loaded [default: 5]
    #[arg(long, value_name = "N")]
    pub turns: Option<usize>,
    /// PostgreSQL to load [default: one of its own, of installed programs]
    #[arg(long, value_name = "URL", value_parser = PeerUrl::postgres)]
    pub postgres_url: Option<PeerUrl>,
    /// Redis to load [default: one of its own, of installed programs]
    #[arg(long, value_name = "URL", value_parser = PeerUrl::redis)]
    pub redis_url: Option<PeerUrl>,
}

/// What is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub enum Target {
    /// A docdb server.
    Docdb,
    /// PostgreSQL: documents as `jsonb`, prepared statements, synchronous commit.
    Postgres,
    /// Redis: documents as strings, an append-only file that is synced before every answer.
    Redis,
}

impl Target {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Docdb => "docdb",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
        }
    }
}
