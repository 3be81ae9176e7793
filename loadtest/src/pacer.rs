use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::Instant;

/// Wakes tasks at their moment, more exactly than the clock of the runtime, which ticks in
/// milliseconds: one thread that sleeps until the next one is due.
#[derive(Debug)]
pub(crate) struct Pacer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    /// Moments and the numbers of who sleeps until then; those without a waker sleep no more.
    moments: BinaryHeap<Reverse<(Instant, u64)>>,
    wakers: HashMap<u64, Waker>,
    next: u64,
    is_closed: bool,
}

impl Pacer {
    pub(crate) fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let thread = std::thread::Builder::new()
            .name("pacer".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || shared.wake_on()
            })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Sleeps until a moment.
    pub(crate) fn until(&self, moment: Instant) -> Sleep<'_> {
        Sleep {
            shared: &self.shared,
            moment,
            number: None,
        }
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.shared.queue().is_closed = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It only ends by returning.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_on(&self) {
        let mut queue = self.queue();
        while !queue.is_closed {
            let now = Instant::now();
            match queue.moments.peek() {
                Some(Reverse((moment, _))) if *moment <= now => {
                    if let Some(Reverse((_, number))) = queue.moments.pop()
                        && let Some(waker) = queue.wakers.remove(&number)
                    {
                        waker.wake();
                    }
                }
                Some(Reverse((moment, _))) => {
                    let span = moment.saturating_duration_since(now);
                    let waited = self.changed.wait_timeout(queue, span);
                    queue = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                None => {
                    let waited = self.changed.wait(queue);
                    queue = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

/// What [`Pacer::until`] answers.
#[derive(Debug)]
pub(crate) struct Sleep<'a> {
    shared: &'a Shared,
    moment: Instant,
    number: Option<u64>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.moment {
            return Poll::Ready(());
        }
        let waker = context.waker().clone();
        let mut queue = self.shared.queue();
        if let Some(number) = self.number {
            queue.wakers.insert(number, waker);
        } else {
            let number = queue.next;
            queue.next += 1;
            queue.wakers.insert(number, waker);
            let is_first = queue
                .moments
                .peek()
                .is_none_or(|Reverse((first, _))| self.moment < *first);
            queue.moments.push(Reverse((self.moment, number)));
            drop(queue);
            if is_first {
                self.shared.changed.notify_one();
            }
            self.number = Some(number);
        }
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.shared.queue().wakers.remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn sleepers_wake_in_the_order_of_their_moments_and_never_early() {
        let pacer = Pacer::start().unwrap();
        let begun = Instant::now();
        let order = Mutex::new(Vec::new());
        let sleep = async |millis: u64| {
            let moment = begun + Duration::from_millis(millis);
            pacer.until(moment).await;
            assert!(Instant::now() >= moment);
            order.lock().unwrap().push(millis);
        };
        tokio::join!(sleep(30), sleep(5), sleep(0), sleep(15));
        assert_eq!(*order.lock().unwrap(), [0, 5, 15, 30]);
    }

    #[tokio::test]
    async fn who_gives_up_sleeping_is_forgotten() {
        let pacer = Pacer::start().unwrap();
        let far = Instant::now() + Duration::from_secs(3600);
        tokio::select! {
            () = pacer.until(far) => unreachable!(),
            () = pacer.until(Instant::now() + Duration::from_millis(1)) => {}
        }
        assert!(pacer.shared.queue().wakers.is_empty());
    }
}
