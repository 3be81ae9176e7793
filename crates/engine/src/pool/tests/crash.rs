use docdb_types::{Effect, Error};
use docdb_vfs::{CallKind, CrashProfile, Fault, FaultKind, FaultOn, SimVfs};

use super::double::{Sheets, name, pool};
use crate::pool::OpenMode::{CreateIfMissing, CreateNew, ExistingOnly};
use crate::pool::roster::Pool;

type Work = fn(&Pool<Sheets>) -> Result<(), Error>;

/// Creates, drops, and creates again.
const LIFE: [(Work, &[&str]); 4] = [
    (
        |pool| pool.open_named(&name("b"), CreateNew).map(drop),
        &["a", "b"],
    ),
    (|pool| pool.drop_named(&name("a")), &["b"]),
    (
        |pool| pool.open_named(&name("a"), CreateNew).map(drop),
        &["a", "b"],
    ),
    (|pool| pool.drop_named(&name("b")), &["a"]),
];

fn names(pool: &Pool<Sheets>) -> Vec<String> {
    let slots = pool.slots().into_iter();
    slots.map(|slot| slot.identity.name.to_string()).collect()
}

/// Every database that there is opens, and every name can be used.
fn is_sound(pool: &Pool<Sheets>) {
    for text in names(pool) {
        pool.open_named(&name(&text), ExistingOnly).unwrap();
    }
    for text in ["a", "b", "longer"] {
        pool.open_named(&name(text), CreateIfMissing).unwrap();
    }
}

#[test]
fn a_crash_at_any_call_leaves_a_database_wholly_there_or_wholly_gone() {
    for cut in 0.. {
        let disk = SimVfs::new(1);
        let sheets = Sheets::new(&disk);
        let first = pool(&sheets);
        first.open_named(&name("a"), CreateNew).unwrap();
        disk.crash_at(disk.operations() + cut);
        let mut before = vec!["a".to_owned()];
        let mut after = before.clone();
        let mut done = true;
        for (work, expected) in LIFE {
            before = after;
            after = expected.iter().map(|text| (*text).to_owned()).collect();
            done = work(&first).is_ok();
            if !done {
                break;
            }
        }
        for profile in CrashProfile::ALL {
            for seed in 0..4 {
                let sheets = Sheets::new(&disk.crash(profile, seed));
                let again = pool(&sheets);
                let found = names(&again);
                assert!(
                    found == after || (!done && found == before),
                    "cut {cut}: {found:?}"
                );
                is_sound(&again);
            }
        }
        if done {
            break;
        }
    }
}

#[test]
fn a_crash_while_the_start_finishes_a_drop_is_a_crash_like_any_other() {
    for first_cut in 0.. {
        let disk = SimVfs::new(1);
        let sheets = Sheets::new(&disk);
        let first = pool(&sheets);
        first.open_named(&name("a"), CreateNew).unwrap();
        disk.crash_at(disk.operations() + first_cut);
        let done = first.drop_named(&name("a")).is_ok();
        for second_cut in 0..20 {
            let disk = disk.crash(CrashProfile::Prefix, second_cut);
            disk.crash_at(second_cut);
            let host = disk.host();
            let sheets = Sheets::new(&disk);
            let identify = |name: &_| {
                use crate::pool::databases::Databases;
                sheets.identify(name)
            };
            if let Ok(catalog) = crate::catalog::Catalog::open(&host, "/".as_ref(), &identify) {
                let options = crate::options::EngineOptions::default();
                let budget = sheets.budget.clone();
                let _ = Pool::new(sheets.clone(), catalog, host, &options, budget);
            }
            let sheets = Sheets::new(&disk.crash(CrashProfile::Strict, first_cut));
            is_sound(&pool(&sheets));
        }
        if done {
            break;
        }
    }
}

#[test]
fn after_a_fault_at_any_change_the_pool_and_the_next_one_are_sound() {
    for kind in [FaultKind::Eio, FaultKind::Enospc] {
        for persistence in [Fault::once, Fault::always] {
            for step in 0.. {
                let disk = SimVfs::new(1);
                let sheets = Sheets::new(&disk);
                let first = pool(&sheets);
                first.open_named(&name("a"), CreateNew).unwrap();
                disk.fail(persistence(
                    FaultOn::Mutation(disk.mutations() + step),
                    kind,
                ));
                for (work, _) in LIFE {
                    let _ = work(&first);
                }
                let hit = disk.fault_hits() > 0;
                for profile in CrashProfile::ALL {
                    let sheets = Sheets::new(&disk.crash(profile, step));
                    is_sound(&pool(&sheets));
                }
                if !hit {
                    break;
                }
            }
        }
    }
}

#[test]
fn a_creation_of_unknown_outcome_is_decided_before_its_files_are_replaced() {
    for cut in 0.. {
        let disk = SimVfs::new(1);
        let sheets = Sheets::new(&disk);
        let first = pool(&sheets);
        // The manifest passes. The catalog is renamed and not synced, and cannot be taken back: its
        // new entry can be seen, and may be lost.
        let call = |kind, path_suffix: &str| FaultOn::Call {
            kind,
            path_suffix: path_suffix.to_owned(),
            skip: 1,
        };
        disk.fail(Fault::once(call(CallKind::SyncDir, ""), FaultKind::Eio));
        let no_room = call(CallKind::Write, ".catalog.tmp");
        disk.fail(Fault::always(no_room, FaultKind::Enospc));
        let error = first.open_named(&name("a"), CreateNew).unwrap_err();
        assert_eq!(error.effect(), Effect::Unknown);
        disk.clear_faults();
        disk.crash_at_mutation(disk.mutations() + cut);
        let again = first.open_named(&name("a"), CreateNew);
        let disk = disk.kill();
        is_sound(&pool(&Sheets::new(&disk)));
        if again.is_ok() {
            break;
        }
    }
}
