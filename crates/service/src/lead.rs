//! On which thread a commit blocks.

use std::panic::{AssertUnwindSafe, catch_unwind};

use docdb_engine::Lead;
use docdb_scheduler::Permit;
use tokio_util::task::TaskTracker;

use crate::job::Job;

/// The duty to commit on one database, with the place that the scheduler gave for it.
#[derive(Debug)]
pub(crate) struct Leading {
    pub(crate) lead: Lead,
    pub(crate) permit: Permit<Job>,
}

impl Leading {
    /// Performs one commit on this thread, blocking. Returns the duty if more has queued.
    ///
    /// A panic of the commit has been answered to everybody concerned, and ends here.
    pub(crate) fn step(self) -> Option<Self> {
        let Self { lead, permit } = self;
        let rest = catch_unwind(AssertUnwindSafe(|| lead.step()))
            .ok()
            .flatten();
        rest.map(|lead| Self { lead, permit })
    }

    /// Leaves the commits to a task of their own: the caller's client is not kept waiting for other
    /// people's writes.
    ///
    /// Each step is a task that spawns the next: what a step woke is pushed out of the slot of
    /// this thread that others cannot take from, and is not stuck behind the sync that follows.
    pub(crate) fn leave(self, tasks: &TaskTracker) {
        let next = tasks.clone();
        tasks.spawn(async move {
            if let Some(rest) = self.step() {
                rest.leave(&next);
            }
        });
    }
}
