use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{Mix, Plan};
use crate::operation::OperationKind;

/// What was asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TestConfig {
    /// In nanoseconds.
    pub duration: u64,
    /// Of all databases.
    pub workers: usize,
    operations: u64,
    read_percent: u32,
    write_percent: u32,
    update_percent: u32,
    delete_percent: u32,
    /// Typical size, in bytes.
    pub document_size: usize,
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
    /// Of the random choices.
    pub seed: u64,
    databases: Vec<DatabaseConfig>,
    workload_profile: Option<ProfileConfig>,
    #[serde(rename = "PerDatabaseCRUD")]
    per_database_crud: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
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

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProfileConfig {
    phases: Vec<PhaseConfig>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
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

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Transition {
    start: Percentages,
    end: Percentages,
}

/// A mix. Kinds beyond the four basic ones are left out where it has none of them.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Percentages {
    read_percent: u32,
    write_percent: u32,
    update_percent: u32,
    delete_percent: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    patch_percent: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    scan_percent: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    modify_percent: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    transaction_percent: u32,
}

impl TestConfig {
    pub(super) fn new(plan: &Plan) -> Self {
        let percent = |kind| plan.mix.percent(kind);
        Self {
            duration: nanos(plan.duration),
            workers: plan.workers(),
            operations: plan.operations,
            read_percent: percent(OperationKind::Read),
            write_percent: percent(OperationKind::Create),
            update_percent: percent(OperationKind::Update),
            delete_percent: percent(OperationKind::Delete),
            document_size: plan.sizes.typical(),
            document_count: plan.document_count,
            metrics_interval: nanos(plan.metrics_interval),
            socket_path: plan.socket.clone(),
            db_name: plan.database_name.clone(),
            wal_dir: plan.wal_dir.clone(),
            output_path: plan.results_path(),
            csv_output: plan.csv,
            seed: plan.seed,
            databases: plan
                .databases
                .iter()
                .map(|database| DatabaseConfig {
                    name: database.name.to_string(),
                    workers: database.workers,
                    document_size: database.sizes.typical(),
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
            read_percent: mix.percent(OperationKind::Read),
            write_percent: mix.percent(OperationKind::Create),
            update_percent: mix.percent(OperationKind::Update),
            delete_percent: mix.percent(OperationKind::Delete),
            patch_percent: mix.percent(OperationKind::Patch),
            scan_percent: mix.percent(OperationKind::Scan),
            modify_percent: mix.percent(OperationKind::Modify),
            transaction_percent: mix.percent(OperationKind::Transaction),
        }
    }
}

pub(super) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
const fn is_zero(value: &u32) -> bool {
    *value == 0
}
