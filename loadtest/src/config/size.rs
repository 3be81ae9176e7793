use std::fmt;
use std::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

/// No document of a log-normal distribution is larger than so many times its median.
const LONGEST_TAIL: usize = 16;

/// How large documents are, in bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SizeDistribution {
    /// All of one size.
    Fixed(usize),
    /// Every size from `low` to `high` as often as any other.
    Uniform {
        /// The smallest.
        low: usize,
        /// The largest.
        high: usize,
    },
    /// The logarithm of the size is normal: half of the documents are smaller than the median, a
    /// few much larger, none larger than 16 times the median.
    LogNormal {
        /// The median.
        median: usize,
        /// Standard deviation of the natural logarithm, above 0 and at most 4.
        sigma: f64,
    },
}

impl SizeDistribution {
    /// The smallest size that can be drawn, before the smallest possible document bounds it.
    #[must_use]
    pub const fn smallest(&self) -> usize {
        match *self {
            Self::Fixed(size) => size,
            Self::Uniform { low, .. } => low,
            Self::LogNormal { median, .. } => median,
        }
    }

    /// The largest size that can be drawn.
    #[must_use]
    pub const fn largest(&self) -> usize {
        match *self {
            Self::Fixed(size) => size,
            Self::Uniform { high, .. } => high,
            Self::LogNormal { median, .. } => median.saturating_mul(LONGEST_TAIL),
        }
    }

    /// The size that stands for all of them: the one, the middle, the median.
    #[must_use]
    pub const fn typical(&self) -> usize {
        match *self {
            Self::Fixed(size) => size,
            Self::Uniform { low, high } => low.midpoint(high),
            Self::LogNormal { median, .. } => median,
        }
    }

    /// Whether all documents have one size.
    #[must_use]
    pub const fn is_fixed(&self) -> bool {
        matches!(self, Self::Fixed(_))
    }
}

/// A text that names no distribution of sizes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no size of documents, allowed: BYTES, uniform:LOW-HIGH, \
     lognormal:MEDIAN:SIGMA with a sigma above 0 and at most 4"
)]
pub struct SizeDistributionError {
    text: String,
}

impl FromStr for SizeDistribution {
    type Err = SizeDistributionError;

    fn from_str(text: &str) -> Result<Self, SizeDistributionError> {
        parse(text).ok_or_else(|| SizeDistributionError {
            text: text.to_owned(),
        })
    }
}

fn parse(text: &str) -> Option<SizeDistribution> {
    if let Ok(size) = text.parse() {
        return Some(SizeDistribution::Fixed(size));
    }
    match text.split_once(':')? {
        ("uniform", range) => {
            let (low, high) = range.split_once('-')?;
            let (low, high) = (low.parse().ok()?, high.parse().ok()?);
            (low <= high).then_some(SizeDistribution::Uniform { low, high })
        }
        ("lognormal", figures) => {
            let (median, sigma) = figures.split_once(':')?;
            let (median, sigma) = (median.parse().ok()?, sigma.parse().ok()?);
            (sigma > 0.0 && sigma <= 4.0).then_some(SizeDistribution::LogNormal { median, sigma })
        }
        _ => None,
    }
}

impl fmt::Display for SizeDistribution {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => write!(formatter, "{size}"),
            Self::Uniform { low, high } => write!(formatter, "uniform:{low}-{high}"),
            Self::LogNormal { median, sigma } => write!(formatter, "lognormal:{median}:{sigma}"),
        }
    }
}

impl<'de> Deserialize<'de> for SizeDistribution {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Size;
        impl Visitor<'_> for Size {
            type Value = SizeDistribution;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a number of bytes or a distribution such as uniform:100-4000")
            }

            fn visit_u64<E: serde::de::Error>(self, size: u64) -> Result<SizeDistribution, E> {
                let size = usize::try_from(size).map_err(E::custom)?;
                Ok(SizeDistribution::Fixed(size))
            }

            fn visit_i64<E: serde::de::Error>(self, size: i64) -> Result<SizeDistribution, E> {
                let size = usize::try_from(size).map_err(E::custom)?;
                Ok(SizeDistribution::Fixed(size))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SizeDistribution, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_reads_as_it_is_written() {
        for text in ["1024", "uniform:100-4000", "lognormal:1024:0.5"] {
            let sizes: SizeDistribution = text.parse().unwrap();
            assert_eq!(sizes.to_string(), text);
        }
        for wrong in [
            "",
            "-1",
            "1k",
            "uniform:9",
            "uniform:9-8",
            "lognormal:100",
            "lognormal:100:0",
            "lognormal:100:5",
            "normal:100:1",
        ] {
            assert!(wrong.parse::<SizeDistribution>().is_err(), "{wrong:?}");
        }
    }
}
