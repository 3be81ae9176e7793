//! How fast what runs beside commits goes: checkpoints and merges rest while anybody commits.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::database::LogicalDb;

/// Bytes that are moved between two looks.
const PART_BYTES: u64 = 256 * 1024;
/// Rests at most, in units of the time worked: then a quarter of the time is worked.
const MOST_REST: f64 = 3.0;
/// So many times behind what is due, nothing rests any more.
const LATE: f64 = 2.0;
/// However long a part took: the disk may have been busy with something else.
const LONGEST_REST: Duration = Duration::from_millis(20);

/// How many commits all databases of an engine have made. That it moves is what counts.
#[derive(Debug, Default)]
pub(crate) struct Traffic(AtomicU64);

impl Traffic {
    /// Notes a commit.
    pub(crate) fn note_commit(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn commits(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The pace of one piece of work on a database.
///
/// While nobody commits it goes as fast as it can, and while its database is being closed. Otherwise
/// it works a quarter of the time, and more of it the further the checkpoint is behind the log and
/// the more databases wait for theirs: no log outgrows it, at whatever rate it is written.
#[derive(Debug)]
pub(crate) struct Pace<'a> {
    database: &'a LogicalDb,
    moved: u64,
    begun: Duration,
    commits: u64,
}

impl<'a> Pace<'a> {
    pub(crate) fn begin(database: &'a LogicalDb) -> Self {
        Self {
            database,
            moved: 0,
            begun: database.signals.now(),
            commits: database.signals.traffic().commits(),
        }
    }

    /// Notes that as many bytes more were moved, and may rest. To be called without a lock that
    /// anybody waits for.
    pub(crate) fn keep(&mut self, bytes: u64) {
        self.moved += bytes;
        if self.moved < PART_BYTES {
            return;
        }
        let worked = self.database.signals.now().saturating_sub(self.begun);
        // A clock that stands still has nobody to give time to.
        if let Some(rest) = self.rest(worked).filter(|rest| !rest.is_zero()) {
            std::thread::sleep(rest);
        }
        *self = Self::begin(self.database);
    }

    /// How long to rest after so much work since it was asked last; `None` while the database is being
    /// closed.
    pub(crate) fn rest(&mut self, worked: Duration) -> Option<Duration> {
        if self.database.is_ending() {
            return None;
        }
        let signals = &self.database.signals;
        let commits = signals.traffic().commits();
        let is_alone = std::mem::replace(&mut self.commits, commits) == commits;
        if is_alone {
            return Some(Duration::ZERO);
        }
        Some(rest(worked, self.database.lag(), signals.waiting()))
    }
}

/// How long to rest after so much work: with `lag` times the log of a checkpoint uncovered, and with
/// `waiting` databases that wait for work like this.
fn rest(worked: Duration, lag: f64, waiting: usize) -> Duration {
    let behind = lag.max(1.0 + waiting as f64 / 2.0);
    let left = (LATE - behind) / (LATE - 1.0);
    let rest = worked.mul_f64(MOST_REST * left.clamp(0.0, 1.0));
    rest.min(LONGEST_REST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKED: Duration = Duration::from_millis(2);

    #[test]
    fn the_further_behind_the_shorter_the_rest() {
        let rests = |lag| rest(WORKED, lag, 0);
        assert_eq!(rests(0.0), 3 * WORKED);
        assert_eq!(rests(1.0), 3 * WORKED);
        assert_eq!(rests(1.5), WORKED * 3 / 2);
        assert_eq!(rests(2.0), Duration::ZERO);
        assert_eq!(rests(1e9), Duration::ZERO);
    }

    #[test]
    fn the_more_databases_wait_the_shorter_the_rest() {
        assert_eq!(rest(WORKED, 1.0, 1), WORKED * 3 / 2);
        assert_eq!(rest(WORKED, 1.0, 2), Duration::ZERO);
        assert_eq!(rest(WORKED, 1.0, usize::MAX), Duration::ZERO);
    }

    #[test]
    fn a_part_that_took_long_is_followed_by_no_long_rest() {
        assert_eq!(rest(Duration::from_secs(9), 1.0, 0), LONGEST_REST);
    }
}
