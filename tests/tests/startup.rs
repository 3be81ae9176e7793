//! A start that cannot succeed gives a reason of one line, exits with 1, and has removed or changed
//! nothing; one that was asked for wrongly exits with 2.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use docdb_client::{Client, ClientOptions, CreateMode, Database, Endpoint};
use docdb_tests::{ServerProcess, binary};
use docdb_types::{CollectionName, Document, DocumentId, Limits};

/// A directory, and servers that are to be started in it.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// A server that serves, in a directory of its own within.
    fn first(&self) -> ServerProcess {
        let directory = self.path("first");
        std::fs::create_dir(&directory).unwrap();
        ServerProcess::start(&directory, &[]).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A start on these paths within the directory.
    fn start(&self, data: &str, wal: &str, socket: &str) -> Command {
        let mut command = Command::new(binary("docdb-server").unwrap());
        command
            .arg("--data-dir")
            .arg(self.path(data))
            .arg("--wal-dir")
            .arg(self.path(wal))
            .arg("--socket")
            .arg(self.path(socket));
        command
    }

    /// The start fails with a reason that says this; everything that was there is as it was.
    fn refuses(&self, command: &mut Command, reason: &[&str]) {
        let before = content(self.directory.path());
        let (status, text) = outcome(command);
        assert_eq!(status, 1, "{text}");
        let line = text.lines().last().unwrap();
        assert!(line.starts_with("docdb-server: "), "{text}");
        let reasons = text.lines().filter(|line| line.starts_with("docdb-server"));
        assert_eq!(reasons.count(), 1, "{text}");
        for part in reason {
            assert!(line.contains(part), "{part:?} is not in {line:?}");
        }
        let after = content(self.directory.path());
        for (path, bytes) in before {
            assert!(after.get(&path) == Some(&bytes), "{path:?} after {line:?}");
        }
        let (status, text) = outcome(command.args(["--log-level", "error"]));
        assert_eq!((status, text.lines().count()), (1, 1), "{text}");
    }
}

/// Runs a start that ends by itself.
fn outcome(command: &mut Command) -> (i32, String) {
    let child = command
        .env_remove("DOCDB_FSYNC")
        .env_remove("DOCDB_SOCKET")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Ended(child);
    let deadline = Instant::now() + Duration::from_secs(30);
    let status = loop {
        if let Some(status) = child.0.try_wait().unwrap() {
            break status.code().expect("ended by itself");
        }
        assert!(Instant::now() < deadline, "{command:?} serves");
        std::thread::sleep(Duration::from_millis(2));
    };
    let read = |stream: &mut dyn Read| {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    let output = read(child.0.stdout.as_mut().unwrap());
    assert!(output.is_empty(), "{output}");
    (status, read(child.0.stderr.as_mut().unwrap()))
}

/// A process that is ended with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // Ended already, where the test went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What lies in a directory: files with their bytes, and everything else by what it is. Left out are
/// locks, which say who holds them, and the log of the server that serves.
fn content(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if path.ends_with(".lock") || path.ends_with("first/log") {
            continue;
        }
        let bytes = if kind.is_file() {
            std::fs::read(&path).unwrap()
        } else if kind.is_symlink() {
            let target = std::fs::read_link(&path).unwrap();
            target.to_str().unwrap().as_bytes().to_vec()
        } else {
            format!("{kind:?}").into_bytes()
        };
        if kind.is_dir() {
            found.extend(content(&path));
        }
        found.insert(path, bytes);
    }
    found
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

async fn open(socket: &Path) -> Database {
    let endpoint = Endpoint::Unix(socket.to_owned());
    let client = Client::connect(&endpoint, ClientOptions::default())
        .await
        .unwrap();
    client.open("a", CreateMode::IfMissing).await.unwrap()
}

async fn write(database: &Database, text: &str) {
    let document = Document::from_text(text, &Limits::DEFAULT).unwrap();
    let done = database.upsert(&CollectionName::DEFAULT, DocumentId::MIN, document);
    done.await.unwrap();
}

async fn read(database: &Database) -> String {
    let found = database.read(&CollectionName::DEFAULT, DocumentId::MIN);
    String::from_utf8(found.await.unwrap().document.to_vec()).unwrap()
}

#[test]
fn directories_that_cannot_be_are_refused_by_name() {
    let place = Place::new();
    std::fs::write(place.path("file"), "kept").unwrap();
    std::os::unix::fs::symlink("nowhere", place.path("dangling")).unwrap();
    for bad in [
        "file",
        "file/below",
        "dangling",
        "/proc/docdb",
        "/proc/version/docdb",
    ] {
        place.refuses(&mut place.start(bad, "wal", "socket"), &[bad]);
        place.refuses(&mut place.start("data", bad, "socket"), &[bad]);
    }
    assert!(!place.path("socket").exists());
}

#[test]
fn directories_that_are_missing_are_created_at_any_depth() {
    let place = Place::new();
    let socket = place.path("socket");
    let arguments = ["--data-dir", "--wal-dir"];
    let paths = [place.path("a/b/data"), place.path("c/wal")];
    let mut flags = Vec::new();
    for (argument, path) in arguments.iter().zip(&paths) {
        flags.extend([*argument, path.to_str().unwrap()]);
    }
    let mut command = Command::new(binary("docdb-server").unwrap());
    let child = command
        .args(&flags)
        .arg("--socket")
        .arg(&socket)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut child = Ended(child);
    let mut ready = String::new();
    let mut output = std::io::BufReader::new(child.0.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut ready).unwrap();
    assert!(ready.starts_with("docdb-server ready: socket="), "{ready}");
    runtime().block_on(async {
        let database = open(&socket).await;
        write(&database, "1").await;
    });
    assert!(paths.iter().all(|path| path.is_dir()));
}

#[test]
fn a_second_server_is_refused_by_any_directory_and_told_the_first_one() {
    let place = Place::new();
    let server = place.first();
    let pid = server.pid().to_string();
    let runtime = runtime();
    let database = runtime.block_on(async {
        let database = open(server.socket()).await;
        write(&database, "1").await;
        database
    });
    let (data, wal) = ("first/data", "first/wal");
    for (data, wal, named) in [
        (data, wal, data),
        (data, "wal", data),
        ("data", wal, wal),
        (wal, data, wal),
        ("data", data, data),
    ] {
        place.refuses(&mut place.start(data, wal, "socket"), &[named, &pid]);
    }
    assert!(!place.path("socket").exists());
    // The same command once more.
    place.refuses(&mut place.start(data, wal, "first/socket"), &[&pid]);
    runtime.block_on(async {
        assert_eq!(read(&database).await, "1");
        write(&database, "2").await;
        assert_eq!(read(&open(server.socket()).await).await, "2");
    });
    assert!(server.terminate().unwrap().success());
}

#[test]
fn a_socket_path_that_is_something_else_is_left_alone() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("folder/below")).unwrap();
    std::fs::write(place.path("folder/below/file"), "kept").unwrap();
    std::fs::create_dir(place.path("empty")).unwrap();
    std::os::unix::fs::symlink("folder/below/file", place.path("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", place.path("dangling")).unwrap();
    let made = Command::new("mkfifo").arg(place.path("pipe")).status();
    assert!(made.unwrap().success());
    for (path, reason) in [
        ("folder", "directory"),
        ("empty", "directory"),
        ("folder/below/file", "file"),
        ("link", "symbolic link"),
        ("dangling", "symbolic link"),
        ("pipe", "not a socket"),
        ("missing/socket", "missing/socket"),
        ("folder/below/file/socket", "file/socket"),
        ("/proc/docdb.sock", "/proc/docdb.sock"),
    ] {
        place.refuses(&mut place.start("data", "wal", path), &[path, reason]);
    }
}

#[test]
fn a_socket_at_which_somebody_listens_is_left_alone() {
    let place = Place::new();
    let server = place.first();
    place.refuses(
        &mut place.start("data", "wal", "first/socket"),
        &["listening", "first/socket"],
    );
    runtime().block_on(async { write(&open(server.socket()).await, "1").await });
    // One that takes no connections, because it is busy, is alive as well.
    let busy = UnixListener::bind(place.path("busy")).unwrap();
    place.refuses(
        &mut place.start("data", "wal", "busy"),
        &["listening", "busy"],
    );
    drop(busy);
}

#[test]
fn wrong_usage_exits_with_2_and_touches_nothing() {
    let place = Place::new();
    for arguments in [
        &["--nonsense"][..],
        &["--data-dir"],
        &["--fsync", "sometimes"],
        &["--fsync", ""],
        &["--fsync-interval", "soon"],
        &["--fsync-interval", "-1"],
        &["--fsync-interval", "0"],
        &["--fsync-interval", "60001"],
        &["--fsync-interval", "18446744073709551616"],
        &["--log-level", "loud"],
        &["--log-format", "xml"],
        &["--socket"],
        &["--socket", &"x".repeat(200)],
        &["surplus"],
        &["--data-dir", ""],
        &["--wal-dir", ""],
    ] {
        let mut command = Command::new(binary("docdb-server").unwrap());
        let (status, text) = outcome(
            command
                .args(arguments)
                .env_remove("DOCDB_DATA_DIR")
                .current_dir(place.directory.path()),
        );
        assert_eq!(status, 2, "{arguments:?}: {text}");
        let begins = ["error: ", "docdb-server: "];
        assert!(
            begins.iter().any(|begin| text.starts_with(begin)),
            "{arguments:?}: {text}"
        );
        assert!(content(place.directory.path()).is_empty(), "{arguments:?}");
    }
    let mut command = Command::new(binary("docdb-server").unwrap());
    command.current_dir(place.directory.path());
    let (status, text) = outcome(command.env("DOCDB_FSYNC_INTERVAL", "soon"));
    assert_eq!(status, 2, "{text}");
    assert!(content(place.directory.path()).is_empty());
}

#[test]
fn without_any_flag_a_server_works_in_the_directory_it_is_started_in() {
    let place = Place::new();
    let mut command = Command::new(binary("docdb-server").unwrap());
    let child = command
        .current_dir(place.directory.path())
        .env_remove("DOCDB_DATA_DIR")
        .env_remove("DOCDB_WAL_DIR")
        // The default would be shared with whatever else runs on the machine.
        .env("DOCDB_SOCKET", place.path("socket"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut child = Ended(child);
    let mut ready = String::new();
    let mut output = std::io::BufReader::new(child.0.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut ready).unwrap();
    assert!(ready.contains("fsync=group"), "{ready}");
    runtime().block_on(async { write(&open(&place.path("socket")).await, "1").await });
    let files = content(place.directory.path());
    let has = |part: &str| {
        let begin = place.path(part);
        files
            .keys()
            .any(|path| path.starts_with(&begin) && path.is_file())
    };
    assert!(has("data") && has("data/wal"), "{files:?}");
}
