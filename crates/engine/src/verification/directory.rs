use docdb_types::{Code, Error};
use docdb_vfs::Host;

use super::database::verify_database;
use super::report::{DirectoryReport, Finding};
use crate::catalog::{self, CATALOG_FILE, Entry, Status};
use crate::options::EngineOptions;
use crate::pool::DirectoryLocks;

/// Reads every byte of every database of a data directory that no engine has open, and changes
/// none.
///
/// # Errors
/// `FileOpen` where there is no such directory, an engine has it open (the text names its process),
/// or the catalog has a newer format; `FileRead` where the catalog cannot be read. Damage is no
/// error: it is in the report.
pub fn verify(host: &Host, options: &EngineOptions) -> Result<DirectoryReport, Error> {
    let _locks = DirectoryLocks::of_existing(host, options)?;
    let mut report = DirectoryReport::default();
    for entry in entries(host, options, &mut report.findings)? {
        if entry.status == Status::Dropping {
            let file = format!("{}.manifest", entry.identity.name);
            let what = "the database is dropped; the next start removes what is left of it";
            report
                .findings
                .push(Finding::note(file, None, what.to_owned()));
            continue;
        }
        let verified = verify_database(host, options, &entry.identity);
        report.databases.push(verified);
    }
    Ok(report)
}

/// The databases that the catalog names.
pub(super) fn entries(
    host: &Host,
    options: &EngineOptions,
    findings: &mut Vec<Finding>,
) -> Result<Vec<Entry>, Error> {
    let file = || CATALOG_FILE.to_owned();
    let (entries, is_whole) =
        catalog::read(&*host.files, &options.data_directory)?.ok_or_else(|| {
            let text =
                "there is no catalog that can be read: a start makes a new one from the manifests";
            Error::new(Code::FileRead, text).in_file(file())
        })?;
    if !is_whole {
        let what = "one of the two copies is damaged; the next start restores it";
        findings.push(Finding::damage(file(), None, what.to_owned()));
    }
    Ok(entries)
}
