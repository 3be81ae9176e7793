use std::collections::BTreeMap;
use std::time::Duration;

use docdb_client::HealingStatistics;
use serde::{Deserialize, Serialize};

use crate::config::Plan;
use crate::healing::Healed;
use crate::measured::DatabaseMeasured;
use crate::monitor::Sample;
use crate::record::{KindRecord, StageRecord, Tally};

/// By the name of an operation: the four basic ones, and others of which there were any.
pub(in crate::report) type KindMap<T> = BTreeMap<String, T>;

pub(super) fn by_kind<T>(record: &StageRecord, figure: impl Fn(&KindRecord) -> T) -> KindMap<T> {
    let asked = |tally: &Tally| tally.operations() + tally.uncounted() + tally.interrupted > 0;
    record
        .kinds
        .iter()
        .filter(|(kind, record)| kind.is_basic() || asked(&record.tally))
        .map(|(kind, record)| (kind.as_str().to_owned(), figure(record)))
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
pub(in crate::report) fn per_second(count: u64, elapsed: Duration) -> f64 {
    if elapsed.is_zero() {
        0.0
    } else {
        count as f64 / elapsed.as_secs_f64()
    }
}

/// How the log of a database grew while it was measured.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LogGrowth {
    pub(in crate::report) initial_size_bytes: u64,
    pub(in crate::report) final_size_bytes: u64,
    pub(in crate::report) max_size_bytes: u64,
    pub(in crate::report) growth_rate_bytes_per_sec: f64,
    sample_count: usize,
    duration_seconds: f64,
}

impl LogGrowth {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub(super) fn new(plan: &Plan, samples: &[Sample]) -> Self {
        let cold = samples
            .iter()
            .filter(|sample| sample.at < plan.measured_from);
        let samples = samples.get(cold.count()..).unwrap_or_default();
        let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
            return Self::default();
        };
        let seconds = last.at.saturating_sub(first.at).as_secs_f64();
        let growth = last.log_bytes as f64 - first.log_bytes as f64;
        Self {
            initial_size_bytes: first.log_bytes,
            final_size_bytes: last.log_bytes,
            max_size_bytes: samples.iter().map(|s| s.log_bytes).max().unwrap_or(0),
            growth_rate_bytes_per_sec: if seconds > 0.0 { growth / seconds } else { 0.0 },
            sample_count: samples.len(),
            duration_seconds: seconds,
        }
    }
}

/// Healings during a run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Healing {
    pub(in crate::report) total_healings: u64,
    pub(in crate::report) total_documents_healed: u64,
    pub(in crate::report) healing_time_seconds: f64,
    pub(in crate::report) overhead_percent: f64,
    event_count: usize,
    initial_stats: Option<HealingFigures>,
    final_stats: Option<HealingFigures>,
}

/// What a database counted since it was opened.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HealingFigures {
    scans: u64,
    on_demand_healings: u64,
    background_healings: u64,
    documents_healed: u64,
    documents_corrupted: u64,
    healing_time_seconds: f64,
}

impl Healing {
    pub(super) fn new(database: &DatabaseMeasured, elapsed: Duration) -> Self {
        let counts = database.healing.as_ref();
        Self {
            initial_stats: counts.map(|(first, _)| first.into()),
            final_stats: counts.map(|(_, last)| last.into()),
            ..Self::total(std::slice::from_ref(database), elapsed)
        }
    }

    pub(super) fn total(databases: &[DatabaseMeasured], elapsed: Duration) -> Self {
        let healed = || databases.iter().flat_map(|database| &database.healed);
        let took: Duration = healed().map(|healed| healed.took).sum();
        let seconds = took.as_secs_f64();
        Self {
            total_healings: healed().map(Healed::events).sum(),
            total_documents_healed: healed().map(|healed| healed.documents).sum(),
            healing_time_seconds: seconds,
            overhead_percent: if elapsed.is_zero() {
                0.0
            } else {
                seconds / elapsed.as_secs_f64() * 100.0
            },
            event_count: healed().count(),
            ..Self::default()
        }
    }
}

impl From<&HealingStatistics> for HealingFigures {
    fn from(counts: &HealingStatistics) -> Self {
        Self {
            scans: counts.scans,
            on_demand_healings: counts.on_demand,
            background_healings: counts.background,
            documents_healed: counts.healed_documents,
            documents_corrupted: counts.corrupted_documents,
            healing_time_seconds: Duration::from_micros(counts.healing_us).as_secs_f64(),
        }
    }
}

/// How operations ended.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Outcomes {
    #[serde(rename = "OK")]
    pub(in crate::report) ok: u64,
    pub(in crate::report) not_found: u64,
    pub(in crate::report) exists: u64,
    pub(in crate::report) conflicts: u64,
    pub(in crate::report) other_run: u64,
    pub(in crate::report) refused: u64,
    pub(in crate::report) wrong: u64,
    pub(in crate::report) unanswered: u64,
    pub(in crate::report) interrupted: u64,
    pub(in crate::report) errors: BTreeMap<String, u64>,
}

impl Outcomes {
    pub(super) fn new(tally: &Tally) -> Self {
        Self {
            ok: tally.ok,
            not_found: tally.not_found,
            exists: tally.exists,
            conflicts: tally.conflicts,
            other_run: tally.other_run,
            refused: tally.refused,
            wrong: tally.wrong,
            unanswered: tally.unanswered,
            interrupted: tally.interrupted,
            errors: tally
                .errors
                .iter()
                .map(|(code, count)| (code.as_str().to_owned(), *count))
                .collect(),
        }
    }

    /// Everything that was asked and should have been an operation.
    pub(in crate::report) fn failed(&self) -> u64 {
        self.refused + self.wrong + self.unanswered + self.errors.values().sum::<u64>()
    }
}
