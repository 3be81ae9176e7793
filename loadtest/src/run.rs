use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use docdb_client::{DatabaseStatistics, Endpoint, MaintenanceRun, ServerHello};
use docdb_types::{DatabaseName, Error};
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use crate::config::Plan;
use crate::document::{Composer, Forms};
use crate::halt::Halt;
use crate::monitor::{Monitor, Sample};
use crate::preload::preload;
use crate::random::{Random, scatter};
use crate::record::{LatencySample, Reservoir, StageRecord, Tally};
use crate::shift::shifts;
use crate::worker::{Assignment, Finished, Pulse, Worker};

/// Answers that are under way at the end of a run may take so long.
const LAST_ANSWERS: Duration = Duration::from_secs(10);
/// The same when the run is stopped.
const LAST_ANSWERS_WHEN_STOPPED: Duration = Duration::from_secs(2);
const GLANCE_INTERVAL: Duration = Duration::from_millis(200);
/// Latencies of all workers that go to the file of samples.
const MOST_SAMPLES: usize = 100_000;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As planned.
    Complete,
    /// It was stopped before its end.
    Stopped,
    /// Workers lost the server, or it left requests unanswered.
    Lost,
}

/// Everything that a run found out.
#[derive(Debug)]
pub struct Measured {
    /// When it began.
    pub started_at: SystemTime,
    /// From its beginning to its last answer.
    pub elapsed: Duration,
    /// How it ended.
    pub ending: Ending,
    /// Workers that gave up because the server was gone or did not answer.
    pub lost_workers: usize,
    /// By database, as planned.
    pub databases: Vec<DatabaseMeasured>,
    /// Some of the wrong answers, in words.
    pub wrong_answers: Vec<String>,
    /// What the server says about itself.
    pub server: ServerHello,
}

/// What was found out about one database.
#[derive(Debug)]
pub struct DatabaseMeasured {
    /// Its name.
    pub name: DatabaseName,
    /// By stage of the plan.
    pub stages: Vec<StageRecord>,
    /// All stages together.
    pub total: StageRecord,
    /// Sizes of its log.
    pub log: Vec<Sample>,
    /// Healings that finished, and when they were noticed.
    pub healings: Vec<(Duration, MaintenanceRun)>,
    /// What the server measured of it before the run.
    pub first: Option<DatabaseStatistics>,
    /// What the server measured of it at the end.
    pub last: Option<DatabaseStatistics>,
    pub(crate) samples: Vec<LatencySample>,
}

/// A look at a run that goes on.
#[derive(Debug, Clone, Copy)]
pub struct Glance {
    /// From its beginning.
    pub elapsed: Duration,
    /// Operations so far.
    pub operations: u64,
    /// Errors, refusals and wrong answers so far.
    pub failures: u64,
}

/// Why there is nothing measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The server cannot be reached or does not open the databases.
    #[error("cannot begin: {0}")]
    Begin(Error),
    /// The documents of the beginning cannot be stored.
    #[error("cannot preload: {0}")]
    Preload(Error),
    /// A part of the generator broke off.
    #[error("a part of the generator broke off: {0}")]
    BrokenOff(#[from] JoinError),
}

impl Measured {
    /// The sum of a figure over all databases and kinds.
    pub fn sum(&self, figure: impl Fn(&Tally) -> u64) -> u64 {
        let of_database = |database: &DatabaseMeasured| database.total.sum(&figure);
        self.databases.iter().map(of_database).sum()
    }

    /// All databases together.
    #[must_use]
    pub fn total(&self) -> StageRecord {
        let mut total = StageRecord::default();
        for database in &self.databases {
            total.merge(&database.total);
        }
        total
    }

    /// Whether the run is a failure: wrong answers, nothing but errors, or an early end.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        let nothing = self.sum(Tally::operations) == 0 && self.sum(Tally::uncounted) > 0;
        self.sum(|tally| tally.wrong) > 0 || nothing || self.ending != Ending::Complete
    }
}

/// Runs a plan against a server. `glance` is called a few times a second.
///
/// # Errors
/// [`RunError`]; once operations have begun, trouble with the server is measured instead.
pub async fn run(
    plan: &Plan,
    endpoint: &Endpoint,
    halt: &Arc<Halt>,
    mut glance: impl FnMut(Glance),
) -> Result<Measured, RunError> {
    let mut monitor = Monitor::connect(endpoint, plan)
        .await
        .map_err(RunError::Begin)?;
    let server = monitor.server().clone();
    let forms = forms(plan);
    if plan.preload {
        preload_all(plan, endpoint, &forms, halt).await?;
    }
    let (workers, pulses) = hire(plan, endpoint, &forms, halt).await?;
    monitor.look(Duration::ZERO).await;

    let started_at = SystemTime::now();
    let begun = Instant::now();
    let mut cuts = Vec::new();
    let mut tasks = JoinSet::new();
    for (database, mut worker) in workers {
        let (cut, is_cut) = oneshot::channel::<()>();
        cuts.push(cut);
        tasks.spawn(async move {
            tokio::select! {
                biased;
                () = worker.work(begun) => {}
                _ = is_cut => {}
            }
            (database, worker.finish())
        });
    }
    let (over, is_over) = watch::channel(());
    let watching = tokio::spawn(keep_looking(monitor, plan.metrics_interval, begun, is_over));

    let mut databases: Vec<Gathered> = plan.databases.iter().map(|_| Gathered::default()).collect();
    let mut last_moment = begun + plan.duration + LAST_ANSWERS;
    let mut stopping = false;
    let mut ticks = interval(GLANCE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            finished = tasks.join_next() => match finished {
                None => break,
                Some(finished) => {
                    let (database, finished) = finished?;
                    if let Some(gathered) = databases.get_mut(database) {
                        gathered.add(finished);
                    }
                }
            },
            _ = ticks.tick() => glance(look_at(&pulses, begun.elapsed())),
            () = halt.stopped(), if !stopping => {
                stopping = true;
                last_moment = last_moment.min(Instant::now() + LAST_ANSWERS_WHEN_STOPPED);
            }
            // Dropping them cuts every worker off.
            () = sleep_until(last_moment.into()), if !cuts.is_empty() => cuts.clear(),
        }
    }
    let last_answer = databases.iter().filter_map(|gathered| gathered.last_answer);
    let elapsed = last_answer
        .max()
        .map_or_else(|| begun.elapsed(), |last| last - begun);
    drop(over);
    let gauges = watching.await?.into_gauges();

    let lost_workers = databases.iter().map(|gathered| gathered.lost).sum();
    let ending = if lost_workers > 0 {
        Ending::Lost
    } else if halt.is_stopped() {
        Ending::Stopped
    } else {
        Ending::Complete
    };
    let wrong_answers = databases
        .iter_mut()
        .flat_map(|gathered| std::mem::take(&mut gathered.wrong))
        .collect();
    let databases = plan
        .databases
        .iter()
        .zip(databases)
        .zip(gauges)
        .map(|((plan, gathered), gauge)| DatabaseMeasured {
            name: plan.name.clone(),
            total: gathered.total(),
            stages: gathered.stages,
            log: gauge.log,
            healings: gauge.healings,
            first: gauge.first,
            last: gauge.last,
            samples: gathered.samples,
        })
        .collect();
    Ok(Measured {
        started_at,
        elapsed,
        ending,
        lost_workers,
        databases,
        wrong_answers,
        server,
    })
}

/// What the workers of one database leave behind.
#[derive(Debug, Default)]
struct Gathered {
    stages: Vec<StageRecord>,
    samples: Vec<LatencySample>,
    wrong: Vec<String>,
    last_answer: Option<Instant>,
    lost: usize,
}

impl Gathered {
    fn add(&mut self, finished: Finished) {
        self.stages
            .resize_with(finished.stages.len(), StageRecord::default);
        for (ours, theirs) in self.stages.iter_mut().zip(&finished.stages) {
            ours.merge(theirs);
        }
        self.samples.extend(finished.samples);
        self.wrong.extend(finished.wrong);
        self.last_answer = self.last_answer.max(finished.last_answer);
        self.lost += usize::from(finished.lost || finished.unanswered);
    }

    fn total(&self) -> StageRecord {
        let mut total = StageRecord::default();
        for stage in &self.stages {
            total.merge(stage);
        }
        total
    }
}

/// The documents of each database, of a run whose number no other is likely to have.
fn forms(plan: &Plan) -> Vec<Arc<Forms>> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let moment = now.as_secs() ^ (u64::from(now.subsec_nanos()) << 32);
    #[expect(clippy::cast_possible_truncation, reason = "half of the bits are kept")]
    let run = scatter(moment ^ scatter(u64::from(std::process::id()))) as u32;
    plan.databases
        .iter()
        .map(|database| Arc::new(Forms::new(run, plan.seed, database.document_size)))
        .collect()
}

async fn preload_all(
    plan: &Plan,
    endpoint: &Endpoint,
    forms: &[Arc<Forms>],
    halt: &Arc<Halt>,
) -> Result<(), RunError> {
    let mut tasks = JoinSet::new();
    for (database, forms) in plan.databases.iter().zip(forms) {
        let (database, forms) = (database.clone(), Arc::clone(forms));
        let (endpoint, halt) = (endpoint.clone(), Arc::clone(halt));
        tasks.spawn(async move { preload(&endpoint, &database, forms, &halt).await });
    }
    while let Some(loaded) = tasks.join_next().await {
        loaded?.map_err(RunError::Preload)?;
    }
    Ok(())
}

/// Workers, each with the place of its database, and their pulses.
type Staff = (Vec<(usize, Worker)>, Vec<Arc<Pulse>>);

/// Connects all workers, so that the run begins with all of them.
async fn hire(
    plan: &Plan,
    endpoint: &Endpoint,
    forms: &[Arc<Forms>],
    halt: &Arc<Halt>,
) -> Result<Staff, RunError> {
    let budget = (plan.operations > 0).then(|| Arc::new(AtomicU64::new(plan.operations)));
    let connections: usize = (0..plan.databases.len())
        .map(|database| plan.connections_of(database))
        .sum();
    let mut workers = Vec::with_capacity(connections);
    let mut pulses = Vec::with_capacity(connections);
    for (place, (database, forms)) in plan.databases.iter().zip(forms).enumerate() {
        for number in 0..plan.connections_of(place) {
            let rank = workers.len() as u64;
            // The number 0 is that of the preloader.
            let writer = u16::try_from(rank + 1).unwrap_or(u16::MAX);
            let reservoir = plan.csv.then(|| {
                let random = Random::stream(plan.seed, u64::MAX - rank);
                Reservoir::new(MOST_SAMPLES / connections.max(1), random)
            });
            let pulse = Arc::new(Pulse::default());
            pulses.push(Arc::clone(&pulse));
            let worker = Worker::new(Assignment {
                endpoint: endpoint.clone(),
                database: database.name.clone(),
                document_count: database.document_count,
                shifts: shifts(plan, place, number),
                stages: plan.stages.len(),
                batch: plan.batch,
                pipeline: plan.pipeline,
                composer: Composer::new(Arc::clone(forms), writer),
                random: Random::stream(plan.seed, rank),
                budget: budget.clone(),
                reservoir,
                pulse,
                halt: Arc::clone(halt),
            });
            workers.push((place, worker.await.map_err(RunError::Begin)?));
        }
    }
    Ok((workers, pulses))
}

fn look_at(pulses: &[Arc<Pulse>], elapsed: Duration) -> Glance {
    let sum = |figure: fn(&Pulse) -> &AtomicU64| {
        pulses
            .iter()
            .map(|pulse| figure(pulse).load(Ordering::Relaxed))
            .sum()
    };
    Glance {
        elapsed,
        operations: sum(|pulse| &pulse.operations),
        failures: sum(|pulse| &pulse.failures),
    }
}

/// Looks at the databases at every interval, and once more at the end.
async fn keep_looking(
    mut monitor: Monitor,
    every: Duration,
    begun: Instant,
    mut over: watch::Receiver<()>,
) -> Monitor {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks.tick().await;
    loop {
        tokio::select! {
            _ = over.changed() => break,
            _ = ticks.tick() => monitor.look(begun.elapsed()).await,
        }
    }
    monitor.look(begun.elapsed()).await;
    monitor
}
