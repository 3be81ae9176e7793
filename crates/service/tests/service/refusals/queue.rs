//! A queue that is full.

use docdb_types::{Code, Effect, Status};

use super::message::{Message, execute, read, upsert};
use super::watched::Watched;
use crate::harness::{create as create_document, execute as typed_execute};

/// Requests that may wait.
const DEPTH: usize = 4;
/// Requests that are sent beside a long one: more than may wait.
const BURST: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_request_more_than_may_wait_is_told_that_the_queue_is_full() {
    let mut watched = Watched::start_with(|options| {
        options.scheduler.worker_count = 1;
        options.scheduler.queue_depth = DEPTH;
    })
    .await;
    let (mut long, db) = watched.harness.client_of("a").await;
    long.one(db, create_document(1, "1")).await.unwrap();
    let many = vec![crate::harness::upsert(2, "2"); 20_000];
    let single = execute(watched.database, false, &[read(1)]);
    let mut refused = 0;
    for _ in 0..50 {
        // A request that keeps the one place taken, and short ones beside it.
        let request = typed_execute(db, many.clone());
        let running = tokio::spawn(async move {
            long.send(request).await;
            let answer = long.receive().await.unwrap();
            (long, answer)
        });
        while !running.is_finished() {
            for _ in 0..BURST {
                watched.send(&single).await;
            }
            for _ in 0..BURST {
                let answer = watched.receive().await;
                if let Err(error) = answer.result {
                    assert_eq!(error.code(), Code::QueueFull);
                    assert_eq!(error.status(), Status::QueueFull);
                    assert_eq!(error.effect(), Effect::NotApplied);
                    assert!(error.is_retryable());
                    refused += 1;
                }
            }
        }
        let answer;
        (long, answer) = running.await.unwrap();
        let whole = crate::harness::results(answer);
        assert_eq!(whole.len(), many.len());
        assert!(
            whole.iter().all(Result::is_ok),
            "what was let in runs whole"
        );
        if refused > 0 {
            break;
        }
    }
    assert!(refused > 0, "the queue never was full");
    watched.serves("afterwards", &read(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_request_of_3000_operations_runs_whole_and_in_order_however_short_the_queue() {
    let mut watched = Watched::start_with(|options| {
        options.scheduler.worker_count = 1;
        options.scheduler.queue_depth = 1;
    })
    .await;
    let operations: Vec<Message> = (0..1500)
        .flat_map(|step| [upsert(7, step.to_string()), read(7)])
        .collect();
    let answer = watched
        .ask(&execute(watched.database, false, &operations))
        .await;
    let Ok(docdb_ipc::Reply::Results(results)) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(results.len(), 3000);
    for (step, pair) in results.chunks(2).enumerate() {
        let (written, found) = (pair[0].as_ref().unwrap(), pair[1].as_ref().unwrap());
        assert_eq!(written.version, found.version);
        let expected = step.to_string();
        assert_eq!(found.document.as_deref(), Some(expected.as_bytes()));
    }
}
