use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use docdb_client::MaintenanceRun;
use serde::Serialize;

use crate::config::{Mix, Plan, Stage};
use crate::latency::LatencySummary;
use crate::monitor::Sample;
use crate::operation::PerKind;
use crate::record::{StageRecord, Tally};
use crate::run::{DatabaseMeasured, Ending, Measured};

/// The file of results. Times are milliseconds, durations of the configuration nanoseconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Results {
    test_config: TestConfig,
    duration_seconds: f64,
    total_operations: u64,
    /// Present when the run ended early.
    #[serde(skip_serializing_if = "is_false")]
    partial: bool,
    databases: BTreeMap<String, DatabaseResults>,
    global: GlobalResults,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TestConfig {
    duration: u64,
    workers: usize,
    operations: u64,
    read_percent: u32,
    write_percent: u32,
    update_percent: u32,
    delete_percent: u32,
    document_size: usize,
    document_count: u64,
    metrics_interval: u64,
    socket_path: PathBuf,
    #[serde(rename = "DBName")]
    db_name: String,
    #[serde(rename = "WALDir")]
    wal_dir: PathBuf,
    output_path: PathBuf,
    #[serde(rename = "CSVOutput")]
    csv_output: bool,
    seed: u64,
    databases: Vec<DatabaseConfig>,
    workload_profile: Option<ProfileConfig>,
    #[serde(rename = "PerDatabaseCRUD")]
    per_database_crud: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DatabaseConfig {
    name: String,
    workers: usize,
    document_size: usize,
    document_count: u64,
    #[serde(rename = "CRUDPercent")]
    crud_percent: Option<Percentages>,
    #[serde(rename = "WALDir")]
    wal_dir: PathBuf,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ProfileConfig {
    phases: Vec<PhaseConfig>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PhaseConfig {
    name: String,
    start_time: u64,
    duration: u64,
    workers: Option<usize>,
    #[serde(rename = "CRUDPercent")]
    crud_percent: Option<Percentages>,
    #[serde(rename = "CRUDTransition")]
    crud_transition: Option<Transition>,
    operation_rate: Option<f64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Transition {
    start: Percentages,
    end: Percentages,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Percentages {
    read_percent: u32,
    write_percent: u32,
    update_percent: u32,
    delete_percent: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DatabaseResults {
    name: String,
    latency: PerKind<LatencySummary>,
    #[serde(rename = "WALGrowth")]
    wal_growth: LogGrowth,
    healing: Healing,
    operation_counts: PerKind<u64>,
    outcomes: PerKind<Outcomes>,
    total_operations: u64,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct LogGrowth {
    initial_size_bytes: u64,
    final_size_bytes: u64,
    max_size_bytes: u64,
    growth_rate_bytes_per_sec: f64,
    sample_count: usize,
    duration_seconds: f64,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Healing {
    total_healings: u64,
    total_documents_healed: u64,
    healing_time_seconds: f64,
    overhead_percent: f64,
    event_count: usize,
    initial_stats: Option<HealingFigures>,
    final_stats: Option<HealingFigures>,
}

/// The last healing that the server knows of.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct HealingFigures {
    last_finished_at_ms: u64,
    last_duration_ms: f64,
    last_documents_healed: u64,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Outcomes {
    #[serde(rename = "OK")]
    ok: u64,
    not_found: u64,
    exists: u64,
    other_run: u64,
    refused: u64,
    wrong: u64,
    errors: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct GlobalResults {
    total_operations: u64,
    ops_per_second: f64,
    latency: PerKind<LatencySummary>,
    #[serde(rename = "TotalWALGrowth")]
    total_wal_growth: i64,
    total_healing: Healing,
    phase_stats: Vec<PhaseStats>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PhaseStats {
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
    /// The results of a run.
    #[must_use]
    pub fn new(plan: &Plan, measured: &Measured) -> Self {
        let total = measured.total();
        let operations = total.sum(Tally::operations);
        let growth = |database: &DatabaseMeasured| {
            let growth = LogGrowth::new(&database.log);
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
                    let results = DatabaseResults::new(database, measured.elapsed);
                    (database.name.to_string(), results)
                })
                .collect(),
            global: GlobalResults {
                total_operations: operations,
                ops_per_second: per_second(operations, measured.elapsed),
                latency: total.kinds.map(|record| record.latency.summary()),
                total_wal_growth: measured.databases.iter().map(growth).sum(),
                total_healing: Healing::total(&measured.databases, measured.elapsed),
                phase_stats: phase_stats(plan, measured),
            },
        }
    }
}

impl TestConfig {
    fn new(plan: &Plan) -> Self {
        Self {
            duration: nanos(plan.duration),
            workers: plan.workers(),
            operations: plan.operations,
            read_percent: plan.mix.read,
            write_percent: plan.mix.write,
            update_percent: plan.mix.update,
            delete_percent: plan.mix.delete,
            document_size: plan.document_size,
            document_count: plan.document_count,
            metrics_interval: nanos(plan.metrics_interval),
            socket_path: plan.socket.clone(),
            db_name: plan.database_name.clone(),
            wal_dir: plan.wal_dir.clone(),
            output_path: output_path(plan),
            csv_output: plan.csv,
            seed: plan.seed,
            databases: plan
                .databases
                .iter()
                .map(|database| DatabaseConfig {
                    name: database.name.to_string(),
                    workers: database.workers,
                    document_size: database.document_size,
                    document_count: database.document_count,
                    crud_percent: database.mix.map(Percentages::from),
                    wal_dir: database.wal_dir.clone(),
                })
                .collect(),
            workload_profile: (!plan.phases.is_empty()).then(|| ProfileConfig::new(plan)),
            per_database_crud: plan.databases.iter().any(|database| database.mix.is_some()),
        }
    }
}

impl ProfileConfig {
    fn new(plan: &Plan) -> Self {
        let phases = plan.phases.iter().map(|phase| {
            let constant = phase.mix.filter(|mix| mix.start == mix.end);
            let changing = phase.mix.filter(|mix| mix.start != mix.end);
            PhaseConfig {
                name: phase.name.clone(),
                start_time: nanos(phase.start),
                duration: nanos(phase.duration),
                workers: phase.workers,
                crud_percent: constant.map(|mix| mix.start.into()),
                crud_transition: changing.map(|mix| Transition {
                    start: mix.start.into(),
                    end: mix.end.into(),
                }),
                operation_rate: phase.rate,
            }
        });
        Self {
            phases: phases.collect(),
        }
    }
}

impl From<Mix> for Percentages {
    fn from(mix: Mix) -> Self {
        Self {
            read_percent: mix.read,
            write_percent: mix.write,
            update_percent: mix.update,
            delete_percent: mix.delete,
        }
    }
}

impl DatabaseResults {
    fn new(database: &DatabaseMeasured, elapsed: Duration) -> Self {
        let kinds = &database.total.kinds;
        Self {
            name: database.name.to_string(),
            latency: kinds.map(|record| record.latency.summary()),
            wal_growth: LogGrowth::new(&database.log),
            healing: Healing::new(database, elapsed),
            operation_counts: kinds.map(|record| record.tally.operations()),
            outcomes: kinds.map(|record| Outcomes::new(&record.tally)),
            total_operations: database.total.sum(Tally::operations),
        }
    }
}

impl LogGrowth {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    fn new(samples: &[Sample]) -> Self {
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

impl Healing {
    fn new(database: &DatabaseMeasured, elapsed: Duration) -> Self {
        let figures = |run: Option<MaintenanceRun>| run.map(HealingFigures::from);
        let first = database.first.as_ref().and_then(|f| f.last_healing);
        let last = database.last.as_ref().and_then(|f| f.last_healing);
        Self {
            initial_stats: figures(first),
            final_stats: figures(last),
            ..Self::total(std::slice::from_ref(database), elapsed)
        }
    }

    fn total(databases: &[DatabaseMeasured], elapsed: Duration) -> Self {
        let healings = || {
            let runs = databases.iter().flat_map(|database| &database.healings);
            runs.map(|(_, healing)| healing)
        };
        let micros = healings().map(|healing| healing.duration_us).sum();
        let seconds = Duration::from_micros(micros).as_secs_f64();
        Self {
            total_healings: healings().count() as u64,
            total_documents_healed: healings().map(|healing| healing.documents).sum(),
            healing_time_seconds: seconds,
            overhead_percent: if elapsed.is_zero() {
                0.0
            } else {
                seconds / elapsed.as_secs_f64() * 100.0
            },
            event_count: healings().count(),
            ..Self::default()
        }
    }
}

impl From<MaintenanceRun> for HealingFigures {
    fn from(run: MaintenanceRun) -> Self {
        Self {
            last_finished_at_ms: run.finished_at_ms,
            last_duration_ms: Duration::from_micros(run.duration_us).as_secs_f64() * 1000.0,
            last_documents_healed: run.documents,
        }
    }
}

impl Outcomes {
    fn new(tally: &Tally) -> Self {
        Self {
            ok: tally.ok,
            not_found: tally.not_found,
            exists: tally.exists,
            other_run: tally.other_run,
            refused: tally.refused,
            wrong: tally.wrong,
            errors: tally
                .errors
                .iter()
                .map(|(code, count)| (code.as_str(), *count))
                .collect(),
        }
    }
}

fn phase_stats(plan: &Plan, measured: &Measured) -> Vec<PhaseStats> {
    phases(plan, measured)
        .map(|(name, stage, record)| {
            let operations = record.sum(Tally::operations);
            let duration = stage.end.saturating_sub(stage.start);
            PhaseStats {
                name: name.to_owned(),
                start_time: nanos(stage.start),
                duration: nanos(duration),
                operations,
                ops_per_second: per_second(operations, duration),
                workers: stage.workers.iter().sum(),
                crud_percent: stage.mixes.first().map_or(plan.mix, |mix| mix.start).into(),
            }
        })
        .collect()
}

/// The phases that were reached: name, load, and what all databases measured together.
pub(super) fn phases<'a>(
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

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
pub(super) fn per_second(count: u64, elapsed: Duration) -> f64 {
    if elapsed.is_zero() {
        0.0
    } else {
        count as f64 / elapsed.as_secs_f64()
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// Where the file of results goes.
pub(super) fn output_path(plan: &Plan) -> PathBuf {
    plan.output_dir.join(&plan.output)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}
