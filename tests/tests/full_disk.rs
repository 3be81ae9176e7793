//! A real server on a disk that is full: what it cannot take it refuses, what it has it keeps.
//!
//! The disk is a small one in memory, in a mount namespace of its own, which ends with the test.
//! Where the system does not allow that, each test says so and proves nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use docdb_client::{Client, ClientOptions, CreateMode, Database, Endpoint, RetryPolicy};
use docdb_tests::binary;
use docdb_types::{Code, CollectionName, Document, DocumentId, Effect, Limits};

/// Patience with a server that starts or ends on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that is ended with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // Ended already, where the test went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A disk of a few megabytes.
struct SmallDisk {
    directory: tempfile::TempDir,
    /// Keeps the disk there; nobody else sees it.
    holder: Ended,
    is_root: bool,
}

impl SmallDisk {
    /// `None`, with a line about it, where the system does not allow one.
    #[expect(
        clippy::print_stdout,
        reason = "a test that proves nothing must say so"
    )]
    fn new(mebibytes: u32) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("disk")).unwrap();
        let script = "mount -t tmpfs -o size=$1m,mode=700 none \"$2\" && echo mounted && exec cat";
        for (flags, is_root) in [("-m", true), ("-rm", false)] {
            let child = Command::new("unshare")
                .args([flags, "sh", "-c", script, "sh", &mebibytes.to_string()])
                .arg(directory.path().join("disk"))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn();
            let Ok(child) = child else { continue };
            let mut holder = Ended(child);
            let mut said = [0; 8];
            let output = holder.0.stdout.as_mut().unwrap();
            if output.read_exact(&mut said).is_ok() && &said == b"mounted\n" {
                return Some(Self {
                    directory,
                    holder,
                    is_root,
                });
            }
        }
        println!("SKIPPED: the system does not allow a mount of its own");
        None
    }

    /// The disk, as it is seen from outside.
    fn root(&self) -> PathBuf {
        let pid = self.holder.0.id();
        let within = self.directory.path().join("disk");
        Path::new(&format!("/proc/{pid}/root")).join(within.strip_prefix("/").unwrap())
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// Takes bytes of the disk; answers how many there were.
    fn occupy(&self, name: &str, bytes: usize) -> usize {
        let mut file = std::fs::File::create(self.root().join(name)).unwrap();
        let mut taken = 0;
        while taken < bytes {
            match std::io::Write::write(&mut file, &vec![1; (bytes - taken).min(4096)]) {
                Ok(0) | Err(_) => break,
                Ok(length) => taken += length,
            }
        }
        taken
    }

    fn free(&self, name: &str) {
        std::fs::remove_file(self.root().join(name)).unwrap();
    }

    /// Starts a server whose directories are on the disk.
    fn server(&self) -> Ended {
        let disk = self.directory.path().join("disk");
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.holder.0.id().to_string(), "-m"]);
        if !self.is_root {
            command.args(["-U", "--preserve-credentials"]);
        }
        let child = command
            .arg(binary("docdb-server").unwrap())
            .args(["--log-level", "error", "--data-dir"])
            .arg(disk.join("data"))
            .arg("--wal-dir")
            .arg(disk.join("wal"))
            .arg("--socket")
            .arg(self.socket())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Ended(child)
    }
}

/// What became of a start.
enum Start {
    Serves,
    Refused { status: i32, reason: String },
}

fn wait_for_start(server: &mut Ended) -> Start {
    let mut said = String::new();
    server
        .0
        .stdout
        .as_mut()
        .map(std::io::BufReader::new)
        .map(|mut output| std::io::BufRead::read_line(&mut output, &mut said))
        .unwrap()
        .unwrap();
    if said.starts_with("docdb-server ready") {
        return Start::Serves;
    }
    let status = wait_for_end(server);
    let mut reason = String::new();
    let errors = server.0.stderr.as_mut().unwrap();
    errors.read_to_string(&mut reason).unwrap();
    Start::Refused { status, reason }
}

fn wait_for_end(server: &mut Ended) -> i32 {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = server.0.try_wait().unwrap() {
            return status.code().expect("ended by itself");
        }
        assert!(Instant::now() < deadline, "the server does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn terminate(mut server: Ended) -> i32 {
    let pid = server.0.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(sent.unwrap().success());
    wait_for_end(&mut server)
}

async fn open(socket: &Path) -> Database {
    let options = ClientOptions {
        retry: RetryPolicy::NONE,
        ..ClientOptions::default()
    };
    let endpoint = Endpoint::Unix(socket.to_owned());
    let client = Client::connect(&endpoint, options).await.unwrap();
    client.open("a", CreateMode::IfMissing).await.unwrap()
}

fn id(number: u64) -> DocumentId {
    DocumentId::new(number).unwrap()
}

fn text(number: u64, version: &str) -> String {
    format!("\"{number} {version} {}\"", "x".repeat(30_000))
}

async fn upsert(database: &Database, number: u64, version: &str) -> Result<(), docdb_types::Error> {
    let document = Document::from_text(&text(number, version), &Limits::DEFAULT).unwrap();
    let done = database.upsert(&CollectionName::DEFAULT, id(number), document);
    done.await.map(drop)
}

async fn check(database: &Database, live: u64, version: &str) {
    let counted = database.count(&CollectionName::DEFAULT).await.unwrap();
    assert_eq!(counted, live, "what was refused is not there");
    for number in 1..=live {
        let found = database.read(&CollectionName::DEFAULT, id(number)).await;
        let found = found.unwrap().document.to_vec();
        assert!(found == text(number, version).as_bytes(), "{number}");
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn a_server_whose_disk_fills_up_refuses_writes_keeps_all_and_goes_on_when_there_is_room() {
    let Some(disk) = SmallDisk::new(64) else {
        return;
    };
    disk.occupy("ballast", 52 << 20);
    let mut server = disk.server();
    assert!(matches!(wait_for_start(&mut server), Start::Serves));
    let mut live = 0;
    runtime().block_on(async {
        let database = open(&disk.socket()).await;
        let refused = loop {
            match upsert(&database, live + 1, "first").await {
                Ok(()) => live += 1,
                Err(error) => break error,
            }
            assert!(live < 1000, "the disk never fills up");
        };
        assert_eq!(refused.code(), Code::DiskFull, "{refused}");
        assert_eq!(refused.effect(), Effect::NotApplied, "{refused}");
        assert!(live > 100, "only {live} documents");
        // Refused again and again, and nothing is lost by it.
        for _ in 0..20 {
            let refused = upsert(&database, live + 1, "again").await.unwrap_err();
            assert_eq!(refused.code(), Code::DiskFull, "{refused}");
        }
        check(&database, live, "first").await;
        disk.free("ballast");
        for number in 1..=live {
            upsert(&database, number, "second").await.unwrap();
        }
        check(&database, live, "second").await;
    });
    assert_eq!(terminate(server), 0);
    let mut server = disk.server();
    assert!(matches!(wait_for_start(&mut server), Start::Serves));
    runtime().block_on(async { check(&open(&disk.socket()).await, live, "second").await });
    assert_eq!(terminate(server), 0);
}

#[test]
fn a_server_that_is_killed_on_a_full_disk_has_all_it_acknowledged() {
    let Some(disk) = SmallDisk::new(8) else {
        return;
    };
    let mut server = disk.server();
    assert!(matches!(wait_for_start(&mut server), Start::Serves));
    let mut live = 0;
    runtime().block_on(async {
        let database = open(&disk.socket()).await;
        while upsert(&database, live + 1, "first").await.is_ok() {
            live += 1;
        }
    });
    assert!(live > 50, "only {live} documents");
    drop(server);
    // On the full disk it serves, or says in a line why it does not; then there is room again.
    disk.occupy("ballast", usize::MAX);
    for is_full in [true, false] {
        if !is_full {
            disk.free("ballast");
        }
        let mut server = disk.server();
        match wait_for_start(&mut server) {
            Start::Serves => {
                runtime()
                    .block_on(async { check(&open(&disk.socket()).await, live, "first").await });
            }
            Start::Refused { status, reason } => {
                assert!(is_full, "{reason}");
                assert_eq!((status, reason.lines().count()), (1, 1), "{reason}");
            }
        }
    }
}

#[test]
fn a_start_on_a_full_disk_is_refused_with_a_reason_and_leaves_nothing_half_done() {
    let Some(disk) = SmallDisk::new(1) else {
        return;
    };
    disk.occupy("ballast", usize::MAX);
    let mut server = disk.server();
    let Start::Refused { status, reason } = wait_for_start(&mut server) else {
        panic!("it serves");
    };
    assert_eq!((status, reason.lines().count()), (1, 1), "{reason}");
    assert!(reason.starts_with("docdb-server: "), "{reason}");
    assert!(reason.to_lowercase().contains("no space"), "{reason}");
    assert!(!disk.socket().exists());

    disk.free("ballast");
    let mut server = disk.server();
    assert!(matches!(wait_for_start(&mut server), Start::Serves));
    runtime().block_on(async { check(&open(&disk.socket()).await, 0, "").await });
    assert_eq!(terminate(server), 0);
}

#[test]
fn a_limit_on_the_size_of_files_refuses_a_write_and_does_not_end_the_server() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    let child = Command::new("prlimit")
        .arg("--fsize=4000000")
        .arg(binary("docdb-server").unwrap())
        .args(["--log-level", "error", "--data-dir"])
        .arg(directory.path().join("data"))
        .arg("--socket")
        .arg(&socket)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut server = Ended(child);
    assert!(matches!(wait_for_start(&mut server), Start::Serves));
    runtime().block_on(async {
        let database = open(&socket).await;
        let mut live = 0;
        let refused = loop {
            match upsert(&database, live + 1, "first").await {
                Ok(()) => live += 1,
                Err(error) => break error,
            }
            assert!(live < 1000, "no limit");
        };
        assert_eq!(refused.code(), Code::DiskFull, "{refused}");
        assert_eq!(refused.effect(), Effect::NotApplied, "{refused}");
        check(&database, live, "first").await;
    });
    assert_eq!(server.0.try_wait().unwrap(), None, "it goes on");
}
