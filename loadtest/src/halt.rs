use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Ends a run early: a flag that workers look at before each request, and a wake-up for those who
/// sleep.
#[derive(Debug, Default)]
pub struct Halt {
    flag: AtomicBool,
    wake: Notify,
}

impl Halt {
    /// Asks everyone to finish what is under way and to begin nothing more.
    pub fn stop(&self) {
        self.flag.store(true, Ordering::Release);
        self.wake.notify_waiters();
    }

    /// Whether that was asked.
    pub fn is_stopped(&self) -> bool {
        self.flag.load(Ordering::Acquire)
    }

    /// Waits until it is asked.
    pub async fn stopped(&self) {
        let woken = self.wake.notified();
        // ORDER: registered for the wake-up before the flag is looked at, so that none is missed.
        if !self.is_stopped() {
            woken.await;
        }
    }
}
