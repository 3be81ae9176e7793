use std::fmt;

use docdb_engine::Histogram;
use docdb_scheduler::WaitTimes;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::latency::Latency;

/// A label and its value.
pub(super) type Label<'a> = (&'static str, &'a str);

/// Metrics as they are written, one family after another.
pub(super) struct Families<'a>(pub(super) DescriptorEncoder<'a>);

/// A distribution as it is written: its sum, and for each bucket its bound and its count. A bound of
/// [`f64::INFINITY`] is written as infinity.
#[derive(Debug, Clone)]
pub(super) struct Buckets {
    sum: f64,
    counts: Vec<(f64, u64)>,
}

impl Families<'_> {
    fn family(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        kind: MetricType,
        write: impl FnOnce(MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        write(self.0.encode_descriptor(name, help, unit, kind)?)
    }

    /// A counter without labels.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.counters(name, help, None, [([], value)])
    }

    /// A counter of bytes without labels.
    pub(super) fn byte_counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.counters(name, help, Some(&Unit::Bytes), [([], value)])
    }

    /// A counter for each set of labels.
    pub(super) fn counters<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        values: impl IntoIterator<Item = ([Label<'l>; N], u64)>,
    ) -> fmt::Result {
        self.family(name, help, unit, MetricType::Counter, |mut encoder| {
            for (labels, value) in values {
                labelled(&mut encoder, &labels, |encoder| {
                    encoder.encode_counter::<NoLabelSet, _, f64>(&value, None)
                })?;
            }
            Ok(())
        })
    }

    /// A gauge without labels.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.gauges(name, help, None, [([], value)])
    }

    /// A gauge of bytes without labels.
    pub(super) fn byte_gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.gauges(name, help, Some(&Unit::Bytes), [([], value)])
    }

    /// A gauge for each set of labels.
    pub(super) fn gauges<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        values: impl IntoIterator<Item = ([Label<'l>; N], u64)>,
    ) -> fmt::Result {
        self.family(name, help, unit, MetricType::Gauge, |mut encoder| {
            for (labels, value) in values {
                let value = i64::try_from(value).unwrap_or(i64::MAX);
                labelled(&mut encoder, &labels, |encoder| {
                    encoder.encode_gauge(&value)
                })?;
            }
            Ok(())
        })
    }

    /// A gauge of seconds for each set of labels.
    pub(super) fn second_gauges<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = ([Label<'l>; N], f64)>,
    ) -> fmt::Result {
        let unit = Some(&Unit::Seconds);
        self.family(name, help, unit, MetricType::Gauge, |mut encoder| {
            for (labels, value) in values {
                labelled(&mut encoder, &labels, |encoder| {
                    encoder.encode_gauge(&value)
                })?;
            }
            Ok(())
        })
    }

    /// A distribution for each set of labels.
    pub(super) fn histograms<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        values: impl IntoIterator<Item = ([Label<'l>; N], Buckets)>,
    ) -> fmt::Result {
        self.family(name, help, unit, MetricType::Histogram, |mut encoder| {
            for (labels, of) in values {
                let count = of.counts.iter().map(|(_, count)| count).sum();
                labelled(&mut encoder, &labels, |encoder| {
                    encoder.encode_histogram::<NoLabelSet>(of.sum, count, &of.counts, None)
                })?;
            }
            Ok(())
        })
    }
}

fn labelled<const N: usize>(
    encoder: &mut MetricEncoder<'_>,
    labels: &[Label<'_>; N],
    write: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
) -> fmt::Result
where
    for<'a> [Label<'a>; N]: EncodeLabelSet,
{
    if N == 0 {
        write(encoder)
    } else {
        write(&mut encoder.encode_family(labels)?)
    }
}

impl Buckets {
    /// Values as they were counted.
    pub(super) fn of_values(histogram: &Histogram) -> Self {
        Self::scaled(histogram, 1.0)
    }

    /// Microseconds, as seconds.
    pub(super) fn of_micros(histogram: &Histogram) -> Self {
        Self::scaled(histogram, 1e6)
    }

    fn scaled(histogram: &Histogram, per_unit: f64) -> Self {
        let bound = |bound| match bound {
            u64::MAX => f64::INFINITY,
            bound => bound as f64 / per_unit,
        };
        let buckets = histogram.buckets();
        Self {
            sum: histogram.sum() as f64 / per_unit,
            counts: buckets
                .map(|(upper, count)| (bound(upper), count))
                .collect(),
        }
    }

    pub(super) fn of_latency(latency: &Latency) -> Self {
        let (sum, counts) = latency.read();
        Self { sum, counts }
    }

    pub(super) fn of_waits(waits: &WaitTimes) -> Self {
        let bounds = WaitTimes::BOUNDS_US.map(|micros| micros as f64 / 1e6);
        Self {
            sum: waits.sum.as_secs_f64(),
            counts: bounds
                .into_iter()
                .chain([f64::INFINITY])
                .zip(waits.buckets)
                .collect(),
        }
    }
}
