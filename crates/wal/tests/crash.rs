//! A log against a model, with the power cut at every change of the disk, recovery included, and
//! with calls that fail.
//!
//! The model knows which transactions were appended, how many of them are known durable and how many
//! a checkpoint covers. Whatever happens, what recovery hands over is the transactions behind the
//! covered ones, without a gap, at least up to the last durable and at most up to the last appended.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failing call is a failing test"
)]

mod fixture;

use std::error::Error;
use std::io;

use docdb_types::Effect;
use docdb_vfs::{
    CrashProfile, Entropy, Fault, FaultKind, FaultOn, SimEntropy, SimVfs, is_power_loss,
};
use docdb_wal::{BatchBuilder, Covered, LogState, Lsn, Wal, WalError, WalOptions};
use fixture::{add, covered, options, try_open};

const SEEDS: u64 = 200;

/// A log and what must be in it.
struct Model {
    disk: SimVfs,
    options: WalOptions,
    /// The highest transaction that may be in the log.
    appended: u64,
    /// The highest one that must be.
    durable: u64,
    /// The highest one that a checkpoint covers, and the position behind it.
    covered: u64,
    position: Lsn,
    chance: SimEntropy,
}

/// How a run of steps ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Finished,
    PowerCut,
    /// The log is closed for writing; the flag tells that a directory could not be synced.
    Closed(bool),
}

impl Model {
    fn new(seed: u64) -> Self {
        let chance = SimEntropy::new(seed);
        Self {
            disk: SimVfs::new(seed),
            options: WalOptions {
                segment_bytes: 400 + chance.next_u64() % 800,
                keep_segments: (chance.next_u64() % 3) as u32,
                preallocate_bytes: [0, 300, 2000][(chance.next_u64() % 3) as usize],
                ..options()
            },
            appended: 0,
            durable: 0,
            covered: 0,
            position: Lsn::ZERO,
            chance,
        }
    }

    fn draw(&self, below: u64) -> u64 {
        self.chance.next_u64() % below
    }

    fn manifest(&self) -> Covered {
        covered(self.position)
    }

    /// Opens the log and compares it with the model.
    fn open(&mut self) -> Result<Wal, WalError> {
        let (wal, recovery, found) = try_open(&self.disk, &self.options, self.manifest())?;
        assert!(
            !matches!(recovery.state, LogState::Corrupt(_)),
            "{:?}",
            recovery.state
        );
        let last = found.last().copied().unwrap_or(self.covered);
        assert_eq!(found, (self.covered + 1..=last).collect::<Vec<_>>());
        assert!(
            (self.durable..=self.appended).contains(&last),
            "found up to {last}, durable up to {}, appended up to {}",
            self.durable,
            self.appended
        );
        if wal.is_writable() {
            assert_eq!(wal.durable(), wal.end());
            self.appended = last;
            self.durable = last;
        }
        Ok(wal)
    }

    /// Works with the log until the steps are done or something ends it.
    fn work(&mut self, wal: &mut Wal, steps: u64) -> End {
        for _ in 0..steps {
            if let Err(error) = self.step(wal) {
                if is_cut(&error) {
                    return End::PowerCut;
                }
                if !wal.is_writable() {
                    let directory = matches!(&error, WalError::Sync { file, .. } if file == "wal");
                    return End::Closed(directory);
                }
            }
        }
        End::Finished
    }

    fn step(&mut self, wal: &mut Wal) -> Result<(), WalError> {
        match self.draw(16) {
            0..=7 => {
                let mut batch = BatchBuilder::new();
                let last = self.appended + 1 + self.draw(3);
                for number in self.appended + 1..=last {
                    add(&mut batch, number);
                }
                match wal.append(&mut batch) {
                    Ok(_) => self.appended = last,
                    Err(error) => {
                        // A cut of the power tells nothing about what became of the call.
                        if is_cut(&error) || error.effect() == Effect::Unknown {
                            self.appended = last;
                        }
                        return Err(error);
                    }
                }
            }
            8..=11 => {
                wal.sync()?;
                assert_eq!(wal.durable(), wal.end());
            }
            12 => wal.rotate()?,
            13 => {
                wal.sync()?;
                self.durable = self.appended;
                self.covered = self.appended;
                self.position = wal.end();
            }
            14 => {
                wal.note_checkpoint(self.position)?;
            }
            _ => {
                wal.trim(self.position)?;
            }
        }
        if wal.durable() == wal.end() {
            self.durable = self.appended;
        }
        Ok(())
    }
}

fn is_cut(error: &WalError) -> bool {
    let source = error.source().and_then(|it| it.downcast_ref::<io::Error>());
    source.is_some_and(is_power_loss)
}

/// Works for `generations` lives of the process, the power being cut in each, also while the log is
/// opened.
fn live(seed: u64, profile: CrashProfile, generations: u64, faults: bool) {
    let mut model = Model::new(seed);
    for _ in 0..generations {
        let cut = model.draw(70);
        model.disk.crash_at_mutation(model.disk.mutations() + cut);
        if faults {
            arm(&model);
        }
        let end = match model.open() {
            Ok(mut wal) => model.work(&mut wal, 60),
            Err(error) if is_cut(&error) => End::PowerCut,
            Err(error) => {
                assert!(faults, "{error:?}");
                End::Closed(true)
            }
        };
        // A process that lives on in the same machine finds what the cache holds; names whose sync
        // has failed it cannot tell from durable ones.
        let again = model.draw(2) == 0;
        model.disk = match end {
            End::Finished | End::Closed(false) if again => model.disk.kill(),
            _ => model.disk.crash(profile, seed),
        };
    }
    model.open().unwrap();
}

fn arm(model: &Model) {
    let kinds = [
        FaultKind::Eio,
        FaultKind::Enospc,
        FaultKind::ShortWrite,
        FaultKind::Eintr,
    ];
    for _ in 0..model.draw(4) {
        let at = FaultOn::Mutation(model.disk.mutations() + model.draw(60));
        let kind = kinds[model.draw(4) as usize];
        model.disk.fail(Fault::once(at, kind));
    }
}

#[test]
fn what_was_durable_survives_every_crash_whole_and_in_order() {
    for profile in CrashProfile::ALL {
        for seed in 0..SEEDS {
            live(seed, profile, 8, false);
        }
    }
}

#[test]
fn what_was_durable_survives_failing_calls_and_crashes() {
    for profile in CrashProfile::ALL {
        for seed in 0..SEEDS {
            live(seed, profile, 8, true);
        }
    }
}

#[test]
fn a_crash_at_every_change_of_the_disk_and_again_at_every_change_of_recovery_loses_nothing() {
    for seed in 0..2 {
        for profile in [
            CrashProfile::Strict,
            CrashProfile::Garbage,
            CrashProfile::DropAll,
        ] {
            let mut finished = false;
            for cut in 0.. {
                let mut model = Model::new(seed);
                model.disk.crash_at_mutation(cut);
                let end = match model.open() {
                    Ok(mut wal) => model.work(&mut wal, 45),
                    Err(_) => End::PowerCut,
                };
                if end == End::Finished {
                    finished = true;
                    break;
                }
                recover_with_cuts(&model, profile, cut);
            }
            assert!(finished);
        }
    }
}

/// Opens the log with the power cut at each change that opening makes, and then without.
fn recover_with_cuts(model: &Model, profile: CrashProfile, seed: u64) {
    for cut in 0.. {
        let mut after = model.after(model.disk.crash(profile, seed));
        after.disk.crash_at_mutation(cut);
        if after.open().is_ok() {
            break;
        }
        let mut again = after.after(after.disk.crash(profile, cut));
        let mut wal = again.open().unwrap();
        again.work(&mut wal, 10);
        let mut last = again.after(again.disk.crash(profile, cut + 1));
        last.open().unwrap();
    }
}

impl Model {
    /// The same knowledge about another disk.
    fn after(&self, disk: SimVfs) -> Self {
        Self {
            chance: disk.entropy(),
            disk,
            options: self.options.clone(),
            ..*self
        }
    }
}
