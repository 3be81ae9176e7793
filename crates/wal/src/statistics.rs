//! What the log counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Number of buckets of a [`Histogram`].
const BUCKETS: usize = 32;

/// A distribution in 32 buckets of doubling width: bucket 0 holds the value 0, bucket `n` the
/// values from 2ⁿ⁻¹ to 2ⁿ − 1, the last one everything above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Histogram {
    buckets: [u64; BUCKETS],
    sum: u64,
    max: u64,
}

impl Histogram {
    /// Counts a value.
    pub fn record(&mut self, value: u64) {
        if let Some(count) = self.buckets.get_mut(bucket(value)) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(value);
        self.max = self.max.max(value);
    }

    /// Counts everything that another one has counted.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.buckets.iter_mut().zip(other.buckets) {
            *count += more;
        }
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }

    /// How many values were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The sum of all values.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        self.sum
    }

    /// The largest value; 0 when there is none.
    #[must_use]
    pub const fn max(&self) -> u64 {
        self.max
    }

    /// For each bucket its largest value and how many values it holds.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.buckets
            .iter()
            .enumerate()
            .map(|(bucket, count)| (upper_bound(bucket), *count))
    }

    /// A value that the share `quantile` (0 to 1) of all values does not pass: the upper bound of
    /// its bucket, at most [`max`](Self::max). 0 when nothing was counted.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> u64 {
        let rank = (quantile.clamp(0.0, 1.0) * self.count() as f64).ceil() as u64;
        let mut seen = 0;
        for (upper, count) in self.buckets() {
            seen += count;
            if seen >= rank.max(1) {
                return upper.min(self.max);
            }
        }
        self.max
    }
}

/// The bucket of a value.
fn bucket(value: u64) -> usize {
    let bits = (u64::BITS - value.leading_zeros()) as usize;
    bits.min(BUCKETS - 1)
}

fn upper_bound(bucket: usize) -> u64 {
    match u32::try_from(bucket) {
        Ok(bits) if bucket + 1 < BUCKETS => (1 << bits) - 1,
        _ => u64::MAX,
    }
}

/// A [`Histogram`] that is being counted, without a lock.
#[derive(Debug, Default)]
pub(crate) struct Distribution {
    buckets: [AtomicU64; BUCKETS],
    sum: AtomicU64,
    max: AtomicU64,
}

impl Distribution {
    pub(crate) fn record(&self, value: u64) {
        if let Some(bucket) = self.buckets.get(bucket(value)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
        self.max.fetch_max(value, Ordering::Relaxed);
    }

    fn snapshot(&self) -> Histogram {
        let mut histogram = Histogram {
            sum: self.sum.load(Ordering::Relaxed),
            max: self.max.load(Ordering::Relaxed),
            ..Histogram::default()
        };
        for (copy, bucket) in histogram.buckets.iter_mut().zip(&self.buckets) {
            *copy = bucket.load(Ordering::Relaxed);
        }
        histogram
    }
}

/// What one log has done since it was opened, and how large it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WalStatistics {
    /// Bytes of all segments, headers included, zeros written ahead not.
    pub bytes: u64,
    /// Segments, the active one included.
    pub segments: u64,
    /// Batches appended since open.
    pub batches: u64,
    /// Records appended since open.
    pub records: u64,
    /// Bytes appended since open.
    pub appended_bytes: u64,
    /// Segments sealed since open.
    pub rotations: u64,
    /// Segments trimmed since open.
    pub trimmed_segments: u64,
    /// Latency of successful syncs of batches since open, in microseconds.
    pub sync_latency_us: Histogram,
    /// Records in each batch since open.
    pub batch_records: Histogram,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    appended_bytes: AtomicU64,
    rotations: AtomicU64,
    trimmed_segments: AtomicU64,
    sync_latency_us: Distribution,
    batch_records: Distribution,
}

impl Counters {
    pub(crate) fn count_batch(&self, records: u64, bytes: u64) {
        self.batch_records.record(records);
        self.appended_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn count_sync(&self, took: Duration) {
        self.sync_latency_us
            .record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    pub(crate) fn count_rotation(&self) {
        self.rotations.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_trimmed(&self, segments: u64) {
        self.trimmed_segments.fetch_add(segments, Ordering::Relaxed);
    }

    /// The counters beside the size of the log, which is counted where the segments are.
    pub(crate) fn snapshot(&self, bytes: u64, segments: u64) -> WalStatistics {
        let batch_records = self.batch_records.snapshot();
        WalStatistics {
            bytes,
            segments,
            batches: batch_records.count(),
            records: batch_records.sum(),
            appended_bytes: self.appended_bytes.load(Ordering::Relaxed),
            rotations: self.rotations.load(Ordering::Relaxed),
            trimmed_segments: self.trimmed_segments.load(Ordering::Relaxed),
            sync_latency_us: self.sync_latency_us.snapshot(),
            batch_records,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_an_upper_bound_within_a_factor_of_two() {
        let distribution = Distribution::default();
        let mut values: Vec<u64> = (0..1000).map(|n| n * n % 7919).collect();
        values.iter().for_each(|value| distribution.record(*value));
        values.sort_unstable();
        let histogram = distribution.snapshot();
        for percent in [1, 10, 50, 90, 99, 100] {
            let exact = values[values.len() * percent / 100 - 1];
            let found = histogram.quantile(percent as f64 / 100.0);
            assert!(
                exact <= found && found <= exact.max(1) * 2,
                "{percent}: {exact} {found}"
            );
        }
        assert_eq!(histogram.count(), 1000);
        assert_eq!(histogram.sum(), values.iter().sum());
        assert_eq!(histogram.max(), *values.last().unwrap());
    }

    #[test]
    fn what_is_merged_is_as_if_counted_in_one_place() {
        let values = [0, 1, 7, 8, 1 << 40, u64::MAX / 4];
        let (mut all, mut odd, mut even) = <(Histogram, Histogram, Histogram)>::default();
        let concurrent = Distribution::default();
        for (index, value) in values.into_iter().enumerate() {
            all.record(value);
            concurrent.record(value);
            if index % 2 == 0 { &mut even } else { &mut odd }.record(value);
        }
        even.merge(&odd);
        assert_eq!(even, all);
        assert_eq!(concurrent.snapshot(), all);
    }

    #[test]
    fn nothing_counted_is_zero_and_the_largest_value_has_a_bucket() {
        assert_eq!(Histogram::default().quantile(0.5), 0);
        let distribution = Distribution::default();
        distribution.record(u64::MAX);
        assert_eq!(distribution.snapshot().quantile(0.5), u64::MAX);
    }
}
