use docdb_engine::{DatabaseInfo, DatabaseStatistics, EngineStatistics, WorkDone};
use docdb_scheduler::{SchedulerStats, WaitTimes};

use crate::shared::Shared;
use crate::shutdown::Phase;

/// Everything that is measured, read once.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) is_ready: bool,
    pub(super) engine: EngineStatistics,
    pub(super) work: WorkDone,
    pub(super) scheduler: SchedulerStats,
    pub(super) listed: Vec<DatabaseInfo>,
    /// The open databases, by name.
    pub(super) open: Vec<OpenDatabase>,
}

/// The figures of one open database.
#[derive(Debug)]
pub(super) struct OpenDatabase {
    pub(super) name: String,
    pub(super) of: DatabaseStatistics,
    /// Requests that wait in front of it, for a place or for its committer.
    pub(super) queued: u64,
    pub(super) waits: WaitTimes,
}

impl Figures {
    pub(super) fn read(shared: &Shared) -> Self {
        let scheduler = shared.scheduler.stats();
        let mut open: Vec<_> = shared
            .engine
            .open_handles()
            .into_iter()
            .map(|database| {
                let of = database.statistics();
                let queue = scheduler
                    .databases
                    .iter()
                    .find(|of| of.database == database.id());
                OpenDatabase {
                    name: database.name().as_str().to_owned(),
                    queued: of.queued + queue.map_or(0, |of| of.queued as u64),
                    waits: queue.map(|of| of.waits).unwrap_or_default(),
                    of,
                }
            })
            .collect();
        open.sort_by(|one, other| one.name.cmp(&other.name));
        Self {
            is_ready: *shared.phase.borrow() == Phase::Serving,
            engine: shared.engine.statistics(),
            work: shared.engine.work_done(),
            listed: shared.engine.list_databases(),
            scheduler,
            open,
        }
    }

    /// The sum of a figure over all open databases.
    pub(super) fn sum(&self, figure: impl Fn(&DatabaseStatistics) -> u64) -> u64 {
        self.open.iter().map(|open| figure(&open.of)).sum()
    }
}
