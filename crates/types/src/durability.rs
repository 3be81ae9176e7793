use std::fmt;
use std::str::FromStr;

use crate::{Code, Error};

/// When a write is acknowledged, relative to the sync that makes it durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum FsyncMode {
    /// A sync for every transaction, before it is acknowledged.
    Always,
    /// A sync for every batch of transactions that queued meanwhile, before any is acknowledged.
    #[default]
    Group,
    /// Acknowledged after the write; synced at a fixed interval. A crash of the machine may lose
    /// what the last interval acknowledged.
    Interval,
    /// Never synced while running. For benchmarks only: a crash of the machine may lose anything.
    None,
}

impl FsyncMode {
    /// All modes, from the strongest to the weakest.
    pub const ALL: [Self; 4] = [Self::Always, Self::Group, Self::Interval, Self::None];

    /// The name used in configuration, statistics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Group => "group",
            Self::Interval => "interval",
            Self::None => "none",
        }
    }

    /// Whether an acknowledged write has been synced.
    #[must_use]
    pub const fn acknowledges_durable(self) -> bool {
        matches!(self, Self::Always | Self::Group)
    }
}

impl fmt::Display for FsyncMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for FsyncMode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or_else(|| {
                Error::new(
                    Code::UnknownOperation,
                    format!(
                        "unknown fsync mode {text:?}, expected always, group, interval or none"
                    ),
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_parses_from_its_own_name() {
        for mode in FsyncMode::ALL {
            assert_eq!(mode.to_string().parse::<FsyncMode>().unwrap(), mode);
        }
        assert!("Group".parse::<FsyncMode>().is_err());
    }

    #[test]
    fn only_always_and_group_acknowledge_durable_writes() {
        let durable: Vec<_> = FsyncMode::ALL
            .into_iter()
            .filter(|mode| mode.acknowledges_durable())
            .collect();
        assert_eq!(durable, [FsyncMode::Always, FsyncMode::Group]);
    }
}
