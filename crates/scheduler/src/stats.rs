//! Figures of a scheduler, read at one moment.

use std::time::Duration;

use docdb_types::DatabaseId;

/// Everything a scheduler counts. Counters start at 0 and only grow; reading changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchedulerStats {
    /// Databases that have brought work and were not forgotten, ordered by id.
    pub databases: Vec<DatabaseStats>,
    /// Jobs waiting now.
    pub queued: usize,
    /// Jobs holding a place now: inline, on a worker, or on their way to one.
    pub running: usize,
    /// Jobs that should run at a time under the present load.
    pub target: usize,
    /// Worker threads that exist.
    pub workers_alive: usize,
    /// Worker threads asleep for want of work.
    pub workers_idle: usize,
    /// Worker threads that the system refused to start.
    pub worker_start_failures: u64,
    /// Jobs admitted to run on the thread that brought them.
    pub admitted_inline: u64,
    /// Jobs admitted to a queue.
    pub admitted_queued: u64,
    /// Jobs that ran to their end, panics included.
    pub finished: u64,
    /// Jobs refused because the queue of their database was full.
    pub refused_queue_full: u64,
    /// Jobs refused because the scheduler was stopping.
    pub refused_stopping: u64,
    /// Jobs that panicked on a worker.
    pub panics: u64,
    /// How long queued jobs waited for a worker.
    pub waits: WaitTimes,
}

/// The figures of one database, since it first brought work or was last forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatabaseStats {
    /// Which database.
    pub database: DatabaseId,
    /// Jobs waiting now.
    pub queued: usize,
    /// Jobs holding a place now.
    pub running: usize,
    /// How long the job at the head of the queue has been waiting; zero when none waits.
    pub oldest_wait: Duration,
    /// Jobs refused because the queue was full.
    pub refused_queue_full: u64,
    /// How long queued jobs waited for a worker.
    pub waits: WaitTimes,
}

/// Distribution of waiting times, from admission to a queue to the begin of the work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitTimes {
    /// Waits counted.
    pub count: u64,
    /// Their sum.
    pub sum: Duration,
    /// The longest of them.
    pub max: Duration,
    /// Waits up to each of [`WaitTimes::BOUNDS_US`] and above the bound before; the last entry
    /// counts those above every bound.
    pub buckets: [u64; 12],
}

impl WaitTimes {
    /// Inclusive upper bounds of the buckets in microseconds: 16 µs to 16.8 s in steps of four.
    pub const BOUNDS_US: [u64; 11] = [
        16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216,
    ];

    pub(crate) fn record(&mut self, wait: Duration) {
        self.count += 1;
        self.sum = self.sum.saturating_add(wait);
        self.max = self.max.max(wait);
        let bucket = Self::BOUNDS_US
            .iter()
            .position(|bound| wait <= Duration::from_micros(*bound))
            .unwrap_or(Self::BOUNDS_US.len());
        if let Some(count) = self.buckets.get_mut(bucket) {
            *count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wait_is_counted_in_the_first_bucket_that_bounds_it() {
        let mut waits = WaitTimes::default();
        for micros in [0, 16, 17, 16_777_216, 16_777_217] {
            waits.record(Duration::from_micros(micros));
        }
        assert_eq!(waits.count, 5);
        assert_eq!(waits.max, Duration::from_micros(16_777_217));
        assert_eq!(waits.sum, Duration::from_micros(33_554_466));
        assert_eq!(waits.buckets, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
    }
}
