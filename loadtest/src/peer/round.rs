use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::Plan;
use crate::latency::LatencySummary;
use crate::measured::Measured;
use crate::record::Tally;

/// Bytes of a block as `stat(2)` counts them.
const BLOCK_BYTES: u64 = 512;

/// What was measured of one target in one turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Round {
    /// Operations per second.
    pub ops_per_second: f64,
    /// Of all operations.
    pub latency: LatencySummary,
    /// Processor time of the server, of all its processes, in seconds.
    pub server_cpu_seconds: Option<f64>,
    /// Processor time of the generator, in seconds.
    pub client_cpu_seconds: Option<f64>,
    /// Bytes that the server's files took on the disk at the end.
    pub disk_bytes: Option<u64>,
    /// Errors, refusals, wrong and lost answers.
    pub failed: u64,
    /// Why the run is a failure; empty when it is none.
    pub failures: Vec<String>,
}

impl Round {
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    pub(super) fn new(plan: &Plan, measured: &Measured, files: Option<&Path>) -> Self {
        let seconds = measured.elapsed.max(Duration::from_nanos(1)).as_secs_f64();
        let (server, client) = measured.processor_seconds(plan.measured_from);
        Self {
            ops_per_second: measured.sum(Tally::operations) as f64 / seconds,
            latency: measured.total().all().latency.summary(),
            server_cpu_seconds: server,
            client_cpu_seconds: client,
            disk_bytes: files.map(bytes_in),
            failed: measured.sum(Tally::uncounted),
            failures: measured.failures(),
        }
    }
}

/// Bytes that the files below a directory take on the disk. What goes away meanwhile counts nothing.
fn bytes_in(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_in(&entry.path()),
        Ok(metadata) => metadata.blocks() * BLOCK_BYTES,
        Err(_) => 0,
    });
    sizes.sum()
}
