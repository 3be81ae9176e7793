use std::time::Duration;

use crate::config::{MixShift, Plan};

/// What one worker does during one stage.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shift {
    /// The stage, by its place in the plan.
    pub(crate) stage: usize,
    /// From the beginning of the run.
    pub(crate) start: Duration,
    /// From the beginning of the run.
    pub(crate) end: Duration,
    /// Whether it lies before what is measured.
    pub(crate) warm_up: bool,
    pub(crate) mix: MixShift,
    /// When requests are due; `None`: as soon as earlier ones are answered.
    pub(crate) pace: Option<Pace>,
}

/// Requests at fixed intervals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    /// The first, from the beginning of the stage.
    pub(crate) first: Duration,
    /// From each to the next.
    pub(crate) every: Duration,
}

/// The shifts of one worker of a database: of every stage that has so many workers.
pub(crate) fn shifts(plan: &Plan, database: usize, worker: usize) -> Vec<Shift> {
    plan.stages
        .iter()
        .enumerate()
        .filter_map(|(place, stage)| {
            let own = *stage.workers.get(database)?;
            if worker >= own {
                return None;
            }
            let all: usize = stage.workers.iter().sum();
            let before: usize = stage.workers.iter().take(database).sum();
            Some(Shift {
                stage: place,
                start: stage.start,
                end: stage.end,
                warm_up: stage.warm_up,
                mix: *stage.mixes.get(database)?,
                pace: stage
                    .rate
                    .map(|rate| Pace::new(rate, plan.batch, all, before + worker)),
            })
        })
        .collect()
}

impl Pace {
    /// The share of one worker among `all` in a rate of operations per second: requests of the
    /// workers lie evenly between one another.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    fn new(rate: f64, batch: usize, all: usize, rank: usize) -> Self {
        let request = batch as f64 / rate;
        let after = |requests: usize| {
            Duration::try_from_secs_f64(request * requests as f64).unwrap_or(Duration::MAX)
        };
        Self {
            first: after(rank),
            every: after(all).max(Duration::from_nanos(1)),
        }
    }
}
