//! Transactions that are begun and left leave nothing, and neither do those that are over.
//!
//! `DOCDB_ABANDONED=N` sets their number:
//!
//! `DOCDB_ABANDONED=1000000 cargo test --release -p docdb-tests --test abandoned -- --nocapture`

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

use std::path::Path;

use docdb_client::{
    ClientOptions, Command, Connection, CreateMode, Endpoint, Execute, Reply, TransactionHandle,
};
use docdb_tests::{ServerProcess, number_from};
use docdb_types::{
    Action, CollectionName, DatabaseId, DatabaseName, Document, DocumentId, Error, Isolation,
    Limits, Operation,
};

const PER_CONNECTION: u64 = 32;
const MIB: u64 = 1024 * 1024;

async fn connect(server: &ServerProcess) -> (Connection, DatabaseId) {
    let endpoint = Endpoint::Unix(server.socket().to_owned());
    let mut connection = Connection::connect(&endpoint, &ClientOptions::default())
        .await
        .unwrap();
    let open = Command::OpenDatabase {
        name: DatabaseName::new("shop").unwrap(),
        create: CreateMode::IfMissing,
    };
    match connection.call(open).await.unwrap() {
        Reply::DatabaseOpened(opened) => (connection, opened.id),
        other => panic!("{other:?}"),
    }
}

/// Sends all of it, and takes all answers.
async fn all(connection: &mut Connection, commands: Vec<Command>) -> Vec<Result<Reply, Error>> {
    let count = commands.len();
    for command in commands {
        connection.send(command).unwrap();
    }
    connection.flush().await.unwrap();
    let mut replies = Vec::with_capacity(count);
    for _ in 0..count {
        replies.push(connection.receive().await.unwrap().result);
    }
    replies
}

/// Transactions that have written a document each, on a connection of their own.
async fn begun(server: &ServerProcess) -> (Connection, DatabaseId, Vec<TransactionHandle>) {
    let (mut connection, database) = connect(server).await;
    let begin = Command::Begin {
        database,
        isolation: Isolation::Serializable,
    };
    let replies = all(&mut connection, vec![begin; PER_CONNECTION as usize]).await;
    let handles: Vec<_> = replies
        .into_iter()
        .map(|reply| match reply {
            Ok(Reply::Begun(begun)) => begun.handle,
            other => panic!("{other:?}"),
        })
        .collect();
    let text = format!("\"{}\"", "x".repeat(1000));
    let operation = Operation {
        collection: CollectionName::DEFAULT,
        action: Action::Upsert {
            id: DocumentId::MIN,
            document: Document::from_text(&text, &Limits::DEFAULT).unwrap(),
        },
    };
    let writes = handles.iter().map(|handle| {
        Command::Execute(Execute {
            transaction: Some(*handle),
            ..Execute::new(database, false, vec![operation.clone()])
        })
    });
    for reply in all(&mut connection, writes.collect()).await {
        assert!(matches!(reply, Ok(Reply::Results(results)) if results[0].is_ok()));
    }
    (connection, database, handles)
}

/// Half of them are rolled back, the others left with their connection.
async fn abandon(server: &ServerProcess) {
    let (mut connection, database, handles) = begun(server).await;
    let rollbacks = handles
        .into_iter()
        .step_by(2)
        .map(|transaction| Command::Rollback {
            database,
            transaction,
        });
    for reply in all(&mut connection, rollbacks.collect()).await {
        assert_eq!(reply, Ok(Reply::RolledBack));
    }
}

/// The first is committed, the others lose against it.
async fn commit(server: &ServerProcess) {
    let (mut connection, database, handles) = begun(server).await;
    let commits = handles.into_iter().map(|transaction| Command::Commit {
        database,
        transaction: Some(transaction),
        key: None,
    });
    let replies = all(&mut connection, commits.collect()).await;
    let committed = replies.iter().filter(|reply| reply.is_ok()).count();
    assert_eq!(committed, 1);
}

fn disk_bytes(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).unwrap();
    entries
        .map(|entry| {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                disk_bytes(&entry.path())
            } else {
                metadata.len()
            }
        })
        .sum()
}

#[test]
fn memory_and_disk_stay_flat_over_transactions_that_are_left_and_that_are_over() {
    let number = number_from("DOCDB_ABANDONED", 10_000);
    let rounds = number.div_ceil(PER_CONNECTION);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let server = ServerProcess::start(directory.path(), &["--fsync", "none"]).unwrap();
        let warm_up = (rounds / 10).max(20);
        for _ in 0..warm_up {
            abandon(&server).await;
            commit(&server).await;
        }
        let resident = || server.resident_bytes().unwrap();
        let (data, wal) = (directory.path().join("data"), directory.path().join("wal"));
        let disk = || disk_bytes(&data) + disk_bytes(&wal);
        let before = (resident(), disk());
        for _ in 0..rounds {
            abandon(&server).await;
        }
        let left = (resident(), disk());
        for _ in 0..rounds {
            commit(&server).await;
        }
        let over = (resident(), disk());
        let show = |(memory, disk): (u64, u64)| {
            format!("{} MiB resident, {} KiB on disk", memory / MIB, disk / 1024)
        };
        println!(
            "behind {} transactions: {}",
            2 * warm_up * PER_CONNECTION,
            show(before)
        );
        println!(
            "{} more, begun and left: {}",
            rounds * PER_CONNECTION,
            show(left)
        );
        println!(
            "{} more, committed or refused: {}",
            rounds * PER_CONNECTION,
            show(over)
        );
        assert_eq!(left.1, before.1, "what is left leaves nothing on the disk");
        assert!(left.0 < before.0 + 8 * MIB);
        assert!(over.0 < before.0 + 16 * MIB);
        assert!(server.terminate().unwrap().success());
    });
}
