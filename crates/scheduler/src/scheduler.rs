//! The front: admission, figures, and the end.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use docdb_types::DatabaseId;

use crate::admission::{Admission, Refusal, Refused};
use crate::job::Job;
use crate::ledger::Verdict;
use crate::options::{SchedulerOptions, StartError};
use crate::permit::Permit;
use crate::shared::{Phase, Shared};
use crate::stats::SchedulerStats;

/// Admits jobs of many databases to a bounded number of places.
///
/// Dropping it admits nothing more and lets the workers run what is queued, without waiting for
/// them; [`drain`](Self::drain) and [`stop`](Self::stop) wait.
pub struct Scheduler<J: Job> {
    shared: Arc<Shared<J>>,
}

impl<J: Job> Scheduler<J> {
    /// Starts a scheduler with one worker; more follow when they are needed.
    ///
    /// # Errors
    ///
    /// [`StartError::ZeroOption`] for an option out of its range, [`StartError::Thread`] where the
    /// system refuses the worker.
    pub fn start(options: SchedulerOptions) -> Result<Arc<Self>, StartError> {
        options.validate()?;
        let shared = Arc::new(Shared::new(&options));
        {
            let mut state = shared.state.lock();
            state.workers.alive = 1;
            state.workers.coming = 1;
        }
        shared
            .start_worker()
            .map_err(|source| StartError::Thread { source })?;
        Ok(Arc::new(Self { shared }))
    }

    /// Admits a job of a database: to run at once on the calling thread, or to wait for a worker.
    ///
    /// `cost` is what the job weighs against those of other databases, in bytes moved; a small
    /// job is charged a sixteenth of the quantum. Never blocks on a job.
    ///
    /// # Errors
    ///
    /// [`Refusal::QueueFull`] when `queue_depth` jobs of the database are waiting, and
    /// [`Refusal::Stopping`] after [`drain`](Self::drain) or [`stop`](Self::stop); both with the
    /// job, which was not run.
    pub fn admit(
        &self,
        database: DatabaseId,
        cost: u64,
        job: J,
    ) -> Result<Admission<J>, Refused<J>> {
        let mut state = self.shared.state.lock();
        if state.phase != Phase::Open {
            state.refused_stopping += 1;
            return Err(Refused {
                job,
                why: Refusal::Stopping,
            });
        }
        match state.ledger.admit(database, cost, job) {
            Verdict::Inline(flow, job) => {
                let permit = Permit::new(Arc::clone(&self.shared), flow);
                self.shared.settle(state);
                Ok(Admission::Inline(permit, job))
            }
            Verdict::Queued => {
                self.shared.settle(state);
                Ok(Admission::Queued)
            }
            Verdict::Refused(job, why) => Err(Refused { job, why }),
        }
    }

    /// Lets go of what is kept about a database that was closed, once nothing of it waits or runs.
    ///
    /// Its jobs are not touched, and it may bring new ones, as a database not seen before.
    pub fn forget(&self, database: DatabaseId) {
        self.shared.state.lock().ledger.forget(database);
    }

    /// Reads all figures at one moment.
    pub fn stats(&self) -> SchedulerStats {
        let state = self.shared.state.lock();
        SchedulerStats {
            workers_alive: state.workers.alive,
            workers_idle: state.workers.idle.len(),
            worker_start_failures: state.workers.start_failures,
            refused_stopping: state.refused_stopping,
            panics: state.panics,
            ..state.ledger.stats()
        }
    }

    /// Admits nothing from now on, and waits until nothing is queued and nothing runs, inline jobs
    /// included, but no longer than `deadline`. Returns whether it came to that; it may be called
    /// again to wait on.
    pub fn drain(&self, deadline: Duration) -> bool {
        let until = Instant::now().checked_add(deadline);
        let mut state = self.shared.state.lock();
        state.phase = state.phase.max(Phase::Draining);
        while !state.ledger.is_quiet() {
            match until {
                None => self.shared.quiet.wait(&mut state),
                Some(until) => {
                    if self.shared.quiet.wait_until(&mut state, until).timed_out() {
                        return state.ledger.is_quiet();
                    }
                }
            }
        }
        true
    }

    /// Admits nothing from now on, waits for the jobs that workers are running, ends the workers,
    /// and hands back every job that had not begun, each database's in the order of admission.
    ///
    /// Inline jobs are not waited for. It must not be called from within a job: it would wait for
    /// its own end.
    #[must_use = "whoever brought a job that did not run has to be answered"]
    pub fn stop(&self) -> Vec<J> {
        let mut state = self.shared.state.lock();
        state.phase = Phase::Closed;
        let jobs = state.ledger.take_all();
        self.shared.call_for_the_end(&mut state);
        while state.workers.alive > 0 {
            self.shared.quiet.wait(&mut state);
        }
        drop(state);
        self.shared.join_workers();
        jobs
    }
}

impl<J: Job> Drop for Scheduler<J> {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.phase = Phase::Closed;
        self.shared.call_for_the_end(&mut state);
    }
}

impl<J: Job> fmt::Debug for Scheduler<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler").finish_non_exhaustive()
    }
}
