use std::collections::HashSet;
use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use docdb_types::{DatabaseName, Limits};

use super::profile::Base;
use super::{Arguments, ConfigFile, Crud, FileDatabase, Mix, Phase, Stage};
use crate::document::{MAX_DOCUMENT_COUNT, MAX_WRITERS, MIN_DOCUMENT_BYTES};

const DEFAULT_DATABASE: &str = "loadtest";
const DEFAULT_WORKERS: usize = 10;
const DEFAULT_DURATION: Duration = Duration::from_secs(300);
const DEFAULT_DOCUMENT_BYTES: usize = 1024;
const DEFAULT_DOCUMENT_COUNT: u64 = 10_000;
const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);
const MOST_REQUESTS_UNDER_WAY: usize = 10_000;

/// A run, fully decided and checked.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Longest time that it takes.
    pub duration: Duration,
    /// Most operations of all workers; 0: no end.
    pub operations: u64,
    /// The databases.
    pub databases: Vec<DatabasePlan>,
    /// The mix where neither a phase nor a database has its own.
    pub mix: Mix,
    /// Operations per second in all; `None`: as fast as answers come.
    pub rate: Option<f64>,
    /// The phases, in order.
    pub phases: Vec<Phase>,
    /// The stretches of the run, in order, without gaps.
    pub stages: Vec<Stage>,
    /// Size of documents in bytes, where a database has no own.
    pub document_size: usize,
    /// Count of ids, where a database has no own.
    pub document_count: u64,
    /// Time between two samples.
    pub metrics_interval: Duration,
    /// Unix socket of the server.
    pub socket: PathBuf,
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
    /// Seed of the random choices.
    pub seed: u64,
    /// Operations in one request.
    pub batch: usize,
    /// Requests that a worker keeps under way.
    pub pipeline: usize,
    /// Whether every id gets a document before the run.
    pub preload: bool,
}

/// What is done to one database.
#[derive(Debug, Clone)]
pub struct DatabasePlan {
    /// Its name.
    pub name: DatabaseName,
    /// Its workers outside of phases that say otherwise.
    pub workers: usize,
    /// Size of its documents in bytes.
    pub document_size: usize,
    /// Its ids are 1 to this.
    pub document_count: u64,
    /// Its own mix, also within phases.
    pub mix: Option<Mix>,
    /// Where its log files are.
    pub wal_dir: PathBuf,
}

/// A rule that a field breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The field: a flag, or the path of a key.
    pub field: String,
    /// What was found and what is allowed.
    pub rule: String,
}

/// All the rules that flags and file break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanError {
    /// Each of them.
    pub broken: Vec<Broken>,
}

impl Display for PlanError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, broken) in self.broken.iter().enumerate() {
            let line = if place == 0 { "" } else { "\n" };
            write!(formatter, "{line}{}: {}", broken.field, broken.rule)?;
        }
        Ok(())
    }
}

impl std::error::Error for PlanError {}

#[derive(Default)]
struct Rules(Vec<Broken>);

impl Rules {
    fn check(&mut self, field: impl Display, holds: bool, found: impl Display, allowed: &str) {
        if !holds {
            self.0.push(Broken {
                field: field.to_string(),
                rule: format!("{found}, allowed: {allowed}"),
            });
        }
    }

    fn mix(&mut self, field: impl Display, mix: Mix) {
        let sum = mix.sum();
        self.check(
            field,
            sum == 100,
            format_args!(
                "the sum of read {}, write {}, update {} and delete {} is {sum}",
                mix.read, mix.write, mix.update, mix.delete
            ),
            "100",
        );
    }
}

impl Plan {
    /// Makes a plan of flags and a file; a flag comes before the file, the file before the default.
    ///
    /// # Errors
    /// Every rule that is broken, with its field.
    pub fn new(arguments: &Arguments, file: Option<&ConfigFile>) -> Result<Self, PlanError> {
        let nothing = ConfigFile::default();
        let file = file.unwrap_or(&nothing);
        let test = &file.test;
        let mut rules = Rules::default();

        let percent = [
            arguments.read_percent,
            arguments.write_percent,
            arguments.update_percent,
            arguments.delete_percent,
        ];
        let mix = Mix {
            read: arguments.read_percent.unwrap_or(Mix::DEFAULT.read),
            write: arguments.write_percent.unwrap_or(Mix::DEFAULT.write),
            update: arguments.update_percent.unwrap_or(Mix::DEFAULT.update),
            delete: arguments.delete_percent.unwrap_or(Mix::DEFAULT.delete),
        };
        if percent.iter().any(Option::is_some) {
            rules.mix(
                "--read-percent, --write-percent, --update-percent, --delete-percent",
                mix,
            );
        }

        let phases = file
            .workload_profile
            .as_ref()
            .map(|profile| Phase::of_file(&profile.phases))
            .unwrap_or_default();
        let last_end = phases.iter().map(Phase::end).max();
        let duration = arguments
            .duration
            .or(test.duration)
            .map(|span| span.0)
            .or(last_end)
            .unwrap_or(DEFAULT_DURATION);
        let mut plan = Self {
            duration,
            operations: arguments.operations.unwrap_or(0),
            databases: Vec::new(),
            mix,
            rate: arguments.rate,
            phases,
            stages: Vec::new(),
            document_size: arguments.doc_size.unwrap_or(DEFAULT_DOCUMENT_BYTES),
            document_count: arguments.doc_count.unwrap_or(DEFAULT_DOCUMENT_COUNT),
            metrics_interval: arguments
                .metrics_interval
                .or(test.metrics_interval)
                .map_or(DEFAULT_INTERVAL, |span| span.0),
            socket: arguments
                .socket
                .clone()
                .or_else(|| test.socket.clone())
                .unwrap_or_else(|| PathBuf::from("/tmp/docdb.sock")),
            database_name: arguments
                .db_name
                .clone()
                .unwrap_or_else(|| DEFAULT_DATABASE.to_owned()),
            wal_dir: arguments
                .wal_dir
                .clone()
                .unwrap_or_else(|| PathBuf::from("./data/wal")),
            output_dir: arguments
                .output_dir
                .clone()
                .unwrap_or_else(|| PathBuf::from(".")),
            output: arguments
                .output
                .clone()
                .or_else(|| test.output.clone())
                .unwrap_or_else(|| PathBuf::from("multidb_results.json")),
            csv: arguments.csv || test.csv_output.unwrap_or(false),
            seed: arguments.seed.or(test.seed).unwrap_or_else(seed_of_clock),
            batch: arguments.batch.unwrap_or(1),
            pipeline: arguments.pipeline.unwrap_or(1),
            preload: arguments.preload,
        };
        plan.check_figures(&mut rules);
        plan.check_phases(file, &mut rules);
        plan.choose_databases(arguments, file, &mut rules);
        plan.stages = plan.base().stages();
        rules.check(
            "workers",
            plan.connections() <= MAX_WRITERS,
            plan.connections(),
            "65535 in all at most",
        );
        if rules.0.is_empty() {
            Ok(plan)
        } else {
            Err(PlanError { broken: rules.0 })
        }
    }

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

    /// Directs the run at another server.
    pub fn move_to(&mut self, socket: PathBuf, wal_dir: &Path) {
        self.socket = socket;
        wal_dir.clone_into(&mut self.wal_dir);
        for database in &mut self.databases {
            wal_dir.clone_into(&mut database.wal_dir);
        }
    }

    fn connections(&self) -> usize {
        (0..self.databases.len())
            .map(|database| self.connections_of(database))
            .sum()
    }

    fn base(&self) -> Base<'_> {
        Base {
            databases: self
                .databases
                .iter()
                .map(|database| (database.workers, database.mix))
                .collect(),
            mix: self.mix,
            rate: self.rate,
            phases: &self.phases,
            duration: self.duration,
        }
    }

    fn check_figures(&self, rules: &mut Rules) {
        let time = |span: Duration| format!("{span:?}");
        rules.check(
            "--duration",
            !self.duration.is_zero(),
            time(self.duration),
            "above 0",
        );
        rules.check(
            "--metrics-interval",
            !self.metrics_interval.is_zero(),
            time(self.metrics_interval),
            "above 0",
        );
        rules.check(
            "--batch",
            (1..=Limits::DEFAULT.request_operations).contains(&self.batch),
            self.batch,
            "1 to 65535",
        );
        rules.check(
            "--pipeline",
            (1..=MOST_REQUESTS_UNDER_WAY).contains(&self.pipeline),
            self.pipeline,
            "1 to 10000",
        );
        if let Some(rate) = self.rate {
            rules.check("--rate", rate.is_finite() && rate > 0.0, rate, "above 0");
        }
    }

    fn check_phases(&self, file: &ConfigFile, rules: &mut Rules) {
        let Some(profile) = &file.workload_profile else {
            return;
        };
        rules.check(
            "workload_profile.phases",
            !profile.phases.is_empty(),
            "empty",
            "at least one phase",
        );
        let mut reached = Duration::ZERO;
        let mut names = HashSet::new();
        for (place, (written, phase)) in profile.phases.iter().zip(&self.phases).enumerate() {
            let field = |key: &str| format!("workload_profile.phases[{place}].{key}");
            rules.check(field("name"), !phase.name.is_empty(), "empty", "a name");
            rules.check(
                field("name"),
                names.insert(&phase.name),
                format_args!("{:?} stands twice", phase.name),
                "each name once",
            );
            rules.check(
                field("start_time"),
                phase.start >= reached,
                format_args!("{:?} is before the end of the phase before it", phase.start),
                "phases in order that do not overlap",
            );
            rules.check(field("duration"), !phase.duration.is_zero(), "0", "above 0");
            rules.check(
                field("crud_transition"),
                written.crud.is_none() || written.crud_transition.is_none(),
                "given together with crud",
                "one of the two",
            );
            if let Some(rate) = written.operation_rate {
                rules.check(
                    field("operation_rate"),
                    rate.is_finite() && rate >= 0.0,
                    rate,
                    "0 and above",
                );
            }
            let mixes: [(&str, Option<Crud>); 3] = [
                ("crud", written.crud),
                (
                    "crud_transition.start",
                    written.crud_transition.map(|t| t.start),
                ),
                (
                    "crud_transition.end",
                    written.crud_transition.map(|t| t.end),
                ),
            ];
            for (key, crud) in mixes {
                if let Some(crud) = crud {
                    rules.mix(field(key), crud.into());
                }
            }
            reached = phase.end();
        }
    }

    fn choose_databases(&mut self, arguments: &Arguments, file: &ConfigFile, rules: &mut Rules) {
        let listed = arguments.databases.is_some() || arguments.db_name.is_some();
        rules.check(
            "--databases, --db-name",
            !listed || file.databases.is_empty(),
            "the configuration file has databases too",
            "databases by flag or by file",
        );
        if file.databases.is_empty() {
            let many = arguments.databases.is_some();
            let (workers, flag) = if many {
                (arguments.workers_per_db, "--workers-per-db")
            } else {
                (arguments.workers.or(arguments.workers_per_db), "--workers")
            };
            let names = arguments
                .databases
                .clone()
                .unwrap_or_else(|| vec![self.database_name.clone()]);
            let field = if many { "--databases" } else { "--db-name" };
            for name in names {
                let wanted = FileDatabase {
                    name: name.trim().to_owned(),
                    workers,
                    ..FileDatabase::default()
                };
                let fields = Fields {
                    name: field.to_owned(),
                    workers: flag.to_owned(),
                    size: "--doc-size".to_owned(),
                    count: "--doc-count".to_owned(),
                };
                self.add_database(wanted, &fields, rules);
            }
        } else {
            for (place, wanted) in file.databases.iter().enumerate() {
                let field = |key: &str| format!("databases[{place}].{key}");
                if let Some(crud) = wanted.crud {
                    rules.mix(field("crud"), crud.into());
                }
                let fields = Fields {
                    name: field("name"),
                    workers: field("workers"),
                    size: field("doc_size"),
                    count: field("doc_count"),
                };
                let mut wanted = wanted.clone();
                wanted.workers = arguments
                    .workers_per_db
                    .or(arguments.workers)
                    .or(wanted.workers);
                wanted.doc_size = arguments.doc_size.or(wanted.doc_size);
                wanted.doc_count = arguments.doc_count.or(wanted.doc_count);
                self.add_database(wanted, &fields, rules);
            }
        }
    }

    fn add_database(&mut self, wanted: FileDatabase, fields: &Fields, rules: &mut Rules) {
        let workers = wanted.workers.unwrap_or(DEFAULT_WORKERS);
        let document_size = wanted.doc_size.unwrap_or(self.document_size);
        let document_count = wanted.doc_count.unwrap_or(self.document_count);
        rules.check(&fields.workers, workers > 0, workers, "1 and up");
        let most_bytes = Limits::MAX_DOCUMENT_BYTES;
        rules.check(
            &fields.size,
            (MIN_DOCUMENT_BYTES..=most_bytes).contains(&document_size),
            document_size,
            &format!("{MIN_DOCUMENT_BYTES} to {most_bytes}"),
        );
        rules.check(
            &fields.count,
            (1..=MAX_DOCUMENT_COUNT).contains(&document_count),
            document_count,
            &format!("1 to {MAX_DOCUMENT_COUNT}"),
        );
        let request_bytes = self.batch.saturating_mul(document_size);
        rules.check(
            format_args!("--batch, {}", fields.size),
            request_bytes <= Limits::DEFAULT.request_bytes,
            format_args!("{} documents of {document_size} bytes", self.batch),
            "16 MiB in a request",
        );
        let twice = self
            .databases
            .iter()
            .any(|database| database.name.as_str() == wanted.name);
        rules.check(
            &fields.name,
            !twice,
            format_args!("{:?} stands twice", wanted.name),
            "each name once",
        );
        match DatabaseName::new(&wanted.name) {
            Ok(name) => self.databases.push(DatabasePlan {
                name,
                workers,
                document_size,
                document_count,
                mix: wanted.crud.map(Mix::from),
                wal_dir: wanted.wal_dir.unwrap_or_else(|| self.wal_dir.clone()),
            }),
            Err(error) => rules.0.push(Broken {
                field: fields.name.clone(),
                rule: error.message().to_owned(),
            }),
        }
    }
}

/// What the figures of a database are called where they were given.
struct Fields {
    name: String,
    workers: String,
    size: String,
    count: String,
}

fn seed_of_clock() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    crate::random::scatter(now.as_secs() ^ u64::from(now.subsec_nanos()).rotate_left(32)) >> 11
}
