use std::time::Duration;

use hdrhistogram::Histogram;

/// Longest latency that is told apart: one hour, in microseconds.
pub(crate) const LONGEST_US: u64 = 3_600_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

/// A distribution of latencies: microseconds, to three digits, up to one hour. It takes memory
/// from the first one on, and more for longer ones.
#[derive(Debug, Clone, Default)]
pub struct Latency {
    histogram: Option<Histogram<u64>>,
}

/// The figures of a distribution, in milliseconds. All 0 without a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LatencySummary {
    /// Half of them took at most this.
    pub p50: f64,
    /// 95 of 100 took at most this.
    pub p95: f64,
    /// 99 of 100 took at most this.
    pub p99: f64,
    /// 999 of 1000 took at most this.
    pub p999: f64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Shortest.
    pub min: f64,
    /// Longest.
    pub max: f64,
    /// How many were measured.
    pub count: u64,
}

impl LatencySummary {
    /// Whether nothing was measured.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl Latency {
    /// Adds one.
    pub fn record(&mut self, latency: Duration) {
        if self.histogram.is_none() {
            self.histogram = Histogram::new(SIGNIFICANT_DIGITS).ok();
        }
        if let Some(histogram) = &mut self.histogram {
            let micros = u64::try_from(latency.as_micros()).unwrap_or(LONGEST_US);
            // It grows as far as it must, which an hour does not exceed.
            let _ = histogram.record(micros.clamp(1, LONGEST_US));
        }
    }

    /// Adds all of another distribution.
    pub fn merge(&mut self, other: &Self) {
        match (&mut self.histogram, &other.histogram) {
            (_, None) => {}
            (None, Some(theirs)) => self.histogram = Some(theirs.clone()),
            (Some(ours), Some(theirs)) => ours
                .add(theirs)
                .unwrap_or_else(|_| unreachable!("each grows as far as it must")),
        }
    }

    /// Latencies in microseconds and how many there were of each, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        let recorded = self.histogram.iter().flat_map(Histogram::iter_recorded);
        recorded.map(|value| {
            (
                value.value_iterated_to(),
                value.count_since_last_iteration(),
            )
        })
    }

    /// Its figures.
    #[must_use]
    pub fn summary(&self) -> LatencySummary {
        let Some(histogram) = &self.histogram else {
            return LatencySummary::default();
        };
        let at = |quantile| millis(histogram.value_at_quantile(quantile));
        LatencySummary {
            p50: at(0.50),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
            mean: histogram.mean() / 1000.0,
            min: millis(histogram.min()),
            max: millis(histogram.max()),
            count: histogram.len(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "an hour of microseconds fits")]
fn millis(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_in_milliseconds_and_merging_is_adding() {
        let mut one = Latency::default();
        let mut other = Latency::default();
        for millis in 1..=50 {
            one.record(Duration::from_millis(millis));
            other.record(Duration::from_millis(50 + millis));
        }
        one.merge(&other);
        let summary = one.summary();
        assert_eq!(summary.count, 100);
        assert!((summary.p50 - 50.0).abs() < 0.1, "{summary:?}");
        assert!((summary.p99 - 99.0).abs() < 0.1, "{summary:?}");
        assert!((summary.max - 100.0).abs() < 0.1, "{summary:?}");
        assert!((summary.mean - 50.5).abs() < 0.1, "{summary:?}");
        assert_eq!(Latency::default().summary(), LatencySummary::default());
    }

    #[test]
    fn latencies_beyond_an_hour_are_kept_as_an_hour() {
        let mut latency = Latency::default();
        latency.record(Duration::from_secs(100_000));
        assert!(latency.summary().max >= 3_600_000.0);
    }
}
