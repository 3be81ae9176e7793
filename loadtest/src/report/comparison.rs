use std::fmt;
use std::path::{Path, PathBuf};

use super::files::{ReportError, put, read};
use super::html::{Unit, comparison_page};
use super::noise::{Level, Ratio, Verdict, compare, middle};
use super::results::{Results, StepPoint};

/// Runs held against each other: every side against the first.
#[derive(Debug)]
pub struct Comparison {
    pub(super) sides: Vec<Side>,
    pub(super) rows: Vec<Row>,
    /// Settings that are not the same everywhere, and what they are on each side.
    pub(super) differences: Vec<(&'static str, Vec<String>)>,
}

/// One run, or several of the same kind.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) label: String,
    pub(super) runs: Vec<Results>,
}

/// One figure of one side against that of the first.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) figure: &'static Figure,
    /// The side, by its place.
    pub(super) side: usize,
    pub(super) base: f64,
    pub(super) other: f64,
    pub(super) ratio: Option<Ratio>,
}

/// What is compared.
#[derive(Debug)]
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    is_better_when_greater: bool,
    of_run: fn(&Results) -> f64,
    of_step: fn(&Results, &StepPoint) -> Option<f64>,
}

#[expect(clippy::cast_precision_loss, reason = "counts of operations")]
static FIGURES: [Figure; 5] = [
    Figure {
        name: "ops/s",
        unit: Unit::Count,
        is_better_when_greater: true,
        of_run: |run| run.global.ops_per_second,
        of_step: |run, step| Some(step.operations as f64 / run.details.step_seconds),
    },
    Figure {
        name: "p50",
        unit: Unit::Milliseconds,
        is_better_when_greater: false,
        of_run: |run| run.details.latency.p50,
        of_step: |_, step| step.p50,
    },
    Figure {
        name: "p95",
        unit: Unit::Milliseconds,
        is_better_when_greater: false,
        of_run: |run| run.details.latency.p95,
        of_step: |_, step| step.p95,
    },
    Figure {
        name: "p99",
        unit: Unit::Milliseconds,
        is_better_when_greater: false,
        of_run: |run| run.details.latency.p99,
        of_step: |_, step| step.p99,
    },
    Figure {
        name: "p99.9",
        unit: Unit::Milliseconds,
        is_better_when_greater: false,
        of_run: |run| run.details.latency.p999,
        of_step: |_, step| step.p999,
    },
];

impl Comparison {
    /// Reads files of results. Files of one side, repeated runs of the same thing, stand in one
    /// text, separated by commas.
    ///
    /// # Errors
    /// [`ReportError`] of the first that cannot be read.
    pub fn read(sides: &[String]) -> Result<Self, ReportError> {
        let mut read_sides = Vec::with_capacity(sides.len());
        for files in sides {
            let paths: Vec<_> = files.split(',').map(Path::new).collect();
            let runs = paths.iter().map(|path| read(path));
            read_sides.push(Side {
                label: paths.first().map_or_else(String::new, |path| label(path)),
                runs: runs.collect::<Result<_, _>>()?,
            });
        }
        distinguish(&mut read_sides, sides);
        Ok(Self::new(read_sides))
    }

    fn new(sides: Vec<Side>) -> Self {
        let mut rows = Vec::new();
        if let Some((base, others)) = sides.split_first() {
            for (place, other) in others.iter().enumerate() {
                rows.extend(FIGURES.iter().map(|figure| {
                    let (bases, others) = (base.levels(figure), other.levels(figure));
                    Row {
                        figure,
                        side: place + 1,
                        base: middle(&bases, &others),
                        other: middle(&others, &bases),
                        ratio: compare(&bases, &others),
                    }
                }));
            }
        }
        Self {
            differences: differences(&sides),
            rows,
            sides,
        }
    }

    /// Whether any figure of any side is worse than that of the first, beyond noise.
    #[must_use]
    pub fn is_any_worse(&self) -> bool {
        self.rows.iter().any(|row| row.is_better() == Some(false))
    }

    /// Writes the comparison as a page that opens in a browser.
    ///
    /// # Errors
    /// [`ReportError::Unwritable`].
    pub fn write(&self, folder: &Path) -> Result<PathBuf, ReportError> {
        let path = folder.join("comparison.html");
        put(&path, &comparison_page(self))?;
        Ok(path)
    }
}

impl Side {
    fn levels(&self, figure: &Figure) -> Vec<Level> {
        let level = |run: &Results| Level {
            whole: (figure.of_run)(run),
            steps: run
                .measured_steps()
                .filter_map(|step| (figure.of_step)(run, step))
                .collect(),
        };
        self.runs.iter().map(level).collect()
    }
}

impl Row {
    /// Whether the other side is better; `None`: neither is, beyond noise.
    pub(super) fn is_better(&self) -> Option<bool> {
        match self.ratio?.verdict {
            Verdict::Greater => Some(self.figure.is_better_when_greater),
            Verdict::Smaller => Some(!self.figure.is_better_when_greater),
            Verdict::Same | Verdict::Unknown => None,
        }
    }

    pub(super) fn verdict(&self) -> &'static str {
        match (self.is_better(), self.ratio.map(|ratio| ratio.verdict)) {
            (Some(true), _) => "better",
            (Some(false), _) => "worse",
            (None, Some(Verdict::Same)) => "same within noise",
            (None, _) => "too little to tell",
        }
    }
}

/// What a file of results is called: its name, or its folder's where the name is the usual one.
fn label(path: &Path) -> String {
    let text =
        |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    let name = text(path.file_stem()).unwrap_or_default();
    let folder = text(path.parent().and_then(Path::file_name));
    folder
        .filter(|folder| name == "multidb_results" && !folder.is_empty())
        .unwrap_or(name)
}

/// Sides that would have the same name have the texts that they were given as.
fn distinguish(sides: &mut [Side], texts: &[String]) {
    let labels: Vec<_> = sides.iter().map(|side| side.label.clone()).collect();
    for (side, text) in sides.iter_mut().zip(texts) {
        if labels.iter().filter(|label| **label == side.label).count() > 1 {
            side.label.clone_from(text);
        }
    }
}

/// A setting and what it is in a run.
type Setting = (&'static str, fn(&Results) -> String);

fn differences(sides: &[Side]) -> Vec<(&'static str, Vec<String>)> {
    let settings: [Setting; 9] = [
        ("mix", |run| run.details.mix.clone()),
        ("databases", |run| run.databases.len().to_string()),
        ("workers", |run| run.test_config.workers.to_string()),
        ("documents", |run| run.details.document_sizes.clone()),
        ("ids", |run| run.details.distribution.clone()),
        ("operations in a request", |run| {
            run.details.batch.to_string()
        }),
        ("pipeline", |run| run.details.pipeline.to_string()),
        ("rate", |run| format!("{:?}", run.details.rate)),
        ("fsync", |run| run.details.fsync_mode.clone()),
    ];
    let mut differences = Vec::new();
    for (name, of_run) in settings {
        let values = sides.iter().map(|side| {
            let mut values: Vec<_> = side.runs.iter().map(of_run).collect();
            values.dedup();
            values.join(" / ")
        });
        let values: Vec<_> = values.collect();
        if values.iter().any(|value| Some(value) != values.first()) {
            differences.push((name, values));
        }
    }
    differences
}

impl fmt::Display for Comparison {
    /// A table in 80 columns.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((base, others)) = self.sides.split_first() else {
            return Ok(());
        };
        for (place, other) in others.iter().enumerate() {
            writeln!(formatter, "{} against {}", other.label, base.label)?;
            writeln!(
                formatter,
                " {:<7}{:>11}{:>11}{:>8}{:>17}  verdict",
                "", "first", "other", "ratio", "spread"
            )?;
            for row in self.rows.iter().filter(|row| row.side == place + 1) {
                let unit = row.figure.unit;
                let (ratio, spread) = row.ratio.map_or_else(Default::default, |ratio| {
                    let spread = format!("{:.2} to {:.2}", ratio.low, ratio.high);
                    (format!("{:.2}", ratio.middle), spread)
                });
                writeln!(
                    formatter,
                    " {:<7}{:>11}{:>11}{ratio:>8}{spread:>17}  {}",
                    row.figure.name,
                    unit.text(row.base),
                    unit.text(row.other),
                    row.verdict()
                )?;
            }
        }
        for side in &self.sides {
            let failed: u64 = side.runs.iter().map(Results::failed).sum();
            let failures = side.runs.iter().flat_map(|run| &run.details.failures);
            for failure in failures {
                writeln!(formatter, "{}: FAILED: {failure}", side.label)?;
            }
            if failed > 0 {
                writeln!(formatter, "{}: {failed} errors", side.label)?;
            }
        }
        for (name, values) in &self.differences {
            writeln!(formatter, "not the same: {name}: {}", values.join(" | "))?;
        }
        Ok(())
    }
}
