use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Bounds of the buckets in microseconds: powers of two, 1 µs to 67 s. One more bucket holds what
/// is above.
const BOUNDS: usize = 27;

/// A distribution of times that many threads count into, without a lock.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    buckets: [AtomicU64; BOUNDS + 1],
    sum_micros: AtomicU64,
}

impl Latency {
    pub(crate) fn record(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = match micros {
            0 | 1 => 0,
            _ => (u64::BITS - (micros - 1).leading_zeros()) as usize,
        };
        if let Some(count) = self.buckets.get(bucket.min(BOUNDS)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// The sum of all times in seconds, and for each bucket its bound in seconds and its count.
    pub(crate) fn read(&self) -> (f64, Vec<(f64, u64)>) {
        let bounds = (0..BOUNDS).map(|bits| (1_u64 << bits) as f64 / 1e6);
        let counts = self
            .buckets
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        let buckets = bounds.chain([f64::INFINITY]).zip(counts).collect();
        (
            self.sum_micros.load(Ordering::Relaxed) as f64 / 1e6,
            buckets,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_the_first_bucket_that_bounds_it() {
        let latency = Latency::default();
        for micros in [0, 1, 2, 3, 1 << 26, (1 << 26) + 1, u64::MAX / 2] {
            latency.record(Duration::from_micros(micros));
        }
        let (_, buckets) = latency.read();
        let counted: Vec<_> = buckets
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .collect();
        let seconds = |micros: u64| micros as f64 / 1e6;
        assert_eq!(
            counted,
            [
                (seconds(1), 2),
                (seconds(2), 1),
                (seconds(4), 1),
                (seconds(1 << 26), 1),
                (f64::INFINITY, 2),
            ]
        );
    }
}
