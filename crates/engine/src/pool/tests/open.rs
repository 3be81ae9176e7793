use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use docdb_types::{Code, DatabaseId};
use docdb_vfs::{SimVfs, Vfs, write_whole};

use super::double::{Sheets, Step, manifest, name, pool, pool_with};
use crate::options::EngineOptions;
use crate::pool::OpenMode::{CreateIfMissing, CreateNew, ExistingOnly};

fn sheets() -> Sheets {
    Sheets::new(&SimVfs::new(1))
}

#[test]
fn a_database_is_created_only_when_asked_to_and_says_so() {
    let pool = pool(&sheets());
    let a = name("a");
    let missing = pool.open_named(&a, ExistingOnly).unwrap_err();
    assert_eq!(missing.code(), Code::DbNotFound);
    let (created, new) = pool.open_named(&a, CreateIfMissing).unwrap();
    assert!(new);
    let (found, new) = pool.open_named(&a, CreateIfMissing).unwrap();
    assert!(!new && Arc::ptr_eq(&created, &found));
    assert!(pool.open_named(&a, ExistingOnly).is_ok());
    let exists = pool.open_named(&a, CreateNew).unwrap_err();
    assert_eq!(exists.code(), Code::DbExists);
    assert!(pool.open_named(&name("b"), CreateNew).unwrap().1);
    let unknown = pool.open_numbered(DatabaseId::new(9)).unwrap_err();
    assert_eq!(unknown.code(), Code::DbNotFound);
}

#[test]
fn many_who_ask_for_one_database_at_once_open_it_once() {
    for create in [true, false] {
        let sheets = sheets();
        let pool = pool(&sheets);
        if !create {
            let (db, _) = pool.open_named(&name("a"), CreateNew).unwrap();
            pool.close_numbered(db.identity.id).unwrap();
        }
        let before = sheets.opened.load(Ordering::SeqCst);
        let held = sheets.hold("a", Step::Open);
        let opened: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| pool.open_named(&name("a"), CreateIfMissing).unwrap()))
                .collect();
            held.reached();
            held.release();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert_eq!(sheets.opened.load(Ordering::SeqCst) - before, 1);
        assert!(opened.iter().all(|(db, _)| Arc::ptr_eq(db, &opened[0].0)));
        let created = opened.iter().filter(|(_, new)| *new).count();
        assert_eq!(created, usize::from(create));
    }
}

#[test]
fn a_slow_opening_keeps_no_other_database_waiting() {
    let sheets = sheets();
    let pool = pool(&sheets);
    let (fast, _) = pool.open_named(&name("fast"), CreateNew).unwrap();
    let held = sheets.hold("slow", Step::Open);
    thread::scope(|scope| {
        scope.spawn(|| pool.open_named(&name("slow"), CreateNew).unwrap());
        held.reached();
        assert!(pool.get(fast.identity.id).is_some());
        pool.open_named(&name("other"), CreateNew).unwrap();
        pool.close_numbered(fast.identity.id).unwrap();
        pool.open_numbered(fast.identity.id).unwrap();
        pool.drop_named(&name("other")).unwrap();
        assert_eq!(pool.slots().len(), 2);
        held.release();
    });
    assert!(pool.open_named(&name("slow"), ExistingOnly).is_ok());
}

#[test]
fn a_failing_opening_is_the_error_of_that_database_until_it_is_asked_for_by_name() {
    let sheets = sheets();
    let pool = pool(&sheets);
    let (db, _) = pool.open_named(&name("a"), CreateNew).unwrap();
    let (other, _) = pool.open_named(&name("b"), CreateNew).unwrap();
    let id = db.identity.id;
    pool.close_numbered(id).unwrap();
    sheets.fail("a", Step::Open, Code::CorruptLog);
    for _ in 0..3 {
        let error = pool.open_numbered(id).unwrap_err();
        assert_eq!(error.code(), Code::CorruptLog);
        assert_eq!(error.context().database, Some(name("a")));
    }
    assert!(pool.get(other.identity.id).is_some());
    pool.open_named(&name("a"), ExistingOnly).unwrap();
    pool.open_numbered(id).unwrap();
}

#[test]
fn a_failure_that_passes_by_itself_is_not_remembered() {
    let sheets = sheets();
    let pool = pool(&sheets);
    let (db, _) = pool.open_named(&name("a"), CreateNew).unwrap();
    pool.close_numbered(db.identity.id).unwrap();
    sheets.fail("a", Step::Open, Code::Timeout);
    assert_eq!(
        pool.open_numbered(db.identity.id).unwrap_err().code(),
        Code::Timeout
    );
    pool.open_numbered(db.identity.id).unwrap();
}

#[test]
fn a_panic_while_opening_fails_that_database_and_lets_nobody_wait_for_ever() {
    let sheets = sheets();
    let pool = pool(&sheets);
    let (db, _) = pool.open_named(&name("a"), CreateNew).unwrap();
    pool.close_numbered(db.identity.id).unwrap();
    sheets.panic("a", Step::Open);
    thread::scope(|scope| {
        let panicked = scope.spawn(|| pool.open_numbered(db.identity.id));
        assert!(panicked.join().is_err());
    });
    let error = pool.open_numbered(db.identity.id).unwrap_err();
    assert_eq!(error.code(), Code::Internal);
    assert!(pool.open_named(&name("a"), ExistingOnly).is_ok());
}

#[test]
fn a_creation_that_fails_or_panics_leaves_the_name_free() {
    let sheets = sheets();
    let pool = pool(&sheets);
    sheets.fail("a", Step::Create, Code::DiskFull);
    let error = pool.open_named(&name("a"), CreateNew).unwrap_err();
    assert_eq!(error.code(), Code::DiskFull);
    sheets.panic("a", Step::Create);
    thread::scope(|scope| {
        let panicked = scope.spawn(|| pool.open_named(&name("a"), CreateNew).map(drop));
        assert!(panicked.join().is_err());
    });
    assert!(pool.slots().is_empty());
    assert!(pool.open_named(&name("a"), CreateNew).unwrap().1);
}

#[test]
fn leftovers_without_data_are_replaced_and_those_with_data_refused_by_name() {
    let sheets = sheets();
    let pool = pool(&sheets);
    write_whole(&sheets.disk, &manifest(&name("empty")), &[7; 16]).unwrap();
    assert!(pool.open_named(&name("empty"), CreateIfMissing).unwrap().1);

    write_whole(&sheets.disk, "/full.data.1".as_ref(), b"kept").unwrap();
    let error = pool.open_named(&name("full"), CreateIfMissing).unwrap_err();
    assert_eq!(error.code(), Code::FileOpen);
    assert_eq!(error.context().file.as_deref(), Some("full.data.1"));
    assert!(sheets.disk.exists("/full.data.1".as_ref()).unwrap());
}

#[test]
fn the_least_recently_used_database_without_users_makes_room() {
    let sheets = sheets();
    let options = EngineOptions {
        max_open_databases: 2,
        ..EngineOptions::default()
    };
    let pool = pool_with(&sheets, &options);
    let clock = sheets.disk.clock();
    let open = |text| {
        clock.advance(Duration::from_secs(1));
        pool.open_named(&name(text), CreateIfMissing).unwrap().0
    };
    let a = open("a").identity.id;
    let b = open("b").identity.id;
    open("a");
    open("c");
    assert_eq!(*sheets.closed.lock(), ["b"]);
    assert!(pool.get(a).is_some() && pool.get(b).is_none());

    // Those in use are never closed, even when there are too many of them.
    let (a, b, c) = (open("a"), open("b"), open("c"));
    let held = [&a, &b, &c].map(|db| db.ended.load(Ordering::SeqCst));
    assert_eq!(held, [false; 3]);
    drop(b);
    open("d");
    assert!(pool.get(a.identity.id).is_some() && pool.get(c.identity.id).is_some());
    assert_eq!(sheets.closed.lock().last().unwrap(), "b");
}

#[test]
fn unused_databases_give_their_memory_back_when_there_is_none_left() {
    let sheets = sheets();
    let pool = pool(&sheets);
    let open = |text| pool.open_named(&name(text), CreateIfMissing).unwrap().0;
    let used = open("used");
    open("idle");
    used.memory.publish(990);
    open("next");
    assert_eq!(*sheets.closed.lock(), ["idle"]);
    assert_eq!(sheets.budget.used_bytes(), 1000);
}

#[test]
fn unused_databases_make_room_when_too_many_files_are_open() {
    let sheets = sheets();
    let options = EngineOptions {
        max_open_files: 10,
        ..EngineOptions::default()
    };
    let pool = pool_with(&sheets, &options);
    let clock = sheets.disk.clock();
    let open = |text| {
        clock.advance(Duration::from_secs(1));
        pool.open_named(&name(text), CreateIfMissing).unwrap().0
    };
    open("idle").files.store(2, Ordering::SeqCst);
    let used = open("used");
    used.files.store(8, Ordering::SeqCst);
    open("also idle");
    assert_eq!(*sheets.closed.lock(), Vec::<String>::new());
    open("next");
    assert_eq!(*sheets.closed.lock(), ["idle"]);

    // Those in use may have too many; what a checkpoint adds counts at once.
    used.files.store(99, Ordering::SeqCst);
    used.signals.want_checkpoint();
    pool.tick();
    assert_eq!(*sheets.closed.lock(), ["idle", "also idle", "next"]);
    assert!(pool.get(used.identity.id).is_some());
}

#[test]
fn a_stopped_pool_has_closed_everything_and_opens_nothing() {
    let sheets = sheets();
    let pool = pool(&sheets);
    for text in ["a", "b", "c"] {
        pool.open_named(&name(text), CreateNew).unwrap();
    }
    sheets.fail("b", Step::Close, Code::FileSync);
    assert_eq!(pool.stop(1).unwrap_err().code(), Code::FileSync);
    assert_eq!(*sheets.closed.lock(), ["a", "b", "c"]);
    for answer in [
        pool.open_named(&name("a"), CreateIfMissing).map(drop),
        pool.open_named(&name("new"), CreateIfMissing).map(drop),
        pool.open_named(&name("none"), ExistingOnly).map(drop),
        pool.open_numbered(DatabaseId::new(1)).map(drop),
        pool.drop_named(&name("a")),
    ] {
        assert_eq!(answer.unwrap_err().code(), Code::PoolStopped);
    }
    assert!(pool.stop(1).is_ok());
}

#[test]
fn a_stop_waits_for_openings_on_their_way_and_closes_them() {
    let sheets = sheets();
    let pool = pool(&sheets);
    let held = sheets.hold("a", Step::Open);
    thread::scope(|scope| {
        let opening = scope.spawn(|| pool.open_named(&name("a"), CreateNew));
        held.reached();
        let stopping = scope.spawn(|| pool.stop(1));
        held.release();
        stopping.join().unwrap().unwrap();
        // It was opened before the stop or refused by it; open it is not.
        if let Ok((db, _)) = opening.join().unwrap() {
            assert!(db.ended.load(Ordering::SeqCst));
        }
    });
}

#[test]
fn a_panic_while_closing_at_the_stop_is_an_error_of_that_database() {
    for threads in [1, 3] {
        let sheets = sheets();
        let pool = pool(&sheets);
        for text in ["a", "b", "c"] {
            pool.open_named(&name(text), CreateNew).unwrap();
        }
        sheets.panic("b", Step::Close);
        let error = pool.stop(threads).unwrap_err();
        assert_eq!(error.code(), Code::Internal);
        let mut closed = sheets.closed.lock().clone();
        closed.sort();
        assert_eq!(closed, ["a", "c"]);
    }
}

/// The double panics when a database is opened twice, removed while open or created over files.
#[test]
fn openings_closings_and_drops_of_many_threads_leave_every_database_whole() {
    let sheets = sheets();
    let options = EngineOptions {
        max_open_databases: 3,
        ..EngineOptions::default()
    };
    let pool = pool_with(&sheets, &options);
    let names = ["a", "b", "c", "d", "e"].map(name);
    thread::scope(|scope| {
        for thread in 0..6_u64 {
            let (pool, names) = (&pool, &names);
            scope.spawn(move || {
                let mut random = thread + 1;
                for _ in 0..2000 {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    let name = &names[(random >> 8) as usize % names.len()];
                    let answer = match random % 8 {
                        0 => pool.drop_named(name),
                        1 => pool.open_named(name, CreateNew).map(drop),
                        2 => pool.open_named(name, ExistingOnly).map(drop),
                        3 => pool
                            .open_named(name, ExistingOnly)
                            .and_then(|(db, _)| pool.close_numbered(db.identity.id)),
                        _ => pool.open_named(name, CreateIfMissing).and_then(|(db, _)| {
                            let again = pool.open_numbered(db.identity.id)?;
                            assert_eq!(again.identity, db.identity);
                            Ok(())
                        }),
                    };
                    if let Err(error) = answer {
                        assert!(
                            matches!(
                                error.code(),
                                Code::DbNotFound | Code::DbExists | Code::DbNotActive
                            ),
                            "{error}"
                        );
                    }
                }
            });
        }
    });
    pool.stop(3).unwrap();
    let slots = pool.slots();
    let sheets = Sheets::new(&sheets.disk.kill());
    let again = pool_with(&sheets, &options);
    assert_eq!(again.slots().len(), slots.len());
    for slot in slots {
        let (db, _) = again.open_named(&slot.identity.name, ExistingOnly).unwrap();
        assert_eq!(db.identity, slot.identity);
    }
}
