use std::sync::Arc;
use std::time::Duration;

use docdb_types::{Category, Code, DatabaseId, DatabaseName, Effect, Error, Quotas};
use parking_lot::RwLock;

use super::Signals;
use super::databases::{Databases, Leftovers};
use super::roster::{Pool, Roster, count, not_found, of_catalog};
use super::schedule::Task;
use super::slot::{Slot, State, Turn};
use crate::catalog::{CatalogError, Entry, Status};

/// What to do about a database that is missing, or is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// Create it when it is missing.
    CreateIfMissing,
    /// Fail with `DbNotFound` when it is missing.
    ExistingOnly,
    /// Fail with `DbExists` when it is not missing.
    CreateNew,
}

/// Who asks for a database, as far as it makes a difference.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asking {
    /// By its name: one that failed to open is tried again.
    Explicitly,
    /// By its id, for a request: one that failed to open answers with that failure.
    ForRequest,
}

type Handle<D> = Arc<<D as Databases>::Database>;

impl<D: Databases> Pool<D> {
    /// The database of a name, opened, and whether this call created it.
    ///
    /// # Durability
    /// A created database exists after a crash.
    ///
    /// # Errors
    /// `DbNotFound`, `DbExists`, `DbNotActive` while it is being dropped, `PoolStopped`, `FileOpen`
    /// when files with data stand under a new name, and whatever keeps it from being created or
    /// opened.
    pub(crate) fn open_named(
        &self,
        name: &DatabaseName,
        mode: OpenMode,
    ) -> Result<(Handle<D>, bool), Error> {
        loop {
            if let Some(slot) = self.named(name) {
                if let Some(database) = self.open_present(&slot, mode)? {
                    return Ok((database, false));
                }
            } else if mode == OpenMode::ExistingOnly {
                self.running()?;
                return Err(not_found(name));
            } else if let Some(slot) = self.claim(name)? {
                return Ok((self.create(&slot)?, true));
            }
        }
    }

    /// The database of an id, opened when it is not.
    ///
    /// # Errors
    /// `DbNotFound`, `DbNotActive` while it is being dropped, `PoolStopped`, and the failure of its
    /// last opening.
    pub(crate) fn open_numbered(&self, id: DatabaseId) -> Result<Handle<D>, Error> {
        if let Some(database) = self.get(id) {
            return Ok(database);
        }
        let slot = self.numbered(id)?;
        let opened = self.open_slot(&slot, Asking::ForRequest)?;
        opened.ok_or_else(|| not_found(&slot.identity.name))
    }

    /// The database of an id if it is open. Waits for nothing.
    pub(crate) fn get(&self, id: DatabaseId) -> Option<Handle<D>> {
        let roster = self.roster.read();
        let slot = roster.by_id.get(&id)?;
        let database = slot.open()?;
        slot.touch(self.host.clock.monotonic());
        Some(database)
    }

    /// The database of a slot, opened when it is not; `None` when it is gone, cannot be opened, or
    /// the pool is being stopped.
    pub(super) fn open_for_scrub(
        &self,
        slot: &Arc<Slot<D::Database>>,
    ) -> Result<Option<Handle<D>>, Error> {
        if self.running().is_err() {
            return Ok(None);
        }
        if let Some(database) = slot.open() {
            return Ok(Some(database));
        }
        self.open_slot(slot, Asking::ForRequest)
    }

    /// Opens a database that the roster has; `None` when it has left the roster meanwhile.
    fn open_present(
        &self,
        slot: &Arc<Slot<D::Database>>,
        mode: OpenMode,
    ) -> Result<Option<Handle<D>>, Error> {
        if mode == OpenMode::ExistingOnly {
            return self.open_slot(slot, Asking::Explicitly);
        }
        let mut state = slot.state();
        loop {
            match &*state {
                // A creation may still fail, a drop end: what then is decides.
                State::Opening | State::Dropping => slot.wait(&mut state),
                State::HalfDropped => {
                    drop(state);
                    return self.drop_slot(slot).map(|_| None);
                }
                State::Gone => return Ok(None),
                _ if mode == OpenMode::CreateNew => {
                    self.running()?;
                    return Err(Error::new(Code::DbExists, Code::DbExists.meaning())
                        .in_database(&slot.identity.name));
                }
                _ => break,
            }
        }
        drop(state);
        self.open_slot(slot, Asking::Explicitly)
    }

    fn open_slot(
        &self,
        slot: &Arc<Slot<D::Database>>,
        asking: Asking,
    ) -> Result<Option<Handle<D>>, Error> {
        let mut state = slot.state();
        loop {
            self.running()?;
            match &*state {
                State::Open(database) => {
                    slot.touch(self.host.clock.monotonic());
                    return Ok(Some(Arc::clone(database)));
                }
                State::Opening | State::Closing => slot.wait(&mut state),
                State::Failed(error) if asking == Asking::ForRequest => return Err(error.clone()),
                State::Closed | State::Failed(_) | State::Undecided(_) => break,
                State::Dropping => return Err(slot.not_active()),
                State::HalfDropped => return Err(not_found(&slot.identity.name)),
                State::Gone => return Ok(None),
            }
        }
        let (turn, before) = slot.begin(state, State::Opening);
        if matches!(before, State::Undecided(_))
            && let Err(error) = self.catalog.settle()
        {
            turn.end(before);
            return Err(of_catalog(error, &slot.identity.name));
        }
        self.open_in_turn(slot, turn).map(Some)
    }

    fn open_in_turn(
        &self,
        slot: &Arc<Slot<D::Database>>,
        turn: Turn<'_, D::Database>,
    ) -> Result<Handle<D>, Error> {
        let id = slot.identity.id;
        self.make_room_for(slot);
        let schedule = Arc::clone(&self.schedule);
        let signals = Signals::new(id, schedule, self.fsync_interval);
        match self.databases.open(&slot.identity, signals, &slot.gate) {
            Ok(database) => {
                slot.touch(self.host.clock.monotonic());
                count(&self.counters.opened);
                turn.end(State::Open(Arc::clone(&database)));
                self.watch(id, self.idle_timeout);
                Ok(database)
            }
            Err(error) => {
                let error = error.in_database(&slot.identity.name);
                count(&self.counters.open_failures);
                tracing::error!(%error, "cannot open a database");
                turn.end(if error.category() == Category::Transient {
                    State::Closed
                } else {
                    State::Failed(error.clone())
                });
                Err(error)
            }
        }
    }

    /// Looks at an open database again after `delay`, whether it is idle.
    pub(super) fn watch(&self, id: DatabaseId, delay: Duration) {
        if !self.idle_timeout.is_zero() {
            self.schedule.put(Task::CloseIdle(id), delay);
        }
    }

    /// Puts a new slot under a free name; `None` when somebody else was faster.
    fn claim(&self, name: &DatabaseName) -> Result<Option<Arc<Slot<D::Database>>>, Error> {
        let mut roster = self.roster.write();
        // ORDER: under the lock, which the stop takes after it has stopped the pool.
        self.running()?;
        if roster.by_name.contains_key(name) {
            return Ok(None);
        }
        let created = u64::try_from(self.host.clock.unix_time().as_millis()).unwrap_or(u64::MAX);
        let slot = Arc::new(Slot::new(
            self.new_identity(name),
            created,
            Quotas::NONE,
            State::Opening,
        ));
        roster.by_name.insert(name.clone(), Arc::clone(&slot));
        Ok(Some(slot))
    }

    /// Creates and opens the database of a slot that was claimed.
    fn create(&self, slot: &Arc<Slot<D::Database>>) -> Result<Handle<D>, Error> {
        let claim = Claim {
            roster: &self.roster,
            slot,
            kept: false,
        };
        let name = &slot.identity.name;
        self.create_durably(slot)
            .map_err(|error| error.in_database(name))?;
        let turn = claim.keep();
        tracing::info!(database = %name, id = %slot.identity.id, "created a database");
        // It is there now, whether or not it can be opened.
        self.open_in_turn(slot, turn)
            .map_err(|error| error.with_effect(Effect::Applied))
    }

    fn create_durably(&self, slot: &Slot<D::Database>) -> Result<(), Error> {
        let identity = &slot.identity;
        // ORDER: an earlier creation of this name may have an entry on the disk, with another uid.
        // Before its files are replaced it must be certain that no crash brings that entry back.
        self.catalog.settle()?;
        match self.databases.leftovers(&identity.name)? {
            Leftovers::None => {}
            Leftovers::Empty => self.databases.remove(&identity.name)?,
            Leftovers::Data { file } => {
                return Err(Error::new(
                    Code::FileOpen,
                    "files with data stand under the name of the new database, which the catalog \
                     does not know: move them away",
                )
                .in_file(file));
            }
        }
        // CRASH: files without an entry are leftovers without data. An entry always has its files.
        let failure = match self.databases.create(identity) {
            Ok(()) => match self.catalog.insert(Entry {
                identity: identity.clone(),
                created_unix_ms: slot.created_unix_ms,
                status: Status::Active,
                quotas: Quotas::NONE,
            }) {
                Ok(()) => return Ok(()),
                // A crash may find the entry, and an entry has its files.
                Err(error @ CatalogError::Sync { .. }) => return Err(error.into()),
                Err(error) => error.into(),
            },
            Err(error) => error,
        };
        // It does not exist, and its files need not wait for the next creation.
        if let Err(error) = self.databases.remove(&identity.name) {
            tracing::warn!(database = %identity.name, %error, "empty files stay behind");
        }
        Err(failure)
    }
}

/// A name that is taken for a database which does not exist yet. Dropped without
/// [`keep`](Self::keep), by a failure or a panic, it is free again.
struct Claim<'a, T> {
    roster: &'a RwLock<Roster<T>>,
    slot: &'a Arc<Slot<T>>,
    kept: bool,
}

impl<'a, T> Claim<'a, T> {
    /// The database exists now, and it is still the turn of whoever claimed the name.
    fn keep(mut self) -> Turn<'a, T> {
        self.kept = true;
        self.roster.write().add(Arc::clone(self.slot));
        self.slot.turn()
    }
}

impl<T> Drop for Claim<'_, T> {
    fn drop(&mut self) {
        if !self.kept {
            // ORDER: those who wait look the name up again.
            self.roster.write().by_name.remove(&self.slot.identity.name);
            self.slot.turn().end(State::Gone);
        }
    }
}
