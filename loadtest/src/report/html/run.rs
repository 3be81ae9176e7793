use super::chart::{Band, Chart, Histogram, Line};
use super::markup::{Escaped, Page};
use super::tables::{settings, tables};
use super::unit::Unit;
use crate::latency::LatencySummary;
use crate::report::results::{Results, StepPoint};

/// Databases that are drawn; the tables have all of them.
const MOST_LINES: usize = 8;

/// The report of one run.
pub(in crate::report) fn page(results: &Results) -> String {
    let mut page = Page::new("docdb load test");
    head(&mut page, results);
    over_time(&mut page, results);
    side_by_side(&mut page, results);
    server(&mut page, results);
    tables(&mut page, results);
    settings(&mut page, results);
    page.finish()
}

fn head(page: &mut Page, results: &Results) {
    let details = &results.details;
    page.add("<h1>docdb load test</h1>");
    page.note(format_args!(
        "{}, {}, {}, ids {}, {} B documents, {:.1} s measured; server {}, fsync {}; \
         begun {}",
        many(results.databases.len(), "database"),
        many(results.test_config.workers, "worker"),
        details.mix,
        details.distribution,
        details.document_sizes,
        results.duration_seconds,
        details.server_version,
        details.fsync_mode,
        details.started_at
    ));
    let failed: Vec<_> = details
        .assertions
        .iter()
        .filter(|assertion| !assertion.holds)
        .collect();
    if details.failures.is_empty() && failed.is_empty() {
        page.add(
            "<p class=\"verdict good\">✓ Every answer was right, and nothing asserted failed.</p>",
        );
    } else {
        page.add("<p class=\"verdict bad\">✗ This run failed.</p><ul>");
        for failure in &details.failures {
            page.add(format_args!("<li>{}</li>", Escaped(failure)));
        }
        for assertion in failed {
            page.add(format_args!("<li>{}</li>", Escaped(assertion)));
        }
        for text in &details.wrong_answers {
            page.add(format_args!("<li>{}</li>", Escaped(text)));
        }
        page.add("</ul>");
    }
    if results.partial {
        page.note("The run ended early: these results are partial.");
    }
    if details.never_sent > 0 {
        page.note(format_args!(
            "Of the operations that were due {} could not be sent in time: the server did not keep up \
             with the rate.",
            details.never_sent
        ));
    }
    let latency = &details.latency;
    let millis = |value| Unit::Milliseconds.text(value);
    let mut tiles = vec![
        (
            Unit::Count.text(results.global.ops_per_second),
            "operations a second",
        ),
        (millis(latency.p50), "half took at most"),
        (millis(latency.p99), "99 of 100 at most"),
        (millis(latency.p999), "999 of 1000 at most"),
        (millis(latency.max), "the slowest"),
        (results.failed().to_string(), "errors"),
    ];
    if let Some(headroom) = details.headroom {
        tiles.push((Unit::Ratio.text(headroom), "the generator alone makes"));
    }
    let tiles: Vec<_> = tiles
        .into_iter()
        .map(|(figure, name)| (figure, name.to_owned()))
        .collect();
    page.tiles(&tiles);
    if let (Some(ceiling), Some(headroom)) = (details.ceiling_ops_per_second, details.headroom) {
        let verdict = if headroom < 3.0 {
            "less than 3 times what was measured: the generator may be the limit"
        } else {
            "at least 3 times what was measured: the generator is not the limit"
        };
        page.note(format_args!(
            "The generator's own work allows {} operations a second, {verdict}.",
            Unit::Count.text(ceiling)
        ));
    }
}

fn many(count: usize, one: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {one}{plural}")
}

/// What is shown in every chart over time.
fn framed(results: &Results, mut chart: Chart) -> Chart {
    let details = &results.details;
    chart.bands = details
        .phases
        .iter()
        .map(|phase| Band {
            start: phase.start_seconds,
            end: phase.start_seconds + phase.duration_seconds,
            name: phase.name.clone(),
            is_warm_up: phase.warm_up,
        })
        .collect();
    // Phases that the run did not reach are not drawn.
    let end = details.warm_up_seconds + results.duration_seconds;
    chart.end = end;
    chart.bands.retain(|band| band.start < end);
    for band in &mut chart.bands {
        band.end = band.end.min(end);
    }
    chart.marks = details
        .kills
        .iter()
        .map(|kill| {
            let text = format!("killed, away for {}", Unit::Milliseconds.text(kill.away_ms));
            (kill.second, text)
        })
        .collect();
    chart
}

pub(super) fn line(name: &str, colour: &str, points: Vec<(f64, Option<f64>)>) -> Line {
    Line {
        name: name.to_owned(),
        colour: colour.to_owned(),
        points,
    }
}

/// A figure of each step, in its middle. The last step is rarely whole: as a rate it would look
/// like a fall, and as a percentile it would be one of a few; where less than half of it lies within
/// the run it is left out.
pub(super) fn of_steps(
    results: &Results,
    steps: &[StepPoint],
    figure: impl Fn(&StepPoint, f64) -> Option<f64>,
) -> Vec<(f64, Option<f64>)> {
    let details = &results.details;
    let end = details.warm_up_seconds + results.duration_seconds;
    let point = |step: &StepPoint| {
        let span = (end - step.second).min(details.step_seconds);
        let is_whole = span > details.step_seconds / 2.0;
        is_whole.then(|| (step.second + span / 2.0, figure(step, span)))
    };
    steps.iter().filter_map(point).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts of operations")]
pub(super) fn rates(
    results: &Results,
    steps: &[StepPoint],
    count: impl Fn(&StepPoint) -> u64,
) -> Vec<(f64, Option<f64>)> {
    of_steps(results, steps, |step, span| Some(count(step) as f64 / span))
}

fn over_time(page: &mut Page, results: &Results) {
    let details = &results.details;
    let steps = &details.all.steps;
    let every = format!("per {}", Unit::Moment.text(details.step_seconds));
    let mut latency = Chart::over_time("Latency", &every, Unit::Milliseconds);
    latency.is_logarithmic = true;
    latency.lines = vec![
        line("p50", "q0", of_steps(results, steps, |step, _| step.p50)),
        line("p95", "q1", of_steps(results, steps, |step, _| step.p95)),
        line("p99", "q2", of_steps(results, steps, |step, _| step.p99)),
        line("p99.9", "q3", of_steps(results, steps, |step, _| step.p999)),
        line("max", "q4", of_steps(results, steps, |step, _| step.max)),
    ];
    let mut rate = Chart::over_time("Throughput", "operations a second", Unit::Count);
    rate.lines = vec![line(
        "operations",
        "c0",
        rates(results, steps, |step| step.operations),
    )];
    if steps.iter().any(|step| step.failed > 0) {
        let failed = rates(results, steps, |step| step.failed);
        rate.lines.push(line("failed", "bad", failed));
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of operations")]
    let classes = details
        .histogram
        .iter()
        .map(|(end, count)| (*end as f64 / 1000.0, *count as f64));
    let summary = &details.latency;
    let histogram = Histogram {
        title: "How long operations took".to_owned(),
        subtitle: format!("{} of them", Unit::Count.text(count_of(summary))),
        classes: classes.collect(),
        marks: [("p50", summary.p50), ("p99", summary.p99)]
            .into_iter()
            .filter(|_| !summary.is_empty())
            .map(|(name, value)| (value, name.to_owned()))
            .collect(),
    };
    let mut operations = Chart::over_time("p99 by operation", &every, Unit::Milliseconds);
    operations.is_logarithmic = true;
    operations.lines = details
        .all
        .by_operation
        .iter()
        .enumerate()
        .map(|(place, (name, steps))| {
            line(
                name,
                &format!("c{place}"),
                of_steps(results, steps, |step, _| step.p99),
            )
        })
        .collect();
    page.heading("Over time");
    page.charts([
        framed(results, latency).to_string(),
        framed(results, rate).to_string(),
        histogram.to_string(),
        framed(results, operations).to_string(),
    ]);
}

#[expect(clippy::cast_precision_loss, reason = "counts of operations")]
const fn count_of(summary: &LatencySummary) -> f64 {
    summary.count as f64
}

#[expect(clippy::cast_precision_loss, reason = "sizes of logs")]
fn side_by_side(page: &mut Page, results: &Results) {
    let details = &results.details;
    let mut rate = Chart::over_time("Throughput by database", "operations a second", Unit::Count);
    let mut latency = Chart::over_time("p99 by database", "", Unit::Milliseconds);
    latency.is_logarithmic = true;
    let mut log = Chart::over_time("Log by database", "all segments", Unit::Bytes);
    let mut documents = Chart::over_time("Live documents by database", "", Unit::Count);
    for (place, (name, timeline)) in details.databases.iter().take(MOST_LINES).enumerate() {
        let colour = format!("c{place}");
        let operations = rates(results, &timeline.steps, |step| step.operations);
        rate.lines.push(line(name, &colour, operations));
        let p99 = of_steps(results, &timeline.steps, |step, _| step.p99);
        latency.lines.push(line(name, &colour, p99));
        let sizes = timeline.server.iter();
        let sizes = sizes.map(|sample| (sample.second, Some(sample.log_bytes as f64)));
        log.lines.push(line(name, &colour, sizes.collect()));
        let counts = timeline.server.iter();
        let counts =
            counts.map(|sample| (sample.second, sample.documents.map(|count| count as f64)));
        documents.lines.push(line(name, &colour, counts.collect()));
    }
    page.heading("Databases side by side");
    if details.databases.len() > MOST_LINES {
        page.note(format_args!(
            "The first {MOST_LINES} of {}; the table has all of them.",
            details.databases.len()
        ));
    }
    let mut charts = vec![log, documents];
    if details.databases.len() > 1 {
        charts.splice(0..0, [rate, latency]);
    }
    page.charts(charts.into_iter().map(|chart| framed(results, chart)));
}

#[expect(clippy::cast_precision_loss, reason = "sizes of memory")]
fn server(page: &mut Page, results: &Results) {
    let points = &results.details.server;
    if points
        .iter()
        .all(|point| point.server_cpu_seconds.is_none())
    {
        return;
    }
    let processors = |figure: fn(&crate::report::results::ServerPoint) -> Option<f64>| {
        points
            .windows(2)
            .filter_map(|pair| match pair {
                [before, after] => {
                    let span = after.second - before.second;
                    let busy = figure(after)
                        .zip(figure(before))
                        // A process that was started anew counts from 0.
                        .map(|(after, before)| {
                            if after >= before {
                                after - before
                            } else {
                                after
                            }
                        });
                    (span > 0.05).then(|| (after.second, busy.map(|busy| busy / span)))
                }
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    let mut cpu = Chart::over_time("Processors", "kept busy", Unit::Count);
    cpu.lines = vec![
        line("server", "c0", processors(|point| point.server_cpu_seconds)),
        line(
            "generator",
            "c1",
            processors(|point| point.generator_cpu_seconds),
        ),
    ];
    let bytes = |figure: fn(&crate::report::results::ServerPoint) -> Option<u64>| {
        let point = |point| (figure(point)).map(|bytes| bytes as f64);
        points
            .iter()
            .map(|each| (each.second, point(each)))
            .collect::<Vec<_>>()
    };
    let mut memory = Chart::over_time("Memory", "resident", Unit::Bytes);
    memory.lines = vec![
        line("server", "c0", bytes(|point| point.server_resident_bytes)),
        line(
            "generator",
            "c1",
            bytes(|point| point.generator_resident_bytes),
        ),
    ];
    page.heading("Server and generator");
    page.charts([framed(results, cpu), framed(results, memory)]);
}
