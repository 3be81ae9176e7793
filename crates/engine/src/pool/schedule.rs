use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use docdb_types::DatabaseId;
use docdb_vfs::Clock;
use parking_lot::{Condvar, Mutex};

use crate::pace::Traffic;

/// Something to be done beside requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Task {
    /// Sync the log of a database in interval mode.
    Sync(DatabaseId),
    /// Make a checkpoint.
    Checkpoint(DatabaseId),
    /// End the snapshots that are too old.
    Expire(DatabaseId),
    /// Compact what is worth it.
    Compact(DatabaseId),
    /// Remove the data files that are replaced and not read any more.
    Remove(DatabaseId),
    /// Rewrite what is known to be damaged.
    Heal(DatabaseId),
    /// Look for damage that nobody has met.
    Scrub(DatabaseId),
    /// Close the database if nobody has used it for long enough.
    CloseIdle(DatabaseId),
    /// Look for damage to the catalog.
    Catalog,
}

impl Task {
    /// The database that it is for, where it is for one.
    pub(crate) const fn database(self) -> Option<DatabaseId> {
        match self {
            Self::Sync(id)
            | Self::Checkpoint(id)
            | Self::Expire(id)
            | Self::Compact(id)
            | Self::Remove(id)
            | Self::Heal(id)
            | Self::Scrub(id)
            | Self::CloseIdle(id) => Some(id),
            Self::Catalog => None,
        }
    }
}

/// Tasks and when they are due, waited for without polling.
///
/// Times are those of [`Clock::monotonic`].
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    state: Mutex<State>,
    changed: Condvar,
}

/// INVARIANT: `due` holds exactly the pairs of `times`, turned round: a task stands once.
#[derive(Debug, Default)]
struct State {
    due: BTreeSet<(Duration, Task)>,
    times: HashMap<Task, Duration>,
    stopped: bool,
}

impl Agenda {
    /// Puts a task in for the time `at`; one that stands already keeps the earlier time.
    pub(crate) fn put(&self, task: Task, at: Duration) {
        let mut state = self.state.lock();
        match state.times.get(&task).copied() {
            Some(standing) if standing <= at => return,
            Some(standing) => {
                state.due.remove(&(standing, task));
            }
            None => {}
        }
        state.times.insert(task, at);
        state.due.insert((at, task));
        // The waiting thread needs to know only of a deadline before its own.
        if state.due.first() == Some(&(at, task)) {
            self.changed.notify_all();
        }
    }

    /// Takes out the first task that is due at `now`.
    pub(crate) fn take(&self, now: Duration) -> Option<Task> {
        self.state.lock().take(now)
    }

    /// When the first task is due.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.state.lock().due.first().map(|(at, _)| *at)
    }

    /// How many tasks are due at `now`, and not begun.
    fn overdue(&self, now: Duration) -> usize {
        let state = self.state.lock();
        state.due.iter().take_while(|(at, _)| *at <= now).count()
    }

    /// Waits for the first task that is due, and takes it out; `None` once stopped.
    pub(crate) fn wait(&self, clock: &dyn Clock) -> Option<Task> {
        let mut state = self.state.lock();
        loop {
            if state.stopped {
                return None;
            }
            let now = clock.monotonic();
            if let Some(task) = state.take(now) {
                return Some(task);
            }
            match state.due.first().map(|(at, _)| *at) {
                Some(at) => {
                    self.changed.wait_for(&mut state, at.saturating_sub(now));
                }
                None => self.changed.wait(&mut state),
            }
        }
    }

    /// Wakes whoever waits, for the last time.
    pub(crate) fn stop(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_all();
    }
}

impl State {
    fn take(&mut self, now: Duration) -> Option<Task> {
        let first = *self.due.first().filter(|(at, _)| *at <= now)?;
        self.due.remove(&first);
        self.times.remove(&first.1);
        Some(first.1)
    }
}

/// The agendas of an engine. Syncs have one of their own: how much a crash may take in interval mode
/// must not depend on how long a checkpoint runs. So have compactions, which are the longest work and
/// the least urgent, and the search for damage, which never ends.
#[derive(Debug)]
pub(crate) struct Schedule {
    pub(crate) syncs: Agenda,
    pub(crate) upkeep: Agenda,
    pub(crate) compactions: Agenda,
    pub(crate) healings: Agenda,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) traffic: Traffic,
}

impl Schedule {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            syncs: Agenda::default(),
            upkeep: Agenda::default(),
            compactions: Agenda::default(),
            healings: Agenda::default(),
            clock,
            traffic: Traffic::default(),
        })
    }

    /// Puts a task in for `delay` from now.
    pub(crate) fn put(&self, task: Task, delay: Duration) {
        let at = self.clock.monotonic().saturating_add(delay);
        match task {
            Task::Sync(_) => self.syncs.put(task, at),
            Task::Compact(_) | Task::Remove(_) => self.compactions.put(task, at),
            Task::Heal(_) | Task::Scrub(_) | Task::Catalog => self.healings.put(task, at),
            Task::Checkpoint(_) | Task::Expire(_) | Task::CloseIdle(_) => {
                self.upkeep.put(task, at);
            }
        }
    }

    /// When the first task of any agenda is due.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        let agendas = [&self.syncs, &self.upkeep, &self.compactions, &self.healings];
        agendas.into_iter().filter_map(Agenda::next_due).min()
    }

    /// How many databases wait for their checkpoint or their compaction.
    pub(crate) fn waiting(&self) -> usize {
        let now = self.clock.monotonic();
        self.upkeep.overdue(now) + self.compactions.overdue(now)
    }

    /// Stops all agendas.
    pub(crate) fn stop(&self) {
        self.syncs.stop();
        self.upkeep.stop();
        self.compactions.stop();
        self.healings.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use docdb_vfs::RealClock;

    const SYNC: Task = Task::Sync(DatabaseId::new(1));
    const CHECKPOINT: Task = Task::Checkpoint(DatabaseId::new(1));

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn tasks_come_out_when_due_in_the_order_of_their_times() {
        let agenda = Agenda::default();
        agenda.put(SYNC, seconds(5));
        agenda.put(CHECKPOINT, seconds(3));
        assert_eq!(agenda.take(seconds(2)), None);
        assert_eq!(agenda.next_due(), Some(seconds(3)));
        assert_eq!(agenda.take(seconds(9)), Some(CHECKPOINT));
        assert_eq!(agenda.take(seconds(9)), Some(SYNC));
        assert_eq!(agenda.take(seconds(9)), None);
        assert_eq!(agenda.next_due(), None);
    }

    #[test]
    fn a_task_stands_once_with_its_earliest_time() {
        let agenda = Agenda::default();
        agenda.put(SYNC, seconds(5));
        agenda.put(SYNC, seconds(7));
        agenda.put(SYNC, seconds(4));
        assert_eq!(agenda.take(seconds(4)), Some(SYNC));
        assert_eq!(agenda.take(seconds(99)), None);
    }

    #[test]
    fn a_waiting_thread_is_woken_by_a_task_and_by_the_stop() {
        let agenda = Agenda::default();
        let clock = RealClock::new();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let mut taken = Vec::new();
                while let Some(task) = agenda.wait(&clock) {
                    taken.push(task);
                    agenda.stop();
                }
                taken
            });
            agenda.put(SYNC, Duration::ZERO);
            assert_eq!(waiting.join().unwrap(), [SYNC]);
        });
    }
}
