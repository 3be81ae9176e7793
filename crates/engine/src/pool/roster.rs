use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use docdb_types::{Code, DatabaseId, DatabaseName, DatabaseUid, Error, QuotaChange, Quotas};
use docdb_vfs::Host;
use parking_lot::{Mutex, RwLock};

use super::databases::Databases;
use super::memory::MemoryBudget;
use super::schedule::{Schedule, Task};
use super::slot::{Slot, State};
use crate::catalog::{Catalog, CatalogError, Identity, Status};
use crate::healing::Healing;
use crate::options::EngineOptions;
use crate::quota::Gate;

/// All databases of a directory, and which of them are open.
///
/// ORDER: the locks of the roster, of the residents and of a slot are each taken alone, or in this
/// order; none is held during I/O.
#[derive(Debug)]
pub(crate) struct Pool<D: Databases> {
    pub(super) databases: D,
    pub(super) catalog: Catalog,
    /// Of what belongs to no database.
    pub(super) healing: Healing,
    pub(super) host: Host,
    pub(super) schedule: Arc<Schedule>,
    pub(super) budget: Arc<MemoryBudget>,
    pub(super) max_open: usize,
    pub(super) max_open_files: u64,
    /// Zero: never.
    pub(super) idle_timeout: Duration,
    pub(super) fsync_interval: Duration,
    /// Time between two scrubs of a database; `None`: never.
    pub(super) scrub_interval: Option<Duration>,
    pub(super) roster: RwLock<Roster<D::Database>>,
    /// At least the databases that are open or on the way there; their states tell.
    pub(super) residents: Mutex<BTreeMap<DatabaseId, Arc<Slot<D::Database>>>>,
    pub(super) stopped: AtomicBool,
    /// Held while the quotas of a database are changed.
    quota_changes: Mutex<()>,
    pub(super) counters: Counters,
}

/// Every database that there is, by its name and by its id. One that is being created has a name
/// only.
#[derive(Debug)]
pub(super) struct Roster<T> {
    pub(super) by_name: BTreeMap<DatabaseName, Arc<Slot<T>>>,
    pub(super) by_id: HashMap<DatabaseId, Arc<Slot<T>>>,
}

/// What the pool has done since it was opened.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) opened: AtomicU64,
    pub(crate) open_failures: AtomicU64,
    pub(crate) closed: AtomicU64,
    pub(crate) close_failures: AtomicU64,
    pub(crate) evicted: AtomicU64,
    pub(crate) idled: AtomicU64,
    pub(crate) task_failures: AtomicU64,
}

impl<D: Databases> Pool<D> {
    /// The pool of a directory that is locked and has its catalog: nothing open, and the drops that
    /// were cut off finished.
    pub(crate) fn new(
        databases: D,
        catalog: Catalog,
        host: Host,
        options: &EngineOptions,
        budget: Arc<MemoryBudget>,
    ) -> Self {
        let mut roster = Roster {
            by_name: BTreeMap::new(),
            by_id: HashMap::new(),
        };
        for entry in catalog.entries() {
            let state = match entry.status {
                Status::Active => State::Closed,
                Status::Dropping => State::HalfDropped,
            };
            roster.add(Arc::new(Slot::new(
                entry.identity,
                entry.created_unix_ms,
                entry.quotas,
                state,
            )));
        }
        let pool = Self {
            schedule: Schedule::new(Arc::clone(&host.clock)),
            max_open: options.max_open_databases,
            max_open_files: options.max_open_files,
            idle_timeout: options.idle_timeout,
            fsync_interval: options.fsync_interval,
            scrub_interval: options.healing.scrubs().then_some(options.healing.interval),
            roster: RwLock::new(roster),
            residents: Mutex::default(),
            stopped: AtomicBool::new(false),
            quota_changes: Mutex::default(),
            counters: Counters::default(),
            healing: Healing::of_directory(&host, &options.data_directory),
            databases,
            catalog,
            host,
            budget,
        };
        pool.finish_drops();
        pool.schedule_scrubs();
        pool
    }

    /// Plans the first scrub of the catalog, which has just been read, and of every database, spread over the interval: each says itself, once it is
    /// open, when it was looked at last.
    fn schedule_scrubs(&self) {
        let Some(interval) = self.scrub_interval else {
            return;
        };
        self.schedule.put(Task::Catalog, interval);
        let slots = self.listed();
        let count = u32::try_from(slots.len()).unwrap_or(u32::MAX).max(1);
        for (place, slot) in slots.iter().enumerate() {
            let place = u32::try_from(place).unwrap_or(u32::MAX).saturating_add(1);
            let delay = interval / count * place;
            self.schedule.put(Task::Scrub(slot.identity.id), delay);
        }
    }

    /// The slot of a name.
    pub(super) fn named(&self, name: &DatabaseName) -> Option<Arc<Slot<D::Database>>> {
        self.roster.read().by_name.get(name).cloned()
    }

    /// The slot of an id.
    ///
    /// # Errors
    /// `DbNotFound`.
    pub(super) fn numbered(&self, id: DatabaseId) -> Result<Arc<Slot<D::Database>>, Error> {
        let slot = self.roster.read().by_id.get(&id).cloned();
        slot.ok_or_else(|| Error::new(Code::DbNotFound, format!("no database has the id {id}")))
    }

    /// All slots, those of databases that are being created among them, in the order of their names.
    pub(crate) fn slots(&self) -> Vec<Arc<Slot<D::Database>>> {
        self.roster.read().by_name.values().cloned().collect()
    }

    /// The slots of all databases that exist, in the order of their names.
    pub(crate) fn listed(&self) -> Vec<Arc<Slot<D::Database>>> {
        let roster = self.roster.read();
        let named = roster.by_name.values();
        named
            .filter(|slot| roster.by_id.contains_key(&slot.identity.id))
            .cloned()
            .collect()
    }

    /// # Errors
    /// `PoolStopped`.
    pub(super) fn running(&self) -> Result<(), Error> {
        if self.stopped.load(Ordering::SeqCst) {
            return Err(Error::new(Code::PoolStopped, Code::PoolStopped.meaning()));
        }
        Ok(())
    }

    /// Where the requests to a database pass.
    pub(crate) fn gate(&self, id: DatabaseId) -> Option<Arc<Gate>> {
        let roster = self.roster.read();
        roster.by_id.get(&id).map(|slot| Arc::clone(&slot.gate))
    }

    /// Changes what a database may use; returns it.
    ///
    /// # Errors
    /// `DbNotFound`, `PoolStopped`, and those of the catalog.
    pub(crate) fn change_quotas(
        &self,
        name: &DatabaseName,
        change: QuotaChange,
    ) -> Result<Quotas, Error> {
        self.running()?;
        let slot = self.named(name).ok_or_else(|| not_found(name))?;
        // ORDER: of two changes at once, what the catalog keeps last is in force here too.
        let _turn = self.quota_changes.lock();
        match self.catalog.change_quotas(name, change) {
            Ok(quotas) => {
                slot.gate.set(quotas);
                Ok(quotas)
            }
            Err(CatalogError::Unknown) => Err(not_found(name)),
            Err(error) => Err(of_catalog(error, name)),
        }
    }

    pub(super) fn new_identity(&self, name: &DatabaseName) -> Identity {
        Identity {
            id: self.catalog.take_id(),
            name: name.clone(),
            uid: DatabaseUid::from(self.host.entropy.next_u128()),
        }
    }
}

impl<T> Roster<T> {
    pub(super) fn add(&mut self, slot: Arc<Slot<T>>) {
        self.by_name
            .insert(slot.identity.name.clone(), Arc::clone(&slot));
        self.by_id.insert(slot.identity.id, slot);
    }

    pub(super) fn remove(&mut self, identity: &Identity) {
        self.by_name.remove(&identity.name);
        self.by_id.remove(&identity.id);
    }
}

/// The error of a name that no database has.
pub(super) fn not_found(name: &DatabaseName) -> Error {
    Error::new(Code::DbNotFound, Code::DbNotFound.meaning()).in_database(name)
}

/// A failure of the catalog in the work on one database.
pub(super) fn of_catalog(error: CatalogError, name: &DatabaseName) -> Error {
    Error::from(error).in_database(name)
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
