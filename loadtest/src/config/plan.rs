use bytes::Bytes;
use docdb_client::Endpoint;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use docdb_types::DatabaseName;

use super::profile::Base;
use super::{Inserts, KeyDistribution, Mix, Phase, SizeDistribution, Stage, Target, Workload};
use crate::judgement::Assertion;
use crate::peer::PeerUrl;
use crate::trace::Replay;

/// A run, fully decided and checked.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How long it was asked to take, without a warm-up that was asked for beside it.
    pub duration: Duration,
    /// When measuring begins, from the beginning of the run.
    pub measured_from: Duration,
    /// When it ends at the latest, from its beginning.
    pub end: Duration,
    /// Most operations of all workers behind the warm-up; 0: no end.
    pub operations: u64,
    /// The databases.
    pub databases: Vec<DatabasePlan>,
    /// The load that was asked for by name.
    pub workload: Option<Workload>,
    /// The mix where neither a phase nor a database has its own.
    pub mix: Mix,
    /// Which ids documents are created under.
    pub inserts: Inserts,
    /// Most documents of a scan.
    pub scan_length: u32,
    /// Documents of a transaction.
    pub transaction_size: usize,
    /// Operations per second in all; `None`: as fast as answers come.
    pub rate: Option<f64>,
    /// The phases, in order.
    pub phases: Vec<Phase>,
    /// The stretches of the run, in order, without gaps.
    pub stages: Vec<Stage>,
    /// Size of documents, where a database has no own.
    pub sizes: SizeDistribution,
    /// Count of ids, where a database has no own.
    pub document_count: u64,
    /// How ids are drawn, where a database has no own way.
    pub keys: KeyDistribution,
    /// Time between two samples.
    pub metrics_interval: Duration,
    /// Unix socket of the server, where it is not remote.
    pub socket: PathBuf,
    /// Where a server on TCP is.
    pub remote: Option<Endpoint>,
    /// The token that it takes; empty where there is none.
    pub token: Bytes,
    /// The name for a run on one database.
    pub database_name: String,
    /// Where log files are, where a database has no own directory.
    pub wal_dir: PathBuf,
    /// Where files of results go.
    pub output_dir: PathBuf,
    /// The file of results within it.
    pub output: PathBuf,
    /// Whether CSV files are written too.
    pub csv: bool,
    /// Whether an HTML report is written too.
    pub html: bool,
    /// Seed of the random choices.
    pub seed: u64,
    /// Operations in one request.
    pub batch: usize,
    /// Requests that a worker keeps under way.
    pub pipeline: usize,
    /// Whether every id gets a document before the run.
    pub preload: bool,
    /// A request that is not answered for so long is a lost answer.
    pub answer_patience: Duration,
    /// A server that cannot be reached for so long is lost.
    pub server_patience: Duration,
    /// What is loaded, in the order in which it was named.
    pub targets: Vec<Target>,
    /// How often each of several targets is loaded.
    pub turns: usize,
    /// PostgreSQL, where it is not one of its own.
    pub postgres_url: Option<PeerUrl>,
    /// Redis, where it is not one of its own.
    pub redis_url: Option<PeerUrl>,
    /// What must hold at the end.
    pub assertions: Vec<Assertion>,
    /// Where every operation is written.
    pub record: Option<PathBuf>,
    /// The operations that are asked for instead of drawn ones.
    pub replay: Option<Arc<Replay>>,
    /// How often the server that the run started is killed.
    pub kill_every: Option<Duration>,
    /// Whether every document that was touched is read once more at the end.
    pub verify: bool,
    /// How long the generator's own ceiling is measured.
    pub ceiling: Duration,
}

/// What is done to one database.
#[derive(Debug, Clone)]
pub struct DatabasePlan {
    /// Its name.
    pub name: DatabaseName,
    /// Its workers outside of phases that say otherwise.
    pub workers: usize,
    /// Requests that all its workers together keep under way; `None`: the pipeline of each.
    pub under_way: Option<usize>,
    /// Size of its documents.
    pub sizes: SizeDistribution,
    /// Its ids are 1 to this.
    pub document_count: u64,
    /// How its ids are drawn.
    pub keys: KeyDistribution,
    /// Its own mix, also within phases.
    pub mix: Option<Mix>,
    /// Where its log files are.
    pub wal_dir: PathBuf,
}

impl Plan {
    /// Workers of all databases, outside of phases.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.databases.iter().map(|database| database.workers).sum()
    }

    /// Connections that a database needs: its most workers of any stage.
    #[must_use]
    pub fn connections_of(&self, database: usize) -> usize {
        let workers = |stage: &Stage| stage.workers.get(database).copied();
        self.stages.iter().filter_map(workers).max().unwrap_or(0)
    }

    /// Connections of all databases.
    #[must_use]
    pub fn connections(&self) -> usize {
        (0..self.databases.len())
            .map(|database| self.connections_of(database))
            .sum()
    }

    /// Requests that a worker of a database keeps under way.
    #[must_use]
    pub fn pipeline_of(&self, database: usize, worker: usize) -> usize {
        let under_way = self.databases.get(database).and_then(|d| d.under_way);
        under_way.map_or(self.pipeline, |all| {
            let workers = self.connections_of(database).max(1);
            (all / workers + usize::from(worker < all % workers)).max(1)
        })
    }

    /// Whether targets are loaded in turns and held against each other.
    #[must_use]
    pub fn is_comparison(&self) -> bool {
        self.targets != [Target::Docdb]
    }

    /// Where the file of results goes.
    #[must_use]
    pub fn results_path(&self) -> PathBuf {
        self.output_dir.join(&self.output)
    }

    /// The same load without anything that slows it down or outlives it: what the generator itself
    /// can do.
    pub(crate) fn at_full_speed(&self, warm_up: Duration, duration: Duration) -> Self {
        let mut plan = Self {
            duration,
            measured_from: warm_up,
            end: warm_up.saturating_add(duration),
            operations: 0,
            rate: None,
            phases: Vec::new(),
            csv: false,
            preload: false,
            assertions: Vec::new(),
            record: None,
            replay: None,
            kill_every: None,
            verify: false,
            ..self.clone()
        };
        for (place, database) in plan.databases.iter_mut().enumerate() {
            database.workers = self.connections_of(place);
        }
        plan.cut();
        plan
    }

    /// Where the server is.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        let local = || Endpoint::Unix(self.socket.clone());
        self.remote.clone().unwrap_or_else(local)
    }

    /// Directs the run at another server.
    pub fn move_to(&mut self, socket: PathBuf, wal_dir: &Path) {
        self.socket = socket;
        wal_dir.clone_into(&mut self.wal_dir);
        for database in &mut self.databases {
            wal_dir.clone_into(&mut database.wal_dir);
        }
    }

    /// Cuts the run into stages.
    pub(super) fn cut(&mut self) {
        self.stages = Base {
            databases: self
                .databases
                .iter()
                .map(|database| (database.workers, database.mix))
                .collect(),
            mix: self.mix,
            rate: self.rate,
            phases: &self.phases,
            measured_from: self.measured_from,
            end: self.end,
        }
        .stages();
    }
}
