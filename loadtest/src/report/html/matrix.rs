use super::chart::{Chart, Line};
use super::markup::{Escaped, Page, Table};
use super::unit::Unit;
use crate::matrix::{Cell, Matrix};
use crate::report::matrix::{CELL_HEAD, GROWTH_HEAD, cell_row, growth_row, sentences};
use crate::report::scaling::{Dimension, growths};

/// Lines of a chart; the table has everything.
const MOST_LINES: usize = 8;

/// The page of a matrix.
pub(in crate::report) fn page(matrix: &Matrix) -> String {
    let mut page = Page::new("docdb load test: matrix");
    page.add("<h1>Matrix</h1>");
    page.note(format_args!(
        "{} combinations of databases × connections per database × workers per database, each with {}. \
         {} were left out: they ask for fewer workers than connections.",
        matrix.cells.len(),
        matrix.flags.join(" "),
        matrix.left_out
    ));
    page.heading("Where it saturates");
    page.add("<ul>");
    for sentence in sentences(matrix) {
        page.add(format_args!("<li>{}</li>", Escaped(sentence)));
    }
    page.add("</ul>");
    page.heading("Scaling");
    let mut charts = Vec::new();
    for dimension in Dimension::ALL {
        let throughput = |cell: &Cell| cell.ops_per_second;
        let title = format!("Throughput by {}", dimension.name());
        let mut chart = Chart::over_time(&title, "operations a second", Unit::Count);
        chart.lines = lines(matrix, dimension, throughput);
        charts.push(chart);
        let title = format!("p99 by {}", dimension.name());
        let mut chart = Chart::over_time(&title, "", Unit::Milliseconds);
        chart.is_logarithmic = true;
        chart.lines = lines(matrix, dimension, |cell| cell.latency.p99);
        charts.push(chart);
    }
    for chart in &mut charts {
        chart.x_unit = Unit::Count;
    }
    charts.retain(|chart| !chart.lines.is_empty());
    page.charts(charts);
    let mut table = Table::new(2, &GROWTH_HEAD);
    for growth in growths(matrix) {
        table.row(growth_row(&growth));
    }
    page.heading("What one step more does, everything else the same");
    page.table(&table);
    let mut table = Table::new(0, &CELL_HEAD);
    for cell in &matrix.cells {
        table.row(cell_row(cell));
    }
    page.heading("Every combination");
    page.table(&table);
    page.add(
        "<footer>A worker is one request under way; the workers of a database are dealt to its \
         connections. Ratios are geometric means over all pairs of cells that differ in nothing else, \
         with the least and the greatest of them.</footer>",
    );
    page.finish()
}

/// A line for every combination of the other two dimensions, the greatest loads first.
#[expect(clippy::cast_precision_loss, reason = "counts of workers")]
fn lines(matrix: &Matrix, dimension: Dimension, figure: impl Fn(&Cell) -> f64) -> Vec<Line> {
    let mut others: Vec<_> = matrix
        .cells
        .iter()
        .map(|cell| dimension.others(cell))
        .collect();
    others.sort_by_key(|(one, other)| std::cmp::Reverse((one * other, *one)));
    others.dedup();
    let mut lines = Vec::new();
    for pair in others {
        let mut points: Vec<_> = matrix
            .cells
            .iter()
            .filter(|cell| dimension.others(cell) == pair)
            .map(|cell| (dimension.of(cell) as f64, Some(figure(cell))))
            .collect();
        points.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        // One point shows no way that it goes.
        if points.len() > 1 && lines.len() < MOST_LINES {
            let names = match dimension {
                Dimension::Databases => ["conn.", "workers"],
                Dimension::Connections => ["db", "workers"],
                Dimension::Workers => ["db", "conn."],
            };
            let [one, other] = names;
            lines.push(Line {
                name: format!("{} {one}, {} {other}", pair.0, pair.1),
                colour: format!("c{}", lines.len()),
                points,
            });
        }
    }
    lines
}
