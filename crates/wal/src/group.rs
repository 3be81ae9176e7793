//! Finding the leader of a group commit.
//!
//! Whoever brings an item while nobody leads becomes the leader: it takes what has queued, commits
//! it as one batch, and goes on while more has queued meanwhile. Everybody else has nothing to do
//! but wait for the answer of their item. No thread belongs to the queue, and nothing here blocks.
//!
//! ```
//! use docdb_wal::group::GroupQueue;
//!
//! let queue = GroupQueue::new();
//! let mut leader = queue.join("first").expect("nobody leads yet");
//! assert!(queue.join("second").is_none()); // somebody leads: it will take this one too
//!
//! let mut batch = Vec::new();
//! leader.take(100, &mut batch);
//! assert_eq!(batch, ["first", "second"]);
//! assert!(leader.finish().is_none()); // nothing has queued meanwhile: nobody leads
//! ```

use std::collections::VecDeque;
use std::fmt;

#[cfg(loom)]
use loom::sync::{Arc, Mutex};
#[cfg(not(loom))]
use std::sync::{Arc, Mutex};

/// A queue of items that one leader at a time takes from. Clones are the same queue.
pub struct GroupQueue<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
}

/// INVARIANT: when nobody leads, the queue is empty.
struct State<T> {
    queue: VecDeque<T>,
    led: bool,
}

/// The right, and the duty, to commit what is in the queue.
///
/// A leadership that is dropped and not [finished](Self::finish), by a panic say, drops every item
/// that is queued, none of which anybody has begun: an item whose sender must learn of it tells in
/// its own `Drop`. The next item then finds a queue that nobody leads.
#[must_use = "what is queued is dropped with the leadership"]
pub struct Leadership<T> {
    shared: Arc<Shared<T>>,
    finished: bool,
}

impl<T> GroupQueue<T> {
    /// An empty queue that nobody leads.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(State {
                    queue: VecDeque::new(),
                    led: false,
                }),
            }),
        }
    }

    /// Adds an item. Returns the leadership when nobody has it: the caller then commits this item
    /// and the others. Otherwise whoever leads commits it.
    pub fn join(&self, item: T) -> Option<Leadership<T>> {
        self.shared
            .with(|state| {
                state.queue.push_back(item);
                let leads = !state.led;
                state.led = true;
                leads
            })
            .then(|| Leadership {
                shared: Arc::clone(&self.shared),
                finished: false,
            })
    }

    /// Items that nobody has taken yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.with(|state| state.queue.len())
    }

    /// Whether every item has been taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Leadership<T> {
    /// Moves up to `max` items, oldest first, to the end of `into`, and returns how many there were.
    pub fn take(&mut self, max: usize, into: &mut Vec<T>) -> usize {
        self.shared.with(|state| {
            let taken = max.min(state.queue.len());
            into.extend(state.queue.drain(..taken));
            taken
        })
    }

    /// Moves items, oldest first, to the end of `into` while `wanted` says so.
    pub fn take_while(&mut self, into: &mut Vec<T>, mut wanted: impl FnMut(&T) -> bool) -> usize {
        self.shared.with(|state| {
            let before = into.len();
            while let Some(item) = state.queue.pop_front_if(|item| wanted(item)) {
                into.push(item);
            }
            into.len() - before
        })
    }

    /// What `find` makes of the first item of which it makes something, oldest first. The items stay.
    pub fn find_map<R>(&self, find: impl FnMut(&T) -> Option<R>) -> Option<R> {
        self.shared.with(|state| state.queue.iter().find_map(find))
    }

    /// Items that wait to be taken.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.with(|state| state.queue.len())
    }

    /// Gives the leadership up when the queue is empty; else returns it, to go on with what has
    /// queued meanwhile. No item can slip in between the look and the giving up.
    #[must_use = "a leadership that is returned has items to commit"]
    pub fn finish(mut self) -> Option<Self> {
        let finished = self.shared.with(|state| {
            state.led = !state.queue.is_empty();
            !state.led
        });
        self.finished = finished;
        (!finished).then_some(self)
    }
}

impl<T> Drop for Leadership<T> {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let abandoned = self.shared.with(|state| {
            state.led = false;
            std::mem::take(&mut state.queue)
        });
        // Outside the lock: dropping an item may do anything, joining again included.
        drop(abandoned);
    }
}

impl<T> Shared<T> {
    /// Every change of the state is one call of this, and leaves it whole even if the call of a
    /// closure panics; a poisoned lock is therefore as good as any.
    fn with<R>(&self, change: impl FnOnce(&mut State<T>) -> R) -> R {
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&mut state)
    }
}

impl<T> Clone for GroupQueue<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Default for GroupQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for GroupQueue<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("GroupQueue")
            .field("waiting", &self.len())
            .finish()
    }
}

impl<T> fmt::Debug for Leadership<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Leadership")
            .field("waiting", &self.waiting())
            .finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::thread;

    #[test]
    fn the_first_leads_and_takes_what_the_others_bring_in_order() {
        let queue = GroupQueue::new();
        let mut leader = queue.join(1).unwrap();
        for item in 2..=5 {
            assert!(queue.join(item).is_none());
        }
        let mut taken = Vec::new();
        assert_eq!(leader.take(2, &mut taken), 2);
        assert_eq!(leader.waiting(), 3);
        let even = |item: &i32| (item % 2 == 0).then_some(*item);
        assert_eq!(leader.find_map(even), Some(4), "two has been taken");
        assert_eq!(leader.waiting(), 3, "and it stays");
        let mut leader = leader.finish().unwrap();
        assert_eq!(leader.take_while(&mut taken, |item| *item < 5), 2);
        assert_eq!(leader.take(10, &mut taken), 1);
        assert_eq!(taken, [1, 2, 3, 4, 5]);
        assert!(leader.finish().is_none());
        assert!(queue.is_empty());
        assert!(queue.join(6).is_some(), "nobody leads any more");
    }

    #[test]
    fn an_abandoned_leadership_drops_what_is_queued_and_leaves_a_usable_queue() {
        struct Item(std::sync::Arc<AtomicUsize>);
        impl Drop for Item {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let dropped = std::sync::Arc::new(AtomicUsize::new(0));
        let item = || Item(dropped.clone());
        let queue = GroupQueue::new();
        let mut leader = queue.join(item()).unwrap();
        assert!(queue.join(item()).is_none());
        let mut taken = Vec::new();
        leader.take(1, &mut taken);
        let panicked = catch_unwind(AssertUnwindSafe(move || {
            let _leading = leader;
            panic!("in the middle of a commit");
        }));
        assert!(panicked.is_err());
        assert_eq!(dropped.load(Ordering::Relaxed), 1, "the one not taken");
        assert_eq!(queue.len(), 0);
        let mut leader = queue.join(item()).unwrap();
        leader.take(10, &mut taken);
        assert!(leader.finish().is_none());
        assert_eq!(taken.len(), 2);
    }

    #[test]
    fn a_panic_in_the_choice_of_items_loses_none() {
        let queue = GroupQueue::new();
        let mut leader = queue.join(1).unwrap();
        assert!(queue.join(2).is_none());
        let mut taken = Vec::new();
        let chosen = catch_unwind(AssertUnwindSafe(|| {
            leader.take_while(&mut taken, |item| {
                assert!(*item < 2);
                true
            })
        }));
        assert!(chosen.is_err());
        leader.take(10, &mut taken);
        assert_eq!(taken, [1, 2]);
    }

    #[test]
    fn under_load_every_item_is_taken_once_by_one_leader_at_a_time() {
        const THREADS: usize = 8;
        const ITEMS: usize = 2000;
        let queue = GroupQueue::new();
        let leading = AtomicBool::new(false);
        let taken: Vec<AtomicUsize> = (0..THREADS * ITEMS).map(|_| AtomicUsize::new(0)).collect();
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (queue, leading, taken) = (queue.clone(), &leading, &taken);
                scope.spawn(move || {
                    for item in 0..ITEMS {
                        let mut leader = queue.join(thread * ITEMS + item);
                        while let Some(mut leads) = leader {
                            assert!(!leading.swap(true, Ordering::SeqCst));
                            let mut batch = Vec::new();
                            leads.take(7, &mut batch);
                            for item in batch {
                                taken[item].fetch_add(1, Ordering::Relaxed);
                            }
                            assert!(leading.swap(false, Ordering::SeqCst));
                            leader = leads.finish();
                        }
                    }
                });
            }
        });
        assert!(taken.iter().all(|count| count.load(Ordering::Relaxed) == 1));
        assert!(queue.is_empty());
    }
}
