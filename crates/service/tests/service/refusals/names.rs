//! Names of databases and collections.

use docdb_ipc::Reply;
use docdb_types::{Code, CollectionId};

use super::message::{
    checkpoint, count, create, create_collection, delete_collection, drop_database, execute,
    list_collections, list_databases, on, open, read, scan,
};
use super::watched::Watched;

/// Names of databases that are served. Some look like names of files that docdb writes.
fn good_database_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "b",
        "a.b",
        ".hidden",
        "x.",
        " ",
        "a b",
        "-x",
        "_x",
        "~",
        "%2F",
        "CON",
        "*",
        "ünïcode",
        "日本",
        "wal",
        "catalog",
        ".lock",
        "docdb",
        "b.manifest",
        "b.data.1",
        "b.wal.1",
        "b.tmp",
    ]
    .map(str::to_owned)
    .into();
    names.extend(["n".repeat(64), "é".repeat(32), "😀".repeat(16)]);
    names
}

fn bad_database_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "", ".", "..", "a..b", "../b", "a/b", "/", "/etc", "a\\b", "\\", "\0", "a\0", "a\nb", "\t",
        "\u{1b}", "\u{7f}", "\u{80}", "\u{9f}",
    ]
    .map(str::to_owned)
    .into();
    names.extend([
        "n".repeat(65),
        "é".repeat(33),
        "😀".repeat(17),
        "n".repeat(100_000),
    ]);
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn databases_of_every_allowed_name_live_side_by_side_and_come_back() {
    let mut watched = Watched::start().await;
    let names = good_database_names();
    for (number, name) in names.iter().enumerate() {
        watched.database = watched.open(name).await;
        watched
            .serves(name, &create(1, format!("\"{number}\"")))
            .await;
        if number % 2 == 0 {
            let moved = watched.ask(&checkpoint(watched.database)).await;
            assert!(matches!(moved, Ok(Reply::Checkpoint(_))), "{name:?}");
        }
    }
    let mut watched = watched.restart().await;
    let Ok(Reply::Databases(listed)) = watched.ask(&list_databases()).await else {
        panic!("a list");
    };
    assert_eq!(listed.len(), names.len() + 1);
    for (number, name) in names.iter().enumerate() {
        watched.database = watched.open(name).await;
        assert_eq!(
            watched.document(1).await,
            format!("\"{number}\""),
            "{name:?}"
        );
    }
    for name in &names {
        let dropped = watched.ask(&drop_database(name)).await;
        assert_eq!(dropped, Ok(Reply::DatabaseDropped), "{name:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_other_name_of_a_database_reaches_the_disk() {
    let mut watched = Watched::start().await;
    let beside = |watched: &Watched| std::fs::read_dir(watched.harness.directory.path());
    let before = beside(&watched).unwrap().count();
    for name in bad_database_names() {
        let what: String = name.escape_debug().take(80).collect();
        for mode in 0..=2 {
            watched
                .refuses(&what, &open(&name, mode), Code::InvalidName)
                .await;
        }
        watched
            .refuses(&what, &drop_database(&name), Code::InvalidName)
            .await;
    }
    assert_eq!(beside(&watched).unwrap().count(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn collections_of_every_allowed_name_are_kept_apart_and_come_back() {
    let mut watched = Watched::start().await;
    let mut names: Vec<String> = ["b", "a b", "a\\b", "a_b", "-"].map(str::to_owned).into();
    names.extend(["n".repeat(64), "é".repeat(32), "日本".to_owned()]);
    for (number, name) in names.iter().enumerate() {
        let made = watched
            .ask(&create_collection(watched.database, name))
            .await;
        assert!(matches!(made, Ok(Reply::CollectionCreated(_))));
        let document = create(1, format!("\"{number}\""));
        watched.serves(name, &on(name, &document)).await;
    }
    // The empty name and `_default` are one collection.
    watched.serves("empty", &create(1, "\"default\"")).await;
    let found = watched.serves("named", &on("_default", &read(1))).await;
    assert_eq!(found.document.as_deref(), Some(&b"\"default\""[..]));

    let mut watched = watched.restart().await;
    for (number, name) in names.iter().enumerate() {
        let found = watched.serves(name, &on(name, &read(1))).await;
        let expected = format!("\"{number}\"");
        assert_eq!(found.document.as_deref(), Some(expected.as_bytes()));
    }
    let Ok(Reply::Collections(listed)) = watched.ask(&list_collections(watched.database)).await
    else {
        panic!("a list");
    };
    assert_eq!(listed.len(), names.len() + 1);
    let default = listed
        .iter()
        .find(|listed| listed.id == CollectionId::DEFAULT);
    assert_eq!(default.unwrap().name.as_str(), "_default");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_other_name_of_a_collection_is_taken_by_any_command() {
    let mut watched = Watched::start().await;
    let mut names: Vec<String> = [
        "_",
        "_a",
        "_default2",
        "_Default",
        ".",
        "..",
        "a.b",
        "/",
        "a/b",
        "\0",
        "a\0b",
        "\n",
        "\t",
        "\u{7f}",
        "\u{85}",
    ]
    .map(str::to_owned)
    .into();
    names.extend(["n".repeat(65), "é".repeat(33), "n".repeat(100_000)]);
    let db = watched.database;
    for name in names {
        let what: String = name.escape_debug().take(80).collect();
        let commands = [
            create_collection(db, &name),
            delete_collection(db, &name),
            count(db, &name),
            scan(db, &name, 0),
            execute(db, true, &[on(&name, &create(1, "{}"))]),
        ];
        for command in &commands {
            watched.refuses(&what, command, Code::InvalidName).await;
        }
        for (_, operation) in super::message::every_operation(1) {
            let operation = on(&name, &operation);
            watched
                .refuses_operation(&what, &operation, Code::InvalidName)
                .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn names_that_are_no_text_are_refused() {
    let mut watched = Watched::start().await;
    let command = super::message::Command {
        field: 15,
        message: super::message::Message::new().bytes(1, b"\xff\xfe"),
    };
    watched
        .refuses("not utf-8", &command, Code::UnknownOperation)
        .await;
}
