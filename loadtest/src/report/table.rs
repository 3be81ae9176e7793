use std::fmt;
use std::time::Duration;

use docdb_client::{DatabaseStatistics, Distribution};

use super::json::{per_second, phases};
use crate::config::Plan;
use crate::operation::OperationKind;
use crate::record::{KindRecord, StageRecord, Tally};
use crate::run::{Ending, Measured};

/// What a run found out, in 80 columns.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    plan: &'a Plan,
    measured: &'a Measured,
}

/// One line about what is going to be run.
#[must_use]
pub fn headline(plan: &Plan) -> String {
    let mix = plan.mix;
    let many = |count: usize, one: &str| {
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {one}{plural}")
    };
    format!(
        "{}, {}, {} B documents, mix {}/{}/{}/{}, {:?}, seed {}",
        many(plan.databases.len(), "database"),
        many(plan.workers(), "worker"),
        plan.document_size,
        mix.read,
        mix.write,
        mix.update,
        mix.delete,
        plan.duration,
        plan.seed
    )
}

impl<'a> Table<'a> {
    /// The table of a run.
    #[must_use]
    pub const fn new(plan: &'a Plan, measured: &'a Measured) -> Self {
        Self { plan, measured }
    }
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, measured } = self;
        let elapsed = measured.elapsed;
        writeln!(
            formatter,
            "{:<7}{:>9}{:>9}{:>9}{:>8}{:>8}{:>6}{:>6}{:>6}{:>6}{:>6}",
            "ms", "ops", "ok", "expected", "failed", "ops/s", "p50", "p95", "p99", "p99.9", "max"
        )?;
        for database in &measured.databases {
            writeln!(formatter, "{}", database.name)?;
            rows(formatter, &database.total, elapsed)?;
        }
        let total = measured.total();
        if measured.databases.len() > 1 {
            writeln!(formatter, "all databases")?;
            rows(formatter, &total, elapsed)?;
        }
        for (name, stage, record) in phases(plan, measured) {
            writeln!(formatter, "phase {name}")?;
            row(
                formatter,
                "all",
                &sum(&record),
                stage.end.saturating_sub(stage.start),
            )?;
        }
        writeln!(formatter)?;
        let operations = total.sum(Tally::operations);
        writeln!(
            formatter,
            "{} operations in {:.2} s: {} per second",
            grouped(operations),
            elapsed.as_secs_f64(),
            grouped(rounded(per_second(operations, elapsed)))
        )?;
        failures(formatter, &total)?;
        for text in measured.wrong_answers.iter().take(10) {
            writeln!(formatter, "  wrong: {text}")?;
        }
        let other_run = total.sum(|tally| tally.other_run);
        if other_run > 0 {
            writeln!(
                formatter,
                "{} reads met documents of another run",
                grouped(other_run)
            )?;
        }
        if total.never_sent > 0 {
            writeln!(
                formatter,
                "{} operations were due and could not be sent in time",
                grouped(total.never_sent)
            )?;
        }
        for database in &measured.databases {
            if let (Some(first), Some(last)) = (database.log.first(), database.log.last()) {
                writeln!(
                    formatter,
                    "log of {}: {} MB at the beginning, {} MB at the end",
                    database.name,
                    megabytes(first.log_bytes),
                    megabytes(last.log_bytes)
                )?;
            }
            if let Some(figures) = &database.last {
                server_figures(formatter, figures)?;
            }
        }
        writeln!(
            formatter,
            "server {}, fsync {}",
            measured.server.server_version, measured.server.fsync_mode
        )?;
        match measured.ending {
            Ending::Complete => Ok(()),
            Ending::Stopped => writeln!(formatter, "stopped before the end: results are partial"),
            Ending::Lost => writeln!(
                formatter,
                "{} workers lost the server: results are partial",
                measured.lost_workers
            ),
        }
    }
}

fn rows(
    formatter: &mut fmt::Formatter<'_>,
    record: &StageRecord,
    elapsed: Duration,
) -> fmt::Result {
    for kind in OperationKind::ALL {
        row(formatter, kind.as_str(), record.kinds.get(kind), elapsed)?;
    }
    row(formatter, "all", &sum(record), elapsed)
}

/// All kinds as one.
fn sum(record: &StageRecord) -> KindRecord {
    let mut sum = StageRecord::default();
    for kind in OperationKind::ALL {
        let mut one = StageRecord::default();
        one.kinds.read = record.kinds.get(kind).clone();
        sum.merge(&one);
    }
    sum.kinds.read
}

fn row(
    formatter: &mut fmt::Formatter<'_>,
    name: &str,
    record: &KindRecord,
    elapsed: Duration,
) -> fmt::Result {
    let tally = &record.tally;
    let latency = record.latency.summary();
    writeln!(
        formatter,
        " {name:<6}{:>9}{:>9}{:>9}{:>8}{:>8}{:>6}{:>6}{:>6}{:>6}{:>6}",
        short(tally.operations()),
        short(tally.ok),
        short(tally.expected()),
        short(tally.uncounted()),
        short(rounded(per_second(tally.operations(), elapsed))),
        millis(latency.p50),
        millis(latency.p95),
        millis(latency.p99),
        millis(latency.p999),
        millis(latency.max)
    )
}

fn failures(formatter: &mut fmt::Formatter<'_>, total: &StageRecord) -> fmt::Result {
    let all = sum(total).tally;
    for (code, count) in &all.errors {
        writeln!(formatter, "{} errors {}", grouped(*count), code.as_str())?;
    }
    if all.refused > 0 {
        writeln!(formatter, "{} refused: QueueFull", grouped(all.refused))?;
    }
    if all.wrong > 0 {
        writeln!(formatter, "{} WRONG ANSWERS", grouped(all.wrong))?;
    }
    Ok(())
}

fn server_figures(formatter: &mut fmt::Formatter<'_>, figures: &DatabaseStatistics) -> fmt::Result {
    let measured = |distribution: Option<Distribution>| distribution.filter(|d| d.count > 0);
    if let Some(d) = measured(figures.batch_size) {
        writeln!(
            formatter,
            "  transactions per batch: mean {:.1}, p50 {}, p99 {}, max {}",
            d.mean, d.p50, d.p99, d.max
        )?;
    }
    if let Some(d) = measured(figures.sync_latency_us) {
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let [p50, p99, max] = [d.p50, d.p99, d.max].map(|micros| millis(micros as f64 / 1000.0));
        writeln!(
            formatter,
            "  {} syncs, ms: p50 {p50}, p99 {p99}, max {max}",
            grouped(d.count)
        )?;
    }
    Ok(())
}

/// At most five characters.
fn millis(value: f64) -> String {
    match value {
        value if value < 9.9995 => format!("{value:.3}"),
        value if value < 99.995 => format!("{value:.2}"),
        value if value < 999.95 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / (1024.0 * 1024.0))
}

/// At most eight characters.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn short(count: u64) -> String {
    if count < 10_000_000 {
        count.to_string()
    } else {
        format!("{:.1}M", count as f64 / 1e6)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate for people"
)]
fn rounded(rate: f64) -> u64 {
    rate.round() as u64
}

/// Digits in groups of three.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_fit_their_columns() {
        for (value, text) in [
            (0.0, "0.000"),
            (9.9994, "9.999"),
            (9.9996, "10.00"),
            (99.996, "100.0"),
            (999.96, "1000"),
            (12_345.0, "12345"),
        ] {
            assert_eq!(millis(value), text);
        }
        assert_eq!(short(9_999_999), "9999999");
        assert_eq!(short(123_456_789), "123.5M");
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
