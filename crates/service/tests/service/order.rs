use docdb_ipc::Command;
use docdb_types::{Code, CollectionName};

use super::harness::{Harness, create, delete, execute, read, results, text, update, upsert};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_sent_without_waiting_take_effect_in_the_order_sent() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    for round in 0..20 {
        let value = |step: u32| format!("{}", round * 10 + step);
        let script = [
            create(1, &value(1)),
            read(1),
            update(1, &value(2)),
            upsert(1, &value(3)),
            read(1),
            delete(1),
            read(1),
            create(1, &value(4)),
            create(1, &value(5)),
            read(1),
            delete(1),
        ];
        let mut sent = Vec::new();
        for operation in script {
            sent.push(client.feed(execute(db, vec![operation])).await);
        }
        client.flush().await;
        let mut answers = std::collections::HashMap::new();
        for _ in &sent {
            let response = client.receive().await.unwrap();
            answers.insert(response.id.unwrap(), results(response).remove(0));
        }
        let answers: Vec<_> = sent.iter().map(|id| &answers[id]).collect();
        let code = |step: usize| answers[step].as_ref().err().map(docdb_types::Error::code);
        assert_eq!(text(answers[1]), value(1));
        assert_eq!(text(answers[4]), value(3));
        assert_eq!(code(5), None);
        assert_eq!(code(6), Some(Code::DocNotFound));
        assert_eq!(code(7), None);
        assert_eq!(code(8), Some(Code::DocExists));
        assert_eq!(text(answers[9]), value(4));
        assert_eq!(code(10), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn order_holds_when_requests_have_to_queue() {
    let harness = Harness::start_with(|options| {
        // One place, which a flood keeps taken.
        options.scheduler.worker_count = 1;
        options.scheduler.queue_depth = 10_000;
    })
    .await;
    let (mut flood, other) = harness.client_of("other").await;
    let flooding = tokio::spawn(async move {
        for round in 0..40 {
            for number in 1..=50 {
                flood
                    .feed(execute(other, vec![upsert(number, &round.to_string())]))
                    .await;
            }
            flood.flush().await;
            for _ in 1..=50 {
                assert!(results(flood.receive().await.unwrap())[0].is_ok());
            }
        }
    });
    let (mut client, db) = harness.client_of("a").await;
    for round in 0..40 {
        let mut sent = Vec::new();
        for step in 0..10 {
            let value = format!("{}", round * 100 + step);
            sent.push((
                client.feed(execute(db, vec![upsert(1, &value)])).await,
                None,
            ));
            sent.push((client.feed(execute(db, vec![read(1)])).await, Some(value)));
        }
        client.flush().await;
        for _ in 0..sent.len() {
            let response = client.receive().await.unwrap();
            let place = sent
                .iter()
                .position(|(id, _)| Some(*id) == response.id)
                .unwrap();
            let outcome = results(response).remove(0);
            if let Some(expected) = &sent[place].1 {
                assert_eq!(&text(&outcome), expected);
            }
        }
    }
    flooding.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn collections_are_made_and_counted_in_order() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    let collection = CollectionName::new("orders").unwrap();
    let mut operation = create(1, "1");
    operation.collection = collection.clone();
    let count = || Command::Count {
        database: db,
        collection: collection.clone(),
        transaction: None,
    };
    client.feed(execute(db, vec![operation.clone()])).await;
    client
        .feed(Command::CreateCollection {
            database: db,
            collection: collection.clone(),
        })
        .await;
    client.feed(execute(db, vec![operation])).await;
    client.feed(count()).await;
    client.flush().await;
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(client.receive().await.unwrap());
    }
    answers.sort_by_key(|response| response.id);
    let counted = answers.pop().unwrap();
    assert_eq!(counted.result, Ok(docdb_ipc::Reply::Count(1)));
    assert!(results(answers.pop().unwrap())[0].is_ok());
    assert!(answers.pop().unwrap().result.is_ok());
    let refused = results(answers.pop().unwrap()).remove(0).unwrap_err();
    assert_eq!(refused.code(), Code::CollectionNotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_sent_together_share_commits() {
    let harness = Harness::start().await;
    let (mut client, db) = harness.client_of("a").await;
    for number in 1..=100 {
        client.feed(execute(db, vec![create(number, "1")])).await;
    }
    client.flush().await;
    for _ in 1..=100 {
        assert!(results(client.receive().await.unwrap())[0].is_ok());
    }
    let database = harness.service.engine().database(db).unwrap();
    let figures = database.statistics();
    assert_eq!(figures.committed, 100);
    assert!(
        figures.log.batches <= 25,
        "{} commits for 100 writes",
        figures.log.batches
    );
}
