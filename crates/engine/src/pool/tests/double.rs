//! Databases without documents, which watch over what the pool does with them.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use docdb_types::{Code, DatabaseName, DatabaseUid, Error};
use docdb_vfs::{SimVfs, Vfs, read_whole, remove_durable, write_whole};
use parking_lot::Mutex;

use crate::catalog::{Catalog, Identity};
use crate::healing::HealingOptions;
use crate::options::EngineOptions;
use crate::pool::databases::{Databases, Leftovers};
use crate::pool::roster::Pool;
use crate::pool::{MemoryBudget, MemoryShare, Signals};
use crate::quota::Gate;

/// An open database of the double.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) identity: Identity,
    pub(super) signals: Signals,
    pub(super) memory: MemoryShare,
    pub(super) ended: AtomicBool,
    /// Something depends on it that holds no handle.
    pub(super) busy: AtomicBool,
    pub(super) syncs: AtomicU64,
    pub(super) checkpoints: AtomicU64,
    pub(super) scrubs: AtomicU64,
    pub(super) files: AtomicU64,
}

/// Calls that can be held up or made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Create,
    Open,
    Close,
    Remove,
    Sync,
    Checkpoint,
    Scrub,
}

/// What happens to the next such call on a database of a name.
#[derive(Debug)]
enum Plan {
    /// Says that it is there, and goes on when told to.
    Hold {
        entered: Sender<()>,
        release: Receiver<()>,
    },
    Fail(Code),
    Panic,
}

/// A call that is held up.
pub(super) struct Held {
    entered: Receiver<()>,
    release: Sender<()>,
}

impl Held {
    /// Waits until the call is there.
    pub(super) fn reached(&self) {
        self.entered.recv().unwrap();
    }

    /// Lets it go on.
    pub(super) fn release(self) {
        self.release.send(()).unwrap();
    }
}

/// The double. Clones share everything.
#[derive(Debug, Clone)]
pub(super) struct Sheets {
    pub(super) disk: SimVfs,
    pub(super) budget: Arc<MemoryBudget>,
    plans: Arc<Mutex<HashMap<(String, Step), Plan>>>,
    /// Which are open: the pool must never open one twice, nor touch the files of an open one.
    open: Arc<Mutex<BTreeSet<DatabaseUid>>>,
    pub(super) opened: Arc<AtomicU64>,
    pub(super) closed: Arc<Mutex<Vec<String>>>,
}

impl Sheets {
    pub(super) fn new(disk: &SimVfs) -> Self {
        Self {
            disk: disk.clone(),
            budget: MemoryBudget::new(1000),
            plans: Arc::default(),
            open: Arc::default(),
            opened: Arc::default(),
            closed: Arc::default(),
        }
    }

    pub(super) fn hold(&self, name: &str, step: Step) -> Held {
        let (entered, reached) = channel();
        let (go, release) = channel();
        self.plan(name, step, Plan::Hold { entered, release });
        Held {
            entered: reached,
            release: go,
        }
    }

    pub(super) fn fail(&self, name: &str, step: Step, code: Code) {
        self.plan(name, step, Plan::Fail(code));
    }

    pub(super) fn panic(&self, name: &str, step: Step) {
        self.plan(name, step, Plan::Panic);
    }

    fn plan(&self, name: &str, step: Step, plan: Plan) {
        self.plans.lock().insert((name.to_owned(), step), plan);
    }

    fn pass(&self, name: &DatabaseName, step: Step) -> Result<(), Error> {
        let plan = self.plans.lock().remove(&(name.to_string(), step));
        match plan {
            None => Ok(()),
            Some(Plan::Hold { entered, release }) => {
                entered.send(()).unwrap();
                release.recv().unwrap();
                Ok(())
            }
            Some(Plan::Fail(code)) => Err(Error::new(code, "as planned")),
            Some(Plan::Panic) => panic!("as planned"),
        }
    }

    fn end(&self, sheet: &Sheet) {
        if !sheet.ended.swap(true, Ordering::SeqCst) {
            assert!(self.open.lock().remove(&sheet.identity.uid));
        }
    }
}

pub(super) fn manifest(name: &DatabaseName) -> PathBuf {
    PathBuf::from(format!("/{name}.manifest"))
}

fn data(name: &DatabaseName) -> PathBuf {
    PathBuf::from(format!("/{name}.data.1"))
}

fn of_disk(error: std::io::Error) -> Error {
    Error::new(Code::FileWrite, error.to_string())
}

impl Databases for Sheets {
    type Database = Sheet;

    fn identify(&self, name: &DatabaseName) -> Option<DatabaseUid> {
        let bytes = read_whole(&self.disk, &manifest(name), 16).ok()?;
        bytes.try_into().ok().map(DatabaseUid::from_bytes)
    }

    fn leftovers(&self, name: &DatabaseName) -> Result<Leftovers, Error> {
        if self.disk.exists(&data(name)).map_err(of_disk)? {
            return Ok(Leftovers::Data {
                file: format!("{name}.data.1"),
            });
        }
        let manifest = self.disk.exists(&manifest(name)).map_err(of_disk)?;
        Ok(if manifest {
            Leftovers::Empty
        } else {
            Leftovers::None
        })
    }

    fn create(&self, identity: &Identity) -> Result<(), Error> {
        self.pass(&identity.name, Step::Create)?;
        let path = manifest(&identity.name);
        assert!(
            !self.disk.exists(&path).map_err(of_disk)?,
            "created over files"
        );
        write_whole(&self.disk, &path, &identity.uid.to_bytes()).map_err(of_disk)
    }

    fn remove(&self, name: &DatabaseName) -> Result<(), Error> {
        self.pass(name, Step::Remove)?;
        if let Some(uid) = self.identify(name) {
            assert!(
                !self.open.lock().contains(&uid),
                "removed while somebody writes to it"
            );
        }
        remove_durable(&self.disk, &manifest(name)).map_err(of_disk)
    }

    fn open(
        &self,
        identity: &Identity,
        signals: Signals,
        _: &Arc<Gate>,
    ) -> Result<Arc<Sheet>, Error> {
        self.pass(&identity.name, Step::Open)?;
        if self.identify(&identity.name) != Some(identity.uid) {
            return Err(Error::new(Code::FileOpen, "the manifest is not its own"));
        }
        assert!(self.open.lock().insert(identity.uid), "opened twice");
        self.opened.fetch_add(1, Ordering::SeqCst);
        let memory = self.budget.share();
        memory.publish(10);
        Ok(Arc::new(Sheet {
            identity: identity.clone(),
            signals,
            memory,
            ended: AtomicBool::new(false),
            busy: AtomicBool::new(false),
            syncs: AtomicU64::new(0),
            checkpoints: AtomicU64::new(0),
            scrubs: AtomicU64::new(0),
            files: AtomicU64::new(1),
        }))
    }

    fn signals(database: &Sheet) -> &Signals {
        &database.signals
    }

    fn open_files(database: &Sheet) -> u64 {
        database.files.load(Ordering::SeqCst)
    }

    fn is_idle(database: &Sheet) -> bool {
        !database.busy.load(Ordering::SeqCst)
    }

    fn close(&self, database: &Sheet) -> Result<(), Error> {
        let passed = self.pass(&database.identity.name, Step::Close);
        self.end(database);
        self.closed.lock().push(database.identity.name.to_string());
        passed
    }

    fn abandon(&self, database: &Sheet) {
        self.end(database);
    }

    fn sync(&self, database: &Sheet) -> Result<(), Error> {
        self.pass(&database.identity.name, Step::Sync)?;
        database.syncs.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn expire_snapshots(&self, _: &Sheet) {}

    fn remove_retired(&self, _: &Sheet) {}

    fn checkpoint(&self, database: &Sheet) -> Result<(), Error> {
        self.pass(&database.identity.name, Step::Checkpoint)?;
        database.checkpoints.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn compact(&self, _: &Sheet) -> Result<(), Error> {
        Ok(())
    }

    fn heal(&self, _: &Sheet) -> Result<(), Error> {
        Ok(())
    }

    fn scrub(&self, database: &Sheet) -> Result<Duration, Error> {
        self.pass(&database.identity.name, Step::Scrub)?;
        database.scrubs.fetch_add(1, Ordering::SeqCst);
        Ok(Duration::from_secs(3600))
    }
}

pub(super) fn name(text: &str) -> DatabaseName {
    DatabaseName::new(text).unwrap()
}

/// A pool on the disk of the double, as the options say.
pub(super) fn pool_with(sheets: &Sheets, options: &EngineOptions) -> Pool<Sheets> {
    let host = sheets.disk.host();
    let catalog = Catalog::open(&host, Path::new("/"), &|name| sheets.identify(name)).unwrap();
    let budget = Arc::clone(&sheets.budget);
    Pool::new(sheets.clone(), catalog, host, options, budget)
}

pub(super) fn pool(sheets: &Sheets) -> Pool<Sheets> {
    pool_with(sheets, &unscrubbed())
}

/// Options under which nothing is due but what databases ask for.
pub(super) fn unscrubbed() -> EngineOptions {
    EngineOptions {
        healing: HealingOptions {
            interval: Duration::ZERO,
            ..HealingOptions::DEFAULT
        },
        ..EngineOptions::default()
    }
}
