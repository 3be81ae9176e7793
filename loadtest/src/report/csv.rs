use std::fmt::{Display, Write};
use std::time::Duration;

use super::calendar::Timestamp;
use super::json::{per_second, phases};
use crate::config::Plan;
use crate::latency::LatencySummary;
use crate::monitor::Sample;
use crate::operation::OperationKind;
use crate::record::Tally;
use crate::run::{DatabaseMeasured, Measured};

/// A text of rows, under a heading.
struct Rows(String);

impl Rows {
    fn new(heading: &str) -> Self {
        Self(format!("{heading}\n"))
    }

    fn add(&mut self, row: impl Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{row}");
    }
}

/// All CSV files of a run: their paths within the folder of results, and their texts.
pub(super) fn files(plan: &Plan, measured: &Measured) -> Vec<(String, String)> {
    let global = global_log(&measured.databases);
    let mut files = vec![
        ("latency_samples.csv".to_owned(), latency_samples(measured)),
        ("wal_growth.csv".to_owned(), log_growth(measured, &global)),
        (
            "global_wal_growth.csv".to_owned(),
            log_growth(measured, &global),
        ),
        ("healing_events.csv".to_owned(), healing_events(measured)),
        ("phase_stats.csv".to_owned(), phase_stats(plan, measured)),
    ];
    for database in &measured.databases {
        let name = &database.name;
        files.push((
            format!("{name}/latency_summary.csv"),
            latency_summary(database),
        ));
        files.push((
            format!("{name}/wal_growth.csv"),
            log_growth(measured, &database.log),
        ));
    }
    files
}

fn latency_samples(measured: &Measured) -> String {
    let mut samples: Vec<_> = measured
        .databases
        .iter()
        .flat_map(|database| &database.samples)
        .collect();
    samples.sort_by_key(|sample| sample.at);
    let mut rows = Rows::new("operation,latency_ms,timestamp");
    for sample in samples {
        rows.add(format_args!(
            "{},{:.3},{}",
            sample.kind.as_str(),
            sample.latency.as_secs_f64() * 1000.0,
            Timestamp(measured.started_at + sample.at)
        ));
    }
    rows.0
}

#[expect(clippy::cast_precision_loss, reason = "megabytes for people")]
fn log_growth(measured: &Measured, samples: &[Sample]) -> String {
    let mut rows = Rows::new("timestamp,size_bytes,size_mb");
    for sample in samples {
        rows.add(format_args!(
            "{},{},{:.3}",
            Timestamp(measured.started_at + sample.at),
            sample.log_bytes,
            sample.log_bytes as f64 / (1024.0 * 1024.0)
        ));
    }
    rows.0
}

/// The sum of all logs whenever one was looked at, from when all are known.
pub(super) fn global_log(databases: &[DatabaseMeasured]) -> Vec<Sample> {
    let mut all: Vec<(usize, Sample)> = databases
        .iter()
        .enumerate()
        .flat_map(|(place, database)| database.log.iter().map(move |sample| (place, *sample)))
        .collect();
    all.sort_by_key(|(_, sample)| sample.at);
    let mut known: Vec<Option<u64>> = vec![None; databases.len()];
    let mut sums: Vec<Sample> = Vec::new();
    for (place, sample) in all {
        if let Some(size) = known.get_mut(place) {
            *size = Some(sample.log_bytes);
        }
        let Some(log_bytes) = known.iter().copied().sum::<Option<u64>>() else {
            continue;
        };
        match sums.last_mut() {
            // Databases that are looked at in one round have the same time.
            Some(last) if last.at == sample.at => last.log_bytes = log_bytes,
            _ => sums.push(Sample {
                at: sample.at,
                log_bytes,
            }),
        }
    }
    sums
}

fn healing_events(measured: &Measured) -> String {
    let mut rows = Rows::new("timestamp,duration_ms,documents_healed,type");
    let mut events: Vec<_> = measured
        .databases
        .iter()
        .flat_map(|database| &database.healings)
        .collect();
    events.sort_by_key(|(at, _)| *at);
    for (at, healing) in events {
        rows.add(format_args!(
            "{},{:.3},{},healing",
            Timestamp(measured.started_at + *at),
            Duration::from_micros(healing.duration_us).as_secs_f64() * 1000.0,
            healing.documents
        ));
    }
    rows.0
}

fn phase_stats(plan: &Plan, measured: &Measured) -> String {
    let mut rows = Rows::new(
        "phase,start_seconds,duration_seconds,workers,operations,ops_per_second,errors,refused",
    );
    for (name, stage, record) in phases(plan, measured) {
        let duration = stage.end.saturating_sub(stage.start);
        let operations = record.sum(Tally::operations);
        rows.add(format_args!(
            "{},{},{},{},{operations},{:.1},{},{}",
            quoted(name),
            stage.start.as_secs_f64(),
            duration.as_secs_f64(),
            stage.workers.iter().sum::<usize>(),
            per_second(operations, duration),
            record.sum(Tally::failed),
            record.sum(|tally| tally.refused)
        ));
    }
    rows.0
}

fn latency_summary(database: &DatabaseMeasured) -> String {
    let mut rows = Rows::new("operation,count,mean_ms,min_ms,p50_ms,p95_ms,p99_ms,p999_ms,max_ms");
    for kind in OperationKind::ALL {
        let LatencySummary {
            p50,
            p95,
            p99,
            p999,
            mean,
            min,
            max,
            count,
        } = database.total.kinds.get(kind).latency.summary();
        let name = kind.as_str();
        rows.add(format_args!(
            "{name},{count},{mean:.3},{min:.3},{p50:.3},{p95:.3},{p99:.3},{p999:.3},{max:.3}"
        ));
    }
    rows.0
}

/// A text as one field (RFC 4180).
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
