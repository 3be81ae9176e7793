//! What callers, permits and workers share: the ledger under a lock, and who sleeps.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::job::Job;
use crate::ledger::Ledger;
use crate::options::SchedulerOptions;
use crate::queue::FlowId;
use crate::worker;

/// ORDER: `threads` is taken before `state` or without it, never while `state` is held.
pub(crate) struct Shared<J: Job> {
    pub(crate) state: Mutex<State<J>>,
    /// Signalled when a scheduler that admits nothing has nothing left to run, and when its last
    /// worker has ended.
    pub(crate) quiet: Condvar,
    pub(crate) threads: Mutex<Threads>,
    pub(crate) idle_timeout: Duration,
}

pub(crate) struct State<J> {
    pub(crate) ledger: Ledger<J>,
    pub(crate) phase: Phase,
    pub(crate) workers: Workers,
    pub(crate) refused_stopping: u64,
    pub(crate) panics: u64,
}

/// How far the scheduler's life has gone; it only goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Jobs are admitted.
    Open,
    /// Nothing is admitted; what was is run.
    Draining,
    /// As before, and workers end when nothing is left.
    Closed,
}

/// The worker threads.
#[derive(Debug, Default)]
pub(crate) struct Workers {
    /// Threads that exist or are being started.
    pub(crate) alive: usize,
    /// Those of them that were called or started and have not come yet.
    pub(crate) coming: usize,
    /// Those that sleep; the last to fall asleep is the first to be called, so that the ones that
    /// are not needed stay asleep until they end.
    pub(crate) idle: Vec<Arc<Seat>>,
    /// Starts that the system refused.
    pub(crate) start_failures: u64,
}

/// Where one worker sleeps.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    pub(crate) bell: Condvar,
}

/// Threads that were started, to be joined.
#[derive(Debug, Default)]
pub(crate) struct Threads {
    handles: Vec<JoinHandle<()>>,
    started: u64,
}

impl<J: Job> Shared<J> {
    pub(crate) fn new(options: &SchedulerOptions) -> Self {
        Self {
            state: Mutex::new(State {
                ledger: Ledger::new(options),
                phase: Phase::Open,
                workers: Workers::default(),
                refused_stopping: 0,
                panics: 0,
            }),
            quiet: Condvar::new(),
            threads: Mutex::new(Threads::default()),
            idle_timeout: options.idle_timeout,
        }
    }

    /// Gives back the place of a job that ran inline.
    pub(crate) fn release(self: &Arc<Self>, id: FlowId) {
        let mut state = self.state.lock();
        state.ledger.finish(id);
        self.settle(state);
    }

    /// Does what a change of the state calls for: dispatches, and calls as many workers as that
    /// takes.
    pub(crate) fn settle(self: &Arc<Self>, mut state: MutexGuard<'_, State<J>>) {
        state.ledger.dispatch();
        let missing = self.call_workers(&mut state);
        drop(state);
        self.start_workers(missing);
    }

    /// Wakes who is needed, and returns how many workers have to be started on top; those already
    /// count as alive and coming.
    pub(crate) fn call_workers(&self, state: &mut State<J>) -> usize {
        let mut missing = 0;
        while state.workers.coming < state.ledger.dispatched() {
            state.workers.coming += 1;
            match state.workers.idle.pop() {
                Some(seat) => {
                    seat.bell.notify_one();
                }
                None => {
                    state.workers.alive += 1;
                    missing += 1;
                }
            }
        }
        self.call_for_the_end(state);
        missing
    }

    /// Wakes whoever waits for the end, where it has come.
    pub(crate) fn call_for_the_end(&self, state: &mut State<J>) {
        if state.phase == Phase::Open {
            return;
        }
        if state.is_over() {
            for seat in state.workers.idle.drain(..) {
                state.workers.coming += 1;
                seat.bell.notify_one();
            }
        }
        if state.ledger.is_quiet() || state.workers.alive == 0 {
            self.quiet.notify_all();
        }
    }

    /// Starts workers that [`call_workers`](Self::call_workers) asked for.
    ///
    /// A refusal by the system is counted and leaves the work to the workers there are; the one
    /// that [`Scheduler::start`](crate::Scheduler::start) made sure of never ends before the
    /// scheduler does.
    pub(crate) fn start_workers(self: &Arc<Self>, count: usize) {
        for _ in 0..count {
            if self.start_worker().is_err() {
                let mut state = self.state.lock();
                state.workers.start_failures += 1;
                state.workers.alive -= 1;
                state.workers.coming -= 1;
                self.call_for_the_end(&mut state);
            }
        }
    }

    /// Starts a worker that counts as alive and coming.
    pub(crate) fn start_worker(self: &Arc<Self>) -> std::io::Result<()> {
        let mut threads = self.threads.lock();
        threads.handles.retain(|handle| !handle.is_finished());
        threads.started += 1;
        let shared = Arc::clone(self);
        let handle = std::thread::Builder::new()
            .name(format!("docdb-work-{}", threads.started))
            .spawn(move || worker::work(&shared))?;
        threads.handles.push(handle);
        Ok(())
    }

    /// Waits for the threads that were started.
    pub(crate) fn join_workers(&self) {
        let handles = std::mem::take(&mut self.threads.lock().handles);
        for handle in handles {
            // A worker catches the panics of jobs; its own end carries no answer.
            let _ = handle.join();
        }
    }
}

impl<J: Job> State<J> {
    /// Whether nothing is left for a worker, now or ever.
    pub(crate) fn is_over(&self) -> bool {
        self.phase == Phase::Closed && self.ledger.is_drained()
    }
}
