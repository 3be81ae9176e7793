//! What transactions and snapshots promise, one promise a test.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod documents;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use docdb_engine::{
    Atomicity, Engine, EngineOptions, LogicalDb, ScanLimit, Transaction, TransactionLimits,
};
use docdb_types::{Action, Code, CollectionName, Isolation, Operation, Version};
use docdb_vfs::SimVfs;
use documents::{by_hand, create, document, existing, get, id, open_on, put};

const DEFAULT: CollectionName = CollectionName::DEFAULT;
const LEVELS: [Isolation; 2] = [Isolation::Serializable, Isolation::Snapshot];

struct Bench {
    disk: SimVfs,
    engine: Engine,
    database: Arc<LogicalDb>,
}

impl Bench {
    fn new() -> Self {
        Self::with(by_hand())
    }

    fn with(options: EngineOptions) -> Self {
        let disk = SimVfs::new(7);
        let engine = Engine::open(disk.host(), options).unwrap();
        let database = create(&engine, "shop");
        Self {
            disk,
            engine,
            database,
        }
    }

    fn begin(&self, isolation: Isolation) -> Transaction {
        self.database.begin(isolation).unwrap()
    }
}

fn limited(limits: TransactionLimits) -> Bench {
    Bench::with(EngineOptions {
        transactions: limits,
        ..by_hand()
    })
}

/// The text of a document as a transaction sees it.
fn see(transaction: &mut Transaction, number: u64) -> Option<String> {
    match transaction.read(&DEFAULT, id(number)) {
        Ok(outcome) => Some(String::from_utf8(outcome.document.unwrap().to_vec()).unwrap()),
        Err(error) if error.code() == Code::DocNotFound => None,
        Err(error) => panic!("{error}"),
    }
}

fn set(transaction: &mut Transaction, number: u64, text: &str) {
    transaction
        .upsert(&DEFAULT, id(number), document(text))
        .unwrap();
}

/// All ids that a transaction scans, in pages of two.
fn scan(transaction: &mut Transaction, from: u64) -> Vec<(u64, String)> {
    let mut found = Vec::new();
    let mut from = Some(id(from));
    let limit = ScanLimit {
        documents: 2,
        bytes: 1000,
    };
    while let Some(next) = from {
        let page = transaction.scan(&DEFAULT, Some(next), limit).unwrap();
        for seen in page.documents {
            let text = String::from_utf8(seen.text.to_vec()).unwrap();
            found.push((seen.id.get(), text));
        }
        from = page.next;
    }
    found
}

#[test]
fn of_two_that_write_one_document_the_first_to_commit_wins() {
    for isolation in LEVELS {
        let bench = Bench::new();
        put(&bench.database, 1, "0").unwrap();
        let mut one = bench.begin(isolation);
        let mut two = bench.begin(isolation);
        set(&mut one, 1, "1");
        set(&mut two, 1, "2");
        let version = two.commit().unwrap();
        let error = one.commit().unwrap_err();
        assert_eq!(error.code(), Code::TxnConflict);
        assert!(error.is_retryable());
        assert_eq!(error.document(), Some(id(1)));
        assert_eq!(error.context().version, Some(version));
        assert_eq!(error.context().collection, Some(DEFAULT));
        assert_eq!(get(&bench.database, 1).unwrap(), "2");
    }
}

#[test]
fn single_operations_count_as_transactions() {
    for isolation in LEVELS {
        let bench = Bench::new();
        put(&bench.database, 1, "0").unwrap();
        put(&bench.database, 2, "0").unwrap();
        // Replaced, deleted, created, and created and deleted again.
        let changes: [fn(&Arc<LogicalDb>); 4] = [
            |database| {
                database
                    .update(&DEFAULT, id(1), document("9"), None)
                    .unwrap();
            },
            |database| {
                database.delete(&DEFAULT, id(2), None).unwrap();
            },
            |database| {
                put(database, 3, "9").unwrap();
            },
            |database| {
                put(database, 4, "9").unwrap();
                database.delete(&DEFAULT, id(4), None).unwrap();
                database.checkpoint().unwrap();
            },
        ];
        for (number, change) in (1..).zip(changes) {
            let mut transaction = bench.begin(isolation);
            set(&mut transaction, number, "5");
            change(&bench.database);
            let error = transaction.commit().unwrap_err();
            assert_eq!(error.code(), Code::TxnConflict, "{number}");
            assert_eq!(error.document(), Some(id(number)));
        }
    }
}

#[test]
fn a_conflict_with_what_is_in_the_same_batch_is_found() {
    for isolation in LEVELS {
        let bench = Bench::new();
        put(&bench.database, 1, "0").unwrap();
        let mut one = bench.begin(isolation);
        let mut two = bench.begin(isolation);
        set(&mut one, 1, "1");
        set(&mut two, 1, "2");
        // The second queues behind the first, whose leader has not begun.
        let first = one.submit_commit(None);
        let second = two.submit_commit(None);
        assert!(second.lead.is_none());
        first.lead.unwrap().run();
        let version = first.ticket.wait().unwrap();
        let error = second.ticket.wait().unwrap_err();
        assert_eq!(error.code(), Code::TxnConflict);
        assert_eq!(error.context().version, Some(version));
    }
}

#[test]
fn a_scan_conflicts_with_what_came_into_its_range_in_the_same_batch() {
    let bench = Bench::new();
    let mut one = bench.begin(Isolation::Serializable);
    let mut two = bench.begin(Isolation::Serializable);
    assert!(scan(&mut one, 5).is_empty());
    set(&mut one, 1, "1");
    set(&mut two, 7, "2");
    let first = two.submit_commit(None);
    let second = one.submit_commit(None);
    first.lead.unwrap().run();
    first.ticket.wait().unwrap();
    let error = second.ticket.wait().unwrap_err();
    assert_eq!(error.code(), Code::TxnConflict);
    assert_eq!(error.document(), Some(id(7)));
}

#[test]
fn everything_that_was_read_is_validated_when_serializable_and_only_then() {
    type Read = fn(&mut Transaction);
    type Change = fn(&Arc<LogicalDb>);
    let cases: [(&str, Read, Change); 9] = [
        (
            "a document",
            |t| assert!(see(t, 1).is_some()),
            |d| {
                d.update(&DEFAULT, id(1), document("9"), None).unwrap();
            },
        ),
        (
            "a document that is deleted",
            |t| assert!(see(t, 1).is_some()),
            |d| {
                d.delete(&DEFAULT, id(1), None).unwrap();
            },
        ),
        (
            "a missing document",
            |t| assert!(see(t, 50).is_none()),
            |d| {
                put(d, 50, "1").unwrap();
            },
        ),
        (
            "a refused create",
            |t| {
                let refused = t.create(&DEFAULT, Some(id(1)), document("1"));
                assert_eq!(refused.unwrap_err().code(), Code::DocExists);
            },
            |d| {
                d.delete(&DEFAULT, id(1), None).unwrap();
            },
        ),
        (
            "a version that did not match",
            |t| {
                let refused = t.delete(&DEFAULT, id(1), Some(Version::new(u64::MAX)));
                assert_eq!(refused.unwrap_err().code(), Code::VersionMismatch);
            },
            |d| {
                d.update(&DEFAULT, id(1), document("9"), None).unwrap();
            },
        ),
        (
            "a range to its end",
            |t| assert_eq!(scan(t, 3).len(), 2),
            |d| {
                d.create(&DEFAULT, None, document("9")).unwrap();
            },
        ),
        (
            "a document of a range",
            |t| assert_eq!(scan(t, 1).len(), 4),
            |d| {
                d.delete(&DEFAULT, id(3), None).unwrap();
            },
        ),
        (
            "a count",
            |t| assert_eq!(t.count_documents(&DEFAULT).unwrap(), 4),
            |d| {
                d.delete(&DEFAULT, id(4), None).unwrap();
            },
        ),
        (
            "a missing collection",
            |t| {
                let orders = CollectionName::new("orders").unwrap();
                let refused = t.read(&orders, id(1));
                assert_eq!(refused.unwrap_err().code(), Code::CollectionNotFound);
            },
            |d| {
                d.create_collection(&CollectionName::new("orders").unwrap())
                    .unwrap();
            },
        ),
    ];
    for (what, read, change) in cases {
        for isolation in LEVELS {
            let bench = Bench::new();
            for number in 1..=4 {
                put(&bench.database, number, "0").unwrap();
            }
            let mut transaction = bench.begin(isolation);
            read(&mut transaction);
            set(&mut transaction, 100, "1");
            change(&bench.database);
            let committed = transaction.commit();
            match isolation {
                Isolation::Serializable => {
                    assert_eq!(committed.unwrap_err().code(), Code::TxnConflict, "{what}");
                }
                Isolation::Snapshot => {
                    committed.unwrap();
                }
            }
        }
    }
}

#[test]
fn what_was_not_read_is_in_nobodys_way() {
    let bench = Bench::new();
    for number in 1..=9 {
        put(&bench.database, number, "0").unwrap();
    }
    let mut transaction = bench.begin(Isolation::Serializable);
    // The first page ends before 3: the range that was read is 1 to 2.
    let limit = ScanLimit {
        documents: 2,
        bytes: 1000,
    };
    let page = transaction.scan(&DEFAULT, None, limit).unwrap();
    assert_eq!(page.next, Some(id(3)));
    set(&mut transaction, 5, "1");
    for number in [3, 4, 6, 9] {
        bench
            .database
            .update(&DEFAULT, id(number), document("2"), None)
            .unwrap();
    }
    put(&bench.database, 10, "0").unwrap();
    bench
        .database
        .create_collection(&CollectionName::new("other").unwrap())
        .unwrap();
    transaction.commit().unwrap();
}

#[test]
fn write_skew_happens_at_snapshot_isolation_and_not_when_serializable() {
    for isolation in LEVELS {
        let bench = Bench::new();
        put(&bench.database, 1, "1").unwrap();
        put(&bench.database, 2, "1").unwrap();
        let mut one = bench.begin(isolation);
        let mut two = bench.begin(isolation);
        for transaction in [&mut one, &mut two] {
            assert_eq!(see(transaction, 1).unwrap(), "1");
            assert_eq!(see(transaction, 2).unwrap(), "1");
        }
        set(&mut one, 1, "0");
        set(&mut two, 2, "0");
        one.commit().unwrap();
        let second = two.commit();
        assert_eq!(second.is_ok(), isolation == Isolation::Snapshot);
    }
}

#[test]
fn a_transaction_sees_its_own_writes_in_reads_scans_and_counts() {
    for isolation in LEVELS {
        let bench = Bench::new();
        for number in [1, 3, 5] {
            put(&bench.database, number, "0").unwrap();
        }
        let mut transaction = bench.begin(isolation);
        transaction
            .create(&DEFAULT, Some(id(2)), document("2"))
            .unwrap();
        transaction
            .update(&DEFAULT, id(2), document("22"), None)
            .unwrap();
        transaction.delete(&DEFAULT, id(3), None).unwrap();
        transaction
            .update(&DEFAULT, id(5), document("55"), None)
            .unwrap();
        let assigned = transaction.create(&DEFAULT, None, document("6")).unwrap();
        assert_eq!(assigned.id, id(6));
        assert_eq!(assigned.version, Version::ZERO);
        let refused = transaction.create(&DEFAULT, Some(id(2)), document("2"));
        assert_eq!(refused.unwrap_err().code(), Code::DocExists);
        let expected = [(1, "0"), (2, "22"), (5, "55"), (6, "6")];
        let expected: Vec<_> = expected.map(|(id, text)| (id, text.to_owned())).into();
        assert_eq!(scan(&mut transaction, 1), expected);
        assert_eq!(scan(&mut transaction, 2), expected[1..]);
        assert_eq!(transaction.count_documents(&DEFAULT).unwrap(), 4);
        assert_eq!(see(&mut transaction, 3), None);
        assert_eq!(
            bench.database.count(&DEFAULT).unwrap(),
            3,
            "nobody else does"
        );
        let version = transaction.commit().unwrap();
        assert_eq!(scan(&mut bench.begin(isolation), 1), expected);
        let read = bench.database.read(&DEFAULT, id(2)).unwrap();
        assert_eq!(read.version, version, "one version for all of it");
    }
}

#[test]
fn a_snapshot_returns_the_old_value_until_it_ends() {
    let bench = Bench::new();
    put(&bench.database, 1, "0").unwrap();
    let mut transaction = bench.begin(Isolation::Serializable);
    let snapshot = bench.database.snapshot();
    for round in 1..50 {
        let text = round.to_string();
        bench
            .database
            .update(&DEFAULT, id(1), document(&text), None)
            .unwrap();
        put(&bench.database, 100 + round, "1").unwrap();
        bench.database.checkpoint().unwrap();
    }
    bench.database.delete(&DEFAULT, id(1), None).unwrap();
    bench.database.checkpoint().unwrap();
    assert_eq!(see(&mut transaction, 1).unwrap(), "0");
    assert_eq!(scan(&mut transaction, 1).len(), 1);
    let limit = ScanLimit::default();
    let page = bench.database.scan(&DEFAULT, None, limit, Some(&snapshot));
    assert_eq!(page.unwrap().documents.len(), 1);
    // It only read, so that nothing of that is a conflict.
    assert_eq!(transaction.commit().unwrap(), snapshot.version());
}

#[test]
fn a_transaction_knows_the_collections_of_its_moment() {
    let bench = Bench::new();
    let orders = CollectionName::new("orders").unwrap();
    let mut before = bench.begin(Isolation::Snapshot);
    bench.database.create_collection(&orders).unwrap();
    let mut during = bench.begin(Isolation::Snapshot);
    let mut untouched = bench.begin(Isolation::Snapshot);
    during.create(&orders, None, document("1")).unwrap();
    untouched.read(&orders, id(1)).unwrap_err();
    set(&mut untouched, 1, "1");
    bench.database.delete_collection(&orders).unwrap();
    bench.database.create_collection(&orders).unwrap();
    let refused = before.create(&orders, None, document("1")).unwrap_err();
    assert_eq!(refused.code(), Code::CollectionNotFound);
    // The collection of this name is another one now.
    let error = during.commit().unwrap_err();
    assert_eq!(error.code(), Code::TxnConflict);
    assert_eq!(error.context().collection, Some(orders));
    untouched.commit().unwrap();
}

#[test]
fn a_refused_operation_leaves_the_transaction_as_it_was() {
    let bench = Bench::new();
    put(&bench.database, 1, "0").unwrap();
    let mut transaction = bench.begin(Isolation::Serializable);
    let upsert = |number, text| Operation {
        collection: DEFAULT,
        action: Action::Upsert {
            id: id(number),
            document: document(text),
        },
    };
    let delete = Operation {
        collection: DEFAULT,
        action: Action::Delete {
            id: id(9),
            expected: None,
        },
    };
    let operations = [upsert(1, "1"), upsert(2, "2"), delete];
    let answers = transaction.execute(&operations, Atomicity::All, usize::MAX);
    for answer in answers {
        let error = answer.unwrap_err();
        assert_eq!(error.code(), Code::DocNotFound);
        assert_eq!(error.context().step, Some(2));
    }
    assert_eq!(scan(&mut transaction, 1), [(1, "0".to_owned())]);
    let answers = transaction.execute(&operations, Atomicity::Each, usize::MAX);
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 2);
    transaction.commit().unwrap();
    assert_eq!(get(&bench.database, 2).unwrap(), "2");
}

#[test]
fn a_transaction_that_is_dropped_leaves_nothing() {
    let bench = Bench::new();
    let log_bytes = bench.database.statistics().log_bytes;
    for round in 0..1000 {
        let mut transaction = bench.begin(Isolation::Serializable);
        let created = transaction.create(&DEFAULT, None, document("1")).unwrap();
        assert_eq!(created.id, id(1), "ids of a rollback are free again");
        assert!(bench.database.statistics().transactions.bytes > 0);
        match round % 2 {
            0 => transaction.rollback(),
            _ => drop(transaction),
        }
    }
    let statistics = bench.database.statistics();
    assert_eq!(statistics.log_bytes, log_bytes);
    assert_eq!(statistics.transactions.begun, 1000);
    assert_eq!(statistics.transactions.open, 0);
    assert_eq!(statistics.transactions.bytes, 0);
    assert_eq!(statistics.snapshots, 0);
}

#[test]
fn two_open_transactions_that_create_documents_do_not_conflict() {
    for isolation in LEVELS {
        let bench = Bench::new();
        let mut one = bench.begin(isolation);
        let mut two = bench.begin(isolation);
        let first = one.create(&DEFAULT, None, document("1")).unwrap().id;
        let second = two.create(&DEFAULT, None, document("2")).unwrap().id;
        let third = bench.database.create(&DEFAULT, None, document("3"));
        let third = third.unwrap().id;
        two.commit().unwrap();
        one.commit().unwrap();
        for (id, text) in [(first, "1"), (second, "2"), (third, "3")] {
            assert_eq!(get(&bench.database, id.get()).unwrap(), text);
        }
    }
}

#[test]
fn versions_ascend_in_the_order_of_commits_over_all_kinds_of_writes() {
    let bench = Bench::new();
    let mut last = Version::ZERO;
    for round in 1..20 {
        let single = put(&bench.database, round, "0").unwrap().version;
        let mut transaction = bench.begin(Isolation::Serializable);
        set(&mut transaction, round, "1");
        set(&mut transaction, 100 + round, "1");
        let interactive = transaction.commit().unwrap();
        let answers = bench.database.execute(
            vec![
                Operation {
                    collection: DEFAULT,
                    action: Action::Delete {
                        id: id(round),
                        expected: Some(interactive),
                    },
                },
                Operation {
                    collection: DEFAULT,
                    action: Action::Create {
                        id: None,
                        document: document("2"),
                    },
                },
            ],
            Atomicity::All,
        );
        let versions: Vec<_> = answers.into_iter().map(|a| a.unwrap().version).collect();
        assert_eq!(versions[0], versions[1]);
        assert!(last < single && single < interactive && interactive < versions[0]);
        last = versions[0];
    }
}

#[test]
fn a_snapshot_that_is_too_old_expires_and_lets_go_of_what_it_held() {
    let bench = limited(TransactionLimits {
        max_age: Duration::from_secs(60),
        ..TransactionLimits::DEFAULT
    });
    put(&bench.database, 1, "0").unwrap();
    let snapshot = bench.database.snapshot();
    let mut old = bench.begin(Isolation::Serializable);
    let mut reader = bench.begin(Isolation::Serializable);
    set(&mut old, 2, "1");
    see(&mut reader, 1).unwrap();
    bench.disk.clock().advance(Duration::from_secs(40));
    bench.engine.tick();
    let mut young = bench.begin(Isolation::Serializable);
    set(&mut young, 3, "1");
    bench
        .database
        .update(&DEFAULT, id(1), document("1"), None)
        .unwrap();
    let statistics = bench.database.statistics();
    assert_eq!(statistics.kept_versions, 1);
    assert_eq!(statistics.oldest_snapshot, Some(Duration::from_secs(40)));
    bench.disk.clock().advance(Duration::from_secs(20));
    bench.engine.tick();
    let statistics = bench.database.statistics();
    assert_eq!(statistics.expired_snapshots, 3);
    assert_eq!(statistics.snapshots, 1);
    assert_eq!(statistics.oldest_snapshot, Some(Duration::from_secs(20)));
    assert_eq!(statistics.kept_versions, 1, "the young one sees it");
    let error = old.read(&DEFAULT, id(1)).unwrap_err();
    assert_eq!(error.code(), Code::TxnExpired);
    let limit = ScanLimit::default();
    let error = old.scan(&DEFAULT, None, limit).unwrap_err();
    assert_eq!(error.code(), Code::TxnExpired);
    let error = bench
        .database
        .scan(&DEFAULT, None, limit, Some(&snapshot))
        .unwrap_err();
    assert_eq!(error.code(), Code::TxnExpired);
    // Too old to be checked: refused, not waved through.
    assert_eq!(old.commit().unwrap_err().code(), Code::TxnExpired);
    reader.commit().unwrap();
    young.commit().unwrap();
    assert_eq!(get(&bench.database, 2), None);
    bench.disk.clock().advance(Duration::from_secs(100));
    bench.engine.tick();
    assert_eq!(bench.database.statistics().kept_versions, 0);
}

#[test]
fn a_snapshot_is_refused_by_another_opening_and_another_database() {
    let bench = Bench::new();
    put(&bench.database, 1, "0").unwrap();
    let snapshot = bench.database.snapshot();
    let mut transaction = bench.begin(Isolation::Serializable);
    set(&mut transaction, 2, "1");
    let other = create(&bench.engine, "other");
    bench.engine.close_database(bench.database.id()).unwrap();
    let reopened = existing(&bench.engine, "shop");
    for database in [&reopened, &other] {
        let page = database.scan(&DEFAULT, None, ScanLimit::default(), Some(&snapshot));
        assert_eq!(page.unwrap_err().code(), Code::TxnExpired);
    }
    // The transaction belongs to the opening that has ended.
    let error = transaction.read(&DEFAULT, id(1)).unwrap_err();
    assert_eq!(error.code(), Code::DbNotActive);
    assert_eq!(transaction.commit().unwrap_err().code(), Code::DbNotActive);
    assert_eq!(get(&reopened, 1).unwrap(), "0");
    assert_eq!(get(&reopened, 2), None);
}

#[test]
fn each_limit_is_refused_with_an_error_of_its_own() {
    let bench = limited(TransactionLimits {
        operations: 5,
        bytes: 1000,
        open: 2,
        ..TransactionLimits::DEFAULT
    });
    let mut one = bench.begin(Isolation::Serializable);
    let two = bench.begin(Isolation::Snapshot);
    let error = bench.database.begin(Isolation::Snapshot).unwrap_err();
    assert_eq!(error.code(), Code::TooManyTxns);
    assert!(error.is_retryable());
    two.rollback();
    drop(bench.begin(Isolation::Snapshot));

    let large = format!("\"{}\"", "x".repeat(900));
    let refused = one.upsert(&DEFAULT, id(1), document(&large)).unwrap_err();
    assert_eq!(refused.code(), Code::PayloadTooLarge);
    for text in ["1", "22", "333"] {
        set(&mut one, 1, text);
    }
    see(&mut one, 1).unwrap();
    let refused = one.read(&DEFAULT, id(1)).unwrap_err();
    assert_eq!(refused.code(), Code::TooManyOps);
    let refused = one.scan(&DEFAULT, None, ScanLimit::default()).unwrap_err();
    assert_eq!(refused.code(), Code::TooManyOps);
    one.commit().unwrap();
    assert_eq!(get(&bench.database, 1).unwrap(), "333");
}

#[test]
fn what_transactions_hold_counts_against_the_memory_of_the_database() {
    let bench = Bench::with(EngineOptions {
        database_memory_bytes: 1024 * 1024,
        ..by_hand()
    });
    let text = format!("\"{}\"", "x".repeat(100_000));
    let mut transactions = Vec::new();
    let refused = (0..100).find_map(|_| {
        let mut transaction = bench.begin(Isolation::Snapshot);
        let result = transaction.upsert(&DEFAULT, id(1), document(&text));
        transactions.push(transaction);
        result.err()
    });
    assert_eq!(refused.unwrap().code(), Code::MemoryLimit);
    assert!(transactions.len() > 5, "{}", transactions.len());
    drop(transactions);
    assert!(bench.database.memory_bytes() < 100_000);
    // What was read has to be known until the commit.
    let mut reader = bench.begin(Isolation::Serializable);
    for number in 1..=1000 {
        assert_eq!(see(&mut reader, number), None);
    }
    assert!(bench.database.statistics().transactions.bytes >= 16_000);
    drop(reader);
    assert_eq!(bench.database.statistics().transactions.bytes, 0);
}

#[test]
fn a_committed_transaction_is_there_after_a_restart_and_an_open_one_is_not() {
    let bench = Bench::new();
    let mut committed = bench.begin(Isolation::Serializable);
    let mut open = bench.begin(Isolation::Serializable);
    set(&mut committed, 1, "1");
    set(&mut committed, 2, "2");
    set(&mut open, 3, "3");
    committed.commit().unwrap();
    let disk = bench.disk.crash(docdb_vfs::CrashProfile::Strict, 1);
    let engine = open_on(&disk);
    let database = existing(&engine, "shop");
    assert_eq!(get(&database, 1).unwrap(), "1");
    assert_eq!(get(&database, 2).unwrap(), "2");
    assert_eq!(get(&database, 3), None);
    drop(open);
}

#[test]
fn readers_see_all_of_a_transaction_of_a_thousand_documents_or_none() {
    let bench = Bench::new();
    for number in 1..=1000 {
        put(&bench.database, number, "0").unwrap();
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let mut transaction = bench.begin(Isolation::Snapshot);
                    let found = scan(&mut transaction, 1);
                    assert_eq!(found.len(), 1000);
                    let first = &found[0].1;
                    assert!(found.iter().all(|(_, text)| text == first), "half of it");
                    let reads = [1, 500, 1000].map(|number| see(&mut transaction, number));
                    assert!(reads.iter().all(|read| read.as_ref() == Some(first)));
                }
            });
        }
        for round in 1..=20 {
            let mut transaction = bench.begin(Isolation::Serializable);
            for number in 1..=1000 {
                set(&mut transaction, number, &round.to_string());
            }
            transaction.commit().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}
