use std::fmt::Write;
use std::path::Path;

use super::files::{ReportError, put};
use super::html::{Unit, matrix_page};
use super::scaling::{Growth, growths, saturations};
use crate::matrix::{Cell, Matrix};

/// Writes the figures of a matrix (`matrix.json`), and what they say, for people (`matrix.md`) and
/// for a browser (`matrix.html`). The figures are replaced whole or not at all.
///
/// # Errors
/// [`ReportError`].
pub fn write_matrix(matrix: &Matrix, folder: &Path) -> Result<(), ReportError> {
    let path = Matrix::path(folder);
    let mut text = serde_json::to_string_pretty(matrix)?;
    text.push('\n');
    let unfinished = path.with_extension("json.tmp");
    put(&unfinished, &text)?;
    std::fs::rename(&unfinished, &path).map_err(|cause| ReportError::Unwritable {
        path: path.clone(),
        cause,
    })?;
    put(&folder.join("matrix.md"), &markdown(matrix))?;
    put(&folder.join("matrix.html"), &matrix_page(matrix))
}

/// What a cell is called.
pub(super) fn load_of(cell: &Cell) -> String {
    format!(
        "{} × {} × {}",
        cell.databases, cell.connections, cell.workers
    )
}

/// What a saturation says, in words.
pub(super) fn sentences(matrix: &Matrix) -> Vec<String> {
    let say = |saturation: &super::scaling::Saturation| {
        let plural = if saturation.enough.databases == 1 {
            ""
        } else {
            "s"
        };
        let beginning = format!(
            "{} database{plural}: at most {} operations a second ({}); {} workers on {} connections \
             per database have 90 % of that, p99 {}",
            saturation.enough.databases,
            Unit::Count.text(saturation.best.ops_per_second),
            load_of(&saturation.best),
            saturation.enough.workers,
            saturation.enough.connections,
            Unit::Milliseconds.text(saturation.enough.latency.p99)
        );
        if load_of(&saturation.most) == load_of(&saturation.enough) {
            format!("{beginning}. More load than this was not measured: it may not saturate yet.")
        } else {
            format!(
                "{beginning}. The greatest load, {}, makes {} a second, p99 {}.",
                load_of(&saturation.most),
                Unit::Count.text(saturation.most.ops_per_second),
                Unit::Milliseconds.text(saturation.most.latency.p99)
            )
        }
    };
    saturations(matrix).iter().map(say).collect()
}

/// The cells of a row about a growth: what grows, pairs, throughput and p99 with their spreads.
pub(super) fn growth_row(growth: &Growth) -> Vec<String> {
    let spread =
        |[middle, least, most]: [f64; 3]| format!("{middle:.2}× ({least:.2} to {most:.2})");
    vec![
        growth.dimension.name().to_owned(),
        format!("{} → {}", growth.from, growth.to),
        growth.pairs.to_string(),
        spread(growth.throughput),
        spread(growth.p99),
    ]
}

/// The cells of a row about a combination.
pub(super) fn cell_row(cell: &Cell) -> Vec<String> {
    let millis = |value| Unit::Milliseconds.text(value);
    vec![
        cell.databases.to_string(),
        cell.connections.to_string(),
        cell.workers.to_string(),
        Unit::Count.text(cell.ops_per_second),
        millis(cell.latency.p50),
        millis(cell.latency.p95),
        millis(cell.latency.p99),
        millis(cell.latency.max),
        cell.failed.to_string(),
        cell.server_processors
            .map_or_else(|| "–".to_owned(), |processors| format!("{processors:.2}")),
        if cell.failures.is_empty() {
            "✓".to_owned()
        } else {
            cell.failures.join("; ")
        },
    ]
}

pub(super) const GROWTH_HEAD: [&str; 5] = ["dimension", "step", "pairs", "throughput", "p99"];
pub(super) const CELL_HEAD: [&str; 11] = [
    "databases",
    "connections",
    "workers",
    "ops/s",
    "p50",
    "p95",
    "p99",
    "max",
    "failed",
    "processors",
    "answers",
];

fn markdown(matrix: &Matrix) -> String {
    let mut text = String::from("# Matrix\n\n");
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{} combinations of databases × connections per database × workers per database, each with \
         `{}`. {} were left out: they ask for fewer workers than connections.\n",
        matrix.cells.len(),
        matrix.flags.join(" "),
        matrix.left_out
    );
    text.push_str("## Where it saturates\n\n");
    for sentence in sentences(matrix) {
        let _ = writeln!(text, "- {sentence}");
    }
    text.push_str("\n## What one step more does, everything else the same\n\n");
    let rows = growths(matrix).iter().map(growth_row).collect::<Vec<_>>();
    table(&mut text, &GROWTH_HEAD, &rows);
    text.push_str("\n## Every combination\n\n");
    let rows = matrix.cells.iter().map(cell_row).collect::<Vec<_>>();
    table(&mut text, &CELL_HEAD, &rows);
    text
}

fn table(text: &mut String, head: &[&str], rows: &[Vec<String>]) {
    let _ = writeln!(text, "| {} |", head.join(" | "));
    let _ = writeln!(text, "|{}", "---|".repeat(head.len()));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
}
