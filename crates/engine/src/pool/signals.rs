use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use docdb_types::DatabaseId;
use docdb_vfs::Clock;
use parking_lot::Mutex;

use super::schedule::{Schedule, Task};
use crate::pace::Traffic;

/// How long a checkpoint that failed is left alone at first, and at most: it has copied what the next
/// one copies again, and every commit wants the next one.
const CHECKPOINT_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_CHECKPOINT_PAUSE: Duration = Duration::from_secs(30);

/// A time before which nothing is tried again, and how long that is from the failure on.
#[derive(Debug, Default)]
struct Pause {
    until: Duration,
    length: Duration,
}

/// What an open database tells the pool that it needs. Telling is cheap and never blocks for I/O:
/// a database may do it from inside a commit, and as often as it likes.
#[derive(Debug)]
pub(crate) struct Signals {
    database: DatabaseId,
    schedule: Arc<Schedule>,
    fsync_interval: Duration,
    sync_wanted: AtomicBool,
    checkpoint_wanted: AtomicBool,
    checkpoint_pause: Mutex<Pause>,
    expiry_wanted: AtomicBool,
}

impl Signals {
    /// The signals of one open database of a pool.
    pub(crate) fn new(
        database: DatabaseId,
        schedule: Arc<Schedule>,
        fsync_interval: Duration,
    ) -> Self {
        Self {
            database,
            schedule,
            fsync_interval,
            sync_wanted: AtomicBool::new(false),
            checkpoint_wanted: AtomicBool::new(false),
            checkpoint_pause: Mutex::default(),
            expiry_wanted: AtomicBool::new(false),
        }
    }

    /// The signals of a database that is open for one piece of work: nobody does what they ask for.
    pub(crate) fn unheard(database: DatabaseId, clock: Arc<dyn Clock>) -> Self {
        Self::new(database, Schedule::new(clock), Duration::ZERO)
    }

    /// Asks for a sync of the log within the fsync interval from now. For interval mode, after
    /// every append: only the first since the last sync has an effect.
    ///
    /// To be called inside or after the lock under which the append ran, which is the one that the
    /// sync takes too: then an append is either seen by the sync that runs or puts in another one.
    pub(crate) fn want_sync(&self) {
        self.want(
            &self.sync_wanted,
            Task::Sync(self.database),
            self.fsync_interval,
        );
    }

    /// Asks for a checkpoint soon. The rule of [`want_sync`](Self::want_sync) applies.
    pub(crate) fn want_checkpoint(&self) {
        self.want(
            &self.checkpoint_wanted,
            Task::Checkpoint(self.database),
            Duration::ZERO,
        );
    }

    /// Notes whether a checkpoint was made. One that failed is asked for again after a pause, which
    /// doubles from failure to failure, and not before.
    pub(crate) fn note_checkpoint(&self, is_made: bool) {
        let mut pause = self.checkpoint_pause.lock();
        if is_made {
            *pause = Pause::default();
            return;
        }
        pause.length = (pause.length * 2).clamp(CHECKPOINT_PAUSE, LONGEST_CHECKPOINT_PAUSE);
        pause.until = self.now().saturating_add(pause.length);
        drop(pause);
        self.wait_for_checkpoint();
    }

    /// Whether a checkpoint is to be left alone yet: then it is asked for at its time.
    pub(crate) fn wait_for_checkpoint(&self) -> bool {
        let until = self.checkpoint_pause.lock().until;
        let wait = until.saturating_sub(self.now());
        if wait.is_zero() {
            return false;
        }
        self.want(
            &self.checkpoint_wanted,
            Task::Checkpoint(self.database),
            wait,
        );
        true
    }

    /// Asks to have old snapshots ended after a delay, which is not longer than that of any wish
    /// before it that has not been begun.
    pub(crate) fn want_expiry(&self, delay: Duration) {
        self.want(&self.expiry_wanted, Task::Expire(self.database), delay);
    }

    /// Asks for a look at what is worth compacting; of several wishes the earliest counts.
    pub(crate) fn want_compaction(&self, delay: Duration) {
        self.schedule.put(Task::Compact(self.database), delay);
    }

    /// Asks for data files that are replaced to be removed; of several wishes the earliest counts.
    pub(crate) fn want_removal(&self, delay: Duration) {
        self.schedule.put(Task::Remove(self.database), delay);
    }

    /// Asks for what is damaged to be rewritten soon.
    pub(crate) fn want_healing(&self) {
        self.schedule.put(Task::Heal(self.database), Duration::ZERO);
    }

    /// Asks for the scrub to go on; of several wishes the earliest counts.
    pub(crate) fn want_scrub(&self, delay: Duration) {
        self.schedule.put(Task::Scrub(self.database), delay);
    }

    /// What all databases of the engine commit.
    pub(crate) fn traffic(&self) -> &Traffic {
        &self.schedule.traffic
    }

    /// How many databases wait for work that is done beside commits.
    pub(crate) fn waiting(&self) -> usize {
        self.schedule.waiting()
    }

    /// The wall clock, since 1970.
    pub(crate) fn unix_time(&self) -> Duration {
        self.schedule.clock.unix_time()
    }

    /// The monotonic clock.
    pub(crate) fn now(&self) -> Duration {
        self.schedule.clock.monotonic()
    }

    fn want(&self, wanted: &AtomicBool, task: Task, delay: Duration) {
        if !wanted.load(Ordering::Relaxed) && !wanted.swap(true, Ordering::AcqRel) {
            self.schedule.put(task, delay);
        }
    }

    /// The task is about to run: what is wanted from here on is another one.
    ///
    /// ORDER: before the task looks at the database, so that a wish which it does not see is put in
    /// again.
    pub(crate) fn begin(&self, task: Task) {
        match task {
            Task::Sync(_) => self.sync_wanted.store(false, Ordering::Release),
            Task::Checkpoint(_) => self.checkpoint_wanted.store(false, Ordering::Release),
            Task::Expire(_) => self.expiry_wanted.store(false, Ordering::Release),
            Task::Compact(_)
            | Task::Remove(_)
            | Task::Heal(_)
            | Task::Scrub(_)
            | Task::CloseIdle(_)
            | Task::Catalog => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use docdb_vfs::RealClock;

    #[test]
    fn many_wishes_make_one_task_and_a_wish_during_the_task_another() {
        let schedule = Schedule::new(Arc::new(RealClock::new()));
        let id = DatabaseId::new(1);
        let signals = Signals::new(id, Arc::clone(&schedule), Duration::ZERO);
        let late = Duration::from_secs(1 << 30);
        for _ in 0..10 {
            signals.want_sync();
            signals.want_checkpoint();
        }
        assert_eq!(schedule.syncs.take(late), Some(Task::Sync(id)));
        assert_eq!(schedule.syncs.take(late), None);
        assert_eq!(schedule.upkeep.take(late), Some(Task::Checkpoint(id)));
        assert_eq!(schedule.upkeep.take(late), None);

        signals.begin(Task::Sync(id));
        signals.want_sync();
        assert_eq!(schedule.syncs.take(late), Some(Task::Sync(id)));
    }
}
