use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use docdb_service::{EngineOptions, RunningService, Service, ServiceOptions};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A service in this process, and a directory that goes with it.
pub(crate) struct Harness {
    service: Option<RunningService>,
    runtime: Runtime,
    directory: TempDir,
}

/// What a run of the shell left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Ran {
    /// The lines of a run with `--json`.
    pub(crate) fn lines(&self) -> Vec<&str> {
        assert!(self.output.is_empty() || self.output.ends_with('\n'));
        self.output.lines().collect()
    }
}

impl Harness {
    pub(crate) fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap())
    }

    /// A service on what a directory holds.
    pub(crate) fn start_in(directory: TempDir) -> Self {
        let runtime = docdb_service::runtime(docdb_service::default_threads()).unwrap();
        let options = ServiceOptions {
            engine: EngineOptions::in_directory(directory.path().join("data")),
            socket_path: Some(directory.path().join("docdb.sock")),
            ..ServiceOptions::default()
        };
        let service = runtime.block_on(Service::start(options)).unwrap();
        Self {
            service: Some(service),
            runtime,
            directory,
        }
    }

    /// What a crash at this moment would leave.
    pub(crate) fn copy(&self) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        for part in ["data", "data/wal"] {
            std::fs::create_dir(copy.path().join(part)).unwrap();
            for entry in std::fs::read_dir(self.path(part)).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_file() {
                    let to = copy.path().join(part).join(entry.file_name());
                    std::fs::copy(entry.path(), to).unwrap();
                }
            }
        }
        copy
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file into the directory and answers its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs the shell on these arguments with this input.
    pub(crate) fn shell(&self, arguments: &[&str], input: &str) -> Ran {
        run(&self.path("docdb.sock"), arguments, input)
    }

    /// Runs lines with `-c` on the database `shop`.
    pub(crate) fn lines(&self, lines: &[&str]) -> Ran {
        let mut arguments = vec!["--db", "shop"];
        for line in lines {
            arguments.extend(["-c", line]);
        }
        self.shell(&arguments, "")
    }

    /// Runs lines on the database `shop`, each answered with JSON.
    pub(crate) fn json(&self, lines: &str) -> Ran {
        self.shell(&["--db", "shop", "--json"], lines)
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        if let Some(service) = self.service.take() {
            self.runtime.block_on(service.shutdown());
        }
    }
}

/// Runs the shell against whatever is at the socket.
pub(crate) fn run(socket: &Path, arguments: &[&str], input: &str) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_docdbsh"))
        .arg("--socket")
        .arg(socket)
        .args(arguments)
        .env_remove("DOCDB_SOCKET")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // A shell that ends early does not take all of its input.
    let writer = thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ran {
        status: status.code().unwrap(),
        output: String::from_utf8(stdout).unwrap(),
        errors: String::from_utf8(stderr).unwrap(),
    }
}
