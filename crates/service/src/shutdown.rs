use std::sync::Arc;
use std::time::{Duration, Instant};

use docdb_types::Error;
use tokio::time::timeout_at;

use crate::shared::Shared;

/// How far a service has gone; it only goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Requests are taken in.
    Serving,
    /// Nothing new is taken in; what was is run and answered.
    Draining,
    /// What has not begun is refused; what was begun is answered.
    Refusing,
    /// Nobody is waited for any more.
    Cutting,
}

/// Time for sessions to notice that they are cut.
const CUT_PATIENCE: Duration = Duration::from_millis(500);

/// How a stop went.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Connections that were cut with requests unanswered.
    pub connections_cut: u64,
    /// Requests that were refused in their queues.
    pub requests_refused: usize,
    /// Whether all databases were synced, checkpointed and closed in time; the error of the first
    /// that could not be. What was acknowledged is on the disk either way.
    pub closed: Result<(), CloseFailure>,
    /// How long it took.
    pub took: Duration,
}

/// Why databases are not closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseFailure {
    /// The time for a stop has passed.
    #[error("the databases were not closed in time")]
    Overdue,
    /// A database cannot be closed cleanly.
    #[error(transparent)]
    Engine(#[from] Error),
}

impl ShutdownReport {
    /// Whether every request was answered and every database closed.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.connections_cut == 0 && self.closed.is_ok()
    }
}

/// Drains and closes a service.
pub(crate) async fn shut_down(shared: &Arc<Shared>) -> ShutdownReport {
    let begun = Instant::now();
    let deadlines = shared.options.drain;
    let until = |deadline: Duration| tokio::time::Instant::from_std(begun) + deadline;

    shared.phase.send_replace(Phase::Draining);
    shared.tasks.close();
    // The sessions end when they have answered everything.
    let drained = timeout_at(until(deadlines.queues), shared.tasks.wait()).await;
    shared.phase.send_replace(Phase::Refusing);
    let scheduler = Arc::clone(&shared.scheduler);
    let stopped = tokio::task::spawn_blocking(move || {
        let jobs = scheduler.stop();
        let refused = jobs.len();
        jobs.into_iter().for_each(crate::job::Job::refuse);
        refused
    });
    let requests_refused = timeout_at(until(deadlines.requests), stopped).await;
    if drained.is_err() {
        let _ = timeout_at(until(deadlines.requests), shared.tasks.wait()).await;
    }
    let connections_cut = shared.counters.connections.get();
    shared.phase.send_replace(Phase::Cutting);
    let _ = tokio::time::timeout(CUT_PATIENCE, shared.tasks.wait()).await;

    let engine = Arc::clone(&shared.engine);
    let closing = tokio::task::spawn_blocking(move || engine.close());
    let closed = match timeout_at(until(deadlines.close), closing).await {
        Ok(Ok(closed)) => closed.map_err(CloseFailure::from),
        Ok(Err(_)) => Err(CloseFailure::Engine(crate::job::abandoned())),
        Err(_) => Err(CloseFailure::Overdue),
    };
    ShutdownReport {
        connections_cut,
        requests_refused: requests_refused.ok().and_then(Result::ok).unwrap_or(0),
        closed,
        took: begun.elapsed(),
    }
}
