use std::time::Duration;

use docdb_ipc::{Command, CursorId, Execute, Page, Reply, Scan, TransactionHandle};
use docdb_types::{
    Code, CollectionName, DatabaseId, Error, IdempotencyKey, Isolation, Operation, Outcome, Version,
};

use super::harness::{Client, Harness, create, delete, read, upsert};

async fn begin(client: &mut Client, database: DatabaseId) -> TransactionHandle {
    begin_at(client, database, Isolation::Serializable).await
}

async fn begin_at(
    client: &mut Client,
    database: DatabaseId,
    isolation: Isolation,
) -> TransactionHandle {
    let begin = Command::Begin {
        database,
        isolation,
    };
    match client.call(begin).await {
        Ok(Reply::Begun(begun)) => begun.handle,
        other => panic!("{other:?}"),
    }
}

/// One operation within a transaction.
async fn step(
    client: &mut Client,
    database: DatabaseId,
    transaction: TransactionHandle,
    operation: Operation,
) -> Result<Outcome, Error> {
    let execute = Execute {
        transaction: Some(transaction),
        ..Execute::new(database, false, vec![operation])
    };
    match client.call(Command::Execute(execute)).await? {
        Reply::Results(mut results) => results.remove(0),
        other => panic!("{other:?}"),
    }
}

async fn commit(
    client: &mut Client,
    database: DatabaseId,
    transaction: TransactionHandle,
) -> Result<Version, Error> {
    let commit = Command::Commit {
        database,
        transaction: Some(transaction),
        key: None,
    };
    match client.call(commit).await? {
        Reply::Committed(version) => Ok(version),
        other => panic!("{other:?}"),
    }
}

async fn rollback(client: &mut Client, database: DatabaseId, transaction: TransactionHandle) {
    let rollback = Command::Rollback {
        database,
        transaction,
    };
    assert_eq!(client.call(rollback).await, Ok(Reply::RolledBack));
}

async fn page(
    client: &mut Client,
    database: DatabaseId,
    transaction: Option<TransactionHandle>,
    cursor: Option<CursorId>,
) -> Page {
    let scan = Scan {
        database,
        collection: CollectionName::DEFAULT,
        from: None,
        limit: 2,
        max_bytes: 0,
        cursor,
        transaction,
    };
    match client.call(Command::Scan(scan)).await {
        Ok(Reply::Page(page)) => page,
        other => panic!("{other:?}"),
    }
}

async fn open_transactions(client: &mut Client, database: DatabaseId) -> u64 {
    let statistics = Command::Statistics {
        database: Some(database),
    };
    match client.call(statistics).await {
        Ok(Reply::Statistics(statistics)) => statistics.database.transactions_open.unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_sees_a_transaction_before_its_commit_and_all_of_it_afterwards() {
    let harness = Harness::start().await;
    let (mut one, db) = harness.client_of("a").await;
    let (mut two, _) = harness.client_of("a").await;
    let transaction = begin(&mut one, db).await;
    let created = step(&mut one, db, transaction, create(1, "1")).await;
    assert_eq!(created.unwrap().version, Version::ZERO);
    step(&mut one, db, transaction, create(2, "2"))
        .await
        .unwrap();
    let own = step(&mut one, db, transaction, read(2)).await.unwrap();
    assert_eq!(own.document.unwrap(), "2");
    let missing = two.one(db, read(1)).await.unwrap_err();
    assert_eq!(missing.code(), Code::DocNotFound);
    let version = commit(&mut one, db, transaction).await.unwrap();
    for number in [1, 2] {
        assert_eq!(two.one(db, read(number)).await.unwrap().version, version);
    }
    // It is over.
    for command in [read(1), create(3, "3")] {
        let error = step(&mut one, db, transaction, command).await.unwrap_err();
        assert_eq!(error.code(), Code::TxnExpired);
    }
    let error = commit(&mut one, db, transaction).await.unwrap_err();
    assert_eq!(error.code(), Code::TxnExpired);
    rollback(&mut one, db, transaction).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_conflict_names_the_document_and_nothing_of_the_loser_happens() {
    let harness = Harness::start().await;
    for isolation in Isolation::ALL {
        let (mut one, db) = harness.client_of(isolation.as_str()).await;
        let (mut two, _) = harness.client_of(isolation.as_str()).await;
        let loser = begin_at(&mut one, db, isolation).await;
        let winner = begin_at(&mut two, db, isolation).await;
        step(&mut one, db, loser, upsert(1, "1")).await.unwrap();
        step(&mut one, db, loser, upsert(2, "1")).await.unwrap();
        step(&mut two, db, winner, upsert(2, "2")).await.unwrap();
        let version = commit(&mut two, db, winner).await.unwrap();
        let error = commit(&mut one, db, loser).await.unwrap_err();
        assert_eq!(error.code(), Code::TxnConflict);
        assert!(error.is_retryable());
        assert_eq!(error.document().unwrap().get(), 2);
        assert_eq!(error.context().version, Some(version));
        assert!(one.one(db, read(1)).await.is_err());
        assert_eq!(one.one(db, read(2)).await.unwrap().document.unwrap(), "2");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pages_of_a_transaction_show_its_writes_and_its_snapshot() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    for number in [1, 3, 5, 7] {
        client.one(db, create(number, "0")).await.unwrap();
    }
    let transaction = begin(&mut client, db).await;
    step(&mut client, db, transaction, create(4, "4"))
        .await
        .unwrap();
    step(&mut client, db, transaction, delete(5)).await.unwrap();
    client.one(db, delete(1)).await.unwrap();
    let mut ids = Vec::new();
    let mut cursor = None;
    loop {
        let page = page(&mut client, db, Some(transaction), cursor).await;
        ids.extend(page.documents.iter().map(|found| found.id.get()));
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(ids, [1, 3, 4, 7]);
    let count = Command::Count {
        database: db,
        collection: CollectionName::DEFAULT,
        transaction: Some(transaction),
    };
    assert_eq!(client.call(count).await, Ok(Reply::Count(4)));
    // The scan read document 1.
    let error = commit(&mut client, db, transaction).await.unwrap_err();
    assert_eq!(error.code(), Code::TxnConflict);
    assert_eq!(error.document().unwrap().get(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_closed_connection_rolls_its_transactions_back() {
    let harness = Harness::start().await;
    let (mut watching, db) = harness.client_of("a").await;
    let (mut leaving, _) = harness.client_of("a").await;
    let (mut closing, _) = harness.client_of("a").await;
    for client in [&mut leaving, &mut closing] {
        let transaction = begin(client, db).await;
        step(client, db, transaction, upsert(1, "1")).await.unwrap();
    }
    assert_eq!(open_transactions(&mut watching, db).await, 2);
    let close = Command::CloseDatabase { database: db };
    closing.call(close).await.unwrap();
    assert_eq!(open_transactions(&mut watching, db).await, 1);
    drop(leaving);
    while open_transactions(&mut watching, db).await > 0 {
        tokio::task::yield_now().await;
    }
    assert!(watching.one(db, read(1)).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_transaction_belongs_to_its_connection_and_its_database() {
    let harness = Harness::start().await;
    let (mut one, db) = harness.client_of("a").await;
    let other = one.open("b").await;
    let (mut two, _) = harness.client_of("a").await;
    let transaction = begin(&mut one, db).await;
    let error = step(&mut two, db, transaction, read(1)).await.unwrap_err();
    assert_eq!(error.code(), Code::TxnExpired);
    let error = step(&mut one, other, transaction, read(1))
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::TxnExpired);
    let error = commit(&mut one, other, transaction).await.unwrap_err();
    assert_eq!(error.code(), Code::TxnExpired);
    rollback(&mut one, other, transaction).await;
    step(&mut one, db, transaction, upsert(1, "1"))
        .await
        .unwrap();
    commit(&mut one, db, transaction).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn open_transactions_are_bounded_per_connection_and_per_database() {
    let harness = Harness::start_with(|options| {
        options.max_transactions = 2;
        options.engine.transactions.open = 3;
    })
    .await;
    let (mut one, db) = harness.client_of("a").await;
    let (mut two, _) = harness.client_of("a").await;
    let refused = |answer: Result<Reply, Error>| {
        let error = answer.unwrap_err();
        assert_eq!(error.code(), Code::TooManyTxns);
        error.to_string()
    };
    let command = Command::Begin {
        database: db,
        isolation: Isolation::Snapshot,
    };
    let first = begin(&mut one, db).await;
    begin(&mut one, db).await;
    assert!(refused(one.call(command.clone()).await).contains("connection"));
    begin(&mut two, db).await;
    assert!(refused(two.call(command).await).contains("database"));
    rollback(&mut one, db, first).await;
    begin(&mut two, db).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_transaction_that_is_left_open_too_long_is_ended() {
    let harness = Harness::start_with(|options| {
        options.engine.transactions.max_age = Duration::from_millis(50);
    })
    .await;
    let (mut client, db) = harness.client_of("a").await;
    let (mut watching, _) = harness.client_of("a").await;
    let transaction = begin(&mut client, db).await;
    step(&mut client, db, transaction, upsert(1, "1"))
        .await
        .unwrap();
    while open_transactions(&mut watching, db).await > 0 {
        tokio::task::yield_now().await;
    }
    let error = commit(&mut client, db, transaction).await.unwrap_err();
    assert_eq!(error.code(), Code::TxnExpired);
    assert!(watching.one(db, read(1)).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn steps_that_are_sent_together_take_effect_in_their_order() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    let transaction = begin(&mut client, db).await;
    let mut sent = Vec::new();
    for round in 0..40 {
        let text = round.to_string();
        for operation in [upsert(1, &text), read(1)] {
            let execute = Execute {
                transaction: Some(transaction),
                ..Execute::new(db, false, vec![operation])
            };
            sent.push(client.feed(Command::Execute(execute)).await);
        }
    }
    let commit = Command::Commit {
        database: db,
        transaction: Some(transaction),
        key: None,
    };
    sent.push(client.feed(commit).await);
    client.flush().await;
    let mut seen = std::collections::HashMap::new();
    for _ in &sent {
        let response = client.receive().await.unwrap();
        seen.insert(response.id.unwrap(), response.result.unwrap());
    }
    for (round, pair) in sent.chunks_exact(2).enumerate() {
        let Reply::Results(results) = &seen[&pair[1]] else {
            panic!("another reply");
        };
        let read = results[0].as_ref().unwrap();
        assert_eq!(read.document.as_ref().unwrap(), &round.to_string());
    }
    assert_eq!(
        client.one(db, read(1)).await.unwrap().document.unwrap(),
        "39"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_under_a_key_happens_once_also_over_a_restart() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    let key = |text: &str| Some(IdempotencyKey::new(text.to_owned().into()).unwrap());
    let request = |db, text| {
        let operations = vec![create(0, "1"), create(0, "2")];
        Command::Execute(Execute {
            key: key(text),
            ..Execute::new(db, true, operations)
        })
    };
    let first = client.call(request(db, "one")).await;
    assert!(first.is_ok());
    assert_eq!(client.call(request(db, "one")).await, first);
    let transaction = begin(&mut client, db).await;
    step(&mut client, db, transaction, create(9, "9"))
        .await
        .unwrap();
    let commit = |db, transaction, text| Command::Commit {
        database: db,
        transaction,
        key: key(text),
    };
    let committed = client.call(commit(db, Some(transaction), "two")).await;
    assert!(matches!(committed, Ok(Reply::Committed(_))));
    let harness = harness.restart().await;
    let (mut client, db) = harness.client_of("a").await;
    assert_eq!(client.call(request(db, "one")).await, first);
    for handle in [None, Some(transaction)] {
        assert_eq!(client.call(commit(db, handle, "two")).await, committed);
    }
    let error = client.call(commit(db, None, "three")).await.unwrap_err();
    assert_eq!(error.code(), Code::TxnExpired);
    let count = Command::Count {
        database: db,
        collection: CollectionName::DEFAULT,
        transaction: None,
    };
    assert_eq!(client.call(count).await, Ok(Reply::Count(3)));
    // Part of it could not happen once, so that it does not happen.
    let mixed = Command::Execute(Execute {
        key: key("four"),
        ..Execute::new(db, false, vec![create(0, "1"), read(1)])
    });
    let Ok(Reply::Results(results)) = client.call(mixed).await else {
        panic!("another reply");
    };
    for result in results {
        assert_eq!(result.unwrap_err().code(), Code::UnknownOperation);
    }
}
