//! Time that stands still until it is moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::Clock;

/// 2026-01-01 00:00 UTC, in nanoseconds since 1970.
const START_UNIX_NS: u64 = 1_767_225_600_000_000_000;

/// A clock that moves only by hand. Clones show the same time.
#[derive(Debug, Clone)]
pub struct SimClock(Arc<Hands>);

#[derive(Debug)]
struct Hands {
    monotonic_ns: AtomicU64,
    unix_ns: AtomicU64,
}

impl SimClock {
    /// A clock that shows zero, on 2026-01-01 00:00 UTC.
    #[must_use]
    pub fn new() -> Self {
        Self::at(0, START_UNIX_NS)
    }

    fn at(monotonic_ns: u64, unix_ns: u64) -> Self {
        Self(Arc::new(Hands {
            monotonic_ns: AtomicU64::new(monotonic_ns),
            unix_ns: AtomicU64::new(unix_ns),
        }))
    }

    /// Moves both times forward.
    pub fn advance(&self, by: Duration) {
        let by = nanoseconds(by);
        self.0.monotonic_ns.fetch_add(by, Ordering::SeqCst);
        self.0.unix_ns.fetch_add(by, Ordering::SeqCst);
    }

    /// Sets the calendar, forward or back; the monotonic time stays.
    pub fn set_unix_time(&self, to: Duration) {
        self.0.unix_ns.store(nanoseconds(to), Ordering::SeqCst);
    }

    /// A clock of its own that shows the same time now.
    pub(super) fn detached(&self) -> Self {
        Self::at(
            self.0.monotonic_ns.load(Ordering::SeqCst),
            self.0.unix_ns.load(Ordering::SeqCst),
        )
    }
}

impl Default for SimClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SimClock {
    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.0.monotonic_ns.load(Ordering::SeqCst))
    }

    fn unix_time(&self) -> Duration {
        Duration::from_nanos(self.0.unix_ns.load(Ordering::SeqCst))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
