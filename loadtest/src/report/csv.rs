use std::fmt::{Display, Write};
use std::time::Duration;

use super::calendar::Timestamp;
use super::results::{Results, StepPoint, per_second, phases};
use crate::config::Plan;
use crate::latency::LatencySummary;
use crate::measured::{DatabaseMeasured, Measured};
use crate::monitor::Sample;
use crate::record::Tally;

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
pub(super) fn files(plan: &Plan, measured: &Measured, results: &Results) -> Vec<(String, String)> {
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
        ("latency_over_time.csv".to_owned(), over_time(results)),
        ("server_metrics.csv".to_owned(), server_metrics(results)),
    ];
    for database in &measured.databases {
        let name = &database.name;
        files.push((
            format!("{name}/latency_summary.csv"),
            latency_summary(database),
        ));
        files.push((
            format!("{name}/wal_growth.csv"),
            log_growth(measured, &sizes(&database.log)),
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
fn log_growth(measured: &Measured, samples: &[(Duration, u64)]) -> String {
    let mut rows = Rows::new("timestamp,size_bytes,size_mb");
    for (at, log_bytes) in samples {
        rows.add(format_args!(
            "{},{},{:.3}",
            Timestamp(measured.started_at + *at),
            log_bytes,
            *log_bytes as f64 / (1024.0 * 1024.0)
        ));
    }
    rows.0
}

/// When a log was looked at, and its size.
fn sizes(samples: &[Sample]) -> Vec<(Duration, u64)> {
    let size = |sample: &Sample| (sample.at, sample.log_bytes);
    samples.iter().map(size).collect()
}

/// The sum of all logs whenever one was looked at, from when all are known.
fn global_log(databases: &[DatabaseMeasured]) -> Vec<(Duration, u64)> {
    let of_one = |(place, database): (usize, &DatabaseMeasured)| {
        let sizes = sizes(&database.log).into_iter();
        sizes
            .map(move |(at, size)| (at, place, size))
            .collect::<Vec<_>>()
    };
    let mut all: Vec<_> = databases.iter().enumerate().flat_map(of_one).collect();
    all.sort_by_key(|(at, ..)| *at);
    let mut known: Vec<Option<u64>> = vec![None; databases.len()];
    let mut sums: Vec<(Duration, u64)> = Vec::new();
    for (at, place, size) in all {
        if let Some(known) = known.get_mut(place) {
            *known = Some(size);
        }
        let Some(sum) = known.iter().copied().sum::<Option<u64>>() else {
            continue;
        };
        match sums.last_mut() {
            // Databases that are looked at in one round have the same time.
            Some((last, size)) if *last == at => *size = sum,
            _ => sums.push((at, sum)),
        }
    }
    sums
}

fn healing_events(measured: &Measured) -> String {
    let mut rows = Rows::new("timestamp,duration_ms,documents_healed,type");
    let mut events: Vec<_> = measured
        .databases
        .iter()
        .flat_map(|database| &database.healed)
        .collect();
    events.sort_by_key(|healed| healed.at);
    for healed in events {
        rows.add(format_args!(
            "{},{:.3},{},{}",
            Timestamp(measured.started_at + healed.at),
            healed.took.as_secs_f64() * 1000.0,
            healed.documents,
            healed.trigger()
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
    for (kind, record) in database.total.kinds.iter() {
        let LatencySummary {
            p50,
            p95,
            p99,
            p999,
            mean,
            min,
            max,
            count,
        } = record.latency.summary();
        if count == 0 && !kind.is_basic() {
            continue;
        }
        let name = kind.as_str();
        rows.add(format_args!(
            "{name},{count},{mean:.3},{min:.3},{p50:.3},{p95:.3},{p99:.3},{p999:.3},{max:.3}"
        ));
    }
    rows.0
}

/// By database, operation and step; the database and the operation `all` are sums.
fn over_time(results: &Results) -> String {
    let mut rows = Rows::new(
        "database,operation,second,operations,failed,p50_ms,p95_ms,p99_ms,p999_ms,max_ms",
    );
    let mut add = |database: &str, operation: &str, steps: &[StepPoint]| {
        for step in steps {
            let [p50, p95, p99, p999, max] =
                [step.p50, step.p95, step.p99, step.p999, step.max].map(optional);
            rows.add(format_args!(
                "{},{operation},{},{},{},{p50},{p95},{p99},{p999},{max}",
                quoted(database),
                step.second,
                step.operations,
                step.failed
            ));
        }
    };
    add("all", "all", &results.details.all.steps);
    for (name, timeline) in &results.details.databases {
        add(name, "all", &timeline.steps);
        for (operation, steps) in &timeline.by_operation {
            add(name, operation, steps);
        }
    }
    rows.0
}

fn server_metrics(results: &Results) -> String {
    let mut rows = Rows::new(
        "second,server_cpu_seconds,server_resident_bytes,generator_cpu_seconds,\
         generator_resident_bytes,memory_used_bytes,connections,workers_busy,requests",
    );
    for point in &results.details.server {
        let count = |count: Option<u64>| count.map(|count| count.to_string()).unwrap_or_default();
        rows.add(format_args!(
            "{:.3},{},{},{},{},{},{},{},{}",
            point.second,
            optional(point.server_cpu_seconds),
            count(point.server_resident_bytes),
            optional(point.generator_cpu_seconds),
            count(point.generator_resident_bytes),
            count(point.memory_used_bytes),
            count(point.connections),
            count(point.workers_busy),
            count(point.requests)
        ));
    }
    rows.0
}

/// A number, or nothing where nothing was measured.
fn optional(number: Option<f64>) -> String {
    number
        .map(|number| format!("{number:.3}"))
        .unwrap_or_default()
}

/// A text as one field (RFC 4180).
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
