use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::{Condvar, Mutex};

/// The claim to an answer that a commit will bring. It holds no thread: it can be awaited, polled or
/// blocked on. Dropping it does not take the work back.
#[derive(Debug)]
#[must_use = "the outcome of a write is only known from its ticket"]
pub struct Ticket<T>(Arc<Slot<T>>);

/// The obligation to answer a [`Ticket`]. Dropped unkept, it answers with its fallback: no waiter
/// is ever left behind, also not by a panic.
#[derive(Debug)]
pub(crate) struct Promise<T> {
    slot: Arc<Slot<T>>,
    /// How many answers are owed, for the fallback.
    owed: usize,
    fallback: Option<fn(usize) -> T>,
}

#[derive(Debug)]
struct Slot<T> {
    state: Mutex<State<T>>,
    answered: Condvar,
}

#[derive(Debug)]
enum State<T> {
    Waiting(Option<Waker>),
    Answered(T),
    Taken,
}

/// A ticket and the promise behind it, which owes so many answers.
pub(crate) fn promise<T>(owed: usize, fallback: fn(usize) -> T) -> (Promise<T>, Ticket<T>) {
    let slot = Arc::new(Slot {
        state: Mutex::new(State::Waiting(None)),
        answered: Condvar::new(),
    });
    (
        Promise {
            slot: Arc::clone(&slot),
            owed,
            fallback: Some(fallback),
        },
        Ticket(slot),
    )
}

impl<T> Promise<T> {
    /// Answers, waking whoever waits.
    pub(crate) fn keep(mut self, answer: T) {
        self.fallback = None;
        self.slot.answer(answer);
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if let Some(fallback) = self.fallback.take() {
            self.slot.answer(fallback(self.owed));
        }
    }
}

impl<T> Slot<T> {
    fn answer(&self, answer: T) {
        let before = std::mem::replace(&mut *self.state.lock(), State::Answered(answer));
        self.answered.notify_all();
        if let State::Waiting(Some(waker)) = before {
            waker.wake();
        }
    }
}

impl<T> Ticket<T> {
    /// A ticket whose answer is already there.
    pub fn ready(answer: T) -> Self {
        Self(Arc::new(Slot {
            state: Mutex::new(State::Answered(answer)),
            answered: Condvar::new(),
        }))
    }

    /// The answer if it is there, else the ticket again. Never blocks.
    ///
    /// # Errors
    /// The ticket itself, while the commit has not answered.
    pub fn poll_once(self) -> Result<T, Self> {
        let mut state = self.0.state.lock();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Answered(answer) => Ok(answer),
            other => {
                *state = other;
                drop(state);
                Err(self)
            }
        }
    }

    /// Blocks the thread until the answer is there.
    pub fn wait(self) -> T {
        let mut state = self.0.state.lock();
        loop {
            match std::mem::replace(&mut *state, State::Taken) {
                State::Answered(answer) => return answer,
                other => *state = other,
            }
            self.0.answered.wait(&mut state);
        }
    }
}

impl<T> Future for Ticket<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut state = self.0.state.lock();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Answered(answer) => Poll::Ready(answer),
            State::Waiting(_) => {
                *state = State::Waiting(Some(context.waker().clone()));
                Poll::Pending
            }
            // Polled again after it was ready, which the contract of futures leaves open.
            State::Taken => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_that_is_dropped_still_answers() {
        let (promise, ticket) = promise(3, |owed| format!("fallback {owed}"));
        drop(promise);
        assert_eq!(ticket.wait(), "fallback 3");
    }

    #[test]
    fn a_ticket_is_blocked_on_until_another_thread_keeps_the_promise() {
        let (promise, ticket) = promise(1, |_| 0);
        let ticket = ticket.poll_once().unwrap_err();
        let waiter = std::thread::spawn(move || ticket.wait());
        promise.keep(7);
        assert_eq!(waiter.join().unwrap(), 7);
    }

    #[test]
    fn an_awaited_ticket_is_woken_once_answered() {
        struct Flag(std::sync::atomic::AtomicBool);
        impl std::task::Wake for Flag {
            fn wake(self: Arc<Self>) {
                self.0.store(true, std::sync::atomic::Ordering::SeqCst);
            }
        }
        let flag = Arc::new(Flag(std::sync::atomic::AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&flag));
        let mut context = Context::from_waker(&waker);
        let (promise, mut ticket) = promise(1, |_| 0);
        assert_eq!(Pin::new(&mut ticket).poll(&mut context), Poll::Pending);
        assert!(!flag.0.load(std::sync::atomic::Ordering::SeqCst));
        promise.keep(3);
        assert!(flag.0.load(std::sync::atomic::Ordering::SeqCst));
        assert_eq!(Pin::new(&mut ticket).poll(&mut context), Poll::Ready(3));
    }
}
