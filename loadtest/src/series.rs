use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::latency::LONGEST_US;
use crate::operation::{OperationKind, PerKind};

/// Steps of a run of this length are one second; longer runs have longer steps.
const MOST_STEPS: u32 = 3600;
const SIGNIFICANT_DIGITS: u8 = 2;

/// How a run went over time: a distribution of latencies per step and kind. Workers of a database
/// share it, and add to it once per step.
#[derive(Debug)]
pub(crate) struct SharedSeries {
    every: Duration,
    steps: Mutex<Vec<Step>>,
}

/// What happened during one step of a run, in one database.
#[derive(Debug, Clone, Default)]
pub struct Step {
    /// By kind.
    pub kinds: PerKind<StepKind>,
}

/// What happened to one kind of operation during a step.
#[derive(Debug, Clone, Default)]
pub struct StepKind {
    /// Errors, refusals and wrong answers.
    pub failed: u64,
    /// How long those took that count as operations: by when they were answered.
    pub latency: SparseLatency,
}

/// A distribution of latencies that keeps only what was measured: to two digits, in microseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SparseLatency {
    counts: BTreeMap<u64, u64>,
    total: u64,
}

impl SparseLatency {
    /// Adds `count` latencies of so many microseconds.
    pub fn record(&mut self, micros: u64, count: u64) {
        *self.counts.entry(micros).or_default() += count;
        self.total += count;
    }

    /// Adds all of another distribution.
    pub fn merge(&mut self, other: &Self) {
        for (micros, count) in &other.counts {
            self.record(*micros, *count);
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.total
    }

    /// The latency, in milliseconds, that a share of all does not exceed; `None` without any.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts far below 2^53"
    )]
    pub fn quantile(&self, quantile: f64) -> Option<f64> {
        let rank = ((self.total as f64 * quantile).ceil() as u64).max(1);
        let mut reached = 0;
        let found = self.counts.iter().find(|(_, count)| {
            reached += **count;
            reached >= rank
        });
        found.map(|(micros, _)| *micros as f64 / 1000.0)
    }

    /// Latencies in microseconds and how many there were of each, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.counts.iter().map(|(micros, count)| (*micros, *count))
    }
}

impl Step {
    /// Adds all of another step.
    pub fn merge(&mut self, other: &Self) {
        for ((_, ours), (_, theirs)) in self.kinds.iter_mut().zip(other.kinds.iter()) {
            ours.failed += theirs.failed;
            ours.latency.merge(&theirs.latency);
        }
    }

    /// All kinds as one.
    #[must_use]
    pub fn all(&self) -> StepKind {
        let mut all = StepKind::default();
        for (_, kind) in self.kinds.iter() {
            all.failed += kind.failed;
            all.latency.merge(&kind.latency);
        }
        all
    }
}

/// How long the steps of a run are.
pub(crate) fn step_of(end: Duration) -> Duration {
    let seconds = end.as_secs().div_ceil(u64::from(MOST_STEPS)).max(1);
    Duration::from_secs(seconds)
}

impl SharedSeries {
    pub(crate) const fn new(every: Duration) -> Self {
        Self {
            every,
            steps: Mutex::new(Vec::new()),
        }
    }

    /// Takes what has been added.
    pub(crate) fn take(&self) -> Vec<Step> {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *steps)
    }
}

/// The current step of one worker.
#[derive(Debug)]
pub(crate) struct Recorder {
    series: Arc<SharedSeries>,
    begun: Instant,
    step: usize,
    is_empty: bool,
    failed: PerKind<u64>,
    latencies: PerKind<Option<Histogram<u32>>>,
}

impl Recorder {
    pub(crate) fn new(series: Arc<SharedSeries>) -> Self {
        Self {
            series,
            begun: Instant::now(),
            step: 0,
            is_empty: true,
            failed: PerKind::default(),
            latencies: PerKind::default(),
        }
    }

    /// Says when the run begins.
    pub(crate) const fn begin(&mut self, begun: Instant) {
        self.begun = begun;
    }

    pub(crate) fn record(&mut self, kind: OperationKind, latency: Duration, now: Instant) {
        self.turn(now);
        let histogram = self.latencies.get_mut(kind);
        if histogram.is_none() {
            *histogram = Histogram::new_with_bounds(1, LONGEST_US, SIGNIFICANT_DIGITS).ok();
        }
        if let Some(histogram) = histogram {
            let micros = u64::try_from(latency.as_micros()).unwrap_or(LONGEST_US);
            histogram.saturating_record(micros.max(1));
            self.is_empty = false;
        }
    }

    pub(crate) fn fail(&mut self, kind: OperationKind, now: Instant) {
        self.turn(now);
        *self.failed.get_mut(kind) += 1;
        self.is_empty = false;
    }

    fn turn(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.begun).as_nanos();
        let step = elapsed / self.series.every.as_nanos().max(1);
        let step = usize::try_from(step).unwrap_or(usize::MAX);
        if step != self.step {
            self.hand_over();
            self.step = step;
        }
    }

    /// Adds the current step to those of all workers.
    pub(crate) fn hand_over(&mut self) {
        if std::mem::replace(&mut self.is_empty, true) {
            return;
        }
        let mut steps = self
            .series
            .steps
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if steps.len() <= self.step {
            steps.resize_with(self.step + 1, Step::default);
        }
        let Some(step) = steps.get_mut(self.step) else {
            return;
        };
        for kind in OperationKind::ALL {
            let shared = step.kinds.get_mut(kind);
            shared.failed += std::mem::take(self.failed.get_mut(kind));
            if let Some(histogram) = self.latencies.get_mut(kind) {
                for value in histogram.iter_recorded() {
                    let count = value.count_since_last_iteration();
                    shared.latency.record(value.value_iterated_to(), count);
                }
                histogram.reset();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_workers_record_is_merged_by_the_second() {
        let series = Arc::new(SharedSeries::new(Duration::from_secs(1)));
        let begun = Instant::now();
        for _ in 0..2 {
            let mut recorder = Recorder::new(Arc::clone(&series));
            recorder.begin(begun);
            for millis in 1..=100 {
                let latency = Duration::from_millis(millis);
                recorder.record(OperationKind::Read, latency, begun + latency);
            }
            let later = begun + Duration::from_millis(2500);
            recorder.fail(OperationKind::Update, later);
            recorder.hand_over();
        }
        let steps = series.take();
        assert_eq!(steps.len(), 3);
        let read = &steps[0].kinds.get(OperationKind::Read).latency;
        assert_eq!(read.count(), 200);
        for (quantile, millis) in [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0)] {
            let found = read.quantile(quantile).unwrap();
            assert!((found / millis - 1.0).abs() < 0.02, "{found} {millis}");
        }
        assert_eq!(steps[1].all().latency.quantile(0.5), None);
        assert_eq!(steps[2].kinds.get(OperationKind::Update).failed, 2);
        assert_eq!(steps[2].all().failed, 2);
    }

    #[test]
    fn the_steps_of_long_runs_are_longer() {
        assert_eq!(step_of(Duration::from_secs(30)), Duration::from_secs(1));
        assert_eq!(step_of(Duration::from_secs(3600)), Duration::from_secs(1));
        assert_eq!(
            step_of(Duration::from_secs(36_000)),
            Duration::from_secs(10)
        );
    }
}
