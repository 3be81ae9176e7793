//! A request under an idempotency key happens once, however often it is sent and whatever happens in
//! between.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod documents;

use std::sync::Arc;

use docdb_engine::{Answers, Atomicity, Engine, EngineOptions, LogicalDb, OpenMode, Request};
use docdb_types::{
    Action, Code, CollectionName, Effect, Error, IdempotencyKey, Isolation, Operation, Version,
};
use docdb_vfs::{CrashProfile, SimVfs};
use documents::{by_hand, create, document, existing, get, id, name, open_on, put};

const DEFAULT: CollectionName = CollectionName::DEFAULT;

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::new(text.to_owned().into()).unwrap()
}

fn on_default(action: Action) -> Operation {
    Operation {
        collection: DEFAULT,
        action,
    }
}

fn creation(text: &str) -> Operation {
    on_default(Action::Create {
        id: None,
        document: document(text),
    })
}

fn request(key: &IdempotencyKey, operations: Vec<Operation>, atomicity: Atomicity) -> Request {
    Request {
        atomicity,
        key: Some(key.clone()),
        ..Request::of(operations)
    }
}

fn once(database: &Arc<LogicalDb>, key: &IdempotencyKey, operations: Vec<Operation>) -> Answers {
    database
        .submit(request(key, operations, Atomicity::All))
        .wait()
}

fn committed(database: &Arc<LogicalDb>, key: &IdempotencyKey) -> Result<Version, Error> {
    database.submit_committed(key.clone()).wait()
}

#[test]
fn a_repeated_request_is_answered_as_the_first_and_not_run_again() {
    let disk = SimVfs::new(1);
    let engine = open_on(&disk);
    let database = create(&engine, "shop");
    put(&database, 1, "0").unwrap();
    let key = key("transfer 1");
    let operations = vec![
        creation("\"a\""),
        on_default(Action::Upsert {
            id: id(1),
            document: document("1"),
        }),
        creation("\"b\""),
        on_default(Action::Delete {
            id: id(1),
            expected: None,
        }),
    ];
    let first = once(&database, &key, operations.clone());
    assert!(first.iter().all(Result::is_ok), "{first:?}");
    put(&database, 1, "9").unwrap();
    for _ in 0..3 {
        assert_eq!(once(&database, &key, operations.clone()), first);
    }
    assert_eq!(database.count(&DEFAULT).unwrap(), 3);
    assert_eq!(get(&database, 1).unwrap(), "9");
    // The same key under another request is nobody's answer.
    let other = once(&database, &key, vec![creation("1")]);
    assert_eq!(
        other[0].as_ref().unwrap_err().code(),
        Code::InvalidRequestId
    );
    let error = committed(&database, &key).unwrap_err();
    assert_eq!(error.code(), Code::InvalidRequestId);
}

#[test]
fn two_of_the_same_in_one_batch_happen_once() {
    let disk = SimVfs::new(1);
    let engine = open_on(&disk);
    let database = create(&engine, "shop");
    let key = key("k");
    let one = database.submit(request(&key, vec![creation("1")], Atomicity::Each));
    let two = database.submit(request(&key, vec![creation("1")], Atomicity::Each));
    assert!(two.lead.is_none());
    one.lead.unwrap().run();
    let first = one.ticket.wait();
    assert!(first[0].is_ok());
    assert_eq!(two.ticket.wait(), first);
    assert_eq!(database.count(&DEFAULT).unwrap(), 1);
}

#[test]
fn what_was_refused_does_not_use_up_its_key() {
    let disk = SimVfs::new(1);
    let engine = open_on(&disk);
    let database = create(&engine, "shop");
    let key = key("k");
    let update = |text: &str| {
        vec![
            creation("1"),
            on_default(Action::Update {
                id: id(7),
                document: document(text),
                expected: None,
            }),
        ]
    };
    let refused = once(&database, &key, update("1"));
    assert_eq!(refused[0].as_ref().unwrap_err().code(), Code::DocNotFound);
    put(&database, 7, "0").unwrap();
    let done = once(&database, &key, update("2"));
    assert!(done.iter().all(Result::is_ok), "{done:?}");
}

#[test]
fn what_could_not_be_answered_the_same_takes_no_key() {
    let disk = SimVfs::new(1);
    let engine = open_on(&disk);
    let database = create(&engine, "shop");
    let read = || on_default(Action::Read { id: id(1) });
    let cases = [
        (vec![creation("1"), creation("2")], Atomicity::Each),
        (vec![creation("1"), read()], Atomicity::All),
        (vec![read()], Atomicity::Each),
    ];
    for (operations, atomicity) in cases {
        let answers = database
            .submit(request(&key("k"), operations, atomicity))
            .wait();
        for answer in answers {
            assert_eq!(answer.unwrap_err().code(), Code::UnknownOperation);
        }
    }
    assert_eq!(database.count(&DEFAULT).unwrap(), 0);
}

#[test]
fn a_commit_under_a_key_is_known_to_whoever_asks_for_it_later() {
    let disk = SimVfs::new(1);
    let engine = open_on(&disk);
    let database = create(&engine, "shop");
    let mut transaction = database.begin(Isolation::Serializable).unwrap();
    transaction.upsert(&DEFAULT, id(1), document("1")).unwrap();
    let version = transaction.submit_commit(Some(key("c"))).wait().unwrap();
    // A second life of the transaction under the same key does not happen again.
    let mut again = database.begin(Isolation::Serializable).unwrap();
    again.upsert(&DEFAULT, id(1), document("2")).unwrap();
    assert_eq!(again.submit_commit(Some(key("c"))).wait().unwrap(), version);
    assert_eq!(get(&database, 1).unwrap(), "1");
    assert_eq!(committed(&database, &key("c")).unwrap(), version);
    let error = committed(&database, &key("d")).unwrap_err();
    assert_eq!(error.code(), Code::TxnExpired);
    assert_eq!(error.effect(), Effect::NotApplied);
    // A conflict leaves no key.
    let mut loser = database.begin(Isolation::Snapshot).unwrap();
    loser.upsert(&DEFAULT, id(1), document("3")).unwrap();
    database.delete(&DEFAULT, id(1), None).unwrap();
    let error = loser.submit_commit(Some(key("e"))).wait().unwrap_err();
    assert_eq!(error.code(), Code::TxnConflict);
    assert_eq!(
        committed(&database, &key("e")).unwrap_err().code(),
        Code::TxnExpired
    );
    let disk = disk.crash(CrashProfile::Strict, 3);
    let database = existing(&open_on(&disk), "shop");
    assert_eq!(committed(&database, &key("c")).unwrap(), version);
}

#[test]
fn keys_outlive_checkpoints_trims_restarts_and_crashes() {
    let options = || EngineOptions {
        segment_bytes: EngineOptions::MIN_SEGMENT_BYTES,
        keep_segments: 0,
        ..by_hand()
    };
    let mut disk = SimVfs::new(1);
    let mut engine = Engine::open(disk.host(), options()).unwrap();
    let mut database = create(&engine, "shop");
    let operations = vec![creation("1"), creation("2")];
    let first = once(&database, &key("first"), operations.clone());
    let filler = format!("\"{}\"", "x".repeat(1500));
    for round in 0..6_u64 {
        for number in 0..12 {
            database
                .upsert(&DEFAULT, id(100 + number), document(&filler))
                .unwrap();
        }
        let report = database.checkpoint().unwrap();
        assert!(report.trimmed_segments > 0, "the log of the key is gone");
        if round % 3 == 1 {
            engine.close().unwrap();
        } else if round % 3 == 2 {
            disk = disk.crash(CrashProfile::Strict, round);
        }
        if round % 3 != 0 {
            engine = Engine::open(disk.host(), options()).unwrap();
            database = existing(&engine, "shop");
        }
        let again = once(&database, &key("first"), operations.clone());
        assert_eq!(again, first, "round {round}");
    }
    assert_eq!(database.count(&DEFAULT).unwrap(), 14);
}

#[test]
fn power_lost_at_any_call_and_every_request_repeated_happens_once() {
    let options = || EngineOptions {
        segment_bytes: EngineOptions::MIN_SEGMENT_BYTES,
        keep_segments: 0,
        ..by_hand()
    };
    const REQUESTS: u64 = 6;
    let send = |database: &Arc<LogicalDb>, number: u64| {
        let text = number.to_string();
        let operations = vec![creation(&text), creation(&text)];
        once(database, &key(&text), operations)
    };
    // Requests with checkpoints between them; returns what was answered.
    let run = |disk: &SimVfs| -> Vec<Option<Answers>> {
        let mut answered = vec![None; REQUESTS as usize];
        let Ok(engine) = Engine::open(disk.host(), options()) else {
            return answered;
        };
        let Ok(opened) = engine.open_database(&name("shop"), OpenMode::CreateIfMissing) else {
            return answered;
        };
        for number in 0..REQUESTS {
            let answers = send(&opened.database, number);
            if answers.iter().all(Result::is_ok) {
                answered[number as usize] = Some(answers);
            }
            if number % 2 == 1 && opened.database.checkpoint().is_err() {
                return answered;
            }
        }
        answered
    };
    let whole = SimVfs::new(5);
    assert!(run(&whole).iter().all(Option::is_some));
    let profiles = [
        CrashProfile::Strict,
        CrashProfile::Prefix,
        CrashProfile::KeepAll,
        CrashProfile::DropAll,
        CrashProfile::Garbage,
    ];
    for mutation in 0..whole.mutations() {
        let disk = SimVfs::new(5);
        disk.crash_at_mutation(mutation);
        let answered = run(&disk);
        for profile in profiles {
            let disk = disk.crash(profile, mutation);
            let engine = Engine::open(disk.host(), options()).unwrap();
            let database = engine
                .open_database(&name("shop"), OpenMode::CreateIfMissing)
                .unwrap()
                .database;
            for number in 0..REQUESTS {
                let again = send(&database, number);
                assert!(again.iter().all(Result::is_ok), "{again:?}");
                if let Some(answers) = &answered[number as usize] {
                    assert_eq!(&again, answers, "power lost at {mutation}, {profile:?}");
                }
            }
            let count = database.count(&DEFAULT).unwrap();
            assert_eq!(count, 2 * REQUESTS, "power lost at {mutation}, {profile:?}");
        }
    }
}
