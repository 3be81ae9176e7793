use std::sync::Arc;
use std::time::Instant;

use docdb_engine::Engine;
use docdb_ipc::ServerCodec;
use docdb_scheduler::Scheduler;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::access::Guard;
use crate::counters::Counters;
use crate::job::Job;
use crate::listener::Peers;
use crate::metrics::Outcomes;
use crate::options::ServiceOptions;
use crate::shutdown::Phase;
use crate::tls::Gate;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) engine: Arc<Engine>,
    pub(crate) scheduler: Arc<Scheduler<Job>>,
    pub(crate) options: ServiceOptions,
    pub(crate) codec: ServerCodec,
    pub(crate) counters: Counters,
    pub(crate) outcomes: Outcomes,
    pub(crate) guard: Guard,
    pub(crate) peers: Peers,
    /// Where TCP speaks TLS.
    pub(crate) gate: Option<Gate>,
    pub(crate) phase: watch::Sender<Phase>,
    /// The sessions, and the commits that go on beside them.
    pub(crate) tasks: TaskTracker,
    pub(crate) started: Instant,
    /// The same by the wall clock, in milliseconds since 1970.
    pub(crate) started_unix_ms: u64,
}
