//! Running a plan: the engine on a simulated disk, simulated clients, and what they may believe.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Weak};

use docdb_engine::{
    Answers, Atomicity, Condition, DatabaseStatus, Engine, Lead, LogicalDb, OpenMode, Snapshot,
    Ticket,
};
use docdb_types::{Action, Code, CollectionName, DatabaseName, Document, Error, Limits, Operation};
use docdb_vfs::{CrashProfile, FaultOn, SimVfs};

use super::plan::{Cut, Plan, Step, TENANTS};
use crate::oracle::{Model, Oracle, contents_of};

/// What a history came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcome {
    /// A digest of everything that was answered and of every call to the disk.
    pub trace: u64,
    /// Writes that were acknowledged.
    pub acknowledged: u64,
    /// Crashes and kills that were recovered from.
    pub crashes: u64,
    /// Calls to the disk that failed by a fault.
    pub faults: u64,
}

/// What is known of whether a database is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exists {
    Yes,
    No,
    /// As the oracle says, or not at all.
    Unsure,
}

pub(super) enum Asked {
    Operations {
        client: usize,
        operations: Arc<[Operation]>,
        atomicity: Atomicity,
        ticket: Ticket<Answers>,
    },
    Collection {
        name: &'static str,
        creates: bool,
        ticket: Ticket<Result<(), Error>>,
    },
}

pub(super) struct Waiting {
    pub(super) database: Arc<LogicalDb>,
    pub(super) asked: Asked,
}

pub(super) struct Tenant {
    pub(super) name: DatabaseName,
    pub(super) exists: Exists,
    pub(super) oracle: Oracle,
    /// Whether a drop has happened and left files to be removed.
    pub(super) half_dropped: bool,
    /// The instance that the oracle was last held against.
    pub(super) known: Weak<LogicalDb>,
    /// Whether anything failed since it was opened.
    pub(super) wounded: bool,
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) leads: VecDeque<Lead>,
    pub(super) held: VecDeque<(Arc<LogicalDb>, Snapshot, Model)>,
}

/// A running history.
pub(super) struct World<'a> {
    pub(super) plan: &'a Plan,
    pub(super) sim: SimVfs,
    pub(super) engine: Option<Engine>,
    pub(super) tenants: Vec<Tenant>,
    /// Whether calls to the disk may fail now.
    pub(super) trouble: bool,
    pub(super) ahead: Option<Cut>,
    /// Every text ever sent.
    pub(super) written: BTreeSet<Vec<u8>>,
    /// Whether the disk has lied: what is served is only held against what was written.
    pub(super) blind: bool,
    pub(super) ended: bool,
    pub(super) outcome: Outcome,
}

pub(super) type Checked = Result<(), String>;

impl<'a> World<'a> {
    /// Runs a plan to its end.
    ///
    /// # Errors
    /// The number of the step and the promise that was broken.
    pub(super) fn run(plan: &'a Plan) -> Result<Outcome, (usize, String)> {
        let sim = SimVfs::new(plan.seed);
        let mut world = Self {
            plan,
            sim,
            engine: None,
            tenants: (0..TENANTS).map(Tenant::new).collect(),
            trouble: false,
            ahead: None,
            written: BTreeSet::new(),
            blind: plan.lies,
            ended: false,
            outcome: Outcome::default(),
        };
        world.start().map_err(|broken| (0, broken))?;
        for (number, step) in plan.steps.iter().enumerate() {
            world.take(step).map_err(|broken| (number, broken))?;
            if world.ended {
                return Ok(world.outcome);
            }
        }
        let last = plan.steps.len();
        world.finish().map_err(|broken| (last, broken))?;
        Ok(world.outcome)
    }

    pub(super) fn take(&mut self, step: &Step) -> Checked {
        if self.sim.has_power() {
            self.perform(step)?;
        }
        self.note(self.sim.operations());
        if self.plan.cut_after_fault && self.sim.fault_hits() > 0 && self.sim.has_power() {
            return self.cut(&Cut {
                profile: CrashProfile::DropAll,
                seed: 0,
                nested: Vec::new(),
            });
        }
        if !self.sim.has_power()
            && let Some(cut) = self.ahead.take()
        {
            self.cut(&cut)?;
        }
        Ok(())
    }

    pub(super) fn perform(&mut self, step: &Step) -> Checked {
        match step {
            Step::Submit {
                client,
                tenant,
                operations,
                atomicity,
            } => self.submit(*client, *tenant, operations, *atomicity),
            Step::Collection {
                tenant,
                name,
                creates,
            } => self.collection(*tenant, name, *creates),
            Step::Commit(tenant) => self.commit(*tenant),
            Step::Settle => self.settle_all(),
            Step::Check(tenant) => self.check(*tenant),
            Step::Hold(tenant) => self.hold(*tenant),
            Step::Release(tenant) => self.release(*tenant),
            Step::Checkpoint(tenant) => self.checkpoint(*tenant),
            Step::Compact(tenant) => self.compact(*tenant),
            Step::Tick => self.tick(),
            Step::Advance(by) => {
                self.sim.clock().advance(*by);
                Ok(())
            }
            Step::Calendar(to) => {
                self.sim.clock().set_unix_time(*to);
                Ok(())
            }
            Step::Open(tenant) => self.open(*tenant),
            Step::Close(tenant) => self.close(*tenant),
            Step::Drop(tenant) => self.drop_tenant(*tenant),
            Step::Restart => self.restart(true),
            Step::Abandon => self.restart(false),
            Step::Kill => self.kill(),
            Step::PowerCut(cut) => self.cut(cut),
            Step::PowerCutAhead { changes, cut } => {
                self.sim.crash_at_mutation(self.sim.mutations() + changes);
                self.ahead = Some(cut.clone());
                Ok(())
            }
            Step::Fault { ahead, fault } => {
                let mut fault = fault.clone();
                match &mut fault.on {
                    FaultOn::Mutation(at) => *at = self.sim.mutations() + ahead,
                    FaultOn::Operation(at) => *at = self.sim.operations() + ahead,
                    FaultOn::Call { .. } => {}
                }
                self.sim.fail(fault);
                self.in_trouble();
                Ok(())
            }
            Step::Mend => {
                self.mend();
                Ok(())
            }
            Step::Room(bytes) => {
                self.sim.set_capacity_bytes(Some(*bytes));
                self.in_trouble();
                Ok(())
            }
        }
    }

    pub(super) fn note(&mut self, what: u64) {
        self.outcome.trace =
            (self.outcome.trace ^ what).wrapping_mul(0x0000_0100_0000_01B3) ^ (what >> 17);
    }

    pub(super) fn note_text(&mut self, text: &str) {
        for byte in text.bytes() {
            self.note(u64::from(byte));
        }
    }

    pub(super) fn in_trouble(&mut self) {
        self.trouble = true;
        for tenant in &mut self.tenants {
            tenant.wounded = true;
        }
    }

    pub(super) fn mend(&mut self) {
        self.outcome.faults += self.sim.fault_hits();
        self.sim.clear_faults();
        self.sim.set_capacity_bytes(None);
        self.trouble = false;
    }

    /// Whether trouble may answer this.
    pub(super) fn excuses(
        &self,
        tenant: usize,
        database: Option<&LogicalDb>,
        error: &Error,
    ) -> bool {
        let is_failing = self.trouble || !self.sim.has_power() || self.blind;
        let wounded = self.tenants[tenant].wounded || is_failing;
        let is_closed = database.is_some_and(|it| it.condition() == Condition::Closed);
        match error.code() {
            Code::DiskFull
            | Code::FileWrite
            | Code::FileSync
            | Code::FileRead
            | Code::FileOpen
            | Code::DbNotFound => is_failing,
            Code::DbReadOnly => wounded,
            Code::DbNotActive => is_failing || is_closed,
            Code::MemoryLimit => self.plan.options.database_memory_bytes < 1 << 20,
            // A place that cannot be read, tried three times; or that a failed sync lost, read through
            // an instance that was closed since.
            Code::CorruptRecord => is_failing || (wounded && is_closed),
            Code::CorruptLog => self.blind,
            _ => false,
        }
    }

    pub(super) fn fail_unless(&self, tenant: usize, what: &str, error: &Error) -> Checked {
        if self.excuses(tenant, None, error) {
            return Ok(());
        }
        Err(format!("{what} {}: {error:?}", self.tenants[tenant].name))
    }

    pub(super) fn start(&mut self) -> Checked {
        let opened = Engine::open(self.sim.host(), self.plan.options.clone());
        match opened {
            Ok(engine) => self.engine = Some(engine),
            Err(_) if self.trouble || !self.sim.has_power() => return Ok(()),
            Err(error) => return Err(format!("the engine does not open: {error:?}")),
        }
        self.compare_list()
    }

    /// What is listed must be what is known.
    pub(super) fn compare_list(&mut self) -> Checked {
        let Some(engine) = &self.engine else {
            return Ok(());
        };
        if self.blind {
            return Ok(());
        }
        let listed: BTreeMap<_, _> = engine
            .list_databases()
            .into_iter()
            .filter(|info| !matches!(info.status, DatabaseStatus::Dropping))
            .map(|info| (info.name, info.status))
            .collect();
        for tenant in &mut self.tenants {
            let is_listed = listed.contains_key(&tenant.name);
            match (tenant.exists, is_listed) {
                (Exists::Yes, true) | (Exists::No, false) => {}
                (Exists::Yes, false) => return Err(format!("{} is gone", tenant.name)),
                (Exists::No, true) => return Err(format!("{} came back", tenant.name)),
                (Exists::Unsure, true) => tenant.exists = Exists::Yes,
                (Exists::Unsure, false) => tenant.is_gone(),
            }
        }
        Ok(())
    }

    /// The database, opened if it is not, and held against its oracle where it has been reopened.
    pub(super) fn handle(&mut self, number: usize) -> Result<Option<Arc<LogicalDb>>, String> {
        if self.engine.is_none() {
            self.start()?;
        }
        let Some(engine) = &self.engine else {
            return Ok(None);
        };
        let tenant = &self.tenants[number];
        if tenant.exists == Exists::No {
            return Ok(None);
        }
        match engine.open_database(&tenant.name, OpenMode::ExistingOnly) {
            Ok(opened) => {
                let usable = self.met(number, &opened.database)?;
                Ok(usable.then_some(opened.database))
            }
            // What is not known to have happened may still do so, at the next start.
            Err(error) if error.code() == Code::DbNotFound && tenant.exists == Exists::Unsure => {
                Ok(None)
            }
            Err(error) => {
                // The failure of an opening says nothing about the next one.
                self.fail_unless(number, "opening", &error).map(|()| None)
            }
        }
    }

    /// Holds a database that was not met before against its oracle. One that could not be read while
    /// calls fail is closed again.
    pub(super) fn met(&mut self, number: usize, database: &Arc<LogicalDb>) -> Result<bool, String> {
        let tenant = &mut self.tenants[number];
        if std::ptr::eq(tenant.known.as_ptr(), Arc::as_ptr(database)) {
            return Ok(true);
        }
        // What has queued before the reopening cannot be applied any more.
        self.collect_closed(number)?;
        let tenant = &mut self.tenants[number];
        if self.blind {
            return self.look(database).map(|()| false);
        }
        let is_failing = self.trouble || !self.sim.has_power();
        if database.condition() == Condition::Degraded {
            if is_failing {
                return self.close_again(database);
            }
            let cause = database.statistics().cause;
            return Err(format!("{} is degraded: {cause:?}", tenant.name));
        }
        let contents = match contents_of(database) {
            Ok(contents) => contents,
            Err(_) if is_failing => return self.close_again(database),
            Err(error) => return Err(format!("reading {}: {error:?}", tenant.name)),
        };
        tenant
            .oracle
            .settle(&contents, tenant.wounded)
            .map_err(|broken| format!("{}: {broken}", tenant.name))?;
        tenant.known = Arc::downgrade(database);
        tenant.exists = Exists::Yes;
        tenant.wounded = self.trouble;
        if !is_failing && database.condition() != Condition::Serving {
            return Err(format!(
                "{} is {:?} after opening",
                tenant.name,
                database.condition()
            ));
        }
        if !is_failing {
            self.settle_numbering(number, database)?;
        }
        Ok(true)
    }

    /// States with the same documents may differ in the ids that have been used: a creation tells.
    fn settle_numbering(&mut self, number: usize, database: &Arc<LogicalDb>) -> Checked {
        for name in self.tenants[number].oracle.ambiguous() {
            let operation = Operation {
                collection: CollectionName::new(&name).expect("a valid name"),
                action: Action::Create {
                    id: None,
                    document: Document::from_text("[]", &Limits::DEFAULT).expect("valid JSON"),
                },
            };
            let asked = vec![operation];
            self.note_written(&asked);
            let answers = database.execute(asked.clone(), Atomicity::Each);
            self.take_answers(number, database, &asked, Atomicity::Each, &answers)?;
        }
        Ok(())
    }

    pub(super) fn close_again(&self, database: &LogicalDb) -> Result<bool, String> {
        if let Some(engine) = &self.engine {
            let _ = engine.close_database(database.id());
        }
        Ok(false)
    }

    /// On a disk that lies, what is served must at least have been written.
    pub(super) fn look(&mut self, database: &Arc<LogicalDb>) -> Checked {
        self.ended = true;
        let Ok(contents) = contents_of(database) else {
            return Ok(());
        };
        for (id, (_, text)) in contents.values().flatten() {
            if !self.written.contains(text) {
                return Err(format!("document {id} is what nobody wrote"));
            }
        }
        Ok(())
    }
}

impl Tenant {
    pub(super) fn new(number: usize) -> Self {
        let name = ["a", "tenant-b", "c.wal"][number];
        Self {
            name: DatabaseName::new(name).expect("a valid name"),
            exists: Exists::No,
            oracle: Oracle::default(),
            half_dropped: false,
            known: Weak::new(),
            wounded: false,
            waiting: VecDeque::new(),
            leads: VecDeque::new(),
            held: VecDeque::new(),
        }
    }

    pub(super) fn is_gone(&mut self) {
        self.exists = Exists::No;
        let weak = self.oracle.weak;
        self.oracle = Oracle {
            weak,
            ..Oracle::default()
        };
        self.known = Weak::new();
        self.held.clear();
    }
}
