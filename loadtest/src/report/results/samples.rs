use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::figures::KindMap;
use crate::config::Plan;
use crate::measured::{DatabaseMeasured, Measured};
use crate::monitor::{Sample, ServerSample};
use crate::operation::OperationKind;
use crate::series::{Step, StepKind};

/// What happened in one database, or in all together, over time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::report) struct Timeline {
    /// One point per step, from the beginning of the run.
    pub(in crate::report) steps: Vec<StepPoint>,
    /// By operation.
    pub(in crate::report) by_operation: KindMap<Vec<StepPoint>>,
    /// What the server told.
    pub(in crate::report) server: Vec<DatabaseSample>,
}

/// What happened during one step. Latencies are milliseconds, and absent when nothing was measured.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::report) struct StepPoint {
    /// The beginning of the step, from the beginning of the run.
    pub(in crate::report) second: f64,
    pub(in crate::report) operations: u64,
    pub(in crate::report) failed: u64,
    pub(in crate::report) p50: Option<f64>,
    pub(in crate::report) p95: Option<f64>,
    pub(in crate::report) p99: Option<f64>,
    pub(in crate::report) p999: Option<f64>,
    pub(in crate::report) max: Option<f64>,
}

/// What the server told about a database at a moment.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::report) struct DatabaseSample {
    pub(in crate::report) second: f64,
    pub(in crate::report) log_bytes: u64,
    pub(in crate::report) data_bytes: Option<u64>,
    pub(in crate::report) dead_bytes: Option<u64>,
    pub(in crate::report) documents: Option<u64>,
    pub(in crate::report) memory_used_bytes: Option<u64>,
    pub(in crate::report) queue_depth: Option<u64>,
    pub(in crate::report) batches: Option<u64>,
    pub(in crate::report) syncs: Option<u64>,
    pub(in crate::report) batch_size_mean: Option<f64>,
    pub(in crate::report) sync_p99_ms: Option<f64>,
}

/// What was seen of the server as a whole, and of the generator, at a moment.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::report) struct ServerPoint {
    pub(in crate::report) second: f64,
    pub(in crate::report) server_cpu_seconds: Option<f64>,
    pub(in crate::report) server_resident_bytes: Option<u64>,
    pub(in crate::report) generator_cpu_seconds: Option<f64>,
    pub(in crate::report) generator_resident_bytes: Option<u64>,
    pub(in crate::report) memory_used_bytes: Option<u64>,
    pub(in crate::report) connections: Option<u64>,
    pub(in crate::report) workers_busy: Option<u64>,
    pub(in crate::report) requests: Option<u64>,
}

impl Timeline {
    /// That of one database.
    pub(super) fn of(plan: &Plan, measured: &Measured, database: &DatabaseMeasured) -> Self {
        Self {
            server: database.log.iter().map(DatabaseSample::new).collect(),
            ..Self::new(plan, measured, &database.steps)
        }
    }

    /// That of all databases together.
    pub(super) fn of_all(plan: &Plan, measured: &Measured) -> Self {
        let mut all: Vec<Step> = Vec::new();
        for database in &measured.databases {
            if all.len() < database.steps.len() {
                all.resize_with(database.steps.len(), Step::default);
            }
            for (ours, theirs) in all.iter_mut().zip(&database.steps) {
                ours.merge(theirs);
            }
        }
        Self::new(plan, measured, &all)
    }

    fn new(plan: &Plan, measured: &Measured, steps: &[Step]) -> Self {
        // Steps without an answer are steps too: nothing was answered then.
        let span = plan.measured_from + measured.elapsed;
        let count = span.as_nanos().div_ceil(measured.step.as_nanos().max(1));
        let count = usize::try_from(count)
            .unwrap_or(usize::MAX)
            .max(steps.len());
        let empty = Step::default();
        let of = |figure: &dyn Fn(&Step) -> StepKind| {
            let mut second = Duration::ZERO;
            let points = (0..count).map(|place| {
                let point = StepPoint::new(second, &figure(steps.get(place).unwrap_or(&empty)));
                second += measured.step;
                point
            });
            points.collect::<Vec<_>>()
        };
        let is_any = |kind: OperationKind| {
            let kinds = || steps.iter().map(|step| step.kinds.get(kind));
            kinds().any(|kind| kind.latency.count() + kind.failed > 0)
        };
        Self {
            steps: of(&Step::all),
            by_operation: OperationKind::ALL
                .into_iter()
                .filter(|kind| is_any(*kind))
                .map(|kind| {
                    let points = of(&|step: &Step| step.kinds.get(kind).clone());
                    (kind.as_str().to_owned(), points)
                })
                .collect(),
            server: Vec::new(),
        }
    }
}

impl StepPoint {
    fn new(second: Duration, kind: &StepKind) -> Self {
        let latency = &kind.latency;
        Self {
            second: second.as_secs_f64(),
            operations: latency.count(),
            failed: kind.failed,
            p50: latency.quantile(0.5),
            p95: latency.quantile(0.95),
            p99: latency.quantile(0.99),
            p999: latency.quantile(0.999),
            max: latency.quantile(1.0),
        }
    }
}

impl DatabaseSample {
    fn new(sample: &Sample) -> Self {
        let figures = sample.figures.as_ref();
        let sync = figures.and_then(|figures| figures.sync_latency_us);
        #[expect(clippy::cast_precision_loss, reason = "microseconds for people")]
        let sync_p99_ms = sync.map(|sync| sync.p99 as f64 / 1000.0);
        Self {
            second: sample.at.as_secs_f64(),
            log_bytes: sample.log_bytes,
            data_bytes: figures.and_then(|figures| figures.data_bytes),
            dead_bytes: figures.and_then(|figures| figures.dead_bytes),
            documents: figures.map(|figures| figures.documents),
            memory_used_bytes: figures.and_then(|figures| figures.memory_used_bytes),
            queue_depth: figures.and_then(|figures| figures.queue_depth),
            batches: figures.and_then(|figures| figures.batches),
            syncs: figures.and_then(|figures| figures.syncs),
            batch_size_mean: figures
                .and_then(|figures| figures.batch_size)
                .map(|b| b.mean),
            sync_p99_ms,
        }
    }
}

impl ServerPoint {
    pub(super) fn new(sample: &ServerSample) -> Self {
        let figures = sample.figures.as_ref();
        Self {
            second: sample.at.as_secs_f64(),
            server_cpu_seconds: sample.process.map(|process| process.cpu.as_secs_f64()),
            server_resident_bytes: sample.process.map(|process| process.resident_bytes),
            generator_cpu_seconds: sample.generator.map(|process| process.cpu.as_secs_f64()),
            generator_resident_bytes: sample.generator.map(|process| process.resident_bytes),
            memory_used_bytes: figures.and_then(|figures| figures.memory_used_bytes),
            connections: figures.and_then(|figures| figures.connections),
            workers_busy: figures.and_then(|figures| figures.workers_busy),
            requests: figures.and_then(|figures| figures.requests),
        }
    }
}
