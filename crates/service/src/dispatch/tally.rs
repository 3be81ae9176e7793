use std::collections::BTreeMap;
use std::time::Duration;

use docdb_ipc::Distribution;
use docdb_scheduler::WaitTimes;

/// A distribution that is put together from buckets of one or many databases.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// How many values there are up to each bound and above the one before.
    buckets: BTreeMap<u64, u64>,
    sum: f64,
    max: u64,
}

impl Tally {
    /// Adds buckets, each with its largest value, and the sum and the largest of their values.
    pub(super) fn add(&mut self, buckets: impl Iterator<Item = (u64, u64)>, sum: f64, max: u64) {
        for (bound, count) in buckets.filter(|(_, count)| *count > 0) {
            *self.buckets.entry(bound).or_default() += count;
        }
        self.sum += sum;
        self.max = self.max.max(max);
    }

    /// Adds times of waiting, in microseconds.
    pub(super) fn add_waits(&mut self, waits: &WaitTimes) {
        let bounds = WaitTimes::BOUNDS_US.into_iter().chain([u64::MAX]);
        let sum = waits.sum.as_secs_f64() * 1e6;
        self.add(bounds.zip(waits.buckets), sum, micros(waits.max));
    }

    /// The distribution. A quantile is the bound of the bucket that it falls into; the smallest
    /// value is not known any better than that.
    pub(super) fn distribution(&self) -> Distribution {
        let count: u64 = self.buckets.values().sum();
        if count == 0 {
            return Distribution::default();
        }
        Distribution {
            count,
            min: self.quantile(0.0, count),
            mean: self.sum / count as f64,
            p50: self.quantile(0.5, count),
            p95: self.quantile(0.95, count),
            p99: self.quantile(0.99, count),
            p999: self.quantile(0.999, count),
            max: self.max,
        }
    }

    fn quantile(&self, share: f64, count: u64) -> u64 {
        let rank = ((share * count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (bound, count) in &self.buckets {
            seen += count;
            if seen >= rank {
                return self.max.min(*bound);
            }
        }
        self.max
    }
}

/// Whole microseconds.
pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_a_sum_are_those_of_all_values_together() {
        let mut tally = Tally::default();
        tally.add([(1, 50), (3, 0)].into_iter(), 50.0, 1);
        tally.add(
            [(1, 40), (7, 9), (15, 1)].into_iter(),
            40.0 + 63.0 + 12.0,
            12,
        );
        let all = tally.distribution();
        assert_eq!((all.count, all.min, all.max), (100, 1, 12));
        assert_eq!((all.p50, all.p95, all.p99, all.p999), (1, 7, 7, 12));
        assert!((all.mean - 1.65).abs() < 1e-9);
    }

    #[test]
    fn nothing_measured_is_all_zero() {
        assert_eq!(Tally::default().distribution(), Distribution::default());
    }
}
