use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::csv;
use super::json::{Results, output_path};
use crate::config::Plan;
use crate::run::Measured;

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
    /// The results cannot be put into words.
    #[error("cannot encode the results: {0}")]
    Unencodable(#[from] serde_json::Error),
}

/// Writes the file of results, and the CSV files where the plan asks for them. Answers the path of
/// the file of results.
///
/// # Errors
/// [`ReportError`].
pub fn write(plan: &Plan, measured: &Measured) -> Result<PathBuf, ReportError> {
    let path = output_path(plan);
    let mut text = serde_json::to_string_pretty(&Results::new(plan, measured))?;
    text.push('\n');
    put(&path, &text)?;
    if plan.csv {
        for (name, text) in csv::files(plan, measured) {
            put(&plan.output_dir.join(name), &text)?;
        }
    }
    Ok(path)
}

fn put(path: &Path, text: &str) -> Result<(), ReportError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|cause| ReportError::Unwritable {
            path: path.to_owned(),
            cause,
        })
}
