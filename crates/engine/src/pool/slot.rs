use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use docdb_types::{Code, Error, Quotas};
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::catalog::Identity;
use crate::quota::Gate;

/// The place of one database in the pool.
///
/// INVARIANT: the state is locked for moments only, never during I/O. Whoever works on the database
/// as a whole (opens, closes, drops it) holds the [`Turn`], which the state shows to all others.
#[derive(Debug)]
pub(crate) struct Slot<T> {
    pub(crate) identity: Identity,
    pub(crate) created_unix_ms: u64,
    /// Where its requests pass.
    pub(crate) gate: Arc<Gate>,
    last_used_ns: AtomicU64,
    state: Mutex<State<T>>,
    changed: Condvar,
}

/// Where a database stands.
#[derive(Debug)]
pub(crate) enum State<T> {
    Closed,
    /// Somebody's turn: it is being created or opened.
    Opening,
    Open(Arc<T>),
    /// Somebody's turn.
    Closing,
    /// It could not be opened; asked for explicitly, it is tried again.
    Failed(Error),
    /// Somebody's turn.
    Dropping,
    /// A drop failed, and whether a crash would find it dropped is not known. Until the catalog has
    /// decided, it takes no requests.
    Undecided(Error),
    /// It is dropped for good, but not all of its files could be removed.
    HalfDropped,
    /// It has left the pool.
    Gone,
}

/// The right to work on a database as a whole. Dropped without [`end`](Self::end), by a panic, it
/// leaves the database failed instead of everybody waiting.
#[derive(Debug)]
pub(crate) struct Turn<'a, T> {
    slot: &'a Slot<T>,
    ended: bool,
}

impl<T> Slot<T> {
    pub(crate) fn new(
        identity: Identity,
        created_unix_ms: u64,
        quotas: Quotas,
        state: State<T>,
    ) -> Self {
        Self {
            identity,
            created_unix_ms,
            gate: Gate::new(quotas),
            last_used_ns: AtomicU64::new(0),
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock()
    }

    /// Waits for the end of somebody's turn.
    pub(crate) fn wait(&self, state: &mut MutexGuard<'_, State<T>>) {
        self.changed.wait(state);
    }

    /// Takes the turn, shown as `shown`, and returns what was there.
    pub(crate) fn begin(
        &self,
        mut state: MutexGuard<'_, State<T>>,
        shown: State<T>,
    ) -> (Turn<'_, T>, State<T>) {
        let before = std::mem::replace(&mut *state, shown);
        (self.turn(), before)
    }

    /// The turn of whoever put the slot in with a state that shows it.
    pub(crate) const fn turn(&self) -> Turn<'_, T> {
        Turn {
            slot: self,
            ended: false,
        }
    }

    /// The open database, if it is.
    pub(crate) fn open(&self) -> Option<Arc<T>> {
        match &*self.state.lock() {
            State::Open(database) => Some(Arc::clone(database)),
            _ => None,
        }
    }

    /// Notes a use at `now`.
    pub(crate) fn touch(&self, now: Duration) {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        self.last_used_ns.fetch_max(now, Ordering::Relaxed);
    }

    /// When it was used last.
    pub(crate) fn last_used(&self) -> Duration {
        Duration::from_nanos(self.last_used_ns.load(Ordering::Relaxed))
    }

    /// The error of a request that came while the database was on its way somewhere.
    pub(crate) fn not_active(&self) -> Error {
        Error::new(Code::DbNotActive, Code::DbNotActive.meaning()).in_database(&self.identity.name)
    }
}

impl<T> State<T> {
    /// Whether it has files open, or is about to.
    pub(crate) const fn is_resident(&self) -> bool {
        matches!(self, Self::Opening | Self::Open(_) | Self::Closing)
    }

    /// The database, if it is open and nobody has it but the pool.
    ///
    /// Users get it from the pool alone, under the lock of this state: one that nobody has cannot
    /// be taken while the lock is held.
    pub(crate) fn unused(&self) -> Option<&T> {
        match self {
            Self::Open(database) if Arc::strong_count(database) == 1 => Some(database),
            _ => None,
        }
    }
}

impl<T> Turn<'_, T> {
    /// Ends the turn and wakes all who wait.
    pub(crate) fn end(mut self, state: State<T>) {
        self.ended = true;
        self.set(state);
    }

    fn set(&self, state: State<T>) {
        let before = std::mem::replace(&mut *self.slot.state.lock(), state);
        self.slot.changed.notify_all();
        // What a state holds is let go of after its lock.
        drop(before);
    }
}

/// Does `work`, and makes an error of a panic in it.
///
/// What a panic leaves half done is the database it was working on, and that one is failed by its
/// [`Turn`] or by the caller.
pub(crate) fn contained<R>(work: impl FnOnce() -> R) -> Result<R, Error> {
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|_| Error::new(Code::Internal, "the work on a database panicked"))
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        if !self.ended {
            let error = Error::new(
                Code::Internal,
                "a panic interrupted the work on the database",
            );
            self.set(State::Failed(error.in_database(&self.slot.identity.name)));
        }
    }
}
