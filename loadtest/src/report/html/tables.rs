use super::markup::{Escaped, Page, Table};
use super::unit::Unit;
use crate::latency::LatencySummary;
use crate::report::results::{Results, Slice};

const FIGURES: [&str; 8] = [
    "ops", "ops/s", "failed", "p50", "p95", "p99", "p99.9", "max",
];

fn figures(operations: u64, rate: f64, failed: u64, latency: &LatencySummary) -> Vec<String> {
    let mut cells = vec![
        operations.to_string(),
        Unit::Count.text(rate),
        failed.to_string(),
    ];
    let LatencySummary {
        p50,
        p95,
        p99,
        p999,
        max,
        ..
    } = *latency;
    for value in [p50, p95, p99, p999, max] {
        cells.push(if latency.is_empty() {
            "–".to_owned()
        } else {
            Unit::Milliseconds.text(value)
        });
    }
    cells
}

#[expect(clippy::cast_precision_loss, reason = "counts of operations")]
pub(super) fn tables(page: &mut Page, results: &Results) {
    let details = &results.details;
    let seconds = results.duration_seconds.max(f64::MIN_POSITIVE);
    let mut table = Table::new(2, &[&["database", "operation"][..], &FIGURES].concat());
    for database in results.databases.values() {
        for (operation, latency) in &database.latency {
            let count = database
                .operation_counts
                .get(operation)
                .copied()
                .unwrap_or(0);
            let failed = database.outcomes.get(operation).map_or(0, |o| o.failed());
            if count + failed == 0 {
                continue;
            }
            let mut cells = vec![database.name.clone(), operation.clone()];
            cells.extend(figures(count, count as f64 / seconds, failed, latency));
            table.row(cells);
        }
    }
    let mut cells = vec!["all".to_owned(), "all".to_owned()];
    let rate = results.global.ops_per_second;
    cells.extend(figures(
        results.total_operations,
        rate,
        results.failed(),
        &details.latency,
    ));
    table.sum(cells);
    page.heading("By database and operation");
    page.table(&table);
    if !details.phases.is_empty() {
        let head = [&["phase", "database", "workers"][..], &FIGURES].concat();
        let mut table = Table::new(2, &head);
        for phase in &details.phases {
            let name = if phase.warm_up {
                format!("{} (not measured)", phase.name)
            } else {
                phase.name.clone()
            };
            let mut row = |database: &str, slice: &Slice, is_sum: bool| {
                let mut cells = vec![name.clone(), database.to_owned(), phase.workers.to_string()];
                cells.extend(figures(
                    slice.operations,
                    slice.ops_per_second,
                    slice.failed,
                    &slice.latency,
                ));
                if is_sum {
                    table.sum(cells);
                } else {
                    table.row(cells);
                }
            };
            if phase.databases.len() > 1 {
                for (database, slice) in &phase.databases {
                    row(database, slice, false);
                }
            }
            row("all", &phase.all, true);
        }
        page.heading("By phase");
        page.table(&table);
    }
    outcomes(page, results);
    if !details.assertions.is_empty() {
        let mut table = Table::new(1, &["asserted", "found", ""]);
        for assertion in &details.assertions {
            let found = assertion.found.map_or_else(
                || "nothing was measured".to_owned(),
                |found| format!("{:.3}", found),
            );
            let verdict = if assertion.holds {
                "✓ holds"
            } else {
                "✗ fails"
            };
            table.row(vec![assertion.text.clone(), found, verdict.to_owned()]);
        }
        page.heading("Asserted");
        page.table(&table);
    }
}

/// How operations ended that did not simply succeed.
fn outcomes(page: &mut Page, results: &Results) {
    let mut table = Table::new(3, &["database", "operation", "outcome", "count"]);
    for database in results.databases.values() {
        for (operation, outcomes) in &database.outcomes {
            let named = [
                ("not found, as the mix expects", outcomes.not_found),
                ("exists, as the mix expects", outcomes.exists),
                ("conflict, as the mix expects", outcomes.conflicts),
                ("document of another run", outcomes.other_run),
                ("refused: queue full", outcomes.refused),
                ("never answered", outcomes.unanswered),
                ("cut off by a kill", outcomes.interrupted),
                ("wrong", outcomes.wrong),
            ];
            let errors = outcomes
                .errors
                .iter()
                .map(|(code, count)| (code.as_str(), *count));
            for (name, count) in named.into_iter().chain(errors) {
                if count > 0 {
                    table.row(vec![
                        database.name.clone(),
                        operation.clone(),
                        name.to_owned(),
                        count.to_string(),
                    ]);
                }
            }
        }
    }
    if !table.is_empty() {
        page.heading("Other outcomes");
        page.table(&table);
    }
}

pub(super) fn settings(page: &mut Page, results: &Results) {
    let details = &results.details;
    let mut table = Table::new(2, &["", ""]);
    let mut row = |name: &str, value: String| table.row(vec![name.to_owned(), value]);
    row("seed", results.test_config.seed.to_string());
    if let Some(workload) = &details.workload {
        row("workload", workload.clone());
    }
    row("operations in a request", details.batch.to_string());
    row(
        "requests under way per connection",
        details.pipeline.to_string(),
    );
    row(
        "rate",
        details.rate.map_or_else(
            || "as fast as answers come (a closed loop)".to_owned(),
            |rate| {
                format!("{rate} operations a second (an open loop: latency counts from when due)")
            },
        ),
    );
    row("warm-up", Unit::Moment.text(details.warm_up_seconds));
    if !details.lateness.is_empty() {
        let late = &details.lateness;
        row(
            "the generator's own lateness",
            format!(
                "p50 {}, p99 {}, max {}",
                Unit::Milliseconds.text(late.p50),
                Unit::Milliseconds.text(late.p99),
                Unit::Milliseconds.text(late.max)
            ),
        );
    }
    if details.never_sent > 0 {
        row("due and never sent", details.never_sent.to_string());
    }
    for database in results.databases.values() {
        let growth = &database.wal_growth;
        row(
            &format!("log of {}", database.name),
            format!(
                "{} at first, {} at last, {} at most",
                bytes(growth.initial_size_bytes),
                bytes(growth.final_size_bytes),
                bytes(growth.max_size_bytes)
            ),
        );
    }
    let healing = &results.global.total_healing;
    row(
        "healing",
        format!(
            "{} runs, {} documents, {:.2} s: {:.2} % of the time",
            healing.total_healings,
            healing.total_documents_healed,
            healing.healing_time_seconds,
            healing.overhead_percent
        ),
    );
    if let Some(verification) = &details.verification {
        row(
            "read again at the end",
            format!(
                "{} documents: {} not as acknowledged, {} unread",
                verification.documents, verification.contradictions, verification.unread
            ),
        );
    }
    if !details.kills.is_empty() {
        row("times killed", details.kills.len().to_string());
    }
    page.heading("Settings and ends");
    page.table(&table);
    page.add(format_args!(
        "<footer>Percentiles are of all operations of a stretch together. An operation counts when it \
         succeeded or ended as the mix expects; errors, refusals and wrong answers are counted apart. \
         Each point over time is a step of {}, by when its operations were answered. docdb-loadtest \
         {}.</footer>",
        Unit::Moment.text(details.step_seconds),
        Escaped(&details.version)
    ));
}

#[expect(clippy::cast_precision_loss, reason = "sizes of logs")]
fn bytes(count: u64) -> String {
    Unit::Bytes.text(count as f64)
}
