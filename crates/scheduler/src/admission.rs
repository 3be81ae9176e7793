//! The answers to a caller who brings a job.

use std::fmt;

use docdb_types::Code;
use thiserror::Error;

use crate::job::Job;
use crate::permit::Permit;

/// What becomes of an admitted job.
pub enum Admission<J: Job> {
    /// The caller runs the job now, on its own thread, and then drops the permit.
    Inline(Permit<J>, J),
    /// A worker thread will run it, or [`stop`](crate::Scheduler::stop) hands it back.
    Queued,
}

impl<J: Job> fmt::Debug for Admission<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inline(..) => "Inline",
            Self::Queued => "Queued",
        })
    }
}

/// A job that was not admitted, and why.
pub struct Refused<J> {
    /// The job, untouched.
    pub job: J,
    /// The reason.
    pub why: Refusal,
}

impl<J> fmt::Debug for Refused<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused")
            .field("why", &self.why)
            .finish_non_exhaustive()
    }
}

/// Why a job was not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// As many jobs as may wait for this database are waiting; trying again later can help.
    #[error("{depth} requests are already waiting for this database")]
    QueueFull {
        /// Jobs waiting for the database.
        depth: usize,
    },
    /// The scheduler is draining or has stopped, and admits nothing any more.
    #[error("the server is stopping")]
    Stopping,
}

/// A refused job was not applied: it has not begun.
impl From<Refusal> for docdb_types::Error {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::QueueFull { .. } => Code::QueueFull,
            Refusal::Stopping => Code::PoolStopped,
        };
        Self::new(code, refusal.to_string())
    }
}

#[cfg(test)]
mod tests {
    use docdb_types::{Effect, Error};

    use super::*;

    #[test]
    fn a_refusal_is_a_retryable_error_of_the_table_that_applied_nothing() {
        for (refusal, code) in [
            (Refusal::QueueFull { depth: 100 }, Code::QueueFull),
            (Refusal::Stopping, Code::PoolStopped),
        ] {
            let error = Error::from(refusal);
            assert_eq!((error.code(), error.effect()), (code, Effect::NotApplied));
            assert!(error.is_retryable());
        }
    }
}
