//! A place held by a caller that runs its job itself.

use std::fmt;
use std::sync::Arc;

use crate::job::Job;
use crate::queue::FlowId;
use crate::shared::Shared;

/// The right to run one job on the caller's own thread; dropping it gives the place back.
///
/// It can be sent to another thread. It should be held while the job works and not while it
/// merely waits: a place that is held keeps another job from running.
#[must_use = "the place is given back as soon as the permit is dropped"]
pub struct Permit<J: Job> {
    shared: Arc<Shared<J>>,
    flow: FlowId,
}

impl<J: Job> Permit<J> {
    pub(crate) fn new(shared: Arc<Shared<J>>, flow: FlowId) -> Self {
        Self { shared, flow }
    }
}

impl<J: Job> Drop for Permit<J> {
    fn drop(&mut self) {
        self.shared.release(self.flow);
    }
}

impl<J: Job> fmt::Debug for Permit<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}
