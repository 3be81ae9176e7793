//! A real server is killed under load, again and again, on one directory that ages. What had been
//! acknowledged must be there; what had been refused must not; what was on its way may be either.
//!
//! `DOCDB_KILL_ROUNDS=N` sets the number of rounds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use docdb_client::{Client, ClientOptions, CreateMode, Database, Endpoint, RetryPolicy};
use docdb_tests::ServerProcess;
use docdb_types::{Code, CollectionName, Document, DocumentId, Effect, Error, Limits};

const DATABASES: [&str; 2] = ["alpha", "beta"];
const WORKERS: u64 = 8;
const IDS_PER_WORKER: u64 = 40;

/// What may be under an id: one text or nothing, or one of several after a write whose answer was
/// never seen.
type Possible = Vec<Option<String>>;

/// One client with documents of its own, and what it knows of them.
struct Worker {
    number: u64,
    random: u64,
    known: BTreeMap<u64, Possible>,
    acknowledged: Arc<AtomicU64>,
}

impl Worker {
    fn next(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound
    }

    /// Writes until the server is gone.
    async fn run(mut self, database: Database) -> Self {
        let mut counter = 0_u64;
        loop {
            counter += 1;
            let id = 1 + self.number * IDS_PER_WORKER + self.next(IDS_PER_WORKER);
            let filler = "x".repeat(usize::try_from(self.next(2000)).unwrap());
            let text = format!(
                r#"{{"worker":{},"counter":{counter},"filler":"{filler}"}}"#,
                self.number,
            );
            let before = self.known.get(&id).cloned().unwrap_or_else(|| vec![None]);
            let [only] = before.as_slice() else {
                panic!("id {id} was not settled")
            };
            let exists = only.is_some();
            let document = Document::from_text(&text, &Limits::DEFAULT).unwrap();
            let key = DocumentId::new(id).unwrap();
            let collection = CollectionName::DEFAULT;
            let (answer, after) = match self.next(4) {
                0 => (
                    database.create(&collection, Some(key), document).await,
                    Some(text),
                ),
                1 => (
                    database.update(&collection, key, document, None).await,
                    Some(text),
                ),
                2 => (
                    database.upsert(&collection, key, document).await,
                    Some(text),
                ),
                _ => (database.delete(&collection, key, None).await, None),
            };
            match answer.map(drop) {
                Ok(()) => {
                    self.acknowledged.fetch_add(1, Ordering::Relaxed);
                    self.known.insert(id, vec![after]);
                }
                Err(error) if is_refusal(&error, exists) => {
                    self.known.insert(id, before);
                }
                Err(error) if error.effect() == Effect::NotApplied => {
                    self.known.insert(id, before);
                    return self;
                }
                Err(_) => {
                    self.known.insert(id, vec![before[0].clone(), after]);
                    return self;
                }
            }
        }
    }

    /// Reads everything back, and settles what was open.
    async fn check(&mut self, database: &Database) {
        for (id, possible) in &mut self.known {
            let key = DocumentId::new(*id).unwrap();
            let found = match database.read(&CollectionName::DEFAULT, key).await {
                Ok(found) => Some(String::from_utf8(found.document.to_vec()).unwrap()),
                Err(error) if error.code() == Code::DocNotFound => None,
                Err(error) => panic!("document {id}: {error}"),
            };
            assert!(
                possible.contains(&found),
                "document {id} of worker {}: found {found:?}, expected one of {possible:?}",
                self.number
            );
            *possible = vec![found];
        }
    }
}

fn is_refusal(error: &Error, exists: bool) -> bool {
    match error.code() {
        Code::DocExists => {
            assert!(exists, "{error}");
            true
        }
        Code::DocNotFound => {
            assert!(!exists, "{error}");
            true
        }
        Code::QueueFull => true,
        _ => false,
    }
}

async fn open(server: &ServerProcess, name: &str) -> Database {
    let endpoint = Endpoint::Unix(server.socket().to_owned());
    let options = ClientOptions {
        retry: RetryPolicy::NONE,
        ..ClientOptions::default()
    };
    let client = Client::connect(&endpoint, options).await.unwrap();
    client.open(name, CreateMode::IfMissing).await.unwrap()
}

#[test]
fn nothing_acknowledged_is_lost_by_a_kill() {
    let rounds: u64 =
        std::env::var("DOCDB_KILL_ROUNDS").map_or(6, |text| text.parse().expect("a number"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let acknowledged = Arc::new(AtomicU64::new(0));
        let mut workers: Vec<Worker> = (0..WORKERS)
            .map(|number| Worker {
                number,
                random: 0x9E37_79B9_7F4A_7C15 ^ (number + 1),
                known: BTreeMap::new(),
                acknowledged: Arc::clone(&acknowledged),
            })
            .collect();
        for round in 0..rounds {
            let mode = if round % 4 == 3 { "always" } else { "group" };
            let server = ServerProcess::start(directory.path(), &["--fsync", mode]).unwrap();
            let mut running = Vec::new();
            for mut worker in workers {
                let name = DATABASES[(worker.number % 2) as usize];
                let database = open(&server, name).await;
                worker.check(&database).await;
                running.push(tokio::spawn(worker.run(database)));
            }
            tokio::time::sleep(Duration::from_millis(20 + (round * 37) % 180)).await;
            server.kill().unwrap();
            workers = Vec::new();
            for worker in running {
                workers.push(worker.await.unwrap());
            }
        }
        let server = ServerProcess::start(directory.path(), &[]).unwrap();
        for worker in &mut workers {
            let database = open(&server, DATABASES[(worker.number % 2) as usize]).await;
            worker.check(&database).await;
        }
        assert!(server.terminate().unwrap().success());
        let writes = acknowledged.load(Ordering::Relaxed);
        println!("{rounds} kills, {writes} acknowledged writes, none lost");
        assert!(
            writes > rounds * 10,
            "only {writes} writes were acknowledged"
        );
    });
}
