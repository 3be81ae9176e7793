//! `docdb-server backup` and `restore`, and what `verify` says of backups.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use docdb_service::{
    BackupOptions, BackupReport, BackupSummary, CheckedBackup, Host, RestoreOptions,
    back_up_directory, list_backups, restore, verify_backup,
};
use docdb_types::DatabaseName;
use serde_json::{Value, json};

use crate::config;
use crate::offline::options;

/// What `nice` is asked for.
const LOWEST_PRIORITY: i32 = 19;

/// What is backed up, and where to.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The data directory.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The directory of backups; created when missing.
    #[arg(value_name = "BACKUPS")]
    backups: PathBuf,
    /// Directory of the logs [default: `wal` in the data directory].
    #[arg(long, value_name = "DIR")]
    wal_dir: Option<PathBuf>,
    /// Unix socket of the server that has the data directory open, if any.
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/tmp/docdb.sock",
        env = "DOCDB_SOCKET"
    )]
    socket: PathBuf,
    /// A database; may be given several times. Without it, all.
    #[arg(long = "database", value_name = "NAME", value_parser = |name: &str| DatabaseName::new(name))]
    databases: Vec<DatabaseName>,
    /// Backups that are kept, this one among them; older ones are removed. Without it, all.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    keep: Option<u64>,
    /// Most that is copied and read back in a second, on the average, with a unit as in 50MiB. Without
    /// it, as much as can be.
    #[arg(long, value_name = "SIZE", value_parser = rate)]
    rate: Option<u64>,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// What is restored, and where to.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The directory of backups.
    #[arg(value_name = "BACKUPS")]
    backups: PathBuf,
    /// The data directory; created when missing.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Directory of the logs [default: `wal` in the data directory].
    #[arg(long, value_name = "DIR")]
    wal_dir: Option<PathBuf>,
    /// The backup, by its number. Without it, the newest.
    #[arg(long, value_name = "NUMBER")]
    number: Option<u64>,
    /// A database; may be given several times. Without it, all of the backup.
    #[arg(long = "database", value_name = "NAME", value_parser = |name: &str| DatabaseName::new(name))]
    databases: Vec<DatabaseName>,
    /// Most that is copied in a second, with a unit as in 50MiB. Without it, as much as can be.
    #[arg(long, value_name = "SIZE", value_parser = rate)]
    rate: Option<u64>,
}

fn rate(text: &str) -> Result<u64, String> {
    let rate = config::parse_size(text).filter(|rate| *rate > 0);
    rate.ok_or_else(|| "allowed: a size above 0 with a unit, as in 50MiB".to_owned())
}

impl Backup {
    /// Does it; returns what there is to say, and whether a database is missing in the backup.
    pub(crate) fn run(&self) -> anyhow::Result<(String, bool)> {
        // The processors are for the server first; whatever cannot be lowered runs as it is.
        let _ = rustix::process::nice(LOWEST_PRIORITY);
        let engine = options(&self.directory, self.wal_dir.as_ref());
        let wanted = BackupOptions {
            data_directory: self.directory.clone(),
            directory: self.backups.clone(),
            databases: self.databases.clone(),
            keep: self.keep.unwrap_or(0),
            bytes_per_second: self.rate.unwrap_or(0),
        };
        let report = back_up_directory(&Host::real(), &engine, &wanted, &self.socket)?;
        let text = if self.json {
            format!("{}\n", report_json(&report))
        } else {
            report_text(&report)
        };
        Ok((text, !report.failures.is_empty()))
    }
}

impl Restore {
    /// Does it; returns what there is to say.
    pub(crate) fn run(&self) -> anyhow::Result<String> {
        let wanted = RestoreOptions {
            directory: self.backups.clone(),
            number: self.number,
            databases: self.databases.clone(),
            bytes_per_second: self.rate.unwrap_or(0),
        };
        let engine = options(&self.directory, self.wal_dir.as_ref());
        let report = restore(&Host::real(), &engine, &wanted)?;
        let mut text = String::new();
        for database in &report.databases {
            // Writing into a string does not fail.
            let _ = writeln!(
                text,
                "{}: {} documents, {} bytes, up to transaction {}",
                database.name, database.documents, database.bytes, database.last_transaction
            );
        }
        let _ = writeln!(
            text,
            "restored backup {}: {} databases",
            report.number,
            report.databases.len()
        );
        Ok(text)
    }
}

/// What there is to say about a directory, if it is one of backups, and whether anything is damaged.
pub(crate) fn verified(directory: &Path, as_json: bool) -> anyhow::Result<Option<(String, bool)>> {
    let host = Host::real();
    if directory.join(".catalog").exists() {
        return Ok(None);
    }
    let backups = match list_backups(&host, directory) {
        Ok(backups) if backups.is_empty() => return Ok(None),
        Ok(backups) => backups,
        Err(_) if !directory.exists() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let checked: Result<Vec<_>, _> = backups
        .iter()
        .map(|backup| verify_backup(&host, directory, Some(backup.number)))
        .collect();
    let checked = checked?;
    let is_damaged = checked.iter().any(|backup| !backup.damage.is_empty());
    let text = if as_json {
        let backups: Vec<_> = checked.iter().map(checked_json).collect();
        format!("{}\n", json!({ "damaged": is_damaged, "backups": backups }))
    } else {
        checked.iter().map(checked_text).collect()
    };
    Ok(Some((text, is_damaged)))
}

fn report_text(report: &BackupReport) -> String {
    let mut text = String::new();
    for database in &report.summary.databases {
        // Writing into a string does not fail.
        let _ = writeln!(
            text,
            "{}: {} files, {} bytes, {} of them copied, up to transaction {}",
            database.name,
            database.files,
            database.bytes,
            database.copied_bytes,
            database.last_transaction
        );
    }
    for failure in &report.failures {
        let _ = writeln!(text, "{}: not backed up: {}", failure.name, failure.error);
    }
    let _ = writeln!(
        text,
        "backup {}: {} databases, {} failed",
        report.summary.number,
        report.summary.databases.len(),
        report.failures.len()
    );
    if !report.removed.is_empty() {
        let removed: Vec<_> = report.removed.iter().map(u64::to_string).collect();
        let _ = writeln!(text, "removed backups {}", removed.join(", "));
    }
    text
}

fn checked_text(checked: &CheckedBackup) -> String {
    let mut text = String::new();
    for damage in &checked.damage {
        // Writing into a string does not fail.
        let _ = writeln!(text, "damage: {}", damage.error);
    }
    let state = if checked.damage.is_empty() {
        "sound"
    } else {
        "damaged"
    };
    let _ = writeln!(
        text,
        "backup {}: {state}; {} databases, {} files, {} bytes",
        checked.summary.number,
        checked.summary.databases.len(),
        checked.files,
        checked.bytes
    );
    text
}

fn summary_json(summary: &BackupSummary) -> Value {
    let databases = summary.databases.iter().map(|database| {
        json!({
            "db": database.name.as_str(),
            "last_transaction": database.last_transaction.get(),
            "files": database.files,
            "bytes": database.bytes,
            "copied_bytes": database.copied_bytes,
        })
    });
    json!({
        "backup": summary.number,
        "taken_unix_ms": summary.taken_unix_ms,
        "databases": databases.collect::<Vec<_>>(),
    })
}

fn report_json(report: &BackupReport) -> Value {
    let failures = report.failures.iter().map(|failure| {
        json!({
            "db": failure.name.as_str(),
            "code": failure.error.code().as_str(),
            "message": failure.error.to_string(),
        })
    });
    json!({
        "taken": summary_json(&report.summary),
        "failures": failures.collect::<Vec<_>>(),
        "removed": report.removed,
    })
}

fn checked_json(checked: &CheckedBackup) -> Value {
    let damage = checked.damage.iter().map(|damage| {
        json!({
            "db": damage.name.as_str(),
            "file": damage.error.context().file,
            "message": damage.error.to_string(),
        })
    });
    json!({
        "taken": summary_json(&checked.summary),
        "files": checked.files,
        "bytes": checked.bytes,
        "damage": damage.collect::<Vec<_>>(),
    })
}
