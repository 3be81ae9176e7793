use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use docdb_types::{Code, Effect};
use docdb_vfs::{CallKind, CrashProfile, Fault, FaultKind, FaultOn, SimVfs, Vfs};

use super::double::{Sheets, Step, manifest, name, pool};
use crate::pool::OpenMode::{CreateIfMissing, ExistingOnly};

fn sheets() -> Sheets {
    Sheets::new(&SimVfs::new(1))
}

#[test]
fn a_dropped_database_is_gone_and_its_name_starts_anew() {
    let sheets = sheets();
    let pool = pool(&sheets);
    let (old, _) = pool.open_named(&name("a"), CreateIfMissing).unwrap();
    pool.drop_named(&name("a")).unwrap();
    assert!(old.ended.load(Ordering::SeqCst), "its users are ended");
    assert!(!sheets.disk.exists(&manifest(&name("a"))).unwrap());
    let id = old.identity.id;
    assert_eq!(pool.open_numbered(id).unwrap_err().code(), Code::DbNotFound);
    assert_eq!(
        pool.close_numbered(id).unwrap_err().code(),
        Code::DbNotFound
    );
    assert_eq!(
        pool.drop_named(&name("a")).unwrap_err().code(),
        Code::DbNotFound
    );
    let (new, created) = pool.open_named(&name("a"), CreateIfMissing).unwrap();
    assert!(created);
    assert!(new.identity.id > id);
    assert_ne!(new.identity.uid, old.identity.uid);

    let sheets = Sheets::new(&sheets.disk.crash(CrashProfile::DropAll, 1));
    let again = super::double::pool(&sheets);
    let (found, _) = again.open_named(&name("a"), ExistingOnly).unwrap();
    assert_eq!(found.identity, new.identity);
    assert_eq!(
        again.open_numbered(id).unwrap_err().code(),
        Code::DbNotFound
    );
}

#[test]
fn while_a_database_is_dropped_requests_are_refused_and_a_creation_waits() {
    let sheets = sheets();
    let pool = pool(&sheets);
    let (db, _) = pool.open_named(&name("a"), CreateIfMissing).unwrap();
    let (other, _) = pool.open_named(&name("b"), CreateIfMissing).unwrap();
    let held = sheets.hold("a", Step::Remove);
    thread::scope(|scope| {
        let dropping = scope.spawn(|| pool.drop_named(&name("a")));
        held.reached();
        for answer in [
            pool.open_numbered(db.identity.id).map(drop),
            pool.open_named(&name("a"), ExistingOnly).map(drop),
            pool.close_numbered(db.identity.id),
        ] {
            assert_eq!(answer.unwrap_err().code(), Code::DbNotActive);
        }
        assert!(pool.get(other.identity.id).is_some());
        let creating = scope.spawn(|| pool.open_named(&name("a"), CreateIfMissing));
        let second = scope.spawn(|| pool.drop_named(&name("b")));
        assert!(second.join().unwrap().is_ok(), "another drop does not wait");
        held.release();
        assert!(dropping.join().unwrap().is_ok());
        let (new, created) = creating.join().unwrap().unwrap();
        assert!(created && new.identity.id != db.identity.id);
    });
}

#[test]
fn a_drop_waits_for_an_opening_on_its_way() {
    let sheets = sheets();
    let pool = pool(&sheets);
    let held = sheets.hold("a", Step::Open);
    thread::scope(|scope| {
        let opening = scope.spawn(|| pool.open_named(&name("a"), CreateIfMissing));
        held.reached();
        let dropping = scope.spawn(|| pool.drop_named(&name("a")));
        held.release();
        dropping.join().unwrap().unwrap();
        let opened = opening.join().unwrap();
        assert!(opened.is_ok_and(|(db, _)| db.ended.load(Ordering::SeqCst)));
    });
    assert!(pool.slots().is_empty());
}

#[test]
fn a_drop_that_cannot_be_noted_has_not_happened() {
    let sheets = sheets();
    let pool = pool(&sheets);
    let (db, _) = pool.open_named(&name("a"), CreateIfMissing).unwrap();
    sheets.disk.fail(Fault::always(
        FaultOn::call(CallKind::Write, ".catalog.tmp"),
        FaultKind::Enospc,
    ));
    let error = pool.drop_named(&name("a")).unwrap_err();
    assert_eq!(
        (error.code(), error.effect()),
        (Code::DiskFull, Effect::NotApplied)
    );
    assert_eq!(error.context().database, Some(name("a")));
    let again = pool.open_numbered(db.identity.id).unwrap();
    assert_eq!(again.identity, db.identity);
}

#[test]
fn a_drop_of_unknown_outcome_takes_no_requests_until_it_is_decided() {
    let sheets = sheets();
    let pool = pool(&sheets);
    let (db, _) = pool.open_named(&name("a"), CreateIfMissing).unwrap();
    let (other, _) = pool.open_named(&name("b"), CreateIfMissing).unwrap();
    pool.close_numbered(other.identity.id).unwrap();
    let fault = Fault::always(FaultOn::call(CallKind::SyncDir, ""), FaultKind::Eio);
    sheets.disk.fail(fault);
    let error = pool.drop_named(&name("a")).unwrap_err();
    assert_eq!(error.effect(), Effect::Unknown);
    // What a crash may take with the drop must not be written to.
    let refused = pool.open_numbered(db.identity.id).unwrap_err();
    assert_eq!(refused.code(), Code::FileSync);
    // The trouble is that database's.
    pool.open_numbered(other.identity.id).unwrap();

    sheets.disk.clear_faults();
    pool.open_numbered(db.identity.id).unwrap();
    let sheets = Sheets::new(&sheets.disk.crash(CrashProfile::KeepAll, 1));
    let again = super::double::pool(&sheets);
    assert!(again.open_named(&name("a"), ExistingOnly).is_ok());
}

#[test]
fn a_drop_whose_files_resist_is_final_and_finished_by_the_next_who_comes() {
    type Next = fn(&super::double::Sheets);
    let nexts: [Next; 3] = [
        |sheets| {
            // A second drop; the first pool is still there.
            let pool = half_dropped(sheets);
            pool.drop_named(&name("a")).unwrap();
            assert!(pool.slots().is_empty());
        },
        |sheets| {
            let pool = half_dropped(sheets);
            assert!(pool.open_named(&name("a"), CreateIfMissing).unwrap().1);
        },
        |sheets| {
            drop(half_dropped(sheets));
            assert!(pool(sheets).slots().is_empty());
        },
    ];
    for next in nexts {
        next(&sheets());
    }
}

fn half_dropped(sheets: &Sheets) -> crate::pool::roster::Pool<Sheets> {
    let pool = pool(sheets);
    let (db, _) = pool.open_named(&name("a"), CreateIfMissing).unwrap();
    sheets.fail("a", Step::Remove, Code::FileWrite);
    let error = pool.drop_named(&name("a")).unwrap_err();
    assert_eq!(error.effect(), Effect::Applied);
    for answer in [
        pool.open_numbered(db.identity.id),
        pool.open_named(&name("a"), ExistingOnly).map(|(db, _)| db),
    ] {
        assert_eq!(answer.unwrap_err().code(), Code::DbNotFound);
    }
    pool
}

#[test]
fn a_start_is_kept_from_nothing_by_a_drop_it_cannot_finish() {
    let sheets = sheets();
    drop(half_dropped(&sheets));
    sheets.fail("a", Step::Remove, Code::FileWrite);
    let again = pool(&sheets);
    assert_eq!(
        again
            .open_named(&name("a"), ExistingOnly)
            .unwrap_err()
            .code(),
        Code::DbNotFound
    );
    assert!(again.open_named(&name("b"), CreateIfMissing).is_ok());
    assert!(again.open_named(&name("a"), CreateIfMissing).unwrap().1);
}

#[test]
fn a_database_that_cannot_be_opened_can_be_dropped() {
    let sheets = sheets();
    let pool = pool(&sheets);
    let (db, _) = pool.open_named(&name("a"), CreateIfMissing).unwrap();
    pool.close_numbered(db.identity.id).unwrap();
    sheets.fail("a", Step::Open, Code::CorruptLog);
    assert!(pool.open_numbered(db.identity.id).is_err());
    pool.drop_named(&name("a")).unwrap();
    let (new, created) = pool.open_named(&name("a"), CreateIfMissing).unwrap();
    assert!(created && !Arc::ptr_eq(&new, &db));
}
