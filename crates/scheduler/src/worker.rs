//! The threads that run what could not run inline.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::MutexGuard;

use crate::job::Job;
use crate::shared::{Seat, Shared, State};

/// The life of a worker that counts as alive and coming.
pub(crate) fn work<J: Job>(shared: &Arc<Shared<J>>) {
    let seat = Arc::new(Seat::default());
    let mut state = shared.state.lock();
    state.workers.coming -= 1;
    loop {
        if let Some((id, job)) = state.ledger.begin() {
            let missing = shared.call_workers(&mut state);
            let panicked = MutexGuard::unlocked(&mut state, || {
                shared.start_workers(missing);
                run_isolated(job)
            });
            state.panics += u64::from(panicked);
            state.ledger.finish(id);
            state.ledger.dispatch();
        } else {
            shared.call_for_the_end(&mut state);
            if state.is_over() || !sleep(shared, &seat, &mut state) {
                break;
            }
        }
    }
    state.workers.alive -= 1;
    shared.call_for_the_end(&mut state);
}

/// Sleeps until called, and returns whether to go on.
///
/// INVARIANT: the last worker sleeps without a timeout, so that an idle scheduler does nothing.
fn sleep<J: Job>(
    shared: &Shared<J>,
    seat: &Arc<Seat>,
    state: &mut MutexGuard<'_, State<J>>,
) -> bool {
    state.workers.idle.push(Arc::clone(seat));
    if state.workers.alive == 1 {
        seat.bell.wait(state);
    } else {
        seat.bell.wait_for(state, shared.idle_timeout);
    }
    let workers = &mut state.workers;
    match workers.idle.iter().position(|idle| Arc::ptr_eq(idle, seat)) {
        // Nobody called: not needed for a whole timeout. A worker that is coming may turn out not
        // to exist, so that this one could be the last.
        Some(position) => {
            workers.idle.remove(position);
            workers.alive == 1 || workers.coming > 0
        }
        None => {
            workers.coming -= 1;
            true
        }
    }
}

/// Runs a job, and returns whether it panicked.
fn run_isolated<J: Job>(job: J) -> bool {
    let Err(payload) = catch_unwind(AssertUnwindSafe(|| job.run())) else {
        return false;
    };
    // What was thrown may throw again while it is dropped; that second thing is let be.
    if let Err(thrown) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(thrown);
    }
    true
}
