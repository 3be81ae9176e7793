//! Opening, closing and dropping databases, and using them before and after.

use docdb_ipc::Reply;
use docdb_types::Code;

use super::message::{
    checkpoint, close, close_cursor, count, create, create_collection, delete_collection,
    drop_database, execute, list_collections, list_databases, open, read, scan, statistics,
};
use super::watched::Watched;

const IF_MISSING: u64 = 0;
const NEVER: u64 = 1;
const ALWAYS: u64 = 2;

/// Every command that names a database by its id.
fn commands_of(database: u64) -> [(&'static str, super::message::Command); 10] {
    [
        ("execute", execute(database, false, &[create(1, "{}")])),
        ("atomic", execute(database, true, &[create(1, "{}")])),
        ("scan", scan(database, "", 0)),
        ("count", count(database, "")),
        ("create a collection", create_collection(database, "b")),
        ("delete a collection", delete_collection(database, "b")),
        ("list collections", list_collections(database)),
        ("checkpoint", checkpoint(database)),
        ("close", close(database)),
        ("statistics", statistics(database)),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_is_created_found_and_dropped_only_as_told() {
    let mut watched = Watched::start().await;
    watched
        .refuses("missing", &open("b", NEVER), Code::DbNotFound)
        .await;
    watched
        .refuses("drop a missing one", &drop_database("b"), Code::DbNotFound)
        .await;
    watched
        .refuses("there", &open("a", ALWAYS), Code::DbExists)
        .await;
    watched
        .refuses("unknown mode", &open("b", 3), Code::UnknownOperation)
        .await;
    let mut created = Vec::new();
    for (name, mode) in [
        ("b", ALWAYS),
        ("b", NEVER),
        ("b", IF_MISSING),
        ("c", IF_MISSING),
    ] {
        match watched.ask(&open(name, mode)).await {
            Ok(Reply::DatabaseOpened(opened)) => created.push(opened.created),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(created, [true, false, false, true]);
    assert_eq!(
        watched.ask(&drop_database("b")).await,
        Ok(Reply::DatabaseDropped)
    );
    watched
        .refuses("dropped", &open("b", NEVER), Code::DbNotFound)
        .await;
    watched
        .refuses("drop it twice", &drop_database("b"), Code::DbNotFound)
        .await;
    let Ok(Reply::Databases(listed)) = watched.ask(&list_databases()).await else {
        panic!("a list");
    };
    let listed: Vec<_> = listed.iter().map(|info| info.name.as_str()).collect();
    assert_eq!(listed, ["a", "c"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_that_is_not_open_answers_nothing_but_that() {
    let mut watched = Watched::start().await;
    let closed = watched.open("b").await;
    assert_eq!(watched.ask(&close(closed)).await, Ok(Reply::DatabaseClosed));
    let dropped = watched.open("c").await;
    let done = watched.ask(&drop_database("c")).await;
    assert_eq!(done, Ok(Reply::DatabaseDropped));
    for id in [0, closed, dropped, dropped + 1, u64::MAX] {
        for (what, command) in commands_of(id) {
            if (what, id) == ("statistics", 0) {
                // Those of the whole server.
                continue;
            }
            let what = format!("{what} of {id}");
            watched.refuses(&what, &command, Code::DbNotOpen).await;
        }
    }
    for (what, command) in commands_of(watched.database) {
        if what == "atomic" || what == "statistics" {
            continue;
        }
        let answer = watched.ask(&command).await;
        assert!(answer.is_ok(), "{what}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cursor_that_is_not_there_is_expired() {
    let mut watched = Watched::start().await;
    let db = watched.database;
    for id in 1..=3 {
        watched.serves("fill", &create(id, "{}")).await;
    }
    for cursor in [1, 7, u64::MAX] {
        watched
            .refuses("never given", &scan(db, "", cursor), Code::TxnExpired)
            .await;
    }
    watched
        .refuses("cursor 0", &close_cursor(0), Code::TxnExpired)
        .await;
    let mut limited = scan(db, "", 0);
    limited.message = limited.message.number(4, 2);
    let Ok(Reply::Page(page)) = watched.ask(&limited).await else {
        panic!("a page");
    };
    let cursor = page.cursor.expect("a further page").get();
    let Ok(Reply::Page(page)) = watched.ask(&scan(db, "", cursor)).await else {
        panic!("a page");
    };
    assert_eq!((page.documents.len(), page.cursor), (1, None));
    watched
        .refuses("read to its end", &scan(db, "", cursor), Code::TxnExpired)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_scan_begins_at_any_id_and_ends_behind_the_last() {
    let mut watched = Watched::start().await;
    for id in [1, 2, u64::MAX] {
        watched.serves("fill", &create(id, "{}")).await;
    }
    for (from, expected) in [
        (0, vec![1, 2, u64::MAX]),
        (1, vec![1, 2, u64::MAX]),
        (2, vec![2, u64::MAX]),
        (3, vec![u64::MAX]),
        (u64::MAX, vec![u64::MAX]),
    ] {
        let mut from_id = scan(watched.database, "", 0);
        from_id.message = from_id.message.number(3, from);
        let Ok(Reply::Page(page)) = watched.ask(&from_id).await else {
            panic!("a page");
        };
        let ids: Vec<_> = page.documents.iter().map(|found| found.id.get()).collect();
        assert_eq!((ids, page.cursor), (expected, None), "from {from}");
    }
    assert!(watched.run(&read(u64::MAX)).await.is_ok());
}
