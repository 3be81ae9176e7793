//! Clients of a real server, and what they may believe of it. The oracle is in this process: no
//! crash of the server or its disk reaches it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use docdb_client::{Client, ClientOptions, CreateMode, Database, Endpoint, RetryPolicy};
use docdb_types::{Code, CollectionName, Document, DocumentId, Effect, Error, Limits};
use tokio::task::JoinHandle;

use crate::{Random, ServerProcess};

const DATABASES: [&str; 2] = ["alpha", "beta"];
const WORKERS: u64 = 8;
const IDS_PER_WORKER: u64 = 40;

/// What may be under an id: one text or nothing, or one of several after a write whose answer was
/// never seen, or was seen when it might not have counted any more.
type Possible = Vec<Option<String>>;

/// Whether answers still count, and how many have.
#[derive(Debug, Default)]
struct Counting {
    frozen: Mutex<bool>,
    acknowledged: AtomicU64,
}

/// One client with documents of its own, and what it knows of them.
#[derive(Debug)]
struct Worker {
    number: u64,
    random: Random,
    known: BTreeMap<u64, Possible>,
    counting: Arc<Counting>,
    counter: u64,
    bytes: u64,
}

/// Eight clients on two databases.
#[derive(Debug)]
pub struct Fleet {
    counting: Arc<Counting>,
    idle: Vec<Worker>,
    running: Vec<JoinHandle<Worker>>,
}

impl Fleet {
    /// Clients that know nothing, and write documents of up to so many bytes.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        let counting = Arc::new(Counting::default());
        let idle = (0..WORKERS)
            .map(|number| Worker {
                number,
                random: Random::new(number),
                known: BTreeMap::new(),
                counting: Arc::clone(&counting),
                counter: 0,
                bytes,
            })
            .collect();
        Self {
            counting,
            idle,
            running: Vec::new(),
        }
    }

    /// Writes that were acknowledged so far.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.counting.acknowledged.load(Ordering::Relaxed)
    }

    /// Reads every document back, settles what was open, and starts writing. Each client writes
    /// until it meets an error.
    ///
    /// # Panics
    /// Where a document is not what it may be.
    pub async fn begin(&mut self, server: &ServerProcess) {
        *self.lock() = false;
        for mut worker in std::mem::take(&mut self.idle) {
            let database = worker.open(server).await;
            worker.check(&database).await;
            self.running.push(tokio::spawn(worker.run(database)));
        }
    }

    /// From here on an answer counts as never seen.
    pub fn freeze(&self) {
        *self.lock() = true;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, bool> {
        self.counting
            .frozen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until every client has met an error.
    ///
    /// # Panics
    /// Where a client got an answer that cannot be.
    pub async fn end(&mut self) {
        for worker in std::mem::take(&mut self.running) {
            self.idle.push(worker.await.expect("a client panicked"));
        }
    }

    /// Reads every document back, and settles what was open.
    ///
    /// # Panics
    /// Where a document is not what it may be.
    pub async fn check(&mut self, server: &ServerProcess) {
        for worker in &mut self.idle {
            let database = worker.open(server).await;
            worker.check(&database).await;
        }
    }
}

impl Worker {
    async fn open(&self, server: &ServerProcess) -> Database {
        let endpoint = Endpoint::Unix(server.socket().to_owned());
        let options = ClientOptions {
            retry: RetryPolicy::NONE,
            ..ClientOptions::default()
        };
        let name = DATABASES[(self.number % 2) as usize];
        let client = Client::connect(&endpoint, options)
            .await
            .expect("a server that listens");
        client
            .open(name, CreateMode::IfMissing)
            .await
            .expect("a database that opens")
    }

    async fn run(mut self, database: Database) -> Self {
        loop {
            self.counter += 1;
            let id = 1 + self.number * IDS_PER_WORKER + self.random.below(IDS_PER_WORKER);
            let filler = "x".repeat(self.random.below(self.bytes) as usize);
            let text = format!(
                r#"{{"worker":{},"counter":{},"filler":"{filler}"}}"#,
                self.number, self.counter,
            );
            let before = self.known.get(&id).cloned().unwrap_or_else(|| vec![None]);
            let [only] = before.as_slice() else {
                panic!("id {id} was not settled")
            };
            let exists = only.is_some();
            let document = Document::from_text(&text, &Limits::DEFAULT).expect("valid JSON");
            let key = DocumentId::new(id).expect("above zero");
            let collection = CollectionName::DEFAULT;
            let (answer, after) = match self.random.below(4) {
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
            let counts = !*self
                .counting
                .frozen
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            match answer.map(drop) {
                Ok(()) if counts => {
                    self.counting.acknowledged.fetch_add(1, Ordering::Relaxed);
                    self.known.insert(id, vec![after]);
                }
                Ok(()) => {
                    self.known.insert(id, vec![before[0].clone(), after]);
                    return self;
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

    async fn check(&mut self, database: &Database) {
        for (id, possible) in &mut self.known {
            let key = DocumentId::new(*id).expect("above zero");
            let found = match database.read(&CollectionName::DEFAULT, key).await {
                Ok(found) => Some(String::from_utf8(found.document.to_vec()).expect("UTF-8")),
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
