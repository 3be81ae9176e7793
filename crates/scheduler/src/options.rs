//! How many places there are, and how long queues may grow.

use std::num::NonZeroUsize;
use std::time::Duration;

use thiserror::Error;

/// Settings of a scheduler, fixed for its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchedulerOptions {
    /// Jobs that may wait per database, 1 and up; default 100.
    pub queue_depth: usize,
    /// Jobs that may run at a time, 0 and up; 0, the default, goes by load:
    /// `max(2 × cores, 2 × active databases)`.
    pub worker_count: usize,
    /// Upper limit of what goes by load, 1 and up; default 256. Unused where `worker_count` is
    /// given.
    pub max_workers: usize,
    /// Cost, in bytes, that a waiting database may have served in one round, 1 and up; default
    /// 64 KiB.
    pub quantum: u64,
    /// Processor cores to plan for, 1 and up; default what the system reports.
    pub cores: usize,
    /// Time after which a worker without work ends, unless it is the last one; default 10 s.
    pub idle_timeout: Duration,
}

impl Default for SchedulerOptions {
    fn default() -> Self {
        Self {
            queue_depth: 100,
            worker_count: 0,
            max_workers: 256,
            quantum: 64 * 1024,
            cores: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            idle_timeout: Duration::from_secs(10),
        }
    }
}

impl SchedulerOptions {
    pub(crate) fn validate(&self) -> Result<(), StartError> {
        let zero = [
            ("queue_depth", self.queue_depth == 0),
            ("max_workers", self.max_workers == 0),
            ("quantum", self.quantum == 0),
            ("cores", self.cores == 0),
        ];
        match zero.into_iter().find(|(_, is_zero)| *is_zero) {
            Some((option, _)) => Err(StartError::ZeroOption { option }),
            None => Ok(()),
        }
    }

    pub(crate) fn places(&self) -> Places {
        Places {
            fixed: NonZeroUsize::new(self.worker_count),
            cores: self.cores,
            max_workers: self.max_workers,
        }
    }
}

/// The number of places, as a function of how many databases are active.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places {
    fixed: Option<NonZeroUsize>,
    cores: usize,
    max_workers: usize,
}

impl Places {
    /// Jobs that may ever run at a time.
    pub(crate) fn hard(&self) -> usize {
        self.fixed.map_or(self.max_workers, NonZeroUsize::get)
    }

    /// Jobs that should run at a time while `active` databases have work.
    pub(crate) fn target(&self, active: usize) -> usize {
        match self.fixed {
            Some(count) => count.get(),
            None => self
                .cores
                .max(active)
                .saturating_mul(2)
                .min(self.max_workers),
        }
    }

    /// Places to be shared as second, third, … places of a database.
    ///
    /// One place below the hard limit is never among them: it waits for a database that has
    /// nothing running.
    pub(crate) fn further(&self, active: usize) -> usize {
        self.target(active)
            .min(self.hard().saturating_sub(1))
            .saturating_sub(active)
    }
}

/// Why a scheduler could not be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// An option that counts from 1 was 0.
    #[error("scheduler option {option} must be at least 1")]
    ZeroOption {
        /// Name of the field of [`SchedulerOptions`].
        option: &'static str,
    },
    /// The system refused the first worker thread.
    #[error("cannot start a worker thread")]
    Thread {
        /// What the system answered.
        #[source]
        source: std::io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_load(cores: usize, max_workers: usize) -> Places {
        SchedulerOptions {
            cores,
            max_workers,
            ..SchedulerOptions::default()
        }
        .places()
    }

    fn fixed(worker_count: usize) -> Places {
        SchedulerOptions {
            worker_count,
            ..SchedulerOptions::default()
        }
        .places()
    }

    #[test]
    fn the_target_is_twice_the_cores_or_twice_the_databases_up_to_the_maximum() {
        let places = by_load(4, 256);
        assert_eq!(places.target(1), 8);
        assert_eq!(places.target(4), 8);
        assert_eq!(places.target(5), 10);
        assert_eq!(places.target(1000), 256);
        assert_eq!(fixed(3).target(1000), 3);
    }

    #[test]
    fn a_lone_database_may_use_the_whole_target() {
        assert_eq!(1 + by_load(2, 256).further(1), 4);
    }

    #[test]
    fn one_place_is_left_for_a_newcomer_below_the_hard_limit() {
        assert_eq!(1 + fixed(4).further(1), 3);
        assert_eq!(1 + fixed(1).further(1), 1);
        assert_eq!(255 + by_load(2, 256).further(255), 255);
        assert_eq!(by_load(2, 256).further(1000), 0);
    }

    #[test]
    fn options_that_count_from_one_refuse_zero_by_name() {
        let options = SchedulerOptions {
            quantum: 0,
            ..SchedulerOptions::default()
        };
        assert_eq!(
            options.validate().unwrap_err().to_string(),
            "scheduler option quantum must be at least 1"
        );
        assert!(SchedulerOptions::default().validate().is_ok());
    }
}
