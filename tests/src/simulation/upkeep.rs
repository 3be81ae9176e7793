//! What happens to simulated databases beside requests, and how their process ends.

use std::sync::Weak;

use docdb_engine::{Condition, Engine, OpenMode};
use docdb_types::{Code, Effect, FsyncMode};
use docdb_vfs::{CrashProfile, SimVfs};

use super::plan::{Cut, TENANTS};
use super::world::{Asked, Checked, Exists, World};

impl World<'_> {
    pub(super) fn checkpoint(&mut self, number: usize) -> Checked {
        let Some(database) = self.handle(number)? else {
            return Ok(());
        };
        match database.checkpoint() {
            Ok(_) => {
                self.tenants[number].oracle.is_durable();
                Ok(())
            }
            Err(error) => self.fail_unless(number, "a checkpoint of", &error),
        }
    }

    pub(super) fn compact(&mut self, number: usize) -> Checked {
        let Some(database) = self.handle(number)? else {
            return Ok(());
        };
        match database.compact() {
            Ok(_) => {
                self.tenants[number].oracle.is_durable();
                Ok(())
            }
            Err(error) => self.fail_unless(number, "a compaction of", &error),
        }
    }

    pub(super) fn tick(&mut self) -> Checked {
        if let Some(engine) = &self.engine {
            // What has been acknowledged longer ago than the interval is synced by then.
            let before = engine.statistics().failed_tasks;
            self.sim.clock().advance(self.plan.options.fsync_interval);
            let _ = engine.tick();
            let failed = engine.statistics().failed_tasks > before;
            if failed && !self.trouble && self.sim.has_power() {
                let wounded = self.tenants.iter().any(|tenant| tenant.wounded);
                if !wounded {
                    return Err("a task failed on a healthy disk".to_owned());
                }
            }
            if !failed && self.plan.options.fsync == FsyncMode::Interval && self.sim.has_power() {
                for tenant in &mut self.tenants {
                    // Nobody syncs what nobody has open.
                    if !tenant.wounded && tenant.known.strong_count() > 0 {
                        tenant.oracle.is_durable();
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn open(&mut self, number: usize) -> Checked {
        if self.engine.is_none() {
            self.start()?;
        }
        let Some(engine) = &self.engine else {
            return Ok(());
        };
        let name = self.tenants[number].name.clone();
        match engine.open_database(&name, OpenMode::CreateIfMissing) {
            Ok(opened) => {
                let exists = self.tenants[number].exists;
                match (exists, opened.created) {
                    (Exists::Yes, true) if !self.blind => Err(format!("{name} was created again")),
                    (Exists::No, false) if !self.blind => Err(format!("{name} was there")),
                    (_, true) => {
                        let tenant = &mut self.tenants[number];
                        tenant.is_gone();
                        tenant.oracle.weak = !self.plan.options.fsync.acknowledges_durable();
                        tenant.exists = Exists::Yes;
                        tenant.wounded = self.trouble;
                        self.met(number, &opened.database).map(drop)
                    }
                    (_, false) => self.met(number, &opened.database).map(drop),
                }
            }
            Err(error) => {
                // Without power, nobody gets the answer.
                let unknown = error.effect() != Effect::NotApplied || !self.sim.has_power();
                if self.tenants[number].exists == Exists::No && unknown {
                    self.tenants[number].exists = Exists::Unsure;
                }
                self.fail_unless(number, "creating", &error)
            }
        }
    }

    pub(super) fn close(&mut self, number: usize) -> Checked {
        let Some(database) = self.handle(number)? else {
            return Ok(());
        };
        let Some(engine) = &self.engine else {
            return Ok(());
        };
        // A database whose log was given up has nothing more to be saved.
        let was_serving = database.condition() == Condition::Serving;
        match engine.close_database(database.id()) {
            Ok(()) => {
                if was_serving {
                    self.tenants[number].oracle.is_durable();
                }
                Ok(())
            }
            Err(error) => self.fail_unless(number, "closing", &error),
        }
    }

    pub(super) fn drop_tenant(&mut self, number: usize) -> Checked {
        let Some(engine) = &self.engine else {
            return Ok(());
        };
        let name = self.tenants[number].name.clone();
        let exists = self.tenants[number].exists;
        match engine.drop_database(&name) {
            Ok(()) if exists == Exists::No && !self.tenants[number].half_dropped && !self.blind => {
                Err(format!("{name} was dropped and is not there"))
            }
            Ok(()) => self.after_drop(number, Exists::No),
            Err(error) if error.code() == Code::DbNotFound && exists != Exists::Yes => Ok(()),
            Err(error) => {
                let left = match error.effect() {
                    _ if !self.sim.has_power() => Exists::Unsure,
                    Effect::NotApplied => exists,
                    Effect::Applied => {
                        self.tenants[number].half_dropped = true;
                        Exists::No
                    }
                    Effect::Unknown => Exists::Unsure,
                };
                self.fail_unless(number, "dropping", &error)?;
                self.after_drop(number, left)
            }
        }
    }

    /// Requests that the drop overtook are answered, whatever became of it.
    pub(super) fn after_drop(&mut self, number: usize, exists: Exists) -> Checked {
        self.collect_closed(number)?;
        match exists {
            Exists::No => self.tenants[number].is_gone(),
            Exists::Yes | Exists::Unsure => self.tenants[number].exists = exists,
        }
        Ok(())
    }

    pub(super) fn restart(&mut self, cleanly: bool) -> Checked {
        self.settle_all()?;
        for tenant in &mut self.tenants {
            tenant.held.clear();
        }
        let Some(engine) = self.engine.take() else {
            return self.start();
        };
        if cleanly {
            let wounded = self.tenants.iter().any(|tenant| tenant.wounded);
            match engine.close() {
                Ok(()) => {}
                Err(_) if self.trouble || wounded || !self.sim.has_power() => {}
                Err(error) => return Err(format!("the engine does not close: {error:?}")),
            }
        }
        drop(engine);
        if !self.sim.has_power() {
            return Ok(());
        }
        self.start()
    }

    /// Forgets everything in memory. What was on its way may have happened.
    pub(super) fn end_process(&mut self) {
        for tenant in &mut self.tenants {
            tenant.held.clear();
            for waiting in std::mem::take(&mut tenant.waiting) {
                match waiting.asked {
                    Asked::Operations {
                        operations,
                        atomicity,
                        ..
                    } => tenant.oracle.maybe(&operations, atomicity),
                    Asked::Collection { name, creates, .. } => {
                        tenant.oracle.maybe_collection(name, creates);
                    }
                }
            }
            // On a disk without power, nothing comes of their steps.
            tenant.leads.clear();
            tenant.known = Weak::new();
        }
        self.engine = None;
    }

    pub(super) fn kill(&mut self) -> Checked {
        let next = self.sim.kill();
        self.end_process();
        self.continue_on(next);
        self.start()
    }

    pub(super) fn cut(&mut self, cut: &Cut) -> Checked {
        self.ahead = None;
        if self.sim.shows_lost_names() {
            // What was acknowledged into files that have no name on the disk is gone.
            self.blind = true;
        }
        let mut next = self.sim.crash(cut.profile, cut.seed);
        self.end_process();
        for (depth, changes) in cut.nested.iter().enumerate() {
            next.crash_at_mutation(*changes);
            self.recover_blindly(&next);
            next = next.crash(cut.profile, cut.seed.wrapping_add(depth as u64 + 1));
        }
        self.continue_on(next);
        for tenant in &mut self.tenants {
            // Without power, what was acknowledged from a buffer may be gone.
            tenant.wounded = true;
        }
        self.start()?;
        for number in 0..TENANTS {
            drop(self.handle(number)?);
            if self.ended {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Opens everything on a disk that will lose its power meanwhile.
    pub(super) fn recover_blindly(&self, disk: &SimVfs) {
        let Ok(engine) = Engine::open(disk.host(), self.plan.options.clone()) else {
            return;
        };
        for tenant in &self.tenants {
            if let Ok(opened) = engine.open_database(&tenant.name, OpenMode::ExistingOnly) {
                let _ = opened.database.list_collections();
            }
        }
        let _ = engine.close();
    }

    pub(super) fn continue_on(&mut self, disk: SimVfs) {
        self.outcome.crashes += 1;
        self.outcome.faults += self.sim.fault_hits();
        disk.set_capacity_bytes(None);
        self.sim = disk;
        self.trouble = false;
    }

    /// A healthy disk, a clean end, and a last look; opening twice is opening once.
    pub(super) fn finish(&mut self) -> Checked {
        if let Some(cut) = self.ahead.take() {
            self.cut(&cut)?;
        }
        if self.ended {
            return Ok(());
        }
        self.mend();
        self.settle_all()?;
        for _ in 0..2 {
            for number in 0..TENANTS {
                // A wounded database takes no writes until it is opened again.
                self.close(number)?;
                self.check(number)?;
                if self.ended {
                    return Ok(());
                }
            }
            self.restart(true)?;
        }
        self.cut(&Cut {
            profile: CrashProfile::DropAll,
            seed: 0,
            nested: Vec::new(),
        })
    }
}
