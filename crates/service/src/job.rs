use std::sync::Arc;

use docdb_scheduler::Refusal;
use docdb_types::{Code, Effect, Error};
use tokio::sync::oneshot;

use crate::dispatch::{Awaited, Task};
use crate::shared::Shared;

/// A request for one database on its way through the scheduler.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) task: Task,
    pub(crate) shared: Arc<Shared>,
    /// Where a worker says what became of it.
    pub(crate) begun: oneshot::Sender<Awaited>,
}

impl docdb_scheduler::Job for Job {
    /// Runs the request on a worker. Its session goes on as soon as the request has reached the
    /// committer; the commit, if it falls to this job, is performed behind that.
    fn run(self) {
        let begun = self.task.begin_isolated(&self.shared);
        // A session that is gone needs no answer.
        let _ = self.begun.send(begun.awaited);
        if let Some(lead) = begun.lead {
            lead.run();
        }
    }
}

impl Job {
    /// Answers a job that will not run.
    pub(crate) fn refuse(self) {
        let _ = self.begun.send(Awaited::ready(Err(stopping())));
    }
}

/// The answer to a request that was not admitted.
pub(crate) fn refused(why: Refusal) -> Error {
    match why {
        Refusal::Stopping => stopping(),
        full => Error::new(Code::QueueFull, full.to_string()),
    }
}

/// The answer to a request that the stop of the server came before.
pub(crate) fn stopping() -> Error {
    Error::new(Code::PoolStopped, Code::PoolStopped.meaning())
}

/// The answer to a request whose run ended without one.
pub(crate) fn abandoned() -> Error {
    Error::new(Code::Internal, "the request ended without an answer").with_effect(Effect::Unknown)
}
