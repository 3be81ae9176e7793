use std::fmt;
use std::time::Duration;

use docdb_client::{DatabaseStatistics, Distribution};

use super::results::{per_second, phases};
use crate::config::Plan;
use crate::judgement::Judged;
use crate::measured::{Ending, Measured};
use crate::operation::OperationKind;
use crate::record::{KindRecord, StageRecord, Tally};

/// A generator that makes so many times what was measured is not the limit.
const FAIR_HEADROOM: f64 = 3.0;

/// What a run found out, in 80 columns.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    plan: &'a Plan,
    measured: &'a Measured,
    judged: &'a [Judged],
}

/// Lines about what is going to be run.
#[must_use]
pub fn headline(plan: &Plan) -> String {
    let many = |count: usize, one: &str| {
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {one}{plural}")
    };
    let mut parts = vec![
        many(plan.databases.len(), "database"),
        many(plan.workers(), "worker"),
    ];
    if plan.replay.is_some() {
        parts.push("recorded operations".to_owned());
    } else {
        parts.extend([
            format!("{:?}", plan.duration),
            format!("seed {}", plan.seed),
            format!("{} B documents", plan.sizes),
            format!("ids {}", plan.keys),
        ]);
        parts.extend(plan.workload.map(|workload| workload.name()));
        parts.extend(plan.mix.to_string().split(", ").map(str::to_owned));
    }
    let mut text = String::new();
    let mut column = 0;
    for part in parts {
        let width = part.chars().count() + 2;
        if column > 0 {
            let wraps = column + width > 80;
            text.push_str(if wraps { ",\n" } else { ", " });
            column = if wraps { 0 } else { column };
        }
        text.push_str(&part);
        column += width;
    }
    text
}

impl<'a> Table<'a> {
    /// The table of a run.
    #[must_use]
    pub const fn new(plan: &'a Plan, measured: &'a Measured, judged: &'a [Judged]) -> Self {
        Self {
            plan,
            measured,
            judged,
        }
    }
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            plan,
            measured,
            judged,
        } = self;
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
                &record.all(),
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
                "of the operations that were due {} could not be sent in time",
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
        of_server(formatter, measured)?;
        of_generator(formatter, measured, &total)?;
        for judged in *judged {
            writeln!(formatter, "{judged}")?;
        }
        verdict(formatter, measured)
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn of_server(formatter: &mut fmt::Formatter<'_>, measured: &Measured) -> fmt::Result {
    if let Some(server) = &measured.server {
        write!(
            formatter,
            "server {}, fsync {}",
            server.server_version, server.fsync_mode
        )?;
    }
    if let Some((processors, resident)) = measured.server_load() {
        write!(
            formatter,
            ", {processors:.2} processors, {:.0} MB resident",
            resident as f64 / 1e6
        )?;
    }
    writeln!(formatter)?;
    if !measured.kills.is_empty() {
        let away = measured.kills.iter().map(|kill| kill.away).max();
        writeln!(
            formatter,
            "killed {} times, away {} ms at most",
            measured.kills.len(),
            away.unwrap_or_default().as_millis()
        )?;
    }
    if let Some(verification) = &measured.verification {
        writeln!(
            formatter,
            "{} documents read again: {} not as acknowledged, {} unread",
            grouped(verification.documents),
            grouped(verification.contradictions),
            grouped(verification.unread)
        )?;
        for text in &verification.described {
            writeln!(formatter, "  {text}")?;
        }
    }
    Ok(())
}

fn of_generator(
    formatter: &mut fmt::Formatter<'_>,
    measured: &Measured,
    total: &StageRecord,
) -> fmt::Result {
    if let (Some(ceiling), Some(headroom)) = (measured.ceiling, measured.headroom()) {
        let hint = if headroom < FAIR_HEADROOM {
            ": the generator may be the limit"
        } else {
            ""
        };
        writeln!(
            formatter,
            "the generator alone: {} per second, {headroom:.1} times this{hint}",
            grouped(rounded(ceiling.own))
        )?;
        writeln!(
            formatter,
            "with a server that does nothing: {} per second",
            grouped(rounded(ceiling.exchange))
        )?;
    }
    let lateness = total.lateness.summary();
    if lateness.count > 0 {
        writeln!(
            formatter,
            "the generator was late by, ms: p50 {}, p99 {}, max {}",
            millis(lateness.p50),
            millis(lateness.p99),
            millis(lateness.max)
        )?;
    }
    Ok(())
}

fn verdict(formatter: &mut fmt::Formatter<'_>, measured: &Measured) -> fmt::Result {
    for failure in measured.failures() {
        writeln!(formatter, "FAILED: {failure}")?;
    }
    if measured.ending == Ending::Complete {
        Ok(())
    } else {
        writeln!(formatter, "results are partial")
    }
}

fn rows(
    formatter: &mut fmt::Formatter<'_>,
    record: &StageRecord,
    elapsed: Duration,
) -> fmt::Result {
    for (kind, record) in record.kinds.iter() {
        let tally = &record.tally;
        let is_any = tally.operations() + tally.uncounted() + tally.interrupted > 0;
        if kind.is_basic() || is_any {
            row(formatter, label(kind), record, elapsed)?;
        }
    }
    row(formatter, "all", &record.all(), elapsed)
}

/// At most six characters.
const fn label(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Transaction => "txn",
        kind => kind.as_str(),
    }
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
    let all = total.all().tally;
    for (code, count) in &all.errors {
        writeln!(formatter, "{} errors {}", grouped(*count), code.as_str())?;
    }
    if all.refused > 0 {
        writeln!(formatter, "{} refused: QueueFull", grouped(all.refused))?;
    }
    if all.interrupted > 0 {
        writeln!(formatter, "{} cut off by a kill", grouped(all.interrupted))?;
    }
    if all.unanswered > 0 {
        writeln!(formatter, "{} NEVER ANSWERED", grouped(all.unanswered))?;
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
