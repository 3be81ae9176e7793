use std::fmt;
use std::time::Duration;

use crate::config::Plan;
use crate::latency::LatencySummary;
use crate::measured::Measured;
use crate::operation::OperationKind;
use crate::record::{KindRecord, Tally};

/// One condition that a run must meet, as in `p99<2ms` or `orders.read.p99<2ms`.
#[derive(Debug, Clone, PartialEq)]
pub struct Assertion {
    text: String,
    database: Option<String>,
    kind: Option<OperationKind>,
    figure: Figure,
    comparison: Comparison,
    limit: f64,
}

/// An assertion and what a run says to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The assertion, as it was written.
    pub text: String,
    /// What was found, in the unit of the figure; `None`: nothing was measured.
    pub found: Option<f64>,
    /// Whether it holds.
    pub holds: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Figure {
    P50,
    P95,
    P99,
    P999,
    Mean,
    Min,
    Max,
    OperationsPerSecond,
    Operations,
    Errors,
    Refused,
    Wrong,
    Unanswered,
    /// Of the run as a whole: how many times what was measured the generator's own work allows.
    Headroom,
}

const FIGURES: [(&str, Figure); 14] = [
    ("p50", Figure::P50),
    ("p95", Figure::P95),
    ("p99", Figure::P99),
    ("p999", Figure::P999),
    ("mean", Figure::Mean),
    ("min", Figure::Min),
    ("max", Figure::Max),
    ("ops", Figure::OperationsPerSecond),
    ("operations", Figure::Operations),
    ("errors", Figure::Errors),
    ("refused", Figure::Refused),
    ("wrong", Figure::Wrong),
    ("unanswered", Figure::Unanswered),
    ("headroom", Figure::Headroom),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Below,
    AtMost,
    Above,
    AtLeast,
    Equal,
    Unequal,
}

const COMPARISONS: [(&str, Comparison); 7] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("!=", Comparison::Unequal),
    ("==", Comparison::Equal),
    ("<", Comparison::Below),
    (">", Comparison::Above),
    ("=", Comparison::Equal),
];

/// A text that is no list of assertions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no condition, allowed: [DATABASE.][OPERATION.]FIGURE, one of < <= > >= = !=, and a \
     number, as in p99<2ms; figures: p50 p95 p99 p999 mean min max (a time: us, ms, s), ops (per \
     second), operations, errors, refused, wrong, unanswered, headroom (of the generator, without a \
     database or an operation)"
)]
pub struct AssertionError {
    text: String,
}

/// Reads conditions that are separated by commas.
///
/// # Errors
/// [`AssertionError`] with the first that is none.
pub fn parse_assertions(text: &str) -> Result<Vec<Assertion>, AssertionError> {
    text.split(',')
        .map(|part| {
            parse(part.trim()).ok_or_else(|| AssertionError {
                text: part.trim().to_owned(),
            })
        })
        .collect()
}

fn parse(text: &str) -> Option<Assertion> {
    let place = text.find(['<', '>', '=', '!'])?;
    let (left, right) = text.split_at_checked(place)?;
    let (sign, comparison) = COMPARISONS
        .iter()
        .find(|(sign, _)| right.starts_with(sign))?;
    let number = right.get(sign.len()..)?.trim();
    let mut scopes: Vec<_> = left.trim().split('.').collect();
    let name = scopes.pop()?;
    let (_, figure) = FIGURES.iter().find(|(known, _)| *known == name)?;
    let kind = scopes
        .last()
        .and_then(|name| OperationKind::from_name(name));
    if kind.is_some() {
        scopes.pop();
    }
    let database = match scopes.as_slice() {
        [] => None,
        [""] => return None,
        names => Some(names.join(".")),
    };
    if *figure == Figure::Headroom && (kind.is_some() || database.is_some()) {
        return None;
    }
    let limit = if figure.is_latency() {
        milliseconds(number)?
    } else {
        number.parse().ok()?
    };
    Some(Assertion {
        text: text.to_owned(),
        database,
        kind,
        figure: *figure,
        comparison: *comparison,
        limit,
    })
    .filter(|assertion| assertion.limit.is_finite())
}

/// A number of milliseconds, or with a unit.
fn milliseconds(text: &str) -> Option<f64> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let span: crate::config::Span = text.parse().ok()?;
    Some(span.0.as_secs_f64() * 1000.0)
}

impl Figure {
    const fn is_latency(self) -> bool {
        matches!(
            self,
            Self::P50 | Self::P95 | Self::P99 | Self::P999 | Self::Mean | Self::Min | Self::Max
        )
    }

    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    fn of(self, record: &KindRecord, span: Duration) -> Option<f64> {
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
        if self.is_latency() && count == 0 {
            return None;
        }
        let tally: &Tally = &record.tally;
        Some(match self {
            Self::P50 => p50,
            Self::P95 => p95,
            Self::P99 => p99,
            Self::P999 => p999,
            Self::Mean => mean,
            Self::Min => min,
            Self::Max => max,
            Self::OperationsPerSecond if span.is_zero() => 0.0,
            Self::OperationsPerSecond => tally.operations() as f64 / span.as_secs_f64(),
            Self::Operations => tally.operations() as f64,
            Self::Errors => tally.uncounted() as f64,
            Self::Refused => tally.refused as f64,
            Self::Wrong => tally.wrong as f64,
            Self::Unanswered => tally.unanswered as f64,
            Self::Headroom => return None,
        })
    }
}

impl Comparison {
    #[expect(clippy::float_cmp, reason = "counts are compared exactly")]
    fn holds(self, found: f64, limit: f64) -> bool {
        match self {
            Self::Below => found < limit,
            Self::AtMost => found <= limit,
            Self::Above => found > limit,
            Self::AtLeast => found >= limit,
            Self::Equal => found == limit,
            Self::Unequal => found != limit,
        }
    }
}

impl Assertion {
    /// The database that it is about; `None`: all together.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// Holds a run against it. A latency of which nothing was measured does not hold.
    #[must_use]
    pub fn judge(&self, measured: &Measured) -> Judged {
        let mut record = KindRecord::default();
        for database in &measured.databases {
            if self
                .database()
                .is_none_or(|name| name == database.name.as_str())
            {
                record.merge(&match self.kind {
                    Some(kind) => database.total.kinds.get(kind).clone(),
                    None => database.total.all(),
                });
            }
        }
        let found = match self.figure {
            Figure::Headroom => measured.headroom(),
            figure => figure.of(&record, measured.elapsed),
        };
        Judged {
            text: self.text.clone(),
            found,
            holds: found.is_some_and(|found| self.comparison.holds(found, self.limit)),
        }
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, found, holds } = self;
        let verdict = if *holds { "holds" } else { "FAILS" };
        match found {
            Some(found) => {
                let found = (found * 1000.0).round() / 1000.0;
                write!(formatter, "{verdict}  {text}  (found {found})")
            }
            None => write!(formatter, "{verdict}  {text}  (nothing was measured)"),
        }
    }
}

/// Holds a run against all that was asserted of it.
#[must_use]
pub fn judge_all(plan: &Plan, measured: &Measured) -> Vec<Judged> {
    let judge = |assertion: &Assertion| assertion.judge(measured);
    plan.assertions.iter().map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_read_as_people_write_them() {
        let read = |text: &str| {
            let all = parse_assertions(text).unwrap();
            let describe = |a: &Assertion| format!("{:?} {:?} {}", a.figure, a.comparison, a.limit);
            all.iter().map(describe).collect::<Vec<_>>()
        };
        assert_eq!(
            read("p99<2ms, errors=0,ops>20000"),
            [
                "P99 Below 2",
                "Errors Equal 0",
                "OperationsPerSecond Above 20000"
            ]
        );
        assert_eq!(
            read("p999<=1.5s,max>=250us,mean != 3"),
            ["P999 AtMost 1500", "Max AtLeast 0.25", "Mean Unequal 3"]
        );
        assert_eq!(read("headroom>=3"), ["Headroom AtLeast 3"]);
        for wrong in [
            "",
            "p99",
            "p99<",
            "p99<x",
            "p98<1",
            "errors=1ms",
            ".p99<1",
            "p99<1,,",
            "p99<>1",
            "ops>inf",
            "a.headroom>3",
            "read.headroom>3",
        ] {
            assert!(parse_assertions(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_condition_may_be_about_a_database_or_an_operation() {
        let scope = |text: &str| {
            let one = &parse_assertions(text).unwrap()[0];
            (one.database.clone(), one.kind)
        };
        let name = |name: &str| Some(name.to_owned());
        assert_eq!(scope("p99<1"), (None, None));
        assert_eq!(scope("read.p99<1"), (None, Some(OperationKind::Read)));
        assert_eq!(scope("orders.p99<1"), (name("orders"), None));
        let both = (name("v1.orders"), Some(OperationKind::Scan));
        assert_eq!(scope("v1.orders.scan.p99<1"), both);
    }
}
