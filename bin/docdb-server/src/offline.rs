//! Work on a directory instead of serving it: what the command line says, and what is printed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use docdb_service::{
    DirectoryReport, EngineOptions, Finding, Host, LostTransactions, VerifiedDatabase, heal,
    repair, verify,
};
use docdb_types::DatabaseName;
use serde_json::{Value, json};

use crate::flags::Work;

/// Does the work, and answers with what was printed.
pub(crate) fn perform(work: &Work) -> ExitCode {
    let done = match work {
        Work::Verify {
            directory,
            wal_dir,
            json,
        } => crate::backup::verified(directory, *json)
            .transpose()
            .unwrap_or_else(|| verified(&options(directory, wal_dir.as_ref()), *json)),
        Work::Backup(backup) => backup.run(),
        Work::Restore(restore) => restore.run().map(|text| (text, false)),
        Work::Repair {
            directory,
            wal_dir,
            db,
            accept_loss,
        } => {
            let options = options(directory, wal_dir.as_ref());
            match accept_loss {
                Some(lost) => repaired(&options, db, *lost),
                None => healed(&options, db),
            }
        }
        Work::Token(command) => crate::token::run(command).map(|text| (text, false)),
    };
    match done {
        Ok((text, is_damaged)) => {
            let said = crate::say(&text);
            if is_damaged { ExitCode::FAILURE } else { said }
        }
        Err(error) => {
            crate::complain(&crate::told(&error));
            ExitCode::FAILURE
        }
    }
}

pub(crate) fn options(directory: &Path, wal_directory: Option<&PathBuf>) -> EngineOptions {
    let mut options = EngineOptions::in_directory(directory);
    if let Some(wal_directory) = wal_directory {
        options.wal_directory.clone_from(wal_directory);
    }
    options
}

fn verified(options: &EngineOptions, as_json: bool) -> anyhow::Result<(String, bool)> {
    let report = verify(&Host::real(), options)?;
    let text = if as_json {
        format!("{}\n", report_json(&report))
    } else {
        report_text(&report, options)
    };
    Ok((text, report.is_damaged()))
}

fn repaired(
    options: &EngineOptions,
    name: &DatabaseName,
    lost: LostTransactions,
) -> anyhow::Result<(String, bool)> {
    let repaired = repair(&Host::real(), options, name, lost)?;
    let text = format!(
        "{name} can be written again; it has {} documents\nthe originals are in {}\n",
        repaired.documents,
        repaired.originals.display()
    );
    Ok((text, false))
}

/// Says whether something is lost.
fn healed(options: &EngineOptions, name: &DatabaseName) -> anyhow::Result<(String, bool)> {
    let healed = heal(&Host::real(), options, name)?;
    let mut text = format!(
        "{name}: {} documents, {} healed, {} lost, {} of which that cannot be told; {} data files \
         were rewritten\n",
        healed.documents, healed.healed, healed.corrupt, healed.unknown, healed.rewritten_files
    );
    for lost in &healed.damaged {
        // Writing into a string does not fail.
        let _ = writeln!(
            text,
            "  {}: document {} of collection {}, version {}: {}",
            lost.health.as_str(),
            lost.id,
            lost.collection,
            lost.version,
            lost.cause
        );
    }
    Ok((text, healed.corrupt + healed.unknown > 0))
}

fn report_text(report: &DirectoryReport, options: &EngineOptions) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        put_finding(&mut text, "", finding);
    }
    for database in &report.databases {
        let state = if database.is_damaged() {
            "damaged"
        } else {
            "sound"
        };
        let VerifiedDatabase {
            name,
            data_files,
            data_records,
            log_segments,
            log_records,
            ..
        } = database;
        // Writing into a string does not fail.
        let _ = writeln!(
            text,
            "{name}: {state}; {data_records} records in {data_files} data files, {log_records} in \
             {log_segments} segments of the log"
        );
        for finding in &database.findings {
            put_finding(&mut text, "  ", finding);
        }
        if let Some(lost) = database.lost {
            let _ = writeln!(
                text,
                "  lost are transactions {lost}; to go on without them: docdb-server repair {} \
                 --db {name} --accept-loss {lost}",
                options.data_directory.display()
            );
        }
    }
    let damaged = report.databases.iter().filter(|it| it.is_damaged()).count();
    let _ = writeln!(
        text,
        "{} databases, {damaged} damaged",
        report.databases.len()
    );
    text
}

fn put_finding(text: &mut String, indent: &str, finding: &Finding) {
    let severity = finding.severity.as_str();
    let place = finding
        .offset
        .map_or_else(String::new, |offset| format!(" at offset {offset}"));
    let _ = writeln!(
        text,
        "{indent}{severity}: {}{place}: {}",
        finding.file, finding.what
    );
    for document in &finding.documents {
        let _ = writeln!(
            text,
            "{indent}  document {} of collection {}, version {}, at offset {}",
            document.id, document.collection, document.version, document.offset
        );
    }
}

fn report_json(report: &DirectoryReport) -> Value {
    json!({
        "damaged": report.is_damaged(),
        "findings": report.findings.iter().map(finding_json).collect::<Vec<_>>(),
        "databases": report.databases.iter().map(database_json).collect::<Vec<_>>(),
    })
}

fn database_json(database: &VerifiedDatabase) -> Value {
    json!({
        "db": database.name.as_str(),
        "db_id": database.id.get(),
        "damaged": database.is_damaged(),
        "data_files": database.data_files,
        "data_records": database.data_records,
        "data_bytes": database.data_bytes,
        "log_segments": database.log_segments,
        "log_bytes": database.log_bytes,
        "log_records": database.log_records,
        "lost": database.lost.map(|lost| lost.to_string()),
        "findings": database.findings.iter().map(finding_json).collect::<Vec<_>>(),
    })
}

fn finding_json(finding: &Finding) -> Value {
    let documents = finding.documents.iter().map(|document| {
        json!({
            "collection_id": document.collection.get(),
            "id": document.id.get(),
            "version": document.version.get(),
            "offset": document.offset,
        })
    });
    json!({
        "severity": finding.severity.as_str(),
        "file": finding.file,
        "offset": finding.offset,
        "what": finding.what,
        "documents": documents.collect::<Vec<_>>(),
    })
}
