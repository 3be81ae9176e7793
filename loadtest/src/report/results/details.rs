use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::figures::{KindMap, by_kind, per_second};
use super::samples::{ServerPoint, Timeline};
use crate::config::Plan;
use crate::judgement::Judged;
use crate::latency::{Latency, LatencySummary};
use crate::measured::Measured;
use crate::record::{StageRecord, Tally};
use crate::report::calendar::Timestamp;

/// Latencies of the histogram are told apart by so much: twenty steps to ten times as long.
const STEPS_PER_DECADE: f64 = 20.0;

/// What goes beyond the basic figures of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Details {
    /// When it began, in UTC.
    pub(in crate::report) started_at: String,
    /// Version of the generator.
    pub(in crate::report) version: String,
    pub(in crate::report) server_version: String,
    pub(in crate::report) fsync_mode: String,
    pub(in crate::report) workload: Option<String>,
    pub(in crate::report) mix: String,
    pub(in crate::report) distribution: String,
    pub(in crate::report) document_sizes: String,
    pub(in crate::report) batch: usize,
    pub(in crate::report) pipeline: usize,
    pub(in crate::report) rate: Option<f64>,
    /// What is measured begins here, from the beginning of the run.
    pub(in crate::report) warm_up_seconds: f64,
    /// Why the run is a failure; empty when it is none.
    pub(in crate::report) failures: Vec<String>,
    pub(in crate::report) assertions: Vec<AssertionResult>,
    pub(in crate::report) wrong_answers: Vec<String>,
    /// All databases and operations together.
    pub(in crate::report) latency: LatencySummary,
    /// The longest latencies of each class, in microseconds, and how many were in it.
    pub(in crate::report) histogram: Vec<(u64, u64)>,
    /// Operations that were due and never sent.
    pub(in crate::report) never_sent: u64,
    /// How late the generator itself was at a rate.
    pub(in crate::report) lateness: LatencySummary,
    /// Operations a second that the generator's own work allows.
    pub(in crate::report) ceiling_ops_per_second: Option<f64>,
    /// Those that it makes with a server that does nothing on the same processors.
    pub(in crate::report) exchange_ops_per_second: Option<f64>,
    /// How many times what was measured that is.
    pub(in crate::report) headroom: Option<f64>,
    pub(in crate::report) kills: Vec<KillDetails>,
    pub(in crate::report) verification: Option<VerificationDetails>,
    pub(in crate::report) phases: Vec<PhaseDetails>,
    pub(in crate::report) step_seconds: f64,
    pub(in crate::report) all: Timeline,
    pub(in crate::report) databases: BTreeMap<String, Timeline>,
    pub(in crate::report) server: Vec<ServerPoint>,
}

/// An assertion and what the run says to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::report) struct AssertionResult {
    pub(in crate::report) text: String,
    pub(in crate::report) found: Option<f64>,
    pub(in crate::report) holds: bool,
}

/// One end of the server that the run made.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::report) struct KillDetails {
    pub(in crate::report) second: f64,
    pub(in crate::report) away_ms: f64,
}

/// What reading everything once more has shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::report) struct VerificationDetails {
    pub(in crate::report) documents: u64,
    pub(in crate::report) contradictions: u64,
    pub(in crate::report) unread: u64,
    pub(in crate::report) described: Vec<String>,
}

/// What was measured during one phase.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::report) struct PhaseDetails {
    pub(in crate::report) name: String,
    pub(in crate::report) start_seconds: f64,
    pub(in crate::report) duration_seconds: f64,
    pub(in crate::report) warm_up: bool,
    pub(in crate::report) workers: usize,
    pub(in crate::report) rate: Option<f64>,
    pub(in crate::report) all: Slice,
    pub(in crate::report) databases: BTreeMap<String, Slice>,
}

/// A part of what was measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::report) struct Slice {
    pub(in crate::report) operations: u64,
    pub(in crate::report) failed: u64,
    pub(in crate::report) ops_per_second: f64,
    /// All operations together.
    pub(in crate::report) latency: LatencySummary,
    pub(in crate::report) by_operation: KindMap<LatencySummary>,
}

impl Details {
    pub(super) fn new(plan: &Plan, measured: &Measured, judged: &[Judged]) -> Self {
        let total = measured.total();
        let all = total.all();
        let server = measured.server.as_ref();
        Self {
            started_at: Timestamp(measured.started_at).to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            server_version: server.map_or_else(String::new, |s| s.server_version.clone()),
            fsync_mode: server.map_or_else(String::new, |s| s.fsync_mode.to_string()),
            workload: plan.workload.map(crate::config::Workload::name),
            mix: plan.mix.to_string(),
            distribution: plan.keys.to_string(),
            document_sizes: plan.sizes.to_string(),
            batch: plan.batch,
            pipeline: plan.pipeline,
            rate: plan.rate,
            warm_up_seconds: plan.measured_from.as_secs_f64(),
            failures: measured.failures(),
            assertions: judged.iter().map(AssertionResult::new).collect(),
            wrong_answers: measured.wrong_answers.clone(),
            latency: all.latency.summary(),
            histogram: classes(&all.latency),
            never_sent: total.never_sent,
            lateness: total.lateness.summary(),
            ceiling_ops_per_second: measured.ceiling.map(|ceiling| ceiling.own),
            exchange_ops_per_second: measured.ceiling.map(|ceiling| ceiling.exchange),
            headroom: measured.headroom(),
            kills: measured
                .kills
                .iter()
                .map(|kill| KillDetails {
                    second: kill.at.as_secs_f64(),
                    away_ms: kill.away.as_secs_f64() * 1000.0,
                })
                .collect(),
            verification: measured
                .verification
                .as_ref()
                .map(|verification| VerificationDetails {
                    documents: verification.documents,
                    contradictions: verification.contradictions,
                    unread: verification.unread,
                    described: verification.described.clone(),
                }),
            phases: phases(plan, measured),
            step_seconds: measured.step.as_secs_f64(),
            all: Timeline::of_all(plan, measured),
            databases: measured
                .databases
                .iter()
                .map(|database| {
                    let timeline = Timeline::of(plan, measured, database);
                    (database.name.to_string(), timeline)
                })
                .collect(),
            server: measured
                .server_samples
                .iter()
                .map(ServerPoint::new)
                .collect(),
        }
    }
}

impl fmt::Display for AssertionResult {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, found, .. } = self;
        match found {
            Some(found) => write!(formatter, "{text}: found {found:.3}"),
            None => write!(formatter, "{text}: nothing was measured"),
        }
    }
}

impl AssertionResult {
    fn new(judged: &Judged) -> Self {
        Self {
            text: judged.text.clone(),
            found: judged.found,
            holds: judged.holds,
        }
    }
}

fn phases(plan: &Plan, measured: &Measured) -> Vec<PhaseDetails> {
    let mut phases = Vec::new();
    for (place, stage) in plan.stages.iter().enumerate() {
        let phase = stage.phase.and_then(|phase| plan.phases.get(phase));
        let name = match phase {
            Some(phase) => phase.name.clone(),
            None if stage.warm_up => "warm-up".to_owned(),
            None => continue,
        };
        let mut all = StageRecord::default();
        let mut databases = BTreeMap::new();
        let span = stage.end.saturating_sub(stage.start);
        for database in &measured.databases {
            if let Some(record) = database.stages.get(place) {
                all.merge(record);
                databases.insert(database.name.to_string(), Slice::new(record, span));
            }
        }
        phases.push(PhaseDetails {
            name,
            start_seconds: stage.start.as_secs_f64(),
            duration_seconds: span.as_secs_f64(),
            warm_up: stage.warm_up,
            workers: stage.workers.iter().sum(),
            rate: stage.rate,
            all: Slice::new(&all, span),
            databases,
        });
    }
    phases
}

impl Slice {
    fn new(record: &StageRecord, span: std::time::Duration) -> Self {
        let all = record.all();
        let operations = all.tally.operations();
        Self {
            operations,
            failed: record.sum(Tally::uncounted),
            ops_per_second: per_second(operations, span),
            latency: all.latency.summary(),
            by_operation: by_kind(record, |record| record.latency.summary()),
        }
    }
}

/// Sorts latencies into classes that are all equally wide on a logarithmic axis.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "latencies up to an hour of microseconds"
)]
fn classes(latency: &Latency) -> Vec<(u64, u64)> {
    let mut classes: Vec<(u64, u64)> = Vec::new();
    for (micros, count) in latency.iter() {
        let class = ((micros as f64).log10() * STEPS_PER_DECADE).ceil();
        let end = 10_f64.powf(class / STEPS_PER_DECADE).round() as u64;
        match classes.last_mut() {
            Some((last, counted)) if *last == end => *counted += count,
            _ => classes.push((end, count)),
        }
    }
    classes
}
