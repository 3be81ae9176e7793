use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::config::{DatabasePlan, Plan};
use crate::document::{Composer, Forms};
use crate::halt::Halt;
use crate::ids::Ids;
use crate::ledger::Ledger;
use crate::pacer::Pacer;
use crate::peer::Address;
use crate::preload::preload;
use crate::random::Random;
use crate::record::Reservoir;
use crate::run::RunError;
use crate::series::{Recorder, SharedSeries, step_of};
use crate::shift::shifts;
use crate::source::{Drawing, Source};
use crate::trace::{RecordedDatabase, Trace, TraceWriter};
use crate::worker::{Assignment, Pulse, Worker};

/// Latencies of all workers that go to the file of samples.
const MOST_SAMPLES: usize = 100_000;

/// What the workers of a run share.
#[derive(Debug)]
pub(crate) struct Crew<'a> {
    plan: &'a Plan,
    address: &'a Address,
    pacer: Arc<Pacer>,
    trace: Option<Arc<Trace>>,
    step: Duration,
    desks: Vec<Desk>,
}

/// What the workers of one database share.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) database: DatabasePlan,
    pub(crate) forms: Arc<Forms>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) series: Arc<SharedSeries>,
    ids: Arc<Ids>,
}

/// Workers, each with the place of its database, and their pulses.
pub(crate) type Staff = (Vec<(usize, Worker)>, Vec<Arc<Pulse>>);

impl<'a> Crew<'a> {
    pub(crate) fn new(plan: &'a Plan, address: &'a Address, run: u32) -> Result<Self, RunError> {
        let step = step_of(plan.end);
        let desks = plan.databases.iter().map(|database| Desk {
            forms: Arc::new(Forms::new(run, plan.seed, database.sizes.largest())),
            ledger: Arc::new(if address.has_versions() {
                Ledger::new()
            } else {
                Ledger::blind()
            }),
            series: Arc::new(SharedSeries::new(step)),
            ids: Arc::new(Ids::new(
                database.keys,
                plan.inserts,
                database.document_count,
            )),
            database: database.clone(),
        });
        let recorded = plan.databases.iter().enumerate();
        let recorded = recorded.map(|(place, database)| RecordedDatabase {
            name: database.name.to_string(),
            workers: plan.connections_of(place),
            document_count: database.document_count,
            largest_document: database.sizes.largest(),
        });
        let trace = match &plan.record {
            None => None,
            Some(path) => {
                let trace = Trace::create(path, plan.pipeline, recorded.collect())?;
                Some(Arc::new(trace))
            }
        };
        Ok(Self {
            plan,
            address,
            pacer: Arc::new(Pacer::start()?),
            trace,
            step,
            desks: desks.collect(),
        })
    }

    pub(crate) const fn address(&self) -> &Address {
        self.address
    }

    pub(crate) const fn step(&self) -> Duration {
        self.step
    }

    pub(crate) fn desks(&self) -> &[Desk] {
        &self.desks
    }

    /// Stores a document under every id of every database.
    pub(crate) async fn preload(&self, halt: &Arc<Halt>) -> Result<(), RunError> {
        let mut tasks = JoinSet::new();
        for desk in &self.desks {
            let (database, forms) = (desk.database.clone(), Arc::clone(&desk.forms));
            let (ledger, halt) = (Arc::clone(&desk.ledger), Arc::clone(halt));
            let address = self.address.clone();
            tasks.spawn(async move { preload(&address, &database, forms, &ledger, &halt).await });
        }
        while let Some(loaded) = tasks.join_next().await {
            loaded?.map_err(RunError::Preload)?;
        }
        Ok(())
    }

    /// Connects all workers, so that the run begins with all of them.
    pub(crate) async fn hire(&self, halt: &Arc<Halt>) -> Result<Staff, RunError> {
        let plan = self.plan;
        let budget = (plan.operations > 0).then(|| Arc::new(AtomicU64::new(plan.operations)));
        let connections = plan.connections();
        let mut workers = Vec::with_capacity(connections);
        let mut pulses = Vec::with_capacity(connections);
        for (place, desk) in self.desks.iter().enumerate() {
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
                let source = match &plan.replay {
                    Some(replay) => Source::Recorded(replay.requests_of(place, number).into_iter()),
                    None => Source::Drawn(Drawing::new(
                        Arc::clone(&desk.ids),
                        Random::stream(plan.seed, rank),
                        plan,
                        desk.database.sizes,
                    )),
                };
                let trace = self.trace.as_ref();
                let assignment = Assignment {
                    address: self.address.clone(),
                    database: desk.database.name.clone(),
                    shifts: shifts(plan, place, number),
                    stages: plan.stages.len(),
                    batch: plan.batch,
                    pipeline: plan.pipeline_of(place, number),
                    composer: Composer::new(Arc::clone(&desk.forms), writer),
                    source,
                    ids: Arc::clone(&desk.ids),
                    ledger: Arc::clone(&desk.ledger),
                    budget: budget.clone(),
                    reservoir,
                    trace: trace.map(|trace| TraceWriter::new(Arc::clone(trace), place, number)),
                    pulse,
                    pacer: Arc::clone(&self.pacer),
                    halt: Arc::clone(halt),
                    answer_patience: plan.answer_patience,
                    server_patience: plan.server_patience,
                    is_interrupted: plan.kill_every.is_some(),
                };
                let recorder = Recorder::new(Arc::clone(&desk.series));
                let worker = Worker::new(assignment, recorder).await;
                workers.push((place, worker.map_err(RunError::Begin)?));
            }
        }
        Ok((workers, pulses))
    }

    /// Writes the last of the trace.
    pub(crate) fn finish_trace(&self) -> Result<(), RunError> {
        self.trace
            .as_ref()
            .map_or(Ok(()), |trace| Ok(trace.finish()?))
    }
}
