use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything that is waited for may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A directory for one server, and how to run the program there.
pub(crate) struct Place {
    directory: tempfile::TempDir,
}

/// A server that runs; killed when dropped.
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    /// The program with the directory as its own, and nothing of the environment that it reads.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_docdb-server"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DOCDB_") {
                command.env_remove(name);
            }
        }
        command.current_dir(self.directory.path());
        command.stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// Starts a server, on `./socket` and `./data` unless the arguments say otherwise, and waits until it says that it serves.
    pub(crate) fn start(&self, arguments: &[&str]) -> Server {
        self.start_with(arguments, |_| {})
    }

    /// The same with more said about the process.
    pub(crate) fn start_with(
        &self,
        arguments: &[&str],
        change: impl FnOnce(&mut Command),
    ) -> Server {
        self.launch(self.command(), arguments, change)
    }

    /// Starts a server that may have so many files open and no more.
    pub(crate) fn start_with_descriptors(&self, most: u32, arguments: &[&str]) -> Server {
        let program = self.command();
        let mut limited = Command::new("prlimit");
        limited
            .arg(format!("--nofile={most}:{most}"))
            .arg(program.get_program())
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        self.launch(limited, arguments, |_| {})
    }

    fn launch(
        &self,
        mut command: Command,
        arguments: &[&str],
        change: impl FnOnce(&mut Command),
    ) -> Server {
        let socket = arguments.iter().skip_while(|it| **it != "--socket").nth(1);
        let log = self.path(&socket.map_or_else(|| "log".to_owned(), |it| format!("{it}.log")));
        for (flag, value) in [("--socket", "socket"), ("--data-dir", "data")] {
            if !arguments.contains(&flag) {
                command.args([flag, value]);
            }
        }
        command
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap());
        change(&mut command);
        let mut server = Server {
            child: command.spawn().unwrap(),
            log,
        };
        server.wait_for_log("serving");
        server
    }
}

impl Server {
    /// What was logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until the log holds a text.
    pub(crate) fn wait_for_log(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            if log.contains(text) {
                return log;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended ({ended:?}): {log}");
            assert!(
                Instant::now() < deadline,
                "{text:?} is not in the log: {log}"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Asks it to end, and waits.
    pub(crate) fn terminate(mut self) -> (ExitStatus, String) {
        self.signal("TERM");
        let status = self.wait();
        (status, self.log())
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ended already, in the ordinary case.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program wrote, as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Whether a path exists.
pub(crate) fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
