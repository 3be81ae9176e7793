use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

use docdb_types::{DatabaseId, Error, FsyncMode};
use parking_lot::Mutex;

use super::databases::Databases;
use super::roster::{Pool, count};
use super::schedule::{Agenda, Task};
use super::slot::{Slot, State, contained};
use crate::healing::HealTrigger;

/// The threads that do what is due beside requests. They sleep while nothing is.
#[derive(Debug, Default)]
pub(crate) struct Upkeep {
    threads: Mutex<Vec<thread::JoinHandle<()>>>,
}

impl Upkeep {
    /// Starts the threads of a pool.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(crate) fn start<D: Databases>(pool: &Arc<Pool<D>>, fsync: FsyncMode) -> io::Result<Self> {
        let upkeep = Self::default();
        upkeep.spawn("docdb-upkeep", pool, |pool| &pool.schedule.upkeep)?;
        upkeep.spawn("docdb-compact", pool, |pool| &pool.schedule.compactions)?;
        upkeep.spawn("docdb-heal", pool, |pool| &pool.schedule.healings)?;
        if fsync == FsyncMode::Interval {
            upkeep.spawn("docdb-sync", pool, |pool| &pool.schedule.syncs)?;
        }
        Ok(upkeep)
    }

    fn spawn<D: Databases>(
        &self,
        name: &str,
        pool: &Arc<Pool<D>>,
        agenda: fn(&Pool<D>) -> &Agenda,
    ) -> io::Result<()> {
        let pool = Arc::clone(pool);
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let clock = Arc::clone(&pool.host.clock);
                while let Some(task) = agenda(&pool).wait(&*clock) {
                    pool.run(task);
                }
            })?;
        self.threads.lock().push(thread);
        Ok(())
    }

    /// Waits for the threads of a pool whose schedule was stopped.
    pub(crate) fn join(&self) {
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            // A task that panics is caught; a thread that ended otherwise has nothing to tell.
            let _ = thread.join();
        }
    }
}

impl<D: Databases> Pool<D> {
    /// Runs everything that is due by now, in the order of its times, and returns when the next
    /// task is due.
    pub(crate) fn tick(&self) -> Option<Duration> {
        let now = self.host.clock.monotonic();
        while let Some(task) = self.schedule.syncs.take(now) {
            self.run(task);
        }
        while let Some(task) = self.schedule.upkeep.take(now) {
            self.run(task);
        }
        while let Some(task) = self.schedule.compactions.take(now) {
            self.run(task);
        }
        while let Some(task) = self.schedule.healings.take(now) {
            self.run(task);
        }
        self.schedule.next_due()
    }

    /// Runs one task. Its failure and its panic are those of its database.
    fn run(&self, task: Task) {
        let performed = contained(|| match task.database() {
            Some(id) => self.perform(task, id),
            None => self.care_for_catalog(),
        });
        let error = match performed {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(panicked) => {
                if let Some(id) = task.database() {
                    self.fail(id, &panicked);
                }
                panicked
            }
        };
        count(&self.counters.task_failures);
        tracing::error!(?task, %error, "a task failed");
    }

    fn perform(&self, task: Task, id: DatabaseId) -> Result<(), Error> {
        // One that has been closed or dropped since has nothing left to do.
        let Ok(slot) = self.numbered(id) else {
            return Ok(());
        };
        if let Task::CloseIdle(_) = task {
            self.close_if_idle(&slot);
            return Ok(());
        }
        if let Task::Heal(_) | Task::Scrub(_) = task {
            return self.care_for(task, &slot);
        }
        let Some(database) = slot.open() else {
            return Ok(());
        };
        D::signals(&database).begin(task);
        match task {
            Task::Sync(_) => self.databases.sync(&database),
            Task::Checkpoint(_) => {
                let made = self.databases.checkpoint(&database);
                // It has one more file open.
                self.make_room();
                made
            }
            Task::Compact(_) => self.databases.compact(&database),
            Task::Expire(_) => {
                self.databases.expire_snapshots(&database);
                Ok(())
            }
            Task::Remove(_) => {
                self.databases.remove_retired(&database);
                Ok(())
            }
            Task::Heal(_) | Task::Scrub(_) | Task::CloseIdle(_) | Task::Catalog => Ok(()),
        }
    }

    /// Heals a database, or looks for damage in it: one that is closed is opened for that, for a disk
    /// rots under those that nobody uses as well.
    ///
    /// A panic in it is an error of this task, and the database goes on: nothing of it changes but by
    /// the manifest, and that last.
    fn care_for(&self, task: Task, slot: &Arc<Slot<D::Database>>) -> Result<(), Error> {
        let interval = self.scrub_interval;
        let (Task::Scrub(id), Some(interval)) = (task, interval) else {
            return match slot.open() {
                Some(database) if matches!(task, Task::Heal(_)) => {
                    contained(|| self.databases.heal(&database)).and_then(|healed| healed)
                }
                _ => Ok(()),
            };
        };
        let scrubbed = contained(|| match self.open_for_scrub(slot)? {
            Some(database) => self.databases.scrub(&database).map(Some),
            None => Ok(None),
        });
        let (wait, outcome) = match scrubbed.and_then(|scrubbed| scrubbed) {
            Ok(Some(wait)) => (wait, Ok(())),
            Ok(None) => return Ok(()),
            Err(error) => (interval, Err(error)),
        };
        if self.running().is_ok() {
            self.schedule.put(Task::Scrub(id), wait);
        }
        outcome
    }

    /// Looks for damage to the catalog, and plans the next look.
    fn care_for_catalog(&self) -> Result<(), Error> {
        if let Some(interval) = self.scrub_interval
            && self.running().is_ok()
        {
            self.schedule.put(Task::Catalog, interval);
        }
        self.scrub_catalog(HealTrigger::Scrub).map(drop)
    }

    /// Looks for damage to the catalog, heals it, and says whether there was any.
    ///
    /// # Errors
    /// Those of the catalog; `CorruptRecord` where what is left of it contradicts what is known.
    pub(crate) fn scrub_catalog(&self, trigger: HealTrigger) -> Result<bool, Error> {
        let begun = self.host.clock.monotonic();
        let scrub = self.catalog.scrub(&|name| self.databases.identify(name))?;
        self.healing
            .note_catalog(&scrub, trigger, begun, &*self.host.clock)
    }

    /// Ends a database in whose work something panicked.
    fn fail(&self, id: DatabaseId, error: &Error) {
        let Ok(slot) = self.numbered(id) else {
            return;
        };
        let state = slot.state();
        if !matches!(*state, State::Open(_)) {
            return;
        }
        let (turn, before) = slot.begin(state, State::Closing);
        if let State::Open(database) = before {
            self.databases.abandon(&database);
        }
        turn.end(State::Failed(
            error.clone().in_database(&slot.identity.name),
        ));
    }
}
