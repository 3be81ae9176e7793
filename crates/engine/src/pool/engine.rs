use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use docdb_types::{Code, DatabaseId, DatabaseName, Error, FsyncMode, QuotaChange, Quotas};
use docdb_vfs::{Host, ListedVfs};
use parking_lot::Mutex;

use super::databases::Databases;
use super::directory::DirectoryLocks;
use super::logical::LogicalDatabases;
use super::memory::MemoryBudget;
use super::opening::OpenMode;
use super::reserve::Reserve;
use super::roster::Pool;
use super::slot::State;
use super::statistics::{DatabaseInfo, DatabaseStatus, EngineStatistics};
use super::totals::WorkDone;
use super::upkeep::Upkeep;
use crate::catalog::Catalog;
use crate::database::LogicalDb;
use crate::healing::{HealTrigger, Witness};
use crate::options::{EngineOptions, Housekeeping};
use crate::quota::Gate;

/// More threads than this gain nothing when everything is closed.
const MAX_CLOSING_THREADS: usize = 8;

/// All databases of a data directory.
///
/// Databases are opened when they are needed, and closed again when nobody has used them for a
/// while. All methods may be called from any number of threads; those that may wait for the disk
/// say so.
///
/// An engine that is dropped without [`close`](Self::close) ends its databases without checkpoints:
/// nothing acknowledged is lost, and the next start has more of the log to read.
#[derive(Debug)]
pub struct Engine {
    pool: Arc<Pool<LogicalDatabases>>,
    upkeep: Upkeep,
    locks: Mutex<Option<DirectoryLocks>>,
    reserve: Arc<Reserve>,
    options: EngineOptions,
    started: Duration,
}

/// An answer of [`Engine::open_database`].
#[derive(Debug, Clone)]
pub struct Opened {
    /// The database.
    pub database: Arc<LogicalDb>,
    /// Whether the call created it.
    pub created: bool,
}

impl Engine {
    /// Opens a data directory: locks it, reads its catalog, finishes drops that a crash cut off.
    /// Databases are not opened.
    ///
    /// # Durability
    /// Directories and the catalog of a new data directory survive a crash.
    ///
    /// # Errors
    /// The first option that is wrong; `FileOpen` when another engine has one of the directories
    /// (the text names its process) or the catalog has a newer format; `FileRead`, `FileWrite`,
    /// `FileSync`, `DiskFull` when the catalog cannot be read or created.
    pub fn open(host: Host, options: EngineOptions) -> Result<Self, Error> {
        options.validate()?;
        let locks = DirectoryLocks::take(&host, &options)?;
        // From the locks on nobody else changes the directories.
        let host = Host {
            files: Arc::new(ListedVfs::new(host.files)),
            ..host
        };
        let budget =
            MemoryBudget::with_documents(options.global_memory_bytes, options.document_cache_bytes);
        let reserve = Reserve::take(&host, &options);
        let databases = LogicalDatabases::new(
            host.clone(),
            options.database(),
            Arc::clone(&budget),
            Arc::clone(&reserve),
        );
        let identify = |name: &DatabaseName| databases.identify(name);
        let catalog = Catalog::open(&host, &options.data_directory, &identify)?;
        let started = host.clock.monotonic();
        let pool = Arc::new(Pool::new(databases, catalog, host, &options, budget));
        let upkeep = match options.housekeeping {
            Housekeeping::Manual => Upkeep::default(),
            Housekeeping::Background => Upkeep::start(&pool, options.fsync).map_err(|error| {
                pool.abandon();
                let text = format!("cannot start the threads of the engine: {error}");
                Error::new(Code::Internal, text)
            })?,
        };
        tracing::info!(
            data_directory = %options.data_directory.display(),
            wal_directory = %options.wal_directory.display(),
            fsync = %options.fsync,
            databases = pool.slots().len(),
            "opened the data directory"
        );
        if options.fsync == FsyncMode::None {
            tracing::warn!("fsync is off: a crash of the machine may lose any write");
        }
        Ok(Self {
            pool,
            upkeep,
            locks: Mutex::new(Some(locks)),
            reserve,
            options,
            started,
        })
    }

    /// What the engine was opened with.
    #[must_use]
    pub const fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// Opens the database of a name. May wait for the disk.
    ///
    /// # Durability
    /// A database that is created exists after a crash.
    ///
    /// # Errors
    /// `DbNotFound`, `DbExists`, `DbNotActive` while it is being dropped, `PoolStopped`; `FileOpen`
    /// when files with data that belong to no database stand under a new name; whatever keeps it
    /// from being created or opened.
    pub fn open_database(&self, name: &DatabaseName, mode: OpenMode) -> Result<Opened, Error> {
        let (database, created) = self.pool.open_named(name, mode)?;
        Ok(Opened { database, created })
    }

    /// The database of an id, opened if it is not. May wait for the disk; with
    /// [`open_handle`](Self::open_handle) in front of it only where it has to.
    ///
    /// A handle is to be held for a request or a transaction, not for a session: a database that
    /// somebody holds, or has a snapshot of, is not closed for being idle. When it has been closed
    /// or dropped explicitly meanwhile, requests to the handle are answered `DbNotActive`.
    ///
    /// # Errors
    /// `DbNotFound`, `DbNotActive` while it is being dropped, `PoolStopped`, and the failure of its
    /// last opening, until [`open_database`](Self::open_database) tries again.
    pub fn database(&self, id: DatabaseId) -> Result<Arc<LogicalDb>, Error> {
        self.pool.open_numbered(id)
    }

    /// The database of an id if it is open. Waits for nothing.
    #[must_use]
    pub fn open_handle(&self, id: DatabaseId) -> Option<Arc<LogicalDb>> {
        self.pool.get(id)
    }

    /// All databases that are open, in the order of their names. Looking is no use: none of them is
    /// kept from being closed for being idle by it, once the handles are dropped.
    #[must_use]
    pub fn open_handles(&self) -> Vec<Arc<LogicalDb>> {
        let slots = self.pool.slots();
        slots.iter().filter_map(|slot| slot.open()).collect()
    }

    /// Closes a database, for whoever uses it too; the next who asks for it opens it again. May
    /// wait for the disk.
    ///
    /// # Durability
    /// On success everything acknowledged is synced and a checkpoint covers it.
    ///
    /// # Errors
    /// `DbNotFound`, `DbNotActive` while it is being dropped; a failure of the checkpoint or sync:
    /// it is closed all the same.
    pub fn close_database(&self, id: DatabaseId) -> Result<(), Error> {
        self.pool.close_numbered(id)
    }

    /// Drops a database with everything in it. Reads on their way finish; whoever uses it from then
    /// on is answered `DbNotActive`. May wait for the disk.
    ///
    /// # Durability
    /// On success nothing of it comes back. A crash during the call leaves all of it or nothing.
    ///
    /// # Errors
    /// `DbNotFound`, `PoolStopped`. The effect of every other error tells: not applied, it is still
    /// there; applied, it is gone, and files that could not be removed are tried again by the next
    /// start, drop or creation of the name; unknown, it takes no requests until a drop or an
    /// opening of the name has decided.
    pub fn drop_database(&self, name: &DatabaseName) -> Result<(), Error> {
        self.pool.drop_named(name)
    }

    /// Where the requests to a database pass; `None` for an id that no database has. Waits for
    /// nothing.
    #[must_use]
    pub fn gate(&self, id: DatabaseId) -> Option<Arc<Gate>> {
        self.pool.gate(id)
    }

    /// Changes what a database may use, open or not, for what comes from now on; returns it. May
    /// wait for the disk.
    ///
    /// # Durability
    /// On success it is in force after a crash.
    ///
    /// # Errors
    /// `DbNotFound`, `PoolStopped`; a failure of the catalog, where nothing has changed or that is
    /// not known.
    pub fn change_quotas(&self, name: &DatabaseName, change: QuotaChange) -> Result<Quotas, Error> {
        self.pool.change_quotas(name, change)
    }

    /// All databases, in the order of their names.
    #[must_use]
    pub fn list_databases(&self) -> Vec<DatabaseInfo> {
        let slots = self.pool.listed();
        slots
            .iter()
            .map(|slot| DatabaseInfo {
                id: slot.identity.id,
                name: slot.identity.name.clone(),
                created_unix_ms: slot.created_unix_ms,
                status: status(&slot.state()),
            })
            .collect()
    }

    /// The figures of the engine.
    #[must_use]
    pub fn statistics(&self) -> EngineStatistics {
        let listed = self.pool.listed();
        let count = |wanted: fn(&State<LogicalDb>) -> bool| {
            listed.iter().filter(|slot| wanted(&slot.state())).count() as u64
        };
        let counters = &self.pool.counters;
        let catalog = &self.pool.catalog;
        EngineStatistics {
            databases: listed.len() as u64,
            open: count(|state| matches!(state, State::Open(_))),
            failed: count(|state| matches!(state, State::Failed(_))),
            catalog: catalog.origin(),
            unidentified: catalog.unidentified().to_vec(),
            fsync: self.options.fsync,
            is_disk_full: self.reserve.is_given_up(),
            memory_bytes: self.pool.budget.used_bytes(),
            memory_cap_bytes: self.pool.budget.cap_bytes(),
            document_cache: self.pool.budget.documents(),
            openings: counters.opened.load(Ordering::Relaxed),
            failed_openings: counters.open_failures.load(Ordering::Relaxed),
            closings: counters.closed.load(Ordering::Relaxed),
            failed_closings: counters.close_failures.load(Ordering::Relaxed),
            evictions: counters.evicted.load(Ordering::Relaxed),
            idle_closings: counters.idled.load(Ordering::Relaxed),
            failed_tasks: counters.task_failures.load(Ordering::Relaxed),
            uptime: self.now().saturating_sub(self.started),
        }
    }

    /// What all databases have done since the start, those that are closed or dropped by now among
    /// them: no figure of it ever goes back.
    #[must_use]
    pub fn work_done(&self) -> WorkDone {
        let mut work = self.pool.databases.totals().work_done();
        work.healing.add(&self.pool.healing.figures());
        work
    }

    /// Looks for damage to the catalog at once, and heals it; says whether there was any.
    ///
    /// # Errors
    /// `CorruptRecord` where what is left of the catalog contradicts what this engine knows: it is
    /// left as it is. `FileOpen`, `FileRead`, `FileWrite`, `FileSync`, `DiskFull`.
    ///
    /// # Durability
    /// What is healed is durable.
    pub fn scrub_catalog(&self) -> Result<bool, Error> {
        self.pool.scrub_catalog(HealTrigger::Command)
    }

    /// What was restored, or found lost, of what belongs to no database; the newest last.
    #[must_use]
    pub fn witnesses(&self) -> Vec<Witness> {
        self.pool.healing.witnesses()
    }

    /// Does everything that is due beside requests, and returns in what time the next task will be.
    /// For [`Housekeeping::Manual`].
    pub fn tick(&self) -> Option<Duration> {
        let next = self.pool.tick()?;
        Some(next.saturating_sub(self.now()))
    }

    /// Ends the engine: nothing is opened any more, every database is closed with a checkpoint, and
    /// the directories are free. May wait for the disk; a second call has nothing to do.
    ///
    /// # Durability
    /// On success everything acknowledged is synced and covered by checkpoints, in every mode.
    ///
    /// # Errors
    /// The first failure; all other databases are closed all the same.
    pub fn close(&self) -> Result<(), Error> {
        let threads = match self.options.housekeeping {
            Housekeeping::Manual => 1,
            // Closing mostly waits for the disk.
            Housekeeping::Background => thread::available_parallelism()
                .map_or(1, NonZeroUsize::get)
                .saturating_mul(2)
                .min(MAX_CLOSING_THREADS),
        };
        let closed = self.pool.stop(threads);
        self.upkeep.join();
        self.locks.lock().take();
        closed
    }

    fn now(&self) -> Duration {
        self.pool.host.clock.monotonic()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.pool.abandon();
        self.upkeep.join();
    }
}

fn status(state: &State<LogicalDb>) -> DatabaseStatus {
    match state {
        State::Closed => DatabaseStatus::Closed,
        State::Opening => DatabaseStatus::Opening,
        State::Open(database) => DatabaseStatus::Open(database.condition()),
        State::Closing => DatabaseStatus::Closing,
        State::Failed(error) | State::Undecided(error) => DatabaseStatus::Failed(error.clone()),
        State::Dropping | State::HalfDropped | State::Gone => DatabaseStatus::Dropping,
    }
}
