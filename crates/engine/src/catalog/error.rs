use std::io;
use std::path::{Path, PathBuf};

use docdb_types::{Code, Effect, Error};

/// Why the catalog could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CatalogError {
    /// A file could not be read.
    #[error("cannot read the catalog")]
    Read {
        /// The catalog file or the directory.
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The new catalog could not be written; the old one is in force.
    #[error("cannot write the catalog")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The new catalog was written, but it is unknown whether it or the old one survives a crash.
    #[error("cannot make the catalog durable")]
    Sync {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A newer version of docdb wrote the file.
    #[error("the catalog has format version {found}, this program knows versions up to {known}")]
    Newer {
        path: PathBuf,
        found: u32,
        known: u32,
    },
    /// The database to be changed is not in the catalog.
    #[error("the catalog has no such database")]
    Unknown,
}

impl From<CatalogError> for Error {
    fn from(error: CatalogError) -> Self {
        let text = error.to_string();
        match error {
            CatalogError::Read { path, source } => io_failure(Code::FileRead, text, &path, &source),
            CatalogError::Write { path, source } => {
                io_failure(Code::FileWrite, text, &path, &source)
            }
            CatalogError::Sync { path, source } => {
                io_failure(Code::FileSync, text, &path, &source).with_effect(Effect::Unknown)
            }
            CatalogError::Newer { path, .. } => {
                Self::new(Code::FileOpen, text).in_file(file_name(&path))
            }
            CatalogError::Unknown => Self::new(Code::DbNotFound, text),
        }
    }
}

/// The error of a file operation that the system refused. A full disk has a code of its own.
fn io_failure(code: Code, text: String, path: &Path, source: &io::Error) -> Error {
    let code = match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::DiskFull,
        _ => code,
    };
    Error::new(code, format!("{text}: {source}")).in_file(file_name(path))
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}
