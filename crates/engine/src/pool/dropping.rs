use docdb_types::{DatabaseName, Effect, Error};

use super::databases::Databases;
use super::roster::{Pool, not_found, of_catalog};
use super::slot::{Slot, State, Turn};
use crate::catalog::CatalogError;

impl<D: Databases> Pool<D> {
    /// Drops a database: its users are ended, and neither it nor anything of it comes back.
    ///
    /// # Durability
    /// On success a crash does not bring it back. A crash during the call leaves all of it or none.
    ///
    /// # Errors
    /// `DbNotFound`, `PoolStopped`. With the effect not applied, it is still there; with the effect
    /// applied, it is gone and some of its files could not be removed, which the next start, the
    /// next drop or the next creation of this name repeats; with the effect unknown, it takes no
    /// requests until a drop or an opening has decided.
    pub(crate) fn drop_named(&self, name: &DatabaseName) -> Result<(), Error> {
        self.running()?;
        let slot = self.named(name).ok_or_else(|| not_found(name))?;
        if self.drop_slot(&slot)? {
            Ok(())
        } else {
            Err(not_found(name))
        }
    }

    /// Drops the database of a slot; `false` when it is gone already.
    pub(super) fn drop_slot(&self, slot: &Slot<D::Database>) -> Result<bool, Error> {
        let name = &slot.identity.name;
        let mut state = slot.state();
        loop {
            self.running()?;
            match &*state {
                State::Opening | State::Closing | State::Dropping => slot.wait(&mut state),
                State::Gone => return Ok(false),
                _ => break,
            }
        }
        let (turn, before) = slot.begin(state, State::Dropping);
        let marked = matches!(before, State::HalfDropped);
        if let State::Open(database) = before {
            // Nothing may be acknowledged that the drop would take.
            self.databases.abandon(&database);
        }
        if !marked && let Err(error) = self.catalog.mark_dropping(name) {
            let undecided = matches!(error, CatalogError::Sync { .. });
            let error = of_catalog(error, name);
            turn.end(if undecided {
                State::Undecided(error.clone())
            } else {
                State::Closed
            });
            return Err(error);
        }
        self.remove_in_turn(slot, turn).map(|()| true)
    }

    /// Removes what is left of a database that is marked as dropped.
    fn remove_in_turn(
        &self,
        slot: &Slot<D::Database>,
        turn: Turn<'_, D::Database>,
    ) -> Result<(), Error> {
        let name = &slot.identity.name;
        // CRASH: from the mark on, the next start goes on here.
        let removed = self.databases.remove(name).and_then(|()| {
            let forgotten = self.catalog.remove([name.clone()]);
            forgotten.map_err(Error::from)
        });
        match removed {
            Ok(()) => {
                // ORDER: those who wait look the name up again.
                self.roster.write().remove(&slot.identity);
                turn.end(State::Gone);
                tracing::info!(database = %name, id = %slot.identity.id, "dropped a database");
                Ok(())
            }
            Err(error) => {
                turn.end(State::HalfDropped);
                Err(error.in_database(name).with_effect(Effect::Applied))
            }
        }
    }

    /// Finishes the drops that an earlier life began, with one write of the catalog for all. What
    /// cannot be removed stays behind as dropped and keeps nothing else from starting.
    pub(super) fn finish_drops(&self) {
        let half: Vec<_> = self
            .slots()
            .into_iter()
            .filter(|slot| matches!(*slot.state(), State::HalfDropped))
            .filter(|slot| {
                let name = &slot.identity.name;
                let removed = self.databases.remove(name);
                if let Err(error) = &removed {
                    tracing::warn!(database = %name, %error, "cannot remove a dropped database");
                }
                removed.is_ok()
            })
            .collect();
        if half.is_empty() {
            return;
        }
        let names = half.iter().map(|slot| slot.identity.name.clone());
        if let Err(error) = self.catalog.remove(names) {
            tracing::warn!(%error, "cannot forget dropped databases");
            return;
        }
        let mut roster = self.roster.write();
        for slot in half {
            roster.remove(&slot.identity);
        }
    }
}
