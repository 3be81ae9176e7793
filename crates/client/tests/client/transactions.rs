use std::sync::atomic::{AtomicU32, Ordering};

use docdb_client::{Command, Reply};
use docdb_ipc::{BegunTransaction, TransactionHandle};
use docdb_types::{Code, Effect, Error, Isolation, Version};

use crate::script::{Peer, Script, collection, created, document, id, read};

fn begun(number: u64) -> Reply {
    Reply::Begun(BegunTransaction {
        handle: TransactionHandle::new(number).unwrap(),
        snapshot_version: Version::new(7),
    })
}

fn conflict() -> Error {
    Error::new(Code::TxnConflict, "changed").on_document(id(1))
}

/// The names of the commands that come, each answered with the next result.
async fn answer_all(mut peer: Peer, results: Vec<Result<Reply, Error>>) -> Vec<String> {
    let mut seen = Vec::new();
    let mut results = results.into_iter();
    while let Some(Ok(Ok(request))) = futures_util::StreamExt::next(&mut peer.framed).await {
        seen.push(match &request.command {
            Command::Begin { .. } => "begin".to_owned(),
            Command::Execute(execute) => format!("execute in {}", execute.transaction.unwrap()),
            Command::Commit { transaction, .. } => format!("commit {}", transaction.unwrap()),
            Command::Rollback { transaction, .. } => format!("rollback {transaction}"),
            Command::Ping => "ping".to_owned(),
            other => panic!("{other:?}"),
        });
        let Some(result) = results.next() else {
            break;
        };
        peer.answer(request.id, result).await;
    }
    seen
}

#[tokio::test]
async fn a_transaction_that_lost_runs_again_from_its_beginning() {
    let script = Script::new();
    let (client, database, peer) = script.database().await;
    let server = tokio::spawn(answer_all(
        peer,
        vec![
            Ok(begun(1)),
            Ok(read(1, "1")),
            Ok(created(1)),
            Err(conflict()),
            Ok(begun(2)),
            Ok(read(1, "2")),
            Ok(created(1)),
            Ok(Reply::Committed(Version::new(9))),
        ],
    ));
    let runs = AtomicU32::new(0);
    let work = async |transaction: docdb_client::Transaction| {
        runs.fetch_add(1, Ordering::Relaxed);
        let stored = transaction.read(&collection(), id(1)).await?;
        let text = String::from_utf8(stored.document.to_vec()).unwrap();
        transaction
            .upsert(&collection(), id(1), document(&text))
            .await?;
        Ok(text)
    };
    let (text, version) = database
        .transact(Isolation::Serializable, work)
        .await
        .unwrap();
    assert_eq!((text.as_str(), version), ("2", Version::new(9)));
    assert_eq!(runs.load(Ordering::Relaxed), 2);
    drop((client, database));
    let expected = [
        "begin",
        "execute in 1",
        "execute in 1",
        "commit 1",
        "begin",
        "execute in 2",
        "execute in 2",
        "commit 2",
    ];
    assert_eq!(server.await.unwrap(), expected);
}

#[tokio::test]
async fn a_conflict_is_tried_as_often_as_the_policy_says_and_then_answered() {
    let script = Script::new();
    let (client, database, peer) = script.database().await;
    let tries = 5;
    let answers = (1..=tries).flat_map(|number| [Ok(begun(number)), Err(conflict())]);
    let server = tokio::spawn(answer_all(peer, answers.collect()));
    let result = database
        .transact(Isolation::Snapshot, async |_| Ok(()))
        .await;
    assert_eq!(result.unwrap_err(), conflict());
    drop((client, database));
    assert_eq!(server.await.unwrap().len(), 2 * 5);
}

#[tokio::test]
async fn a_commit_of_unknown_effect_and_an_error_of_the_work_are_not_tried_again() {
    let script = Script::new();
    let (client, database, peer) = script.database().await;
    let lost = Error::new(Code::TxnConflict, "lost").with_effect(Effect::Unknown);
    let server = tokio::spawn(answer_all(
        peer,
        vec![
            Ok(begun(1)),
            Err(lost.clone()),
            Ok(begun(2)),
            Ok(Reply::RolledBack),
            Ok(Reply::Pong),
        ],
    ));
    let result = database
        .transact(Isolation::Serializable, async |_| Ok(()))
        .await;
    assert_eq!(result.unwrap_err(), lost);
    let refused = Error::new(Code::DocNotFound, "none");
    let work = async |_| Err::<(), _>(refused.clone());
    let result = database.transact(Isolation::Serializable, work).await;
    assert_eq!(result.unwrap_err(), refused);
    client.ping().await.unwrap();
    drop((client, database));
    let expected = ["begin", "commit 1", "begin", "rollback 2", "ping"];
    assert_eq!(server.await.unwrap(), expected);
}

#[tokio::test]
async fn what_happens_once_is_tried_again_also_where_its_answer_was_lost() {
    let script = Script::new();
    let (client, database, mut peer) = script.database().await;
    let key = docdb_types::IdempotencyKey::new("k".into()).unwrap();
    let operation = docdb_types::Operation {
        collection: collection(),
        action: docdb_types::Action::Upsert {
            id: id(1),
            document: document("1"),
        },
    };
    let server = tokio::spawn(async move {
        let lost = Error::new(Code::Timeout, "lost").with_effect(Effect::Unknown);
        let first = peer.answer_next(Err(lost)).await;
        let second = peer.answer_next(Ok(created(1))).await;
        (first, second)
    });
    let outcomes = database.execute_once(&key, vec![operation]).await.unwrap();
    assert_eq!(outcomes[0].id, id(1));
    let (first, second) = server.await.unwrap();
    assert_eq!(first, second);
    let Command::Execute(execute) = first else {
        panic!("another command");
    };
    assert_eq!((execute.atomic, execute.key), (true, Some(key)));
    drop(client);
}
