//! Collections: made once, deleted when empty, and nothing without them.

use docdb_ipc::Reply;
use docdb_types::Code;

use super::message::{
    count, create, create_collection, delete, delete_collection, every_operation, execute, on, scan,
};
use super::watched::Watched;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_collection_is_made_once_and_deleted_when_empty() {
    let mut watched = Watched::start().await;
    let db = watched.database;
    let (make, unmake) = (create_collection(db, "b"), delete_collection(db, "b"));
    watched
        .refuses("not there", &unmake, Code::CollectionNotFound)
        .await;
    assert!(watched.ask(&make).await.is_ok());
    watched
        .refuses("there", &make, Code::CollectionExists)
        .await;
    watched.serves("fill", &on("b", &create(1, "{}"))).await;
    watched
        .refuses("one document", &unmake, Code::CollectionNotEmpty)
        .await;
    watched.serves("empty", &on("b", &delete(1, None))).await;
    assert_eq!(watched.ask(&unmake).await, Ok(Reply::CollectionDeleted));
    watched
        .refuses("deleted", &unmake, Code::CollectionNotFound)
        .await;

    for name in ["", "_default"] {
        let make = create_collection(db, name);
        watched
            .refuses("always there", &make, Code::CollectionExists)
            .await;
        let unmake = delete_collection(db, name);
        watched
            .refuses("always there", &unmake, Code::InvalidName)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_can_be_done_in_a_collection_that_does_not_exist() {
    let mut watched = Watched::start().await;
    let db = watched.database;
    assert!(watched.ask(&create_collection(db, "gone")).await.is_ok());
    assert!(watched.ask(&delete_collection(db, "gone")).await.is_ok());
    for name in ["never", "gone", "A"] {
        for (what, operation) in every_operation(1) {
            let operation = on(name, &operation);
            watched
                .refuses_operation(what, &operation, Code::CollectionNotFound)
                .await;
        }
        let commands = [
            count(db, name),
            scan(db, name, 0),
            delete_collection(db, name),
            execute(db, true, &[on(name, &create(0, "{}"))]),
        ];
        for command in &commands {
            watched
                .refuses(name, command, Code::CollectionNotFound)
                .await;
        }
    }
}
