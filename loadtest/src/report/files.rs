use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::csv;
use super::html;
use super::results::Results;
use crate::config::Plan;
use crate::judgement::Judged;
use crate::measured::Measured;

/// Why results are not in a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The file or its folder cannot be written.
    #[error("cannot write {}: {cause}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A file of results cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The results cannot be put into words.
    #[error("cannot encode the results: {0}")]
    Unencodable(#[from] serde_json::Error),
}

/// Makes sure that the files of results can be written, before a run that would be for nothing.
///
/// # Errors
/// [`ReportError::Unwritable`].
pub fn check_writable(plan: &Plan) -> Result<(), ReportError> {
    let path = plan.results_path();
    let folder = path.parent().unwrap_or(Path::new("."));
    let open = || {
        fs::create_dir_all(folder)?;
        // What is there stays until there is something to replace it.
        let is_there = path.exists();
        fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)?;
        if is_there {
            Ok(())
        } else {
            fs::remove_file(&path)
        }
    };
    open().map_err(|cause| ReportError::Unwritable {
        path: path.clone(),
        cause,
    })
}

/// Reads a file of results.
///
/// # Errors
/// [`ReportError::Unreadable`].
pub fn read(path: &Path) -> Result<Results, ReportError> {
    let unreadable = |reason| ReportError::Unreadable {
        path: path.to_owned(),
        reason,
    };
    let text = fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    Results::parse(&text).map_err(unreadable)
}

/// Writes the file of results, and the report and the CSV files where the plan asks for them.
/// Answers the path of the file of results.
///
/// # Errors
/// [`ReportError`].
pub fn write(plan: &Plan, measured: &Measured, judged: &[Judged]) -> Result<PathBuf, ReportError> {
    let path = plan.results_path();
    let results = Results::new(plan, measured, judged);
    let mut text = serde_json::to_string_pretty(&results)?;
    text.push('\n');
    put(&path, &text)?;
    if plan.html {
        put(&path.with_extension("html"), &html::run_page(&results))?;
    }
    if plan.csv {
        for (name, text) in csv::files(plan, measured, &results) {
            put(&plan.output_dir.join(name), &text)?;
        }
    }
    Ok(path)
}

pub(super) fn put(path: &Path, text: &str) -> Result<(), ReportError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|cause| ReportError::Unwritable {
            path: path.to_owned(),
            cause,
        })
}
