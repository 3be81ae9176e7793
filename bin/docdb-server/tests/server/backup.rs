//! Backups of a server that runs, and databases out of them.

use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use docdb_client::{
    Client, ClientOptions, Command, CreateMode, Database, Endpoint, Execute, Reply,
};
use docdb_types::{Action, CollectionName, DatabaseId, Document, DocumentId, Limits, Operation};

use crate::process::{Place, text};

const WRITERS: u64 = 4;

fn document(text: &str) -> Document {
    Document::from_text(text, &Limits::DEFAULT).unwrap()
}

fn id(number: u64) -> DocumentId {
    DocumentId::new(number).unwrap()
}

async fn client(place: &Place, socket: &str) -> Client {
    let endpoint = Endpoint::Unix(place.path(socket));
    Client::connect(&endpoint, ClientOptions::default())
        .await
        .unwrap()
}

/// Puts the same text under both documents of a writer, at once.
fn both(database: DatabaseId, writer: u64, text: &str) -> Command {
    let upsert = |id| Operation {
        collection: CollectionName::DEFAULT,
        action: Action::Upsert {
            id,
            document: document(text),
        },
    };
    let operations = [2 * writer, 2 * writer + 1].map(|number| upsert(id(number + 1)));
    Command::Execute(Execute::new(database, true, operations.to_vec()))
}

async fn number(database: &Database, at: u64) -> u64 {
    let stored = database.read(&CollectionName::DEFAULT, id(at)).await;
    String::from_utf8(stored.unwrap().document.to_vec())
        .unwrap()
        .parse()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_comes_back_as_a_state_that_there_was() {
    let place = Place::new();
    let server = place.start(&[]);
    let client = client(&place, "socket").await;
    let shop = client.open("shop", CreateMode::IfMissing).await.unwrap();
    let database = shop.id();
    let ends = Arc::new(AtomicBool::new(false));
    let begun = Instant::now();
    let (mut answered, mut sent, mut tasks) = (Vec::new(), Vec::new(), Vec::new());
    for writer in 0..WRITERS {
        let first = both(database, writer, "1");
        client.request(first).await.unwrap();
        let (is_answered, is_sent) = (Arc::new(AtomicU64::new(1)), Arc::new(AtomicU64::new(1)));
        answered.push(Arc::clone(&is_answered));
        sent.push(Arc::clone(&is_sent));
        let (client, ends) = (client.clone(), Arc::clone(&ends));
        tasks.push(tokio::spawn(async move {
            let mut round = 1;
            while !ends.load(Ordering::SeqCst) {
                // All of them pause for a moment now and then, as a backup asks for.
                let in_pause = begun.elapsed().as_millis() % 400 >= 150;
                if in_pause {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    continue;
                }
                round += 1;
                is_sent.store(round, Ordering::SeqCst);
                let write = both(database, writer, &round.to_string());
                assert!(matches!(client.request(write).await, Ok(Reply::Results(_))));
                is_answered.store(round, Ordering::SeqCst);
            }
        }));
    }
    let mut bounds = Vec::new();
    for _ in 0..5 {
        let read = |all: &[Arc<AtomicU64>]| -> Vec<u64> {
            all.iter().map(|it| it.load(Ordering::SeqCst)).collect()
        };
        let before = read(&answered);
        let taken = tokio::task::spawn_blocking({
            let mut backup = place.command();
            backup.args(["backup", "data", "backups", "--socket", "socket"]);
            move || backup.output().unwrap()
        });
        let taken = taken.await.unwrap();
        assert_eq!(taken.status.code(), Some(0), "{taken:?}");
        bounds.push((before, read(&sent)));
    }
    ends.store(true, Ordering::SeqCst);
    for task in tasks {
        task.await.unwrap();
    }
    drop(server);

    let verified = place.run(&["verify", "backups"]);
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
    assert_eq!(text(&verified.stdout).lines().count(), 5);
    for (at, (before, after)) in bounds.into_iter().enumerate() {
        let number_of_it = (at + 1).to_string();
        let restored = place.run(&["restore", "backups", "data", "--number", &number_of_it]);
        assert_eq!(restored.status.code(), Some(1), "nothing is written over");
        assert!(text(&restored.stderr).contains("writes over nothing"));
        let directory = format!("restored{at}");
        let restored = place.run(&["restore", "backups", &directory, "--number", &number_of_it]);
        assert_eq!(restored.status.code(), Some(0), "{restored:?}");
        let socket = format!("socket{at}");
        let server = place.start(&["--data-dir", &directory, "--socket", &socket]);
        let client = self::client(&place, &socket).await;
        let shop = client.open("shop", CreateMode::Never).await.unwrap();
        for writer in 0..WRITERS {
            let found = number(&shop, 2 * writer + 1).await;
            assert_eq!(
                found,
                number(&shop, 2 * writer + 2).await,
                "half a transaction"
            );
            let which = usize::try_from(writer).unwrap();
            assert!(
                (before[which]..=after[which]).contains(&found),
                "{found} is not in {}..={}",
                before[which],
                after[which]
            );
        }
        drop(server);
    }
}

/// Waits until a directory holds a file of such a name.
fn wait_for(directory: &Path, is_it: impl Fn(&str) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let entries = std::fs::read_dir(directory).into_iter().flatten();
        let mut names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        if names.any(|name| is_it(&name)) {
            return;
        }
        assert!(Instant::now() < deadline, "{}", directory.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// How far behind others a process stands at the processors: 0 for most, 19 at most.
fn niceness(child: &Child) -> String {
    let status = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    // The name, in parentheses, may hold anything; 16 fields are behind it in front of this one.
    let (_, behind_name) = status.rsplit_once(')').unwrap();
    behind_name.split_whitespace().nth(16).unwrap().to_owned()
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_and_a_restore_that_are_killed_leave_nothing_that_looks_whole() {
    let place = Place::new();
    let server = place.start(&[]);
    let client = client(&place, "socket").await;
    let shop = client.open("shop", CreateMode::IfMissing).await.unwrap();
    for _ in 0..6 {
        let large = document(&format!("\"{}\"", "x".repeat(1 << 20)));
        shop.create(&CollectionName::DEFAULT, None, large)
            .await
            .unwrap();
    }
    let spawn = |arguments: &[&str]| {
        let mut command = place.command();
        let command = command.args(arguments).stdout(Stdio::null());
        command.stderr(Stdio::null()).spawn().unwrap()
    };
    let slow = ["--rate", "1MiB"];
    let backup = ["backup", "data", "backups", "--socket", "socket"];
    let under_way = spawn(&[&backup[..], &slow].concat());
    wait_for(&place.path("backups/data"), |name| name.ends_with(".tmp"));
    assert_eq!(niceness(&under_way), "19", "the server comes first");
    kill(under_way);
    let nothing = place.run(&["restore", "backups", "restored"]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(
        text(&nothing.stderr).contains("holds no backup"),
        "{nothing:?}"
    );
    let taken = place.run(&backup);
    assert_eq!(taken.status.code(), Some(0), "{taken:?}");
    drop(server);

    let restore = ["restore", "backups", "restored"];
    let under_way = spawn(&[&restore[..], &slow].concat());
    wait_for(&place.path("restored"), |name| {
        name.starts_with("shop.data.")
    });
    kill(under_way);
    let half = place.start(&["--data-dir", "restored", "--socket", "half"]);
    let client = self::client(&place, "half").await;
    assert!(client.list_databases().await.unwrap().is_empty());
    drop(half);
    let restored = place.run(&restore);
    assert_eq!(restored.status.code(), Some(0), "{restored:?}");
    let verified = place.run(&["verify", "restored"]);
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
    let whole = place.start(&["--data-dir", "restored", "--socket", "whole"]);
    let client = self::client(&place, "whole").await;
    let shop = client.open("shop", CreateMode::Never).await.unwrap();
    assert_eq!(shop.count(&CollectionName::DEFAULT).await.unwrap(), 6);
    drop(whole);
}

#[test]
fn a_backup_names_what_keeps_it_from_being_made() {
    let place = Place::new();
    let server = place.start(&[]);
    for (arguments, expected) in [
        (&["backup", "missing", "backups"][..], "missing"),
        (
            &[
                "backup",
                "data",
                "backups",
                "--socket",
                "socket",
                "--database",
                "shop",
            ],
            "no database has this name",
        ),
        (
            &["backup", "data", "data", "--socket", "socket"],
            "no backup",
        ),
        (&["restore", "missing", "restored"], "missing"),
        (&["restore", "data", "restored"], "holds no backup"),
    ] {
        let refused = place.run(arguments);
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(!place.path("restored").exists() && !place.path("missing").exists());
    }
    drop(server);
    assert!(!place.path("backups").exists());
    for arguments in [
        &["backup", "data"][..],
        &["backup", "data", "b", "--keep", "0"],
        &["backup", "data", "b", "--rate", "fast"],
        &["backup", "data", "b", "--database", "a/b"],
        &["restore", "b"],
        &["restore", "b", "data", "--number", "newest"],
    ] {
        assert_eq!(place.run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_has_another_directory_is_not_asked() {
    let place = Place::new();
    let _server = place.start(&[]);
    let client = client(&place, "socket").await;
    client.open("shop", CreateMode::IfMissing).await.unwrap();
    let _other = place.start(&["--data-dir", "other", "--socket", "elsewhere"]);
    for (socket, expected) in [
        ("elsewhere", "is the server at elsewhere"),
        ("nowhere", "no server answers at nowhere"),
    ] {
        let refused = place.run(&["backup", "data", "backups", "--socket", socket]);
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(
            said.contains(expected) && said.lines().count() == 1,
            "{said}"
        );
    }
}
