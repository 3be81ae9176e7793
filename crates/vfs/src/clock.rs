//! Time as docdb sees it.

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Time since a fixed moment of this clock's own choice. Never goes back; the only time that
    /// intervals and limits are measured with.
    fn monotonic(&self) -> Duration;

    /// Time since 1970-01-01 00:00 UTC. May jump either way: for showing to people, never for
    /// ordering.
    fn unix_time(&self) -> Duration;
}

impl fmt::Debug for dyn Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock")
            .field("monotonic", &self.monotonic())
            .finish()
    }
}

/// The clocks of the machine.
#[derive(Debug, Clone)]
pub struct RealClock {
    start: Instant,
}

impl RealClock {
    /// A clock whose monotonic time starts now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Default for RealClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for RealClock {
    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn unix_time(&self) -> Duration {
        // A machine whose clock stands before 1970 shows 1970.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
    }
}
