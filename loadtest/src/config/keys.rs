use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

/// The skew of YCSB's generators.
const USUAL_SKEW: f64 = 0.99;

/// Which ids are asked for how often.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum KeyDistribution {
    /// Each as often as any other.
    #[default]
    Uniform,
    /// Few very often, most seldom, the frequent ones scattered over all ids. The frequency of the
    /// `k`th most frequent is proportional to 1 / `k` to the power of `skew`.
    Zipfian {
        /// Above 0 and below 1.
        skew: f64,
    },
    /// The same, with the newest ids as the most frequent ones.
    Latest {
        /// Above 0 and below 1.
        skew: f64,
    },
    /// One after the other, and again from the first.
    Sequential,
    /// A share of the ids gets a share of the operations; the rest gets the rest.
    HotSet {
        /// Percent of the ids, above 0, at most 100.
        ids: f64,
        /// Percent of the operations, 0 to 100.
        operations: f64,
    },
}

/// A text that names no distribution of keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no distribution of ids, allowed: uniform, zipfian[:SKEW], latest[:SKEW], \
     sequential, hotset[:PERCENT-OF-IDS:PERCENT-OF-OPERATIONS]; a skew is above 0 and below 1"
)]
pub struct KeyDistributionError {
    text: String,
}

impl FromStr for KeyDistribution {
    type Err = KeyDistributionError;

    fn from_str(text: &str) -> Result<Self, KeyDistributionError> {
        parse(text).ok_or_else(|| KeyDistributionError {
            text: text.to_owned(),
        })
    }
}

fn parse(text: &str) -> Option<KeyDistribution> {
    let mut parts = text.split(':');
    let name = parts.next()?;
    let figures: Vec<f64> = parts.map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let skew = match figures.as_slice() {
        [] => Some(USUAL_SKEW),
        [skew] if *skew > 0.0 && *skew < 1.0 => Some(*skew),
        _ => None,
    };
    match (name, figures.as_slice()) {
        ("uniform", []) => Some(KeyDistribution::Uniform),
        ("zipfian", _) => Some(KeyDistribution::Zipfian { skew: skew? }),
        ("latest", _) => Some(KeyDistribution::Latest { skew: skew? }),
        ("sequential", []) => Some(KeyDistribution::Sequential),
        ("hotset", []) => Some(KeyDistribution::HotSet {
            ids: 20.0,
            operations: 80.0,
        }),
        ("hotset", &[ids, operations])
            if ids > 0.0 && ids <= 100.0 && (0.0..=100.0).contains(&operations) =>
        {
            Some(KeyDistribution::HotSet { ids, operations })
        }
        _ => None,
    }
}

impl fmt::Display for KeyDistribution {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform => formatter.write_str("uniform"),
            Self::Zipfian { skew } => write!(formatter, "zipfian:{skew}"),
            Self::Latest { skew } => write!(formatter, "latest:{skew}"),
            Self::Sequential => formatter.write_str("sequential"),
            Self::HotSet { ids, operations } => write!(formatter, "hotset:{ids}:{operations}"),
        }
    }
}

impl<'de> Deserialize<'de> for KeyDistribution {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Which ids documents are created under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Inserts {
    /// Ids that are drawn as for every other operation, whether or not they are taken.
    #[default]
    Drawn,
    /// Ids that no document has had: one behind the other, behind all others.
    New,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_reads_as_it_is_written() {
        for text in [
            "uniform",
            "zipfian:0.99",
            "latest:0.5",
            "sequential",
            "hotset:20:80",
        ] {
            let distribution: KeyDistribution = text.parse().unwrap();
            assert_eq!(distribution.to_string(), text);
        }
        assert_eq!(
            "zipfian".parse(),
            Ok(KeyDistribution::Zipfian { skew: USUAL_SKEW })
        );
        for wrong in [
            "",
            "pareto",
            "uniform:1",
            "zipfian:0",
            "zipfian:1",
            "zipfian:x",
            "zipfian:nan",
            "latest:0.5:1",
            "hotset:20",
            "hotset:0:80",
            "hotset:20:101",
        ] {
            assert!(wrong.parse::<KeyDistribution>().is_err(), "{wrong:?}");
        }
    }
}
