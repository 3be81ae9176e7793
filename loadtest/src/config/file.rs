use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Inserts, KeyDistribution, Mix, SizeDistribution, Span, Workload};
use crate::operation::OperationKind;

/// A configuration file as it is written, in JSON or YAML.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    /// The databases.
    #[serde(default)]
    pub databases: Vec<FileDatabase>,
    /// How the load changes over time.
    pub workload_profile: Option<FileProfile>,
    /// The run as a whole.
    #[serde(default)]
    pub test: FileTest,
}

/// One database of a file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDatabase {
    /// Its name.
    pub name: String,
    /// Its workers.
    pub workers: Option<usize>,
    /// Size of its documents.
    pub doc_size: Option<SizeDistribution>,
    /// Its ids are 1 to this.
    pub doc_count: Option<u64>,
    /// How its ids are drawn.
    pub distribution: Option<KeyDistribution>,
    /// Its own mix, also within phases.
    pub crud: Option<Crud>,
    /// Where its log files are.
    pub wal_dir: Option<PathBuf>,
}

/// A mix in percent; what is left out is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crud {
    /// Reads.
    #[serde(default)]
    pub read: u32,
    /// Creates.
    #[serde(default)]
    pub write: u32,
    /// Updates.
    #[serde(default)]
    pub update: u32,
    /// Deletes.
    #[serde(default)]
    pub delete: u32,
    /// Patches of one member.
    #[serde(default)]
    pub patch: u32,
    /// Scans.
    #[serde(default)]
    pub scan: u32,
    /// Read-modify-writes.
    #[serde(default)]
    pub modify: u32,
    /// Transactions of several documents.
    #[serde(default)]
    pub transaction: u32,
}

impl From<Crud> for Mix {
    fn from(crud: Crud) -> Self {
        Self::of(&[
            (OperationKind::Read, crud.read),
            (OperationKind::Create, crud.write),
            (OperationKind::Update, crud.update),
            (OperationKind::Delete, crud.delete),
            (OperationKind::Patch, crud.patch),
            (OperationKind::Scan, crud.scan),
            (OperationKind::Modify, crud.modify),
            (OperationKind::Transaction, crud.transaction),
        ])
    }
}

/// How the load changes over time.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileProfile {
    /// The phases, in order, not overlapping.
    pub phases: Vec<FilePhase>,
}

/// One phase.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilePhase {
    /// Its name.
    pub name: String,
    /// When it begins, from the beginning of the run; right behind the phase before it if left out.
    pub start_time: Option<Span>,
    /// How long it lasts.
    pub duration: Span,
    /// Whether it only warms up: what happens in it is not measured.
    #[serde(default)]
    pub warmup: bool,
    /// Workers in all, dealt to the databases in turn; the databases' own if left out.
    pub workers: Option<usize>,
    /// Its mix.
    pub crud: Option<Crud>,
    /// Its mix, when it changes.
    pub crud_transition: Option<FileTransition>,
    /// Operations per second in all; 0 or left out: as without the phase.
    pub operation_rate: Option<f64>,
}

/// A mix that changes linearly over a phase.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileTransition {
    /// At the beginning of the phase.
    pub start: Crud,
    /// At its end.
    pub end: Crud,
}

/// The run as a whole.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileTest {
    /// How long it takes.
    pub duration: Option<Span>,
    /// How long to load before measuring begins.
    pub warmup: Option<Span>,
    /// A load that is known by name.
    pub workload: Option<Workload>,
    /// How ids are drawn.
    pub distribution: Option<KeyDistribution>,
    /// Which ids documents are created under.
    pub inserts: Option<Inserts>,
    /// Unix socket of the server.
    pub socket: Option<PathBuf>,
    /// Time between two samples.
    pub metrics_interval: Option<Span>,
    /// Name of the file of results.
    pub output: Option<PathBuf>,
    /// Whether CSV files are written too.
    pub csv_output: Option<bool>,
    /// Seed of the random choices.
    pub seed: Option<u64>,
    /// What must hold at the end.
    pub assert: Option<String>,
}

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigFileError {
    /// It cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// It is neither JSON nor YAML, or has a key or value that is not known.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
}

impl ConfigFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigFileError`].
    pub fn read(path: &Path) -> Result<Self, ConfigFileError> {
        let text = std::fs::read_to_string(path).map_err(|cause| ConfigFileError::Unreadable {
            path: path.to_owned(),
            cause,
        })?;
        Self::parse(&text).map_err(|reason| ConfigFileError::Malformed {
            path: path.to_owned(),
            reason,
        })
    }

    /// Reads a text, YAML or JSON, which is YAML too.
    ///
    /// # Errors
    /// What is wrong with it: the path of the key, or the place in the text where it is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let value: serde_json::Value =
            serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string();
            let inner = error.into_inner();
            if path == "." {
                inner.to_string()
            } else {
                format!("{path}: {inner}")
            }
        })
    }
}
