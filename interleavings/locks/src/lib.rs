//! What docdb uses of `parking_lot`, on the locks of `shuttle`: each is a point at which another
//! thread may go on.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;
use std::time::Duration;

use shuttle::rand::RngCore;
use shuttle::sync as scheduled;

/// A mutual exclusion that a panic does not poison.
#[derive(Default)]
pub struct Mutex<T: ?Sized>(scheduled::Mutex<T>);

/// The right to what a [`Mutex`] holds.
pub struct MutexGuard<'a, T: ?Sized> {
    of: &'a Mutex<T>,
    /// `None` only while a [`Condvar`] has it.
    held: Option<scheduled::MutexGuard<'a, T>>,
}

impl<T> Mutex<T> {
    pub fn new(value: T) -> Self {
        Self(scheduled::Mutex::new(value))
    }

    pub fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: ?Sized> Mutex<T> {
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.held(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(held) => Some(self.held(held)),
            Err(scheduled::TryLockError::Poisoned(poisoned)) => {
                Some(self.held(poisoned.into_inner()))
            }
            Err(scheduled::TryLockError::WouldBlock) => None,
        }
    }

    fn held<'a>(&'a self, held: scheduled::MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        MutexGuard {
            of: self,
            held: Some(held),
        }
    }
}

impl<T: ?Sized> MutexGuard<'_, T> {
    pub fn unlock_fair(guard: Self) {
        drop(guard);
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.held.as_ref().expect("held")
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.held.as_mut().expect("held")
    }
}

/// Many readers or one writer.
#[derive(Default)]
pub struct RwLock<T: ?Sized>(scheduled::RwLock<T>);

/// The right to read.
pub struct RwLockReadGuard<'a, T: ?Sized>(scheduled::RwLockReadGuard<'a, T>);

/// The right to write.
pub struct RwLockWriteGuard<'a, T: ?Sized>(scheduled::RwLockWriteGuard<'a, T>);

impl<T> RwLock<T> {
    pub fn new(value: T) -> Self {
        Self(scheduled::RwLock::new(value))
    }
}

impl<T: ?Sized> RwLock<T> {
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        RwLockReadGuard(self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        RwLockWriteGuard(self.0.write().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        self.0.try_write().ok().map(RwLockWriteGuard)
    }
}

impl<T: ?Sized> RwLockWriteGuard<'_, T> {
    pub fn unlock_fair(guard: Self) {
        drop(guard);
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// Whether a wait ended because its time was over.
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

/// Waiting for a change.
#[derive(Default)]
pub struct Condvar(scheduled::Condvar);

impl Condvar {
    pub fn new() -> Self {
        Self(scheduled::Condvar::new())
    }

    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let held = guard.held.take().expect("held");
        guard.held = Some(self.0.wait(held).unwrap_or_else(PoisonError::into_inner));
    }

    /// No time passes under the scheduler, which decides how long this waits: others go on for a
    /// while, then it wakes for no reason or its time is over.
    pub fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, _: Duration) -> WaitTimeoutResult {
        guard.held = None;
        shuttle::thread::yield_now();
        guard.held = guard.of.lock().held;
        WaitTimeoutResult(shuttle::rand::thread_rng().next_u32() % 2 == 0)
    }

    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

impl<T: ?Sized> fmt::Debug for Mutex<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Mutex")
    }
}

impl<T: ?Sized> fmt::Debug for RwLock<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RwLock")
    }
}

impl<T: ?Sized> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MutexGuard")
    }
}

impl<T: ?Sized> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RwLockReadGuard")
    }
}

impl<T: ?Sized> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RwLockWriteGuard")
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Condvar")
    }
}
