//! Damage to what had been durable: nothing wrong is served, nothing is said not to be there.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use docdb_ipc::{DatabaseStatus, Reply, StoredDocument};
use docdb_service::Service;
use docdb_types::Code;

use super::message::{
    checkpoint, count, create, create_collection, delete, list_databases, open, read, scan, update,
    upsert,
};
use super::watched::Watched;
use crate::harness::{Harness, PATIENCE, options_in};

const DOCUMENTS: u64 = 40;

fn text(id: u64) -> String {
    format!("\"document {id} {}\"", "x".repeat(200))
}

async fn filled() -> Watched {
    let mut watched = Watched::start().await;
    for id in 1..=DOCUMENTS {
        watched.serves("fill", &create(id, text(id))).await;
    }
    watched
}

/// The files in a directory whose names begin so, in order.
fn files(directory: &Path, begin: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_meant = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(begin))
    };
    let mut paths: Vec<_> = paths.filter(is_meant).collect();
    paths.sort();
    paths
}

/// Changes one bit of a file where a document stands.
fn damage(path: &Path, id: u64) {
    let mut bytes = std::fs::read(path).unwrap();
    let place = bytes
        .windows(16)
        .position(|window| window.starts_with(format!("document {id} x").as_bytes()))
        .expect("the document");
    bytes[place + 2] ^= 0x20;
    std::fs::write(path, bytes).unwrap();
}

/// Ends the service as a crash would, and hands out its directory.
async fn crash(watched: Watched) -> tempfile::TempDir {
    let Harness { directory, service } = watched.into_harness();
    let engine = std::sync::Arc::downgrade(service.engine());
    drop(service);
    let begun = Instant::now();
    while engine.upgrade().is_some() {
        assert!(begun.elapsed() < PATIENCE, "the service stays");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    directory
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_lost_part_of_its_log_reads_what_it_has_and_says_what_it_is() {
    let directory = crash(filled().await).await;
    let log = files(&directory.path().join("data/wal"), "a.");
    damage(log.last().expect("a log"), DOCUMENTS / 2);
    let service = Service::start(options_in(directory.path())).await.unwrap();
    let mut watched = Watched::on(Harness { directory, service }).await;
    let Ok(Reply::Databases(listed)) = watched.ask(&list_databases()).await else {
        panic!("a list");
    };
    assert_eq!(listed[0].status, DatabaseStatus::Degraded);
    let lost = DOCUMENTS / 2;
    for id in 1..=DOCUMENTS {
        match watched.run(&read(id)).await {
            Ok(found) => {
                assert_eq!(found.document.as_deref(), Some(text(id).as_bytes()));
                assert_eq!(found.may_be_older, id < lost, "{id}");
            }
            Err(error) => {
                assert_eq!(error.code(), Code::CorruptLog, "{error}");
                assert!(error.context().offset.is_some(), "{error}");
                assert_eq!(id, lost, "{error}");
            }
        }
    }
    let Ok(Reply::Page(page)) = watched.ask(&scan(watched.database, "", 0)).await else {
        panic!("a page");
    };
    assert!(page.may_lack);
    let marked = |found: &&StoredDocument| found.may_be_older;
    assert_eq!(page.documents.len() as u64, DOCUMENTS - 1);
    assert_eq!(
        page.documents.iter().filter(marked).count() as u64,
        lost - 1
    );
    for command in [count(watched.database, ""), scan(watched.database, "b", 0)] {
        watched.refuses("unknown", &command, Code::CorruptLog).await;
    }
    for (what, operation) in [
        ("create", create(99, "{}")),
        ("assign", create(0, "{}")),
        ("update", update(1, "{}", None)),
        ("upsert", upsert(1, "{}")),
        ("delete", delete(1, None)),
    ] {
        watched
            .refuses_alone(what, &operation, Code::DbReadOnly)
            .await;
    }
    let collection = create_collection(watched.database, "b");
    watched
        .refuses("a collection", &collection, Code::DbReadOnly)
        .await;
    // The trouble of one is no other's.
    assert!(watched.ask(&open("other", 0)).await.is_ok());
    watched.database = watched.open("other").await;
    watched.serves("elsewhere", &create(1, "{}")).await;
}

/// A checkpoint, and the data file that it wrote.
async fn moved() -> (Watched, PathBuf) {
    let mut watched = filled().await;
    let moved = watched.ask(&checkpoint(watched.database)).await;
    assert!(matches!(moved, Ok(Reply::Checkpoint(report)) if report.documents == DOCUMENTS));
    let data = files(&watched.harness.directory.path().join("data"), "a.data.");
    let last = data.last().expect("a data file").clone();
    (watched, last)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_document_whose_bytes_have_changed_is_served_from_another_copy_within_a_moment() {
    let (mut watched, data) = moved().await;
    damage(&data, 7);
    let begun = Instant::now();
    for id in 1..=DOCUMENTS {
        assert_eq!(watched.document(id).await, text(id));
    }
    assert!(begun.elapsed() < PATIENCE);
    while data.exists() {
        assert!(begun.elapsed() < PATIENCE, "the damaged file stays");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(watched.document(7).await, text(7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_document_without_a_whole_copy_is_refused_and_its_neighbours_are_served() {
    let (mut watched, data) = moved().await;
    damage(&data, 7);
    let directory = watched.harness.directory.path().join("data");
    for parity in files(&directory, "a.parity.") {
        std::fs::remove_file(parity).unwrap();
    }
    for segment in files(&directory.join("wal"), "a.wal") {
        damage(&segment, 7);
    }
    for id in 1..=DOCUMENTS {
        if id == 7 {
            // The file is written anew meanwhile, so that the disk does change.
            let refused = watched.run(&read(id)).await.unwrap_err();
            assert_eq!(refused.code(), Code::CorruptRecord, "{refused}");
        } else {
            assert_eq!(watched.document(id).await, text(id));
        }
    }
    // It can be replaced, and is whole again.
    watched.serves("replace", &upsert(7, "{}")).await;
    assert_eq!(watched.document(7).await, "{}");
}
