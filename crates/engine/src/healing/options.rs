use std::time::Duration;

use docdb_storage::Parity;

/// What can be chosen about finding and restoring what is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealingOptions {
    /// Whether anything is restored without a command: by reads and by the scrub. A data file gets
    /// its parity either way.
    pub enabled: bool,
    /// Time from the end of one scrub of a database to the beginning of the next; zero: never.
    pub interval: Duration,
    /// Whether a read that meets damage answers from another copy of the same version.
    pub on_read_corruption: bool,
    /// Documents that one thread of a survey looks at between two looks at whether to go on, 1 and
    /// up.
    pub max_batch_size: usize,
    /// Parity of data files with its checksums, in percent of their size, to within one point, 0 to
    /// 100; 0: none.
    pub parity_percent: u64,
    /// Bytes that the scrub reads in a second; 0: as many as the disk gives.
    pub scrub_bytes_per_second: u64,
}

impl HealingOptions {
    /// The default values.
    pub const DEFAULT: Self = Self {
        enabled: true,
        interval: Duration::from_secs(3600),
        on_read_corruption: true,
        max_batch_size: 100,
        parity_percent: 12,
        scrub_bytes_per_second: 16 * 1024 * 1024,
    };

    /// Whether a read that meets damage looks for another copy.
    pub(crate) const fn heals_reads(&self) -> bool {
        self.enabled && self.on_read_corruption
    }

    /// Whether databases are scrubbed by themselves.
    pub(crate) fn scrubs(&self) -> bool {
        self.enabled && !self.interval.is_zero()
    }

    /// What data files are written with.
    pub(crate) const fn parity(&self) -> Parity {
        Parity::from_percent(self.parity_percent)
    }
}

impl Default for HealingOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_of_zero_is_off_and_not_always() {
        assert!(HealingOptions::DEFAULT.scrubs());
        for off in [
            HealingOptions {
                interval: Duration::ZERO,
                ..HealingOptions::DEFAULT
            },
            HealingOptions {
                enabled: false,
                ..HealingOptions::DEFAULT
            },
        ] {
            assert!(!off.scrubs());
        }
    }
}
