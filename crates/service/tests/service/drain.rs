use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use docdb_ipc::{Command, Reply};
use docdb_types::{Code, DatabaseName, Effect, Error};

use tokio::io::AsyncReadExt as _;

use super::harness::{Client, Harness, create, execute, read, upsert};

/// What a writer was told until its connection ended.
struct Diary {
    acknowledged: Vec<u64>,
    refused: Vec<Code>,
    unanswered: Vec<u64>,
    /// The last words of the server.
    farewell: Option<Error>,
}

/// Writes, sixteen requests at a time, until told to stop or cut off.
async fn write(
    mut client: Client,
    db: docdb_types::DatabaseId,
    base: u64,
    stop: Arc<AtomicBool>,
) -> Diary {
    let mut diary = Diary {
        acknowledged: Vec::new(),
        refused: Vec::new(),
        unanswered: Vec::new(),
        farewell: None,
    };
    let mut number = base;
    let mut under_way = std::collections::HashMap::new();
    'writing: while !stop.load(Ordering::Relaxed) {
        while under_way.len() < 16 {
            number += 1;
            let id = client.feed(execute(db, vec![create(number, "1")])).await;
            under_way.insert(id, number);
        }
        let flushed = futures_util::SinkExt::<docdb_ipc::Request>::flush(&mut client.frames).await;
        if flushed.is_err() {
            break;
        }
        while !under_way.is_empty() {
            let Some(response) = client.receive().await else {
                break 'writing;
            };
            let Some(id) = response.id else {
                diary.farewell = response.result.err();
                break 'writing;
            };
            let number = under_way.remove(&id).unwrap();
            match response.result {
                Ok(Reply::Results(results)) => match &results[0] {
                    Ok(_) => diary.acknowledged.push(number),
                    Err(error) => diary.refused.push(error.code()),
                },
                Ok(other) => panic!("{other:?}"),
                Err(error) => {
                    assert_eq!(error.effect(), Effect::NotApplied);
                    diary.refused.push(error.code());
                }
            }
        }
    }
    if under_way.is_empty() {
        return diary;
    }
    // After a failed write, answers may still lie in the socket; after a farewell nothing does.
    while let Some(response) = client.receive().await {
        assert!(diary.farewell.is_none(), "{response:?}");
        let Some(id) = response.id else {
            diary.farewell = response.result.err();
            continue;
        };
        let number = under_way.remove(&id).unwrap();
        if let Ok(Reply::Results(results)) = response.result
            && results[0].is_ok()
        {
            diary.acknowledged.push(number);
        }
    }
    diary.unanswered = under_way.into_values().collect();
    diary
}

impl Client {
    /// Whether each of these documents is there.
    async fn found(
        &mut self,
        db: docdb_types::DatabaseId,
        numbers: &[u64],
    ) -> impl Iterator<Item = bool> + use<> {
        let mut found = Vec::new();
        for numbers in numbers.chunks(1000) {
            let reads = numbers.iter().copied().map(read).collect();
            found.extend(self.execute(db, reads).await);
        }
        found.into_iter().map(|read| read.is_ok())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_stop_under_load_is_quick_and_loses_nothing_acknowledged() {
    let harness = Harness::start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for writer in 0..8_u64 {
        let (client, db) = harness.client_of(&format!("db{}", writer % 3)).await;
        writers.push(tokio::spawn(write(
            client,
            db,
            writer * 1_000_000,
            Arc::clone(&stop),
        )));
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let begun = Instant::now();
    let harness = harness.restart().await;
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    let mut all_acknowledged = 0;
    for (writer, diary) in writers.into_iter().enumerate() {
        let diary = diary.await.unwrap();
        assert!(
            diary.refused.iter().all(|code| *code == Code::PoolStopped),
            "{:?}",
            diary.refused
        );
        let (mut client, db) = harness.client_of(&format!("db{}", writer % 3)).await;
        assert!(
            (client.found(db, &diary.acknowledged).await).all(|is_there| is_there),
            "an acknowledged write is gone"
        );
        assert!(
            (client.found(db, &diary.unanswered).await).all(|is_there| !is_there),
            "a write that was not answered before the farewell is there"
        );
        let farewell = diary.farewell.unwrap();
        assert_eq!(farewell.code(), Code::PoolStopped);
        assert_eq!(farewell.effect(), Effect::NotApplied);
        all_acknowledged += diary.acknowledged.len();
    }
    assert!(all_acknowledged > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn everything_taken_in_before_a_stop_is_answered_and_the_farewell_comes_last() {
    let harness = Harness::start_with(|options| {
        options.scheduler.worker_count = 1;
        options.scheduler.queue_depth = 1000;
    })
    .await;
    let mut clients = Vec::new();
    for name in ["a", "b", "c"] {
        let (mut client, db) = harness.client_of(name).await;
        for number in 1..=100 {
            client.feed(execute(db, vec![create(number, "1")])).await;
        }
        client.flush().await;
        // Those that were sent together were taken in together.
        assert!(client.receive().await.unwrap().id.is_some());
        clients.push(client);
    }
    let stopping = tokio::spawn(harness.stop());
    for client in &mut clients {
        for _ in 1..100 {
            let answer = client.receive().await.unwrap();
            assert!(answer.id.is_some(), "{answer:?}");
            if let Err(error) = answer.result {
                assert_eq!(error.code(), Code::PoolStopped);
            }
        }
        assert_farewell(client).await;
    }
    let (_directory, report) = stopping.await.unwrap();
    assert!(report.is_clean(), "{report:?}");
}

/// The server says that it stops, and nothing after that.
async fn assert_farewell(client: &mut Client) {
    let farewell = client.receive().await.unwrap();
    assert_eq!(farewell.id, None);
    assert_eq!(farewell.result.unwrap_err().code(), Code::PoolStopped);
    assert!(client.receive().await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn an_idle_connection_does_not_hold_up_a_stop() {
    let harness = Harness::start().await;
    let mut idle = harness.connect().await;
    assert!(idle.call(Command::Ping).await.is_ok());
    let (_directory, report) = harness.stop().await;
    assert!(report.is_clean(), "{report:?}");
    assert!(report.took < Duration::from_secs(2), "{report:?}");
    assert_farewell(&mut idle).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_client_that_takes_no_answers_is_cut_at_the_deadline_of_a_stop() {
    let harness = Harness::start_with(|options| {
        options.drain.queues = Duration::from_millis(100);
        options.drain.requests = Duration::from_millis(300);
    })
    .await;
    let (mut client, db) = harness.client_of("a").await;
    client
        .one(db, create(1, &super::harness::string_of(8 * 1024 * 1024)))
        .await
        .unwrap();
    client.send(execute(db, vec![read(1)])).await;
    // The answer is on its way, and is not taken.
    client.frames.get_mut().read_u32_le().await.unwrap();
    let (_directory, report) = harness.stop().await;
    assert_eq!(report.connections_cut, 1);
    assert!(report.closed.is_ok(), "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn drops_and_closes_under_load_answer_everybody() {
    let harness = Harness::start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for writer in 0..8_u64 {
        let (client, db) = harness.client_of("a").await;
        writers.push(tokio::spawn(write(
            client,
            db,
            writer * 1_000_000,
            Arc::clone(&stop),
        )));
    }
    let mut other = harness.connect().await;
    for _ in 0..5 {
        let db = other.open("a").await;
        other.one(db, upsert(1, "1")).await.unwrap();
        other
            .call(Command::CloseDatabase { database: db })
            .await
            .unwrap();
        let name = DatabaseName::new("a").unwrap();
        other.call(Command::DropDatabase { name }).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let mut refused = 0;
    let mut ends = Vec::new();
    for writer in writers {
        let diary = writer.await.unwrap();
        assert!(diary.unanswered.is_empty(), "{:?}", diary.unanswered);
        refused += diary.refused.len();
        ends.extend(diary.refused);
    }
    assert!(refused > 0);
    let expected = [Code::DbNotFound, Code::DbNotActive];
    assert!(ends.iter().all(|code| expected.contains(code)), "{ends:?}");
    let (_directory, report) = harness.stop().await;
    assert!(report.is_clean(), "{report:?}");
}
