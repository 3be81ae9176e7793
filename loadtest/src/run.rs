use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use docdb_client::Endpoint;
use docdb_types::Error;
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use crate::config::Plan;
use crate::crew::{Crew, Desk};
use crate::halt::Halt;
use crate::measured::{DatabaseMeasured, Ending, Kill, Measured};
use crate::monitor::Monitor;
use crate::peer::Address;
use crate::random::scatter;
use crate::record::LatencySample;
use crate::record::StageRecord;
use crate::server::{OwnServer, OwnServerError};
use crate::trace::TraceError;
use crate::verification::{Verification, verify};
use crate::worker::{Finished, Pulse};

/// Behind the last answer that a worker waits for, it may take so long to say so.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// When the run is stopped, answers under way may take so long.
const LAST_ANSWERS_WHEN_STOPPED: Duration = Duration::from_secs(2);
const GLANCE_INTERVAL: Duration = Duration::from_millis(200);

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
    /// There is no thread or place for a part of the generator.
    #[error("no place for the generator: {0}")]
    Place(#[from] std::io::Error),
    /// The operations cannot be written down.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The server that was killed does not come back.
    #[error("killed and not back: {0}")]
    Restart(#[from] OwnServerError),
    /// A part of the generator broke off.
    #[error("a part of the generator broke off: {0}")]
    BrokenOff(#[from] JoinError),
}

/// Runs a plan against a docdb server. `own` is the server where the run started it itself, to be
/// killed if the plan says so. `glance` is called a few times a second.
///
/// # Errors
/// [`RunError`]; once operations have begun, trouble with the server is measured instead.
pub async fn run(
    plan: &Plan,
    endpoint: &Endpoint,
    halt: &Arc<Halt>,
    own: Option<&mut OwnServer>,
    glance: impl FnMut(Glance),
) -> Result<Measured, RunError> {
    let address = Address::Docdb(endpoint.clone(), plan.token.clone());
    run_at(plan, &address, halt, own, glance).await
}

/// Runs a plan against a server of any kind.
pub(crate) async fn run_at(
    plan: &Plan,
    address: &Address,
    halt: &Arc<Halt>,
    mut own: Option<&mut OwnServer>,
    mut glance: impl FnMut(Glance),
) -> Result<Measured, RunError> {
    let mut monitor = Monitor::connect(address, plan)
        .await
        .map_err(RunError::Begin)?;
    let server = monitor.server().cloned();
    let crew = Crew::new(plan, address, run_number())?;
    if plan.preload {
        crew.preload(halt).await?;
    }
    let (workers, pulses) = crew.hire(halt).await?;
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
    let watching = tokio::spawn(keep_looking(monitor, plan, begun, is_over));

    let mut databases: Vec<Gathered> = plan.databases.iter().map(|_| Gathered::default()).collect();
    let mut last_moment = begun + plan.end + plan.answer_patience + LAST_WORDS;
    let mut stopping = false;
    let mut kills = Vec::new();
    let mut next_kill = plan.kill_every.map(|every| begun + every);
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
            () = sleep_until(next_kill.unwrap_or(begun).into()), if next_kill.is_some() => {
                let at = begun.elapsed();
                if let Some(own) = own.as_mut().filter(|_| at < plan.end) {
                    let away = own.kill_and_restart().await?;
                    kills.push(Kill { at, away });
                }
                next_kill = plan
                    .kill_every
                    .filter(|_| begun.elapsed() < plan.end && !halt.is_stopped())
                    .map(|every| Instant::now() + every);
            }
        }
    }
    let last_answer = databases.iter().filter_map(|gathered| gathered.last_answer);
    let until = last_answer.max().unwrap_or_else(Instant::now);
    let elapsed = until.saturating_duration_since(begun + plan.measured_from);
    drop(over);
    let (gauges, server_samples) = watching.await?.into_parts();
    let verification = if plan.verify {
        Some(read_again(&crew).await)
    } else {
        None
    };
    crew.finish_trace()?;

    let lost_workers = databases.iter().map(|gathered| gathered.lost).sum();
    let trace_failed = databases.iter_mut().find_map(|g| g.trace_failed.take());
    if let Some(cause) = trace_failed {
        return Err(RunError::Place(cause));
    }
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
    let databases = crew
        .desks()
        .iter()
        .zip(databases)
        .zip(gauges)
        .map(|((desk, gathered), gauge)| DatabaseMeasured {
            name: desk.database.name.clone(),
            total: gathered.total(plan),
            stages: gathered.stages,
            steps: desk.series.take(),
            log: gauge.log,
            healed: gauge.healing.healed,
            healing: gauge.healing.first.zip(gauge.healing.last),
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
        step: crew.step(),
        wrong_answers,
        server,
        server_samples,
        kills,
        verification,
        ceiling: None,
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
    trace_failed: Option<std::io::Error>,
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
        self.lost += usize::from(finished.lost);
        self.trace_failed = self.trace_failed.take().or(finished.trace_failed);
    }

    /// All stages together, the warm-up aside.
    fn total(&self, plan: &Plan) -> StageRecord {
        let mut total = StageRecord::default();
        for (record, stage) in self.stages.iter().zip(&plan.stages) {
            if !stage.warm_up {
                total.merge(record);
            }
        }
        total
    }
}

/// A number that no other run is likely to have.
fn run_number() -> u32 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let moment = now.as_secs() ^ (u64::from(now.subsec_nanos()) << 32);
    #[expect(clippy::cast_possible_truncation, reason = "half of the bits are kept")]
    let run = scatter(moment ^ scatter(u64::from(std::process::id()))) as u32;
    run
}

/// Reads every document that the run knows of once more.
async fn read_again(crew: &Crew<'_>) -> Verification {
    let mut all = Verification::default();
    for Desk {
        database,
        forms,
        ledger,
        ..
    } in crew.desks()
    {
        all.merge(verify(crew.address(), &database.name, forms, ledger).await);
    }
    all
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

/// Looks at the server at every interval, when measuring begins, and once more at the end.
fn keep_looking(
    mut monitor: Monitor,
    plan: &Plan,
    begun: Instant,
    mut over: watch::Receiver<()>,
) -> impl Future<Output = Monitor> + use<> {
    let mut ticks = interval(plan.metrics_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let measured_from = begun + plan.measured_from;
    async move {
        ticks.tick().await;
        let mut is_warm = measured_from <= begun;
        loop {
            tokio::select! {
                _ = over.changed() => break,
                _ = ticks.tick() => {}
                () = sleep_until(measured_from.into()), if !is_warm => is_warm = true,
            }
            monitor.look(begun.elapsed()).await;
        }
        monitor.look(begun.elapsed()).await;
        monitor
    }
}
