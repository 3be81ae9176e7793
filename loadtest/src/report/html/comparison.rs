use super::chart::Chart;
use super::markup::{Escaped, Page, Table};
use super::run::{line, of_steps, rates};
use super::unit::Unit;
use super::whiskers::{Whisker, Whiskers};
use crate::report::comparison::Comparison;

/// The page of a comparison.
pub(in crate::report) fn page(comparison: &Comparison) -> String {
    let mut page = Page::new("docdb load test: comparison");
    let names: Vec<_> = comparison
        .sides
        .iter()
        .map(|side| side.label.as_str())
        .collect();
    page.add("<h1>Comparison</h1>");
    page.note(format_args!(
        "{}: every one against the first. A ratio above 1 means more of the figure.",
        names.join(", ")
    ));
    verdicts(&mut page, comparison);
    page.heading("Ratios and their spread");
    let rows = comparison.rows.iter().filter_map(|row| {
        let ratio = row.ratio?;
        let side = comparison.sides.get(row.side)?;
        Some(Whisker {
            name: format!("{} {}", short(&side.label), row.figure.name),
            low: ratio.low,
            middle: ratio.middle,
            high: ratio.high,
            colour: match row.is_better() {
                Some(true) => "good",
                Some(false) => "bad",
                None => "q4",
            },
        })
    });
    page.charts([Whiskers {
        title: "In terms of the first".to_owned(),
        rows: rows.collect(),
    }]);
    let mut table = Table::new(
        2,
        &[
            "run", "figure", "first", "other", "ratio", "spread", "verdict",
        ],
    );
    for row in &comparison.rows {
        let label = comparison
            .sides
            .get(row.side)
            .map(|side| side.label.clone());
        let unit = row.figure.unit;
        let (ratio, spread) = row.ratio.map_or_else(Default::default, |ratio| {
            let spread = format!("{:.2} to {:.2}", ratio.low, ratio.high);
            (Unit::Ratio.text(ratio.middle), spread)
        });
        table.row(vec![
            label.unwrap_or_default(),
            row.figure.name.to_owned(),
            unit.text(row.base),
            unit.text(row.other),
            ratio,
            spread,
            row.verdict().to_owned(),
        ]);
    }
    page.table(&table);
    over_time(&mut page, comparison);
    if !comparison.differences.is_empty() {
        let mut table = Table::new(1 + names.len(), &[&["setting"], &names[..]].concat());
        for (name, values) in &comparison.differences {
            table.row([&[(*name).to_owned()], &values[..]].concat());
        }
        page.heading("What was not the same");
        page.table(&table);
    }
    page.add(
        "<footer>Of single runs the figures are the means over all measured steps (of the percentile of each \
         step, where it is one), the spread \
         is that of 95 in 100 resamplings of blocks of steps, and a difference is called one \
         when the spread leaves out 1 and it is at least 5 %: runs differ by more from one to the next \
         than within themselves. Of repeated runs the ratio is that of the means of whole runs; the spread reaches from the least ratio of any two \
         to the greatest, and a difference is called one when it leaves out 1.</footer>",
    );
    page.finish()
}

fn short(label: &str) -> String {
    const MOST: usize = 22;
    let count = label.chars().count();
    if count <= MOST {
        return label.to_owned();
    }
    let end: String = label.chars().skip(count + 1 - MOST).collect();
    format!("…{end}")
}

fn verdicts(page: &mut Page, comparison: &Comparison) {
    for (place, side) in comparison.sides.iter().enumerate().skip(1) {
        let rows = || comparison.rows.iter().filter(move |row| row.side == place);
        let names = |is_better: bool| {
            let rows = rows().filter(|row| row.is_better() == Some(is_better));
            rows.map(|row| row.figure.name)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let (better, worse) = (names(true), names(false));
        let (class, text) = match (better.is_empty(), worse.is_empty()) {
            (true, true) => (
                "soft",
                "no difference that stands out of the noise".to_owned(),
            ),
            (false, true) => ("good", format!("better in {better}")),
            (true, false) => ("bad", format!("worse in {worse}")),
            (false, false) => ("bad", format!("better in {better}, worse in {worse}")),
        };
        page.add(format_args!(
            "<p class=\"verdict {class}\">{}: {}</p><br>",
            Escaped(&side.label),
            Escaped(text)
        ));
    }
    for side in &comparison.sides {
        for failure in side.runs.iter().flat_map(|run| &run.details.failures) {
            page.add(format_args!(
                "<p class=\"bad\">{} failed: {}</p>",
                Escaped(&side.label),
                Escaped(failure)
            ));
        }
    }
}

fn over_time(page: &mut Page, comparison: &Comparison) {
    let mut rate = Chart::over_time("Throughput", "operations a second", Unit::Count);
    let mut middle = Chart::over_time("p50", "", Unit::Milliseconds);
    let mut slow = Chart::over_time("p99", "", Unit::Milliseconds);
    let mut slowest = Chart::over_time("The slowest", "", Unit::Milliseconds);
    for chart in [&mut middle, &mut slow, &mut slowest] {
        chart.is_logarithmic = true;
    }
    for (place, side) in comparison.sides.iter().enumerate() {
        let colour = format!("c{}", place % 8);
        for run in &side.runs {
            let steps = &run.details.all.steps;
            let add = |chart: &mut Chart, points| {
                chart.lines.push(line(&side.label, &colour, points));
            };
            add(&mut rate, rates(run, steps, |step| step.operations));
            add(&mut middle, of_steps(run, steps, |step, _| step.p50));
            add(&mut slow, of_steps(run, steps, |step, _| step.p99));
            add(&mut slowest, of_steps(run, steps, |step, _| step.max));
        }
    }
    page.heading("Over time");
    page.charts([rate, middle, slow, slowest]);
}
