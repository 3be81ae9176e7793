//! The file of results: what it is made of. It is written from a run, and read again to be compared
//! and drawn.

mod details;
mod figures;
mod samples;
mod settings;

pub use details::Details;
pub(in crate::report) use details::Slice;
pub(in crate::report) use figures::per_second;
pub(in crate::report) use samples::{ServerPoint, StepPoint};
pub use settings::TestConfig;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{Plan, Stage};
use crate::judgement::Judged;
use crate::latency::LatencySummary;
use crate::measured::{DatabaseMeasured, Ending, Measured};
use crate::record::{StageRecord, Tally};
use figures::{Healing, KindMap, LogGrowth, Outcomes};
use settings::Percentages;

/// The file of results. Times are milliseconds, durations of the configuration nanoseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Results {
    /// What was asked for.
    pub test_config: TestConfig,
    /// From where measuring began to the last answer.
    pub duration_seconds: f64,
    /// Operations of all databases.
    pub total_operations: u64,
    /// Whether the run ended early. Left out when it did not.
    #[serde(default, skip_serializing_if = "is_false")]
    pub partial: bool,
    /// By name.
    pub databases: BTreeMap<String, DatabaseResults>,
    /// All databases together.
    pub global: GlobalResults,
    /// What goes beyond the figures above: over time, by phase, of the server, and the verdict.
    pub details: Details,
}

/// What was measured of one database.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DatabaseResults {
    /// Its name.
    pub name: String,
    /// By operation.
    pub latency: KindMap<LatencySummary>,
    /// Its log.
    #[serde(rename = "WALGrowth")]
    pub wal_growth: LogGrowth,
    /// Healings during the run.
    pub healing: Healing,
    /// By operation.
    pub operation_counts: KindMap<u64>,
    /// By operation.
    pub outcomes: KindMap<Outcomes>,
    /// Of all kinds.
    pub total_operations: u64,
}

/// What was measured of all databases together.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GlobalResults {
    /// Of all kinds.
    pub total_operations: u64,
    /// Of all kinds.
    pub ops_per_second: f64,
    /// By operation.
    pub latency: KindMap<LatencySummary>,
    /// Bytes that all logs grew by.
    #[serde(rename = "TotalWALGrowth")]
    pub total_wal_growth: i64,
    /// Healings during the run.
    pub total_healing: Healing,
    /// The phases that were reached.
    pub phase_stats: Vec<PhaseStats>,
}

/// What was measured during one phase.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PhaseStats {
    name: String,
    start_time: u64,
    duration: u64,
    operations: u64,
    ops_per_second: f64,
    workers: usize,
    #[serde(rename = "CRUDPercent")]
    crud_percent: Percentages,
}

impl Results {
    /// The results of a run, and what was asserted of it.
    #[must_use]
    pub fn new(plan: &Plan, measured: &Measured, judged: &[Judged]) -> Self {
        let total = measured.total();
        let operations = total.sum(Tally::operations);
        let growth = |database: &DatabaseMeasured| {
            let growth = LogGrowth::new(plan, &database.log);
            growth.final_size_bytes.cast_signed() - growth.initial_size_bytes.cast_signed()
        };
        Self {
            test_config: TestConfig::new(plan),
            duration_seconds: measured.elapsed.as_secs_f64(),
            total_operations: operations,
            partial: measured.ending != Ending::Complete,
            databases: measured
                .databases
                .iter()
                .map(|database| {
                    let results = DatabaseResults::new(plan, database, measured.elapsed);
                    (database.name.to_string(), results)
                })
                .collect(),
            global: GlobalResults {
                total_operations: operations,
                ops_per_second: per_second(operations, measured.elapsed),
                latency: figures::by_kind(&total, |record| record.latency.summary()),
                total_wal_growth: measured.databases.iter().map(growth).sum(),
                total_healing: Healing::total(&measured.databases, measured.elapsed),
                phase_stats: phases(plan, measured)
                    .map(|(name, stage, record)| PhaseStats::new(name, stage, &record))
                    .collect(),
            },
            details: Details::new(plan, measured, judged),
        }
    }

    /// The steps that lie wholly within what was measured.
    pub(in crate::report) fn measured_steps(&self) -> impl Iterator<Item = &StepPoint> {
        let begin = self.details.warm_up_seconds;
        let end = begin + self.duration_seconds;
        let step = self.details.step_seconds;
        let is_within =
            move |point: &&StepPoint| point.second >= begin && point.second + step * 0.95 <= end;
        self.details.all.steps.iter().filter(is_within)
    }

    /// Errors, refusals, wrong and lost answers.
    pub(in crate::report) fn failed(&self) -> u64 {
        let outcomes = self.databases.values().flat_map(|d| d.outcomes.values());
        outcomes.map(Outcomes::failed).sum()
    }

    /// Reads a text that a run has written.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }
}

impl DatabaseResults {
    fn new(plan: &Plan, database: &DatabaseMeasured, elapsed: Duration) -> Self {
        let total = &database.total;
        Self {
            name: database.name.to_string(),
            latency: figures::by_kind(total, |record| record.latency.summary()),
            wal_growth: LogGrowth::new(plan, &database.log),
            healing: Healing::new(database, elapsed),
            operation_counts: figures::by_kind(total, |record| record.tally.operations()),
            outcomes: figures::by_kind(total, |record| Outcomes::new(&record.tally)),
            total_operations: total.sum(Tally::operations),
        }
    }
}

impl PhaseStats {
    fn new(name: &str, stage: &Stage, record: &StageRecord) -> Self {
        let operations = record.sum(Tally::operations);
        let duration = stage.end.saturating_sub(stage.start);
        Self {
            name: name.to_owned(),
            start_time: settings::nanos(stage.start),
            duration: settings::nanos(duration),
            operations,
            ops_per_second: per_second(operations, duration),
            workers: stage.workers.iter().sum(),
            crud_percent: stage
                .mixes
                .first()
                .map(|mix| mix.start.into())
                .unwrap_or_default(),
        }
    }
}

/// The phases that were reached: name, load, and what all databases measured together.
pub(in crate::report) fn phases<'a>(
    plan: &'a Plan,
    measured: &'a Measured,
) -> impl Iterator<Item = (&'a str, &'a Stage, StageRecord)> {
    plan.stages.iter().enumerate().filter_map(|(place, stage)| {
        let phase = plan.phases.get(stage.phase?)?;
        let mut total = StageRecord::default();
        for database in &measured.databases {
            if let Some(record) = database.stages.get(place) {
                total.merge(record);
            }
        }
        Some((phase.name.as_str(), stage, total))
    })
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}
