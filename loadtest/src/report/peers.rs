//! What targets that were loaded in turns have shown, for people and for programs.

use std::fmt;
use std::path::{Path, PathBuf};

use super::files::{ReportError, put};
use crate::peer::{Peers, Round, Side};

/// The file that the figures are in.
const FILE: &str = "peers.json";

/// A figure of a round.
struct Figure {
    name: &'static str,
    digits: usize,
    of_round: fn(&Round) -> Option<f64>,
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
static FIGURES: [Figure; 9] = [
    Figure {
        name: "ops/s",
        digits: 0,
        of_round: |round| Some(round.ops_per_second),
    },
    Figure {
        name: "p50 ms",
        digits: 2,
        of_round: |round| Some(round.latency.p50),
    },
    Figure {
        name: "p95 ms",
        digits: 2,
        of_round: |round| Some(round.latency.p95),
    },
    Figure {
        name: "p99 ms",
        digits: 2,
        of_round: |round| Some(round.latency.p99),
    },
    Figure {
        name: "p99.9 ms",
        digits: 2,
        of_round: |round| Some(round.latency.p999),
    },
    Figure {
        name: "server CPU s",
        digits: 2,
        of_round: |round| round.server_cpu_seconds,
    },
    Figure {
        name: "client CPU s",
        digits: 2,
        of_round: |round| round.client_cpu_seconds,
    },
    Figure {
        name: "disk MB",
        digits: 0,
        of_round: |round| round.disk_bytes.map(|bytes| bytes as f64 / 1e6),
    },
    Figure {
        name: "failed",
        digits: 0,
        of_round: |round| Some(round.failed as f64),
    },
];

/// The middle of some figures, and how far they reach.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Middle {
    middle: f64,
    low: f64,
    high: f64,
}

impl Middle {
    /// `None` where there are none.
    fn of(figures: impl Iterator<Item = f64>) -> Option<Self> {
        let mut figures: Vec<_> = figures.filter(|figure| figure.is_finite()).collect();
        figures.sort_by(f64::total_cmp);
        let last = figures.len().checked_sub(1)?;
        let at = |place: usize| figures.get(place).copied();
        Some(Self {
            middle: f64::midpoint(at(last / 2)?, at(last.div_ceil(2))?),
            low: at(0)?,
            high: at(last)?,
        })
    }

    /// The ratios of figures that were measured in the same turn.
    fn of_ratios(
        ours: impl Iterator<Item = f64>,
        theirs: impl Iterator<Item = f64>,
    ) -> Option<Self> {
        Self::of(ours.zip(theirs).map(|(ours, theirs)| ours / theirs))
    }
}

/// Writes the figures of all turns. Answers the path of the file.
///
/// # Errors
/// [`ReportError`].
pub fn write_peers(peers: &Peers, folder: &Path) -> Result<PathBuf, ReportError> {
    let path = folder.join(FILE);
    let mut text = serde_json::to_string_pretty(peers)?;
    text.push('\n');
    put(&path, &text)?;
    Ok(path)
}

fn throughput(side: &Side) -> impl Iterator<Item = f64> {
    side.rounds.iter().map(|round| round.ops_per_second)
}

fn p99(side: &Side) -> impl Iterator<Item = f64> {
    side.rounds.iter().map(|round| round.latency.p99)
}

impl fmt::Display for Peers {
    /// A table in 80 columns: medians over the turns, and the ratios of the first target.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let turns = self.sides.iter().map(|side| side.rounds.len()).max();
        writeln!(formatter, "{}", self.load)?;
        writeln!(
            formatter,
            "medians of {} turns, files in {}",
            turns.unwrap_or(0),
            self.directory
        )?;
        write!(formatter, "{:<14}", "")?;
        for side in &self.sides {
            write!(formatter, "{:>14}", side.target)?;
        }
        writeln!(formatter)?;
        for figure in &FIGURES {
            write!(formatter, "{:<14}", figure.name)?;
            for side in &self.sides {
                match Middle::of(side.rounds.iter().filter_map(figure.of_round)) {
                    None => write!(formatter, "{:>14}", "–")?,
                    Some(found) => write!(formatter, "{:>14.*}", figure.digits, found.middle)?,
                }
            }
            writeln!(formatter)?;
        }
        if let Some((first, others)) = self.sides.split_first() {
            for other in others {
                ratio(
                    formatter,
                    &format!("{} / {}: operations/s", first.target, other.target),
                    Middle::of_ratios(throughput(first), throughput(other)),
                )?;
                ratio(
                    formatter,
                    &format!("{} / {}: p99", first.target, other.target),
                    Middle::of_ratios(p99(first), p99(other)),
                )?;
            }
            let ceiling = Middle::of(self.ceiling.iter().copied());
            if let Some(found) = ceiling {
                writeln!(
                    formatter,
                    "a server that does nothing: {:.0} ops/s",
                    found.middle
                )?;
                ratio(
                    formatter,
                    &format!("{} / a server that does nothing", first.target),
                    Middle::of_ratios(throughput(first), self.ceiling.iter().copied()),
                )?;
            }
        }
        for side in &self.sides {
            for failure in side.rounds.iter().flat_map(|round| &round.failures) {
                writeln!(formatter, "{}: FAILED: {failure}", side.target)?;
            }
        }
        for skipped in &self.skipped {
            writeln!(formatter, "{}: SKIPPED: {}", skipped.target, skipped.reason)?;
        }
        Ok(())
    }
}

fn ratio(formatter: &mut fmt::Formatter<'_>, name: &str, found: Option<Middle>) -> fmt::Result {
    match found {
        None => Ok(()),
        Some(Middle { middle, low, high }) => writeln!(
            formatter,
            "{name:<42}{middle:>6.2}   ({low:.2} to {high:.2})"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_even_count_lies_between_two() {
        let middle = Middle::of([4.0, 1.0, 2.0, 100.0].into_iter()).unwrap();
        assert!((middle.middle - 3.0).abs() < 1e-9, "{middle:?}");
        assert!(Middle::of(std::iter::empty()).is_none());
    }

    #[test]
    fn ratios_are_those_of_the_same_turn() {
        // A disk that is twice as slow in the second turn changes no ratio.
        let ratio = Middle::of_ratios([20.0, 10.0].into_iter(), [10.0, 5.0].into_iter()).unwrap();
        assert!((ratio.low - 2.0).abs() < 1e-9 && (ratio.high - 2.0).abs() < 1e-9);
    }
}
