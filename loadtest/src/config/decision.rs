use bytes::Bytes;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use docdb_types::{DatabaseName, Limits};

use super::rules::{PlanError, Rules};
use super::workload::Recipe;
use super::{
    Arguments, ConfigFile, Crud, DatabasePlan, FileDatabase, Inserts, KeyDistribution, Mix, Phase,
    Plan, SizeDistribution, Target,
};
use crate::document::{MAX_DOCUMENT_COUNT, MAX_WRITERS, MIN_DOCUMENT_BYTES};
use crate::judgement::parse_assertions;
use crate::operation::OperationKind;
use crate::trace::Replay;

const DEFAULT_DATABASE: &str = "loadtest";
const DEFAULT_WORKERS: usize = 10;
const DEFAULT_DURATION: Duration = Duration::from_secs(300);
const DEFAULT_DOCUMENT_BYTES: usize = 1024;
const DEFAULT_DOCUMENT_COUNT: u64 = 10_000;
const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);
const DEFAULT_SCAN_LENGTH: u32 = 100;
const DEFAULT_TRANSACTION_SIZE: usize = 4;
const DEFAULT_ANSWER_PATIENCE: Duration = Duration::from_secs(10);
const DEFAULT_SERVER_PATIENCE: Duration = Duration::from_secs(5);
const DEFAULT_TURNS: usize = 5;
const MOST_TURNS: usize = 1000;
const DEFAULT_CEILING: Duration = Duration::from_secs(1);
/// Behind the moment at which the last recorded operation is due.
const REPLAY_PATIENCE: Duration = Duration::from_secs(3000);
const MOST_REQUESTS_UNDER_WAY: usize = 10_000;
const LONGEST_SCAN: u32 = 10_000;
const LARGEST_TRANSACTION: usize = 1000;

impl Plan {
    /// Makes a plan of flags and a file; a flag comes before the file, the file before the named
    /// workload, that before the default.
    ///
    /// # Errors
    /// Every rule that is broken, with its field.
    pub fn new(arguments: &Arguments, file: Option<&ConfigFile>) -> Result<Self, PlanError> {
        Self::decide(arguments, file, None)
    }

    /// Makes a plan that asks for recorded operations. Their databases, workers and sizes are
    /// those of the recording.
    ///
    /// # Errors
    /// Every rule that is broken, with its field.
    pub fn replaying(arguments: &Arguments, replay: Arc<Replay>) -> Result<Self, PlanError> {
        Self::decide(arguments, None, Some(replay))
    }

    fn decide(
        arguments: &Arguments,
        file: Option<&ConfigFile>,
        replay: Option<Arc<Replay>>,
    ) -> Result<Self, PlanError> {
        let nothing = ConfigFile::default();
        let file = file.unwrap_or(&nothing);
        let test = &file.test;
        let mut rules = Rules::default();
        let workload = arguments.workload.or(test.workload);
        let recipe = workload.map_or_else(usual, super::Workload::recipe);
        let span = |flag: Option<super::Span>, usual| flag.map_or(usual, |span| span.0);

        let warm_up = arguments
            .warmup
            .or(test.warmup)
            .map_or(Duration::ZERO, |s| s.0);
        let profile = file.workload_profile.as_ref();
        let phases = profile
            .map(|profile| Phase::of_file(&profile.phases, warm_up))
            .unwrap_or_default();
        let last_end = phases
            .iter()
            .map(|phase| phase.end().saturating_sub(warm_up))
            .max();
        // However slow the server is, it is asked for all that was recorded.
        let replayed = replay
            .as_ref()
            .map(|replay| replay.duration().saturating_add(REPLAY_PATIENCE));
        let duration = arguments
            .duration
            .or(test.duration)
            .map(|span| span.0)
            .or(last_end)
            .or(replayed)
            .unwrap_or(DEFAULT_DURATION);
        let warm_phases = phases.iter().filter(|phase| phase.warm_up).map(Phase::end);
        let mut plan = Self {
            duration,
            measured_from: warm_phases.max().unwrap_or(warm_up),
            end: duration.saturating_add(warm_up),
            operations: arguments.operations.unwrap_or(0),
            databases: Vec::new(),
            workload,
            mix: mix_of_flags(arguments, recipe.mix, &mut rules),
            inserts: arguments.inserts.or(test.inserts).unwrap_or(recipe.inserts),
            scan_length: arguments.scan_length.unwrap_or(DEFAULT_SCAN_LENGTH),
            transaction_size: arguments
                .transaction_size
                .unwrap_or(DEFAULT_TRANSACTION_SIZE),
            rate: arguments.rate,
            phases,
            stages: Vec::new(),
            sizes: arguments
                .doc_size
                .unwrap_or(SizeDistribution::Fixed(DEFAULT_DOCUMENT_BYTES)),
            document_count: arguments.doc_count.unwrap_or(DEFAULT_DOCUMENT_COUNT),
            keys: arguments
                .distribution
                .or(test.distribution)
                .unwrap_or(recipe.keys),
            metrics_interval: span(
                arguments.metrics_interval.or(test.metrics_interval),
                DEFAULT_INTERVAL,
            ),
            socket: path(&[&arguments.socket, &test.socket], "/tmp/docdb.sock"),
            remote: None,
            token: Bytes::new(),
            database_name: arguments
                .db_name
                .clone()
                .unwrap_or_else(|| DEFAULT_DATABASE.to_owned()),
            wal_dir: path(&[&arguments.wal_dir], "./data/wal"),
            output_dir: path(&[&arguments.output_dir], "."),
            output: path(&[&arguments.output, &test.output], "multidb_results.json"),
            csv: arguments.csv || test.csv_output.unwrap_or(false),
            html: !arguments.no_html,
            seed: arguments.seed.or(test.seed).unwrap_or_else(seed_of_clock),
            batch: arguments.batch.unwrap_or(recipe.batch),
            pipeline: arguments.pipeline.unwrap_or(1),
            preload: arguments.preload || recipe.preload,
            answer_patience: span(arguments.timeout, DEFAULT_ANSWER_PATIENCE),
            server_patience: span(arguments.patience, DEFAULT_SERVER_PATIENCE),
            assertions: Vec::new(),
            record: arguments.record.clone(),
            replay: None,
            kill_every: arguments.kill_every.map(|span| span.0),
            verify: arguments.verify || arguments.kill_every.is_some(),
            ceiling: span(arguments.ceiling, DEFAULT_CEILING),
            targets: targets(&arguments.target),
            turns: arguments.turns.unwrap_or(DEFAULT_TURNS),
            postgres_url: arguments.postgres_url.clone(),
            redis_url: arguments.redis_url.clone(),
        };
        if let Some(text) = arguments.assert.as_ref().or(test.assert.as_ref()) {
            match parse_assertions(text) {
                Ok(assertions) => plan.assertions = assertions,
                Err(error) => rules.refuse("--assert", error.to_string()),
            }
        }
        plan.check_figures(&mut rules);
        plan.check_phases(file, warm_up, &mut rules);
        match replay {
            None => plan.choose_databases(arguments, file, &mut rules),
            Some(replay) => plan.replay(arguments, replay, &mut rules),
        }
        plan.cut();
        if plan.is_comparison() {
            plan.check_comparison(arguments, &mut rules);
        }
        rules.check(
            "workers",
            plan.connections() <= MAX_WRITERS,
            plan.connections(),
            "65535 in all at most",
        );
        rules.finish(plan)
    }

    /// What every target can be asked for, and what a comparison has.
    fn check_comparison(&self, arguments: &Arguments, rules: &mut Rules) {
        rules.check(
            "--turns",
            (1..=MOST_TURNS).contains(&self.turns),
            self.turns,
            "1 to 1000",
        );
        for (flag, is_given) in [
            ("--record", arguments.record.is_some()),
            ("--replay", arguments.replay.is_some()),
            ("--kill-every", arguments.kill_every.is_some()),
            ("--verify", arguments.verify),
            ("--assert", arguments.assert.is_some()),
            ("--csv", self.csv),
        ] {
            if is_given {
                rules.refuse(flag, "beside several targets or a peer".to_owned());
            }
        }
        let is_common = |kind: OperationKind| {
            matches!(
                kind,
                OperationKind::Create
                    | OperationKind::Read
                    | OperationKind::Update
                    | OperationKind::Delete
            )
        };
        let shifts = self.stages.iter().flat_map(|stage| &stage.mixes);
        let mut mixes = shifts.flat_map(|shift| [shift.start, shift.end]);
        let is_asked_of_all = |mix: Mix| {
            let mut kinds = mix.0.iter();
            kinds.all(|(kind, percent)| *percent == 0 || is_common(kind))
        };
        if let Some(mix) = mixes.find(|mix| !is_asked_of_all(*mix)) {
            rules.refuse(
                "--target",
                format!("{mix}, allowed beside a peer: create, read, update and delete"),
            );
        }
    }

    /// Takes databases and workers from a recording.
    fn replay(&mut self, arguments: &Arguments, replay: Arc<Replay>, rules: &mut Rules) {
        let speed = arguments.replay_speed.unwrap_or(1.0);
        rules.check(
            "--replay-speed",
            speed.is_finite() && speed >= 0.0,
            speed,
            "0 and above",
        );
        for database in replay.databases() {
            match DatabaseName::new(&database.name) {
                Ok(name) => self.databases.push(DatabasePlan {
                    name,
                    workers: database.workers,
                    under_way: None,
                    sizes: SizeDistribution::Fixed(database.largest_document),
                    document_count: database.document_count,
                    keys: self.keys,
                    mix: None,
                    wal_dir: self.wal_dir.clone(),
                }),
                Err(error) => rules.refuse("--replay", error.message().to_owned()),
            }
        }
        self.pipeline = arguments.pipeline.unwrap_or(replay.pipeline());
        self.replay = Some(replay);
    }

    fn check_figures(&self, rules: &mut Rules) {
        let time = |span: Duration| format!("{span:?}");
        for (field, span) in [
            ("--duration", self.duration),
            ("--metrics-interval", self.metrics_interval),
            ("--timeout", self.answer_patience),
            ("--patience", self.server_patience),
            ("--kill-every", self.kill_every.unwrap_or(Duration::MAX)),
        ] {
            rules.check(field, !span.is_zero(), time(span), "above 0");
        }
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
        rules.check(
            "--scan-length",
            (1..=LONGEST_SCAN).contains(&self.scan_length),
            self.scan_length,
            "1 to 10000",
        );
        rules.check(
            "--transaction-size",
            (1..=LARGEST_TRANSACTION).contains(&self.transaction_size),
            self.transaction_size,
            "1 to 1000",
        );
        if let Some(rate) = self.rate {
            rules.check("--rate", rate.is_finite() && rate > 0.0, rate, "above 0");
        }
    }

    fn check_phases(&self, file: &ConfigFile, warm_up: Duration, rules: &mut Rules) {
        let Some(profile) = &file.workload_profile else {
            return;
        };
        rules.check(
            "workload_profile.phases",
            !profile.phases.is_empty(),
            "empty",
            "at least one phase",
        );
        let mut reached = warm_up;
        let mut measures = false;
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
                format_args!(
                    "{:?} is before the end of the phase before it",
                    phase.start.saturating_sub(warm_up)
                ),
                "phases in order that do not overlap",
            );
            rules.check(field("duration"), !phase.duration.is_zero(), "0", "above 0");
            rules.check(
                field("warmup"),
                !phase.warm_up || (!measures && warm_up.is_zero()),
                "behind what is measured, or beside --warmup",
                "phases that warm up before all others, or --warmup",
            );
            measures |= !phase.warm_up;
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
            let transition = written.crud_transition;
            let mixes: [(&str, Option<Crud>); 3] = [
                ("crud", written.crud),
                ("crud_transition.start", transition.map(|t| t.start)),
                ("crud_transition.end", transition.map(|t| t.end)),
            ];
            for (key, crud) in mixes {
                if let Some(crud) = crud {
                    rules.mix(field(key), crud.into());
                }
            }
            reached = phase.end();
        }
        rules.check(
            "workload_profile.phases",
            self.measured_from < self.end,
            "nothing but warm-up",
            "a time that is measured",
        );
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
                wanted.distribution = arguments.distribution.or(wanted.distribution);
                self.add_database(wanted, &fields, rules);
            }
        }
    }

    fn add_database(&mut self, wanted: FileDatabase, fields: &Fields, rules: &mut Rules) {
        let workers = wanted.workers.unwrap_or(DEFAULT_WORKERS);
        let sizes = wanted.doc_size.unwrap_or(self.sizes);
        let document_count = wanted.doc_count.unwrap_or(self.document_count);
        rules.check(&fields.workers, workers > 0, workers, "1 and up");
        let most_bytes = Limits::MAX_DOCUMENT_BYTES;
        rules.check(
            &fields.size,
            sizes.smallest() >= MIN_DOCUMENT_BYTES && sizes.largest() <= most_bytes,
            sizes,
            &format!("{MIN_DOCUMENT_BYTES} to {most_bytes}"),
        );
        rules.check(
            &fields.count,
            (1..=MAX_DOCUMENT_COUNT).contains(&document_count),
            document_count,
            &format!("1 to {MAX_DOCUMENT_COUNT}"),
        );
        let transaction = if self.mix.percent(OperationKind::Transaction) > 0 {
            self.transaction_size
        } else {
            0
        };
        for (field, documents) in [("--batch", self.batch), ("--transaction-size", transaction)] {
            rules.check(
                format_args!("{field}, {}", fields.size),
                documents.saturating_mul(sizes.largest()) <= Limits::DEFAULT.request_bytes,
                format_args!("{documents} documents of {sizes} bytes"),
                "16 MiB in a request",
            );
        }
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
                under_way: None,
                sizes,
                document_count,
                keys: wanted.distribution.unwrap_or(self.keys),
                mix: wanted.crud.map(Mix::from),
                wal_dir: wanted.wal_dir.unwrap_or_else(|| self.wal_dir.clone()),
            }),
            Err(error) => rules.refuse(&fields.name, error.message().to_owned()),
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

/// What is done when no load is asked for by name.
fn usual() -> Recipe {
    Recipe {
        mix: Mix::usual(),
        keys: KeyDistribution::Uniform,
        inserts: Inserts::Drawn,
        batch: 1,
        preload: false,
    }
}

/// The mix that the flags ask for. Flags of the four basic kinds change the usual mix or that of the
/// workload; a flag of any other kind begins with nothing.
fn mix_of_flags(arguments: &Arguments, usual: Mix, rules: &mut Rules) -> Mix {
    let flags = [
        (OperationKind::Read, arguments.read_percent),
        (OperationKind::Create, arguments.write_percent),
        (OperationKind::Update, arguments.update_percent),
        (OperationKind::Delete, arguments.delete_percent),
        (OperationKind::Patch, arguments.patch_percent),
        (OperationKind::Scan, arguments.scan_percent),
        (OperationKind::Modify, arguments.modify_percent),
        (OperationKind::Transaction, arguments.transaction_percent),
    ];
    let is_given = |(_, percent): &(OperationKind, Option<u32>)| percent.is_some();
    if !flags.iter().any(is_given) {
        return usual;
    }
    let others = flags.iter().filter(|(kind, _)| !kind.is_basic());
    let begins_with_nothing = others.clone().any(is_given);
    let mut mix = if begins_with_nothing {
        Mix::of(&[])
    } else {
        usual
    };
    for (kind, percent) in flags {
        if let Some(percent) = percent {
            *mix.0.get_mut(kind) = percent;
        }
    }
    rules.mix(
        "--read-percent, --write-percent, --update-percent, --delete-percent, --patch-percent, \
         --scan-percent, --modify-percent, --transaction-percent",
        mix,
    );
    mix
}

fn path(given: &[&Option<PathBuf>], usual: &str) -> PathBuf {
    let mut given = given.iter().filter_map(|path| path.as_ref());
    given.next().cloned().unwrap_or_else(|| usual.into())
}

fn seed_of_clock() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    crate::random::scatter(now.as_secs() ^ u64::from(now.subsec_nanos()).rotate_left(32)) >> 11
}

/// Every target once, in the order in which they were named.
fn targets(named: &[Target]) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for target in named {
        if !targets.contains(target) {
            targets.push(*target);
        }
    }
    if targets.is_empty() {
        targets.push(Target::Docdb);
    }
    targets
}
