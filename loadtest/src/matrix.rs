use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use docdb_client::Endpoint;
use serde::{Deserialize, Serialize};

use crate::config::{Arguments, Broken, Plan, PlanError};
use crate::halt::Halt;
use crate::latency::LatencySummary;
use crate::measured::{Ending, Measured};
use crate::record::Tally;
use crate::report::{ReportError, check_writable, write_matrix};
use crate::run::{RunError, run};
use crate::server::{OwnServer, OwnServerError, listens};

/// The file that the figures of all cells are in.
const FILE: &str = "matrix.json";
const MOST: usize = 10_000;

/// The same load with every combination of so many databases, connections and workers.
#[derive(Debug, Clone, clap::Args)]
pub struct MatrixArguments {
    /// Counts of databases, separated by commas
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "1,2,4"
    )]
    pub databases: Vec<usize>,
    /// Counts of connections to each database
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "1,4,16"
    )]
    pub connections: Vec<usize>,
    /// Counts of workers of each database: requests under way, dealt to its connections
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "1,4,16"
    )]
    pub workers: Vec<usize>,
    /// Where the files of results go; what is measured already is not measured again
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub output_dir: PathBuf,
    /// Flags of every run, behind `--`
    #[arg(last = true, value_name = "FLAG")]
    pub flags: Vec<String>,
}

/// What was measured with every combination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Matrix {
    /// The flags of every run.
    pub flags: Vec<String>,
    /// Combinations that ask for fewer workers than connections, and so for nothing.
    pub left_out: usize,
    /// What is measured so far.
    pub cells: Vec<Cell>,
}

/// What was measured with one combination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Cell {
    /// Databases.
    pub databases: usize,
    /// Connections to each of them.
    pub connections: usize,
    /// Requests under way in each of them.
    pub workers: usize,
    /// Of all databases.
    pub ops_per_second: f64,
    /// Of all operations.
    pub latency: LatencySummary,
    /// Errors, refusals, wrong and lost answers.
    pub failed: u64,
    /// Why the run is a failure; empty when it is none.
    pub failures: Vec<String>,
    /// Processors that the server kept busy.
    pub server_processors: Option<f64>,
    /// Memory of the server at the end.
    pub server_resident_bytes: Option<u64>,
}

/// One combination that is going to be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Combination {
    databases: usize,
    connections: usize,
    workers: usize,
}

/// Why a matrix is not measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MatrixError {
    /// The flags of a run are none.
    #[error("the flags behind --: {0}")]
    Flags(#[from] clap::Error),
    /// The lists or the flags break rules.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// There are figures that were measured with other flags.
    #[error(
        "{} was measured with other flags ({found}): continue it with those, or choose another \
         --output-dir", path.display()
    )]
    OtherFlags {
        /// The file.
        path: PathBuf,
        /// Its flags.
        found: String,
    },
    /// The files cannot be read or written.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// There is no server.
    #[error(transparent)]
    Server(#[from] OwnServerError),
    /// A run does not begin.
    #[error(transparent)]
    Run(#[from] RunError),
    /// It is not known whether there is a server.
    #[error("cannot connect: {0}")]
    Connect(#[from] std::io::Error),
}

impl MatrixError {
    /// Whether nothing was begun because of what was asked.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Flags(_) | Self::Plan(_) | Self::OtherFlags { .. } | Self::Report(_)
        )
    }
}

/// Measures every combination that is not measured yet. After each of them the files are written
/// anew, and `done` is called with what was measured. `program` is the load generator's, to be a
/// server where none listens.
///
/// # Errors
/// [`MatrixError`]. What was measured before stays in the files.
pub async fn measure_matrix(
    arguments: &MatrixArguments,
    program: &Path,
    halt: &Arc<Halt>,
    mut done: impl FnMut(&Cell),
) -> Result<Matrix, MatrixError> {
    let flags = std::iter::once("docdb-loadtest".to_owned()).chain(arguments.flags.clone());
    let of_runs = Arguments::try_parse_from(flags)?;
    let (combinations, left_out) = combinations(arguments)?;
    let plans: Vec<_> = combinations
        .iter()
        .map(|combination| combination.plan(&of_runs, &arguments.output_dir))
        .collect::<Result<_, _>>()?;
    if let Some(plan) = plans.first() {
        check_writable(plan)?;
    }
    let mut matrix = Matrix::resume(arguments, left_out)?;
    for (combination, plan) in combinations.iter().zip(plans) {
        if halt.is_stopped() {
            break;
        }
        if matrix.cells.iter().any(|cell| combination.is_of(cell)) {
            continue;
        }
        let measured = measure(plan, program, halt).await?;
        if measured.ending == Ending::Stopped {
            break;
        }
        let cell = combination.cell(&measured);
        done(&cell);
        matrix.cells.push(cell);
        matrix
            .cells
            .sort_by_key(|c| (c.databases, c.connections, c.workers));
        write_matrix(&matrix, &arguments.output_dir)?;
    }
    write_matrix(&matrix, &arguments.output_dir)?;
    Ok(matrix)
}

/// Runs one combination, on a server of its own where none listens.
async fn measure(
    mut plan: Plan,
    program: &Path,
    halt: &Arc<Halt>,
) -> Result<Measured, MatrixError> {
    let own = if listens(&plan.socket).await? {
        None
    } else {
        let own = OwnServer::start(program).await?;
        plan.move_to(own.socket(), &own.wal_dir());
        Some(own)
    };
    let endpoint = Endpoint::Unix(plan.socket.clone());
    let measured = run(&plan, &endpoint, halt, None, |_| {}).await;
    if let Some(own) = own {
        own.stop().await?;
    }
    Ok(measured?)
}

fn combinations(arguments: &MatrixArguments) -> Result<(Vec<Combination>, usize), PlanError> {
    let mut broken = Vec::new();
    for (field, counts) in [
        ("--databases", &arguments.databases),
        ("--connections", &arguments.connections),
        ("--workers", &arguments.workers),
    ] {
        if let Some(wrong) = counts.iter().find(|count| !(1..=MOST).contains(*count)) {
            broken.push(Broken {
                field: field.to_owned(),
                rule: format!("{wrong}, allowed: 1 to {MOST}"),
            });
        }
    }
    if !broken.is_empty() {
        return Err(PlanError { broken });
    }
    let mut combinations = Vec::new();
    let mut left_out = 0;
    for &databases in &arguments.databases {
        for &connections in &arguments.connections {
            for &workers in &arguments.workers {
                let combination = Combination {
                    databases,
                    connections,
                    workers,
                };
                if workers < connections {
                    left_out += 1;
                } else if !combinations.contains(&combination) {
                    combinations.push(combination);
                }
            }
        }
    }
    Ok((combinations, left_out))
}

impl Combination {
    const fn is_of(&self, cell: &Cell) -> bool {
        self.databases == cell.databases
            && self.connections == cell.connections
            && self.workers == cell.workers
    }

    fn plan(&self, of_runs: &Arguments, folder: &Path) -> Result<Plan, PlanError> {
        let mut arguments = of_runs.clone();
        let forbidden = [
            ("--databases", arguments.databases.is_some()),
            ("--db-name", arguments.db_name.is_some()),
            ("--workers", arguments.workers.is_some()),
            ("--workers-per-db", arguments.workers_per_db.is_some()),
            ("--pipeline", arguments.pipeline.is_some()),
            ("--config", arguments.config.is_some()),
            ("--replay", arguments.replay.is_some()),
            ("--record", arguments.record.is_some()),
            ("--kill-every", arguments.kill_every.is_some()),
            ("--output-dir", arguments.output_dir.is_some()),
            ("--output", arguments.output.is_some()),
        ];
        let broken: Vec<_> = forbidden
            .into_iter()
            .filter(|(_, is_given)| *is_given)
            .map(|(flag, _)| Broken {
                field: flag.to_owned(),
                rule: "given behind --, where the matrix decides".to_owned(),
            })
            .collect();
        if !broken.is_empty() {
            return Err(PlanError { broken });
        }
        let Self {
            databases,
            connections,
            workers,
        } = self;
        let name = |place| format!("matrix-{databases}-{connections}-{workers}-{place}");
        arguments.databases = Some((1..=*databases).map(name).collect());
        arguments.workers_per_db = Some(*connections);
        arguments.output_dir = Some(folder.to_owned());
        arguments.output = Some(FILE.into());
        let mut plan = Plan::new(&arguments, None)?;
        for database in &mut plan.databases {
            database.under_way = Some(*workers);
        }
        Ok(plan)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    fn cell(&self, measured: &Measured) -> Cell {
        let seconds = measured.elapsed.max(Duration::from_nanos(1)).as_secs_f64();
        let load = measured.server_load();
        Cell {
            databases: self.databases,
            connections: self.connections,
            workers: self.workers,
            ops_per_second: measured.sum(Tally::operations) as f64 / seconds,
            latency: measured.total().all().latency.summary(),
            failed: measured.sum(Tally::uncounted),
            failures: measured.failures(),
            server_processors: load.map(|(processors, _)| processors),
            server_resident_bytes: load.map(|(_, bytes)| bytes),
        }
    }
}

impl Matrix {
    /// Where its figures are.
    #[must_use]
    pub fn path(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    /// What an earlier call has measured.
    fn resume(arguments: &MatrixArguments, left_out: usize) -> Result<Self, MatrixError> {
        let path = Self::path(&arguments.output_dir);
        let unreadable = |reason| ReportError::Unreadable {
            path: path.clone(),
            reason,
        };
        let mut matrix = match std::fs::read_to_string(&path) {
            Ok(text) => {
                serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self {
                flags: arguments.flags.clone(),
                left_out,
                cells: Vec::new(),
            },
            Err(error) => return Err(unreadable(error.to_string()).into()),
        };
        if matrix.flags != arguments.flags {
            return Err(MatrixError::OtherFlags {
                path,
                found: matrix.flags.join(" "),
            });
        }
        matrix.left_out = left_out;
        Ok(matrix)
    }
}
