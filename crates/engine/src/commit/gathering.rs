//! How long a batch is held open for writers that are about to come back.
//!
//! Writers that wait for one sync come back together, a moment after it. Where the next batch is on
//! its way to the disk by then, they wait for all of it and then for their own: half of them ride
//! with every sync, and each waits for two. Holding the batch open for that moment lets all of them
//! ride with every sync. It pays where syncs are long against the moment, and is found out by
//! trying: what a hold brought is held against what it cost, and after one that did not pay the next
//! try comes later and later.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use docdb_vfs::Clock;
use docdb_wal::group::Leadership;
use parking_lot::{Condvar, Mutex};

/// Steps shorter than this are no syncs: there is nothing that would be worth a hold.
const SHORTEST_STEP: Duration = Duration::from_micros(60);
/// No batch is held longer, however long syncs take.
const LONGEST_HOLD: Duration = Duration::from_millis(2);
/// One part in so many of the writers is not waited for: some have something else to do first.
const STRAGGLERS: usize = 8;
/// Most steps without a hold between two tries.
const MOST_SKIPPED: u32 = 256;
/// How much of the mean of steps a new one is: one part in so many.
const MEAN_OF_STEPS: u32 = 8;

/// What decides whether the next batch is held open, and those who come while one is.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    /// Items that the batch held open waits for; 0 while none is held open.
    wanted: AtomicUsize,
    /// Items that had queued when the last batch had become durable.
    behind: AtomicUsize,
    policy: Mutex<Policy>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Policy {
    /// Writers seen at the same time: those of the last batch, and those who had queued behind it.
    writers: usize,
    /// Mean duration of a step.
    step: Duration,
    /// Steps that are taken without a hold.
    skip: u32,
    /// How many they were the last time.
    skipped: u32,
}

impl Gathering {
    /// Holds the next batch open for a moment, where that pays.
    pub(crate) fn hold<T>(&self, leadership: &Leadership<T>, most: usize, clock: &dyn Clock) {
        let mut policy = self.policy.lock();
        let waiting = leadership.waiting();
        let Some((wanted, longest)) = policy.hold(waiting, most) else {
            return;
        };
        let begun = clock.monotonic();
        let mut held = Duration::ZERO;
        // ORDER: told before the queue is looked at, so that whoever comes behind the look tells.
        self.wanted.store(wanted, Ordering::SeqCst);
        let mut is_over = false;
        while leadership.waiting() < wanted && held < longest && !is_over {
            let waited = self.arrived.wait_for(&mut policy, longest - held);
            // A clock that stands still, as a simulated one does, ends no hold.
            is_over = waited.timed_out();
            held = clock.monotonic().saturating_sub(begun);
        }
        self.wanted.store(0, Ordering::SeqCst);
        policy.judge(leadership.waiting(), held);
    }

    /// Notes that an item has queued behind somebody who leads; `queued` counts the queue.
    pub(crate) fn arrive(&self, queued: impl FnOnce() -> usize) {
        let wanted = self.wanted.load(Ordering::SeqCst);
        if wanted != 0 && queued() >= wanted {
            // ORDER: whoever holds the batch open looks and begins to wait under this lock.
            let _policy = self.policy.lock();
            self.arrived.notify_one();
        }
    }

    /// Notes how many items have queued behind a batch that is durable and not answered yet: whoever
    /// is answered may come back and be counted twice.
    pub(crate) fn note_behind(&self, queued: usize) {
        self.behind.store(queued, Ordering::Relaxed);
    }

    /// Notes a step: how many items it took, and how long it was.
    pub(crate) fn note_step(&self, taken: usize, step: Duration) {
        let mut policy = self.policy.lock();
        policy.writers = taken + self.behind.swap(0, Ordering::Relaxed);
        policy.step = (policy.step * (MEAN_OF_STEPS - 1) + step) / MEAN_OF_STEPS;
    }
}

impl Policy {
    /// How many items to wait for, and how long at most; `None`: the batch goes at once.
    fn hold(&mut self, waiting: usize, most: usize) -> Option<(usize, Duration)> {
        let wanted = (self.writers - self.writers / STRAGGLERS).min(most);
        if waiting >= wanted || self.step < SHORTEST_STEP {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        Some((wanted, (self.step / 2).min(LONGEST_HOLD)))
    }

    /// Holds what a hold brought against two batches of half the writers each.
    fn judge(&mut self, gathered: usize, held: Duration) {
        let with = gathered as u128 * 2 * self.step.as_nanos();
        let without = self.writers as u128 * (self.step + held).as_nanos();
        self.skipped = if with >= without {
            0
        } else {
            (self.skipped * 2 + 1).min(MOST_SKIPPED)
        };
        self.skip = self.skipped;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use docdb_vfs::Host;
    use docdb_wal::group::GroupQueue;

    const STEP: Duration = Duration::from_millis(4);

    fn policy(writers: usize) -> Policy {
        Policy {
            writers,
            step: STEP,
            ..Policy::default()
        }
    }

    #[test]
    fn a_lone_writer_and_a_fast_disk_are_never_kept_waiting() {
        assert_eq!(policy(1).hold(1, 100), None);
        assert_eq!(policy(0).hold(1, 100), None);
        let mut fast = Policy {
            step: SHORTEST_STEP / 2,
            ..policy(10)
        };
        assert_eq!(fast.hold(1, 100), None);
    }

    #[test]
    fn a_batch_waits_for_most_of_the_writers_and_for_half_a_step_at_most() {
        assert_eq!(policy(16).hold(3, 100), Some((14, STEP / 2)));
        assert_eq!(policy(16).hold(14, 100), None);
        assert_eq!(
            policy(16).hold(3, 8),
            Some((8, STEP / 2)),
            "no batch is larger"
        );
    }

    #[test]
    fn what_does_not_pay_is_tried_ever_more_seldom_and_what_pays_always() {
        let mut policy = policy(10);
        let mut skipped = Vec::new();
        for _ in 0..10 {
            policy.judge(1, STEP / 2);
            skipped.push(policy.skip);
        }
        assert_eq!(skipped, [1, 3, 7, 15, 31, 63, 127, 255, 256, 256]);
        assert_eq!(policy.hold(1, 100), None);
        policy.judge(9, STEP / 8);
        assert_eq!(policy.skip, 0);
        assert!(policy.hold(1, 100).is_some());
    }

    #[test]
    fn a_clock_that_stands_still_does_not_keep_a_batch_open_for_ever() {
        let gathering = Gathering::default();
        let queue = GroupQueue::new();
        let leadership = queue.join(0).unwrap();
        for _ in 0..100 {
            gathering.note_step(4, STEP);
        }
        let host = docdb_vfs::SimVfs::new(1).host();
        gathering.hold(&leadership, 100, &*host.clock);
        assert_eq!(gathering.wanted.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn whoever_comes_last_ends_the_hold() {
        let gathering = Gathering::default();
        let queue = GroupQueue::new();
        let leadership = queue.join(0).unwrap();
        // Long enough for a hold that ends by itself to be noticed.
        for _ in 0..100 {
            gathering.note_step(4, LONGEST_HOLD * 2);
        }
        let host = Host::real();
        std::thread::scope(|scope| {
            scope.spawn(|| gathering.hold(&leadership, 100, &*host.clock));
            while gathering.wanted.load(Ordering::SeqCst) == 0 && gathering.policy.lock().skip == 0
            {
                std::thread::yield_now();
            }
            for item in 1..4 {
                assert!(queue.join(item).is_none());
                gathering.arrive(|| queue.len());
            }
        });
        assert_eq!(gathering.wanted.load(Ordering::SeqCst), 0);
    }
}
