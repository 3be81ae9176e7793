use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::{Condvar, Mutex};

use super::lead::Lead;

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

/// How the holder of a ticket waits for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waits {
    /// On a thread that is blocked until then, and can commit meanwhile.
    Blocked,
    /// As it likes.
    Anyhow,
}

/// What whoever is blocked on a ticket wakes up for.
#[derive(Debug)]
pub(crate) enum Woken<T> {
    Answered(T),
    /// It is its turn to commit.
    Leads(Lead, Ticket<T>),
}

#[derive(Debug)]
struct Slot<T> {
    waits: Waits,
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    answer: Answer<T>,
    /// The task that awaits it.
    waiter: Option<Waker>,
    /// What a blocked thread is to do meanwhile.
    lead: Option<Lead>,
}

#[derive(Debug)]
enum Answer<T> {
    Owed,
    Given(T),
    Taken,
}

impl<T> Slot<T> {
    fn new(waits: Waits, answer: Answer<T>) -> Arc<Self> {
        Arc::new(Self {
            waits,
            state: Mutex::new(State {
                answer,
                waiter: None,
                lead: None,
            }),
            changed: Condvar::new(),
        })
    }

    fn answer(&self, answer: T) {
        let mut state = self.state.lock();
        state.answer = Answer::Given(answer);
        let waiter = state.waiter.take();
        drop(state);
        self.changed.notify_all();
        if let Some(waker) = waiter {
            waker.wake();
        }
    }
}

/// Whoever is blocked on a ticket, or is about to be.
pub(crate) trait Heir {
    /// Has it take the lead.
    fn inherit(&self, lead: Lead);
}

impl<T> Heir for Slot<T> {
    fn inherit(&self, lead: Lead) {
        self.state.lock().lead = Some(lead);
        self.changed.notify_all();
    }
}

/// A ticket and the promise behind it, which owes so many answers.
pub(crate) fn promise<T>(
    owed: usize,
    fallback: fn(usize) -> T,
    waits: Waits,
) -> (Promise<T>, Ticket<T>) {
    let slot = Slot::new(waits, Answer::Owed);
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

    /// Who can commit instead of whoever leads.
    pub(crate) fn heir(&self) -> Option<Arc<dyn Heir>>
    where
        T: 'static,
    {
        (self.slot.waits == Waits::Blocked).then(|| Arc::clone(&self.slot) as Arc<dyn Heir>)
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if let Some(fallback) = self.fallback.take() {
            self.slot.answer(fallback(self.owed));
        }
    }
}

impl<T> Ticket<T> {
    /// A ticket whose answer is already there.
    pub fn ready(answer: T) -> Self {
        Self(Slot::new(Waits::Anyhow, Answer::Given(answer)))
    }

    /// The answer if it is there, else the ticket again. Never blocks.
    ///
    /// # Errors
    /// The ticket itself, while the commit has not answered.
    pub fn poll_once(self) -> Result<T, Self> {
        let taken = self.0.state.lock().take();
        taken.ok_or(self)
    }

    /// Blocks the thread until the answer is there.
    pub fn wait(self) -> T {
        let mut ticket = self;
        loop {
            match ticket.wake_up() {
                Woken::Answered(answer) => return answer,
                Woken::Leads(lead, rest) => {
                    lead.run();
                    ticket = rest;
                }
            }
        }
    }

    /// Blocks the thread until the answer is there, or a commit is to be performed by it.
    pub(crate) fn wake_up(self) -> Woken<T> {
        let mut state = self.0.state.lock();
        loop {
            if let Some(lead) = state.lead.take() {
                drop(state);
                return Woken::Leads(lead, self);
            }
            if let Some(answer) = state.take() {
                return Woken::Answered(answer);
            }
            self.0.changed.wait(&mut state);
        }
    }
}

impl<T> State<T> {
    fn take(&mut self) -> Option<T> {
        match std::mem::replace(&mut self.answer, Answer::Taken) {
            Answer::Given(answer) => Some(answer),
            other => {
                self.answer = other;
                None
            }
        }
    }
}

impl<T> Future for Ticket<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut state = self.0.state.lock();
        // Polled again after it was ready, it stays pending: the contract of futures leaves that open.
        state.take().map_or_else(
            || {
                state.waiter = Some(context.waker().clone());
                Poll::Pending
            },
            Poll::Ready,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_that_is_dropped_still_answers() {
        let (promise, ticket) = promise(3, |owed| format!("fallback {owed}"), Waits::Anyhow);
        drop(promise);
        assert_eq!(ticket.wait(), "fallback 3");
    }

    #[test]
    fn a_ticket_is_blocked_on_until_another_thread_keeps_the_promise() {
        let (promise, ticket) = promise(1, |_| 0, Waits::Anyhow);
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
        let (promise, mut ticket) = promise(1, |_| 0, Waits::Anyhow);
        assert_eq!(Pin::new(&mut ticket).poll(&mut context), Poll::Pending);
        assert!(!flag.0.load(std::sync::atomic::Ordering::SeqCst));
        promise.keep(3);
        assert!(flag.0.load(std::sync::atomic::Ordering::SeqCst));
        assert_eq!(Pin::new(&mut ticket).poll(&mut context), Poll::Ready(3));
    }
}
