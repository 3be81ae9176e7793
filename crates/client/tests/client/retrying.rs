use docdb_client::Reply;
use docdb_types::{Action, Code, Effect, Error, Operation};

use crate::script::{Peer, Script, collection, created, document, id, queue_full, read};

/// Answers what comes with these results, one after the other, until the client is gone; answers
/// how many requests there were.
async fn answer_all(mut peer: Peer, results: Vec<Result<Reply, Error>>) -> usize {
    let mut requests = 0;
    let mut results = results.into_iter();
    while let Some(request) = futures_util::StreamExt::next(&mut peer.framed).await {
        requests += 1;
        let result = results.next().unwrap();
        peer.answer(request.unwrap().unwrap().id, result).await;
    }
    requests
}

#[tokio::test]
async fn what_was_not_applied_and_passes_is_tried_again() {
    let script = Script::new();
    let (client, database, peer) = script.database().await;
    let refused_operation = Reply::Results(vec![Err(queue_full())]);
    let answers = vec![Err(queue_full()), Ok(refused_operation), Ok(created(1))];
    let server = tokio::spawn(answer_all(peer, answers));
    let outcome = database
        .create(&collection(), None, document("1"))
        .await
        .unwrap();
    assert_eq!(outcome.id, id(1));
    drop((client, database));
    assert_eq!(server.await.unwrap(), 3);
}

#[tokio::test]
async fn an_unknown_effect_is_never_tried_again() {
    for code in [Code::QueueFull, Code::Timeout, Code::PoolStopped] {
        let script = Script::new();
        let (client, database, peer) = script.database().await;
        let error = Error::new(code, "lost").with_effect(Effect::Unknown);
        let server = tokio::spawn(answer_all(peer, vec![Err(error.clone())]));
        let result = database.create(&collection(), None, document("1")).await;
        assert_eq!(result, Err(error));
        drop((client, database));
        assert_eq!(server.await.unwrap(), 1);
    }
}

#[tokio::test]
async fn an_unknown_effect_ends_the_tries_wherever_it_comes() {
    let script = Script::new();
    let (client, database, peer) = script.database().await;
    let lost = Error::new(Code::Timeout, "lost").with_effect(Effect::Unknown);
    let server = tokio::spawn(answer_all(peer, vec![Err(queue_full()), Err(lost.clone())]));
    let result = database.create(&collection(), None, document("1")).await;
    assert_eq!(result, Err(lost));
    drop((client, database));
    assert_eq!(server.await.unwrap(), 2);
}

#[tokio::test]
async fn what_will_fail_again_is_not_tried_again() {
    for code in [
        Code::DocExists,
        Code::InvalidJson,
        Code::FileSync,
        Code::MemoryLimit,
    ] {
        let script = Script::new();
        let (client, database, peer) = script.database().await;
        let answer = Ok(Reply::Results(vec![Err(Error::new(code, "no"))]));
        let server = tokio::spawn(answer_all(peer, vec![answer]));
        let result = database.create(&collection(), None, document("1")).await;
        assert_eq!(result.unwrap_err().code(), code);
        drop((client, database));
        assert_eq!(server.await.unwrap(), 1);
    }
}

#[tokio::test]
async fn five_tries_are_all() {
    let script = Script::new();
    let (client, database, peer) = script.database().await;
    let server = tokio::spawn(answer_all(peer, vec![Err(queue_full()); 5]));
    let result = database.read(&collection(), id(1)).await;
    assert_eq!(result.unwrap_err(), queue_full());
    drop((client, database));
    assert_eq!(server.await.unwrap(), 5);
}

#[tokio::test]
async fn a_request_of_many_operations_that_was_run_is_not_sent_again() {
    let script = Script::new();
    let (client, database, peer) = script.database().await;
    let Reply::Results(mut results) = read(1, "1") else {
        panic!("another reply")
    };
    results.push(Err(queue_full()));
    let server = tokio::spawn(answer_all(peer, vec![Ok(Reply::Results(results.clone()))]));
    let operation = Operation {
        collection: collection(),
        action: Action::Read { id: id(1) },
    };
    let answered = database
        .execute(vec![operation.clone(), operation], false)
        .await
        .unwrap();
    assert_eq!(answered, results);
    drop((client, database));
    assert_eq!(server.await.unwrap(), 1);
}
