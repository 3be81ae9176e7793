use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use docdb_types::{DatabaseId, Error};
use parking_lot::{Mutex, MutexGuard};

use super::databases::Databases;
use super::roster::{Pool, count, not_found};
use super::slot::{Slot, State, contained};

impl<D: Databases> Pool<D> {
    /// Closes a database; its users are answered `DbNotActive`, and whoever asks for it next opens
    /// it again. One that is not open is fine.
    ///
    /// # Durability
    /// On success all of it is synced, and a checkpoint covers it.
    ///
    /// # Errors
    /// `DbNotFound`, `DbNotActive` while it is being dropped, and the failure of the checkpoint: it
    /// is closed all the same, and what was acknowledged is in its log.
    pub(crate) fn close_numbered(&self, id: DatabaseId) -> Result<(), Error> {
        let slot = self.numbered(id)?;
        self.close_slot(&slot)
    }

    fn close_slot(&self, slot: &Slot<D::Database>) -> Result<(), Error> {
        let mut state = slot.state();
        loop {
            match &*state {
                State::Open(_) => return self.close_open(slot, state),
                State::Opening | State::Closing => slot.wait(&mut state),
                State::Closed | State::Failed(_) | State::Undecided(_) => return Ok(()),
                State::Dropping => return Err(slot.not_active()),
                State::HalfDropped | State::Gone => return Err(not_found(&slot.identity.name)),
            }
        }
    }

    /// Closes a database whose state is seen to be open.
    fn close_open(
        &self,
        slot: &Slot<D::Database>,
        state: MutexGuard<'_, State<D::Database>>,
    ) -> Result<(), Error> {
        let (turn, before) = slot.begin(state, State::Closing);
        let closed = match &before {
            State::Open(database) => self.databases.close(database),
            _ => Ok(()),
        };
        drop(before);
        count(&self.counters.closed);
        turn.end(State::Closed);
        closed.map_err(|error| {
            let error = error.in_database(&slot.identity.name);
            count(&self.counters.close_failures);
            tracing::error!(%error, "a database did not close cleanly");
            error
        })
    }

    /// Closes a database if nobody uses it; says whether it did.
    fn close_unused(&self, slot: &Slot<D::Database>) -> bool {
        let state = slot.state();
        if !is_unused::<D>(&state) {
            return false;
        }
        // It counted and logged its failure, which is nobody's answer here.
        let _ = self.close_open(slot, state);
        true
    }

    /// Counts a database that is being opened in, and makes room for it.
    pub(super) fn make_room_for(&self, slot: &Arc<Slot<D::Database>>) {
        let mut residents = self.residents.lock();
        residents.insert(slot.identity.id, Arc::clone(slot));
        residents.retain(|_, slot| slot.state().is_resident());
        drop(residents);
        self.make_room();
    }

    /// Closes the least recently used databases without users while there are more than allowed, or
    /// they have more files open than allowed, or memory has run out. Where all are in use, there will
    /// be more.
    pub(super) fn make_room(&self) {
        while self.is_crowded() {
            let Some(slot) = self.least_recently_used() else {
                return;
            };
            if self.close_unused(&slot) {
                count(&self.counters.evicted);
            }
        }
    }

    fn is_crowded(&self) -> bool {
        let residents = self.residents.lock();
        let (mut count, mut files) = (0_usize, 0_u64);
        for slot in residents.values() {
            let state = slot.state();
            count += usize::from(state.is_resident());
            if let State::Open(database) = &*state {
                files = files.saturating_add(D::open_files(database));
            }
        }
        count > self.max_open || files > self.max_open_files || self.budget.is_exhausted()
    }

    fn least_recently_used(&self) -> Option<Arc<Slot<D::Database>>> {
        let residents = self.residents.lock();
        let unused = residents
            .values()
            .filter(|slot| is_unused::<D>(&slot.state()));
        unused
            .min_by_key(|slot| (slot.last_used(), slot.identity.id))
            .cloned()
    }

    /// Closes an open database that nobody has used for the idle timeout; looks again later at one
    /// that has been.
    pub(super) fn close_if_idle(&self, slot: &Slot<D::Database>) {
        let now = self.host.clock.monotonic();
        let state = slot.state();
        if !matches!(*state, State::Open(_)) {
            return;
        }
        if !is_unused::<D>(&state) {
            // Nobody notes when a user lets go: it counts as used until now.
            slot.touch(now);
        }
        let idle = now.saturating_sub(slot.last_used());
        if idle < self.idle_timeout {
            drop(state);
            self.watch(slot.identity.id, self.idle_timeout.saturating_sub(idle));
            return;
        }
        count(&self.counters.idled);
        // As for one that has to make room.
        let _ = self.close_open(slot, state);
    }

    /// Stops the pool: nothing is opened any more, and all that is open is closed, by up to
    /// `threads` threads. Every database is closed, whatever happens to others.
    ///
    /// # Errors
    /// The first failure.
    pub(crate) fn stop(&self, threads: usize) -> Result<(), Error> {
        self.stopped.store(true, Ordering::SeqCst);
        self.schedule.stop();
        // ORDER: after the flag. A slot that is opened or claimed now was before the flag was seen,
        // and is waited for.
        let slots = Mutex::new(self.slots().into_iter());
        let failure = Mutex::new(None);
        let close_all = || {
            loop {
                let Some(slot) = slots.lock().next() else {
                    return;
                };
                let closed = contained(|| self.close_at_stop(&slot));
                if let Err(error) = closed.and_then(|closed| closed) {
                    failure.lock().get_or_insert(error);
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads {
                // Where no further thread is to be had, those that are there do it.
                let _ = thread::Builder::new().spawn_scoped(scope, close_all);
            }
            close_all();
        });
        failure.into_inner().map_or(Ok(()), Err)
    }

    /// Closes a database at the stop. One that is being dropped is waited for.
    fn close_at_stop(&self, slot: &Slot<D::Database>) -> Result<(), Error> {
        let mut state = slot.state();
        while matches!(*state, State::Opening | State::Closing | State::Dropping) {
            slot.wait(&mut state);
        }
        if matches!(*state, State::Open(_)) {
            return self.close_open(slot, state);
        }
        Ok(())
    }

    /// Stops the pool without checkpoints: all that is open is abandoned.
    pub(crate) fn abandon(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.schedule.stop();
        for slot in self.slots() {
            let mut state = slot.state();
            while matches!(*state, State::Opening | State::Closing | State::Dropping) {
                slot.wait(&mut state);
            }
            if matches!(*state, State::Open(_)) {
                let (turn, before) = slot.begin(state, State::Closing);
                if let State::Open(database) = before {
                    self.databases.abandon(&database);
                }
                turn.end(State::Closed);
            }
        }
    }
}

fn is_unused<D: Databases>(state: &State<D::Database>) -> bool {
    state.unused().is_some_and(D::is_idle)
}
