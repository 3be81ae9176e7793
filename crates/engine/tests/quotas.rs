//! Quotas refuse what would pass them, let everything else through, and outlast the process.
#![expect(clippy::unwrap_used, reason = "a test ends where something fails")]

mod documents;

use docdb_engine::{Atomicity, Engine, EngineOptions, LogicalDb};
use docdb_types::{Action, Code, CollectionName, Error, Operation, QuotaChange, Quotas};
use docdb_vfs::SimVfs;
use std::sync::Arc;

use documents::{by_hand, create, document, existing, get, id, name, open_on, put};

const DEFAULT: CollectionName = CollectionName::DEFAULT;

fn bound(engine: &Engine, change: QuotaChange) -> Quotas {
    engine.change_quotas(&name("a"), change).unwrap()
}

fn documents(most: u64) -> QuotaChange {
    QuotaChange {
        documents: Some(most),
        ..QuotaChange::default()
    }
}

fn disk(most: u64) -> QuotaChange {
    QuotaChange {
        disk_bytes: Some(most),
        ..QuotaChange::default()
    }
}

fn refused<T>(result: Result<T, Error>) -> Code {
    result.err().unwrap().code()
}

/// Runs operations as one request; returns the code of each.
fn run(database: &Arc<LogicalDb>, atomicity: Atomicity, actions: Vec<Action>) -> Vec<Option<Code>> {
    let operations = actions.into_iter().map(|action| Operation {
        collection: DEFAULT,
        action,
    });
    let answers = database.execute(operations.collect(), atomicity);
    answers
        .into_iter()
        .map(|answer| answer.err().map(|error| error.code()))
        .collect()
}

fn creation(number: u64) -> Action {
    Action::Create {
        id: Some(id(number)),
        document: document("1"),
    }
}

fn deletion(number: u64) -> Action {
    Action::Delete {
        id: id(number),
        expected: None,
    }
}

#[test]
fn so_many_documents_and_no_more_are_stored_whatever_a_batch_does_in_between() {
    let engine = open_on(&SimVfs::new(1));
    let a = create(&engine, "a");
    let other = create(&engine, "other");
    put(&a, 1, "1").unwrap();
    bound(&engine, documents(3));
    put(&a, 2, "1").unwrap();
    let each = run(
        &a,
        Atomicity::Each,
        vec![
            creation(3),
            creation(4),
            deletion(1),
            creation(5),
            creation(6),
        ],
    );
    let too_many = Some(Code::DocumentQuota);
    assert_eq!(each, [None, too_many, None, None, too_many]);
    assert_eq!(a.count(&DEFAULT).unwrap(), 3);
    // All or nothing, and what was staged is not counted afterwards.
    let all = run(
        &a,
        Atomicity::All,
        vec![deletion(2), creation(7), creation(8)],
    );
    assert!(all.iter().all(Option::is_some), "{all:?}");
    let all = run(
        &a,
        Atomicity::All,
        vec![deletion(2), deletion(3), creation(7)],
    );
    assert_eq!(all, [None, None, None]);
    put(&a, 8, "1").unwrap();
    assert_eq!(refused(put(&a, 9, "1")), Code::DocumentQuota);
    // Whatever makes it no worse goes on, a second collection is no way around it, and the other
    // database is not concerned.
    a.update(&DEFAULT, id(8), document("2"), None).unwrap();
    a.upsert(&DEFAULT, id(8), document("3")).unwrap();
    let orders = CollectionName::new("orders").unwrap();
    a.create_collection(&orders).unwrap();
    assert_eq!(
        refused(a.create(&orders, None, document("1"))),
        Code::DocumentQuota
    );
    for number in 1..10 {
        put(&other, number, "1").unwrap();
    }
    assert_eq!(a.statistics().quota_refusals.documents, 5);
    bound(&engine, documents(0));
    put(&a, 9, "1").unwrap();
}

#[test]
fn a_full_quota_on_the_disk_refuses_growth_and_deleting_makes_room() {
    let options = EngineOptions {
        segment_bytes: 64 * 1024,
        checkpoint_bytes: 1 << 30,
        ..by_hand()
    };
    let engine = Engine::open(SimVfs::new(1).host(), options).unwrap();
    let a = create(&engine, "a");
    bound(&engine, disk(400_000));
    let text = format!("\"{}\"", "x".repeat(10_000));
    let stored = (1..1000)
        .take_while(|number| match put(&a, *number, &text) {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.code(), Code::DiskQuota, "{error}");
                false
            }
        })
        .count() as u64;
    assert!((30..40).contains(&stored), "{stored}");
    assert!(a.statistics().quota_bytes <= 400_000);
    assert_eq!(
        refused(a.update(&DEFAULT, id(1), document(&text), None)),
        Code::DiskQuota
    );
    // Housekeeping finds nothing to give back yet.
    engine.tick();
    assert_eq!(refused(put(&a, 1000, &text)), Code::DiskQuota);
    for number in 1..=stored / 2 {
        a.delete(&DEFAULT, id(number), None).unwrap();
    }
    assert_eq!(refused(put(&a, 1000, &text)), Code::DiskQuota);
    engine.tick();
    assert!(a.statistics().quota_bytes < 250_000);
    put(&a, 1000, &text).unwrap();
    assert_eq!(get(&a, stored).unwrap(), text);
}

#[test]
fn quotas_are_in_force_after_a_crash_and_go_with_their_database() {
    let sim = SimVfs::new(1);
    let engine = open_on(&sim);
    put(&create(&engine, "a"), 1, "1").unwrap();
    let quotas = bound(&engine, documents(1));
    assert_eq!(quotas.documents, 1);
    let both = bound(&engine, disk(1 << 40));
    assert_eq!((both.documents, both.disk_bytes), (1, 1 << 40));
    assert_eq!(bound(&engine, QuotaChange::default()), both);
    drop(engine);

    let sim = sim.kill();
    let engine = open_on(&sim);
    assert_eq!(bound(&engine, QuotaChange::default()), both);
    assert_eq!(
        refused(put(&existing(&engine, "a"), 2, "1")),
        Code::DocumentQuota
    );
    engine.drop_database(&name("a")).unwrap();
    let missing = engine.change_quotas(&name("a"), documents(1));
    assert_eq!(refused(missing), Code::DbNotFound);
    let a = create(&engine, "a");
    assert_eq!(bound(&engine, QuotaChange::default()), Quotas::NONE);
    for number in 1..5 {
        put(&a, number, "1").unwrap();
    }
}
