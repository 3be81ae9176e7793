//! What each operation answers where it does not succeed.

use docdb_ipc::Reply;
use docdb_types::{Change, Code};

use super::message::{
    Message, SET, create, delete, every_operation, execute, merge, patch, read, step, update,
    upsert,
};
use super::watched::Watched;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_document_is_created_where_none_is_and_all_else_needs_one() {
    let mut watched = Watched::start().await;
    watched.serves("create", &create(1, "{}")).await;
    for document in ["{}", "2"] {
        watched
            .refuses_operation("live", &create(1, document), Code::DocExists)
            .await;
    }
    watched.serves("another", &create(3, "{}")).await;
    watched.serves("delete it", &delete(3, None)).await;
    for id in [2, 3, u64::MAX] {
        for (what, operation) in every_operation(id) {
            if what != "create" && what != "upsert" {
                watched
                    .refuses_operation(what, &operation, Code::DocNotFound)
                    .await;
            }
        }
    }
    for (what, operation, change) in [
        ("read", read(1), Change::Read),
        ("update", update(1, "{}", None), Change::Replaced),
        ("upsert", upsert(1, "{}"), Change::Replaced),
        (
            "patch",
            patch(1, &[step(SET, "/a", "1")], None),
            Change::Replaced,
        ),
        ("merge", merge(1, "{}", None), Change::Replaced),
        ("delete", delete(1, None), Change::Deleted),
        ("create again", create(1, "{}"), Change::Created),
        ("delete again", delete(1, None), Change::Deleted),
        ("upsert what was deleted", upsert(1, "{}"), Change::Created),
    ] {
        assert_eq!(watched.serves(what, &operation).await.change, change);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ids_begin_with_1_and_end_with_the_largest_number() {
    let mut watched = Watched::start().await;
    for (what, operation) in every_operation(0) {
        if what != "create" {
            watched
                .refuses_operation(what, &operation, Code::DocNotFound)
                .await;
        }
    }
    for id in [1, u64::MAX - 1, u64::MAX] {
        watched.serves("create", &create(id, "{}")).await;
        for (what, operation) in every_operation(id) {
            if what != "create" {
                watched.serves(what, &operation).await;
            }
            if what == "delete" {
                watched.serves("create again", &create(id, "{}")).await;
            }
        }
    }
    // Behind the largest id the lowest free one is assigned.
    let mut assigned = Vec::new();
    for _ in 0..2 {
        let outcome = watched.serves("assign", &create(0, "{}")).await;
        assigned.push(outcome.id.get());
    }
    assert_eq!(assigned, [2, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_refused_among_writes_leaves_no_byte_in_the_log_and_takes_no_version() {
    let mut watched = Watched::start().await;
    let twins = [watched.database, watched.open("b").await];
    let bad = [
        create(1, "{}"),
        create(9, "{"),
        update(5, "{}", None),
        delete(1, Some(77)),
        patch(1, &[step(SET, "/a", "1"), step(SET, "/a/b", "1")], None),
        merge(6, "{}", None),
        Message::new(),
    ];
    let good: Vec<Message> = (1..=8).map(|id| create(id * 10, "{\"a\":1}")).collect();
    let mixed = good.iter().zip(bad.iter().cycle());
    let mixed: Vec<Message> = mixed
        .flat_map(|(good, bad)| [bad.clone(), good.clone(), bad.clone()])
        .collect();
    let mut versions = Vec::new();
    for (database, operations) in twins.into_iter().zip([mixed, good]) {
        watched.database = database;
        watched.serves("first", &create(1, "{}")).await;
        let answer = watched.ask(&execute(database, false, &operations)).await;
        let Ok(Reply::Results(results)) = answer else {
            panic!("{answer:?}");
        };
        let written: Vec<_> = results
            .iter()
            .filter_map(|result| result.as_ref().ok())
            .map(|outcome| outcome.version)
            .collect();
        assert_eq!(written.len(), 8);
        versions.push(written);
    }
    assert_eq!(versions[0], versions[1]);
    let lengths = |name: &str| -> Vec<usize> {
        let begin = format!("/wal/{name}.");
        let disk = watched.disk();
        let files = disk.iter().filter(|(path, _)| path.contains(&begin));
        files.map(|(_, bytes)| bytes.len()).collect()
    };
    assert!(!lengths("a").is_empty());
    assert_eq!(lengths("a"), lengths("b"));
}
