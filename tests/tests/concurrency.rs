//! A real server with much to do, with nothing to do, and with somebody who wants it to stop.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use docdb_client::{Client, ClientOptions, CreateMode, Database, Endpoint, RetryPolicy};
use docdb_tests::ServerProcess;
use docdb_types::{
    Action, Code, CollectionName, Document, DocumentId, Effect, Error, Limits, Operation,
};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

async fn connect(socket: &Path) -> Client {
    let options = ClientOptions {
        retry: RetryPolicy::NONE,
        ..ClientOptions::default()
    };
    let endpoint = Endpoint::Unix(socket.to_owned());
    Client::connect(&endpoint, options).await.unwrap()
}

async fn open(socket: &Path, name: &str) -> Database {
    let client = connect(socket).await;
    client.open(name, CreateMode::IfMissing).await.unwrap()
}

fn document(text: &str) -> Document {
    Document::from_text(text, &Limits::DEFAULT).unwrap()
}

async fn create(database: &Database) -> Result<u64, Error> {
    let done = database.create(&CollectionName::DEFAULT, None, document("{}"));
    done.await.map(|outcome| outcome.version.get())
}

/// Writes until an error comes, and answers it and how many were acknowledged.
async fn write_until_refused(database: Database, acknowledged: Arc<AtomicU64>) -> Error {
    loop {
        match create(&database).await {
            Ok(_) => acknowledged.fetch_add(1, Ordering::Relaxed),
            Err(error) => return error,
        };
    }
}

/// Eight writers on one database, each on a connection of its own.
async fn writers(
    socket: &Path,
    acknowledged: &Arc<AtomicU64>,
) -> Vec<tokio::task::JoinHandle<Error>> {
    let mut writers = Vec::new();
    for _ in 0..8 {
        let database = open(socket, "a").await;
        writers.push(tokio::spawn(write_until_refused(
            database,
            Arc::clone(acknowledged),
        )));
    }
    while acknowledged.load(Ordering::Relaxed) < 100 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    writers
}

fn signal(server: &ServerProcess, name: &str) {
    let pid = server.pid().to_string();
    let sent = Command::new("kill").args([name, &pid]).status();
    assert!(sent.unwrap().success());
}

#[test]
fn beside_eight_writers_a_close_and_a_drop_are_done_and_everybody_is_answered() {
    let directory = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(directory.path(), &[]).unwrap();
    runtime().block_on(async {
        let acknowledged = Arc::new(AtomicU64::new(0));
        let writers = writers(server.socket(), &acknowledged).await;
        let client = connect(server.socket()).await;
        let begun = Instant::now();
        let database = client.open("a", CreateMode::Never).await.unwrap();
        database.close().await.unwrap();
        client.drop_database("a").await.unwrap();
        for writer in writers {
            let refused = writer.await.unwrap();
            let expected = [Code::DbNotFound, Code::DbNotActive, Code::DbNotOpen];
            assert!(expected.contains(&refused.code()), "{refused}");
            assert_eq!(refused.effect(), Effect::NotApplied, "{refused}");
        }
        assert!(begun.elapsed() < Duration::from_secs(2), "{begun:?}");
    });
    assert!(server.terminate().unwrap().success());
}

#[test]
fn a_signal_beside_eight_writers_ends_the_server_in_time_and_everybody_is_answered() {
    for name in ["-TERM", "-INT"] {
        let directory = tempfile::tempdir().unwrap();
        let server = ServerProcess::start(directory.path(), &[]).unwrap();
        let runtime = runtime();
        let acknowledged = Arc::new(AtomicU64::new(0));
        let writers = runtime.block_on(writers(server.socket(), &acknowledged));
        let begun = Instant::now();
        signal(&server, name);
        assert_eq!(server.wait().unwrap().code(), Some(0), "{name}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{begun:?}");
        runtime.block_on(async {
            for writer in writers {
                let refused = writer.await.unwrap();
                let expected = [Code::PoolStopped, Code::Network];
                assert!(expected.contains(&refused.code()), "{refused}");
                assert_eq!(refused.effect(), Effect::NotApplied, "{refused}");
            }
        });
        let server = ServerProcess::start(directory.path(), &[]).unwrap();
        runtime.block_on(async {
            let database = open(server.socket(), "a").await;
            let found = database.count(&CollectionName::DEFAULT).await.unwrap();
            assert_eq!(found, acknowledged.load(Ordering::Relaxed));
        });
    }
}

#[test]
fn a_second_signal_ends_a_server_that_still_waits() {
    use std::io::{Read as _, Write as _};
    let directory = tempfile::tempdir().unwrap();
    let mut server = ServerProcess::start(directory.path(), &[]).unwrap();
    // An answer that is never taken keeps a drain waiting.
    let runtime = runtime();
    let id = runtime.block_on(async {
        let database = open(server.socket(), "a").await;
        let large = document(&format!("\"{}\"", "x".repeat(8 << 20)));
        let done = database.upsert(&CollectionName::DEFAULT, DocumentId::MIN, large);
        done.await.unwrap();
        database.id().get()
    });
    let mut idle = std::os::unix::net::UnixStream::connect(server.socket()).unwrap();
    let id = u8::try_from(id).unwrap();
    let opening = [7, 0, 0, 0, 0x08, 1, 0x7a, 3, 0x0a, 1, b'a'];
    let read = [
        12, 0, 0, 0, 0x08, 2, 0x62, 8, 0x08, id, 0x1a, 4, 0x1a, 2, 0x08, 1,
    ];
    idle.write_all(&opening).unwrap();
    let mut answer = [0; 4];
    idle.read_exact(&mut answer).unwrap();
    let mut opened = vec![0; u32::from_le_bytes(answer) as usize];
    idle.read_exact(&mut opened).unwrap();
    idle.write_all(&read).unwrap();
    idle.read_exact(&mut answer).unwrap();
    assert!(u32::from_le_bytes(answer) > 8 << 20);

    signal(&server, "-TERM");
    let begun = Instant::now();
    while std::os::unix::net::UnixStream::connect(server.socket()).is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(5), "it listens");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(server.is_running().unwrap(), "it waits for the client");
    let begun = Instant::now();
    let status = server.terminate().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2), "{begun:?}");
    assert_eq!(status.code(), Some(1));
    drop(idle);
    let server = ServerProcess::start(directory.path(), &[]).unwrap();
    runtime.block_on(async {
        let database = open(server.socket(), "a").await;
        let found = database.read(&CollectionName::DEFAULT, DocumentId::MIN);
        assert_eq!(found.await.unwrap().document.len(), (8 << 20) + 2);
    });
}

#[test]
fn a_server_with_a_hundred_open_databases_and_nothing_to_do_uses_no_processor() {
    let directory = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(directory.path(), &[]).unwrap();
    let runtime = runtime();
    let databases = runtime.block_on(async {
        let mut databases = Vec::new();
        let client = connect(server.socket()).await;
        for number in 0..100 {
            let name = format!("db{number}");
            let database = client.open(&name, CreateMode::Always).await.unwrap();
            create(&database).await.unwrap();
            databases.push(database);
        }
        let open = client.statistics().await.unwrap().server.databases_active;
        assert_eq!(open, 100);
        databases
    });
    // What the last requests left to be done is over soon.
    let window = Duration::from_secs(3);
    let mut shares = Vec::new();
    let is_idle = (0..5).any(|_| {
        let before = server.processor_time().unwrap();
        std::thread::sleep(window);
        let used = server.processor_time().unwrap().saturating_sub(before);
        shares.push(used.as_secs_f64() / window.as_secs_f64());
        shares.last().is_some_and(|share| *share < 0.01)
    });
    println!("shares of a core: {shares:?}");
    assert!(is_idle, "{shares:?} of a core");
    drop(databases);
}

#[test]
fn a_quiet_database_is_answered_at_once_beside_one_at_full_load() {
    let directory = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(directory.path(), &[]).unwrap();
    runtime().block_on(async {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut floods = Vec::new();
        for _ in 0..4 {
            let database = open(server.socket(), "loud").await;
            let is_over = Arc::clone(&is_over);
            floods.push(tokio::spawn(async move {
                let action = Action::Upsert {
                    id: DocumentId::MIN,
                    document: document("{}"),
                };
                let operation = Operation {
                    collection: CollectionName::DEFAULT,
                    action,
                };
                let mut requests = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let operations = vec![operation.clone(); 200];
                    // More than may wait is refused, which is no matter here.
                    let _ = database.execute(operations, false).await;
                    requests += 1;
                }
                requests
            }));
        }
        let quiet = open(server.socket(), "quiet").await;
        create(&quiet).await.unwrap();
        // A machine that has much else to do may stand still for a while; a database that is
        // starved is slow in every round.
        let mut slowest = Vec::new();
        let is_quick = 'rounds: {
            for _ in 0..5 {
                let mut worst = Duration::ZERO;
                for _ in 0..50 {
                    let begun = Instant::now();
                    let found = quiet.read(&CollectionName::DEFAULT, DocumentId::MIN);
                    found.await.unwrap();
                    worst = worst.max(begun.elapsed());
                }
                slowest.push(worst);
                if worst < Duration::from_millis(100) {
                    break 'rounds true;
                }
            }
            false
        };
        is_over.store(true, Ordering::Relaxed);
        let mut requests = 0;
        for flood in floods {
            requests += flood.await.unwrap();
        }
        println!("{requests} requests of the loud one; slowest of the quiet one {slowest:?}");
        assert!(is_quick, "{slowest:?}");
    });
}

#[test]
fn versions_are_unique_and_increase_in_the_order_of_commits() {
    let directory = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(directory.path(), &[]).unwrap();
    runtime().block_on(async {
        // The highest version of which anybody has been told.
        let known = Arc::new(AtomicU64::new(0));
        let mut writers = Vec::new();
        for _ in 0..8 {
            let database = open(server.socket(), "a").await;
            let known = Arc::clone(&known);
            writers.push(tokio::spawn(async move {
                let mut versions = Vec::new();
                for _ in 0..200 {
                    let before = known.load(Ordering::SeqCst);
                    let version = create(&database).await.unwrap();
                    assert!(version > before, "{version} was given after {before}");
                    known.fetch_max(version, Ordering::SeqCst);
                    versions.push(version);
                }
                versions
            }));
        }
        let mut all = BTreeSet::new();
        for writer in writers {
            for version in writer.await.unwrap() {
                assert!(all.insert(version), "{version} was given twice");
            }
        }
        assert_eq!(all.len(), 1600);
    });
}
