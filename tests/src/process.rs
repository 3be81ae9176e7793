use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a server may take to listen.
/// What a person runs.
const PROGRAMS: [&str; 3] = ["docdb-server", "docdb-loadtest", "docdbsh"];
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A server of its own process on a directory, killed when dropped.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    socket: PathBuf,
}

impl ServerProcess {
    /// Starts `docdb-server` on a directory and waits until it listens.
    ///
    /// # Errors
    /// When it cannot be started, ends, or does not listen in time.
    pub fn start(directory: &Path, arguments: &[&str]) -> io::Result<Self> {
        Self::start_with(directory, arguments, &[])
    }

    /// [`start`](Self::start) with settings in the environment of the server.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub fn start_with(
        directory: &Path,
        arguments: &[&str],
        settings: &[(&str, &str)],
    ) -> io::Result<Self> {
        let mut command = Self::command(directory)?;
        command.args(arguments).envs(settings.iter().copied());
        Self::wait_for(directory, command)
    }

    /// Runs a command that ends in a server on this directory, and waits until it listens.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub fn wait_for(directory: &Path, mut command: Command) -> io::Result<Self> {
        let socket = directory.join("socket");
        let child = command.spawn()?;
        let mut server = Self { child, socket };
        let deadline = Instant::now() + START_TIMEOUT;
        while std::os::unix::net::UnixStream::connect(&server.socket).is_err() {
            if let Some(status) = server.child.try_wait()? {
                return Err(io::Error::other(format!(
                    "the server ended at its start: {status}"
                )));
            }
            if Instant::now() > deadline {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the server does not listen",
                ));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(server)
    }

    /// The command that [`start`](Self::start) runs, for starts that are meant to fail.
    ///
    /// # Errors
    /// When the binary cannot be built.
    pub fn command(directory: &Path) -> io::Result<Command> {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(directory.join("log"))?;
        let mut command = Command::new(binary("docdb-server")?);
        // How long a harness runs is none of the server's settings.
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"DOCDB_") {
                command.env_remove(name);
            }
        }
        command
            .arg("--data-dir")
            .arg(directory.join("data"))
            .arg("--wal-dir")
            .arg(directory.join("wal"))
            .arg("--socket")
            .arg(directory.join("socket"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        Ok(command)
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The number of the process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended by itself.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn is_running(&mut self) -> io::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Ends it as a crash of the process does.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Sends it a signal by its name.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn signal(&self, name: &str) -> io::Result<()> {
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.pid().to_string())
            .status()?;
        if status.success() {
            return Ok(());
        }
        Err(io::Error::other("the signal was not sent"))
    }

    /// Asks it to end, and waits.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn terminate(self) -> io::Result<ExitStatus> {
        let status = Command::new("kill")
            .arg("-TERM")
            .arg(self.pid().to_string())
            .status()?;
        if !status.success() {
            return Err(io::Error::other("the signal was not sent"));
        }
        self.wait()
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn wait(mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Ended already, in the ordinary case.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program of this workspace in the profile of the running test; the first who asks has them built.
///
/// # Errors
/// When they cannot be built.
pub fn binary(package: &str) -> io::Result<PathBuf> {
    static BUILT: Mutex<Option<PathBuf>> = Mutex::new(None);
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let directory = match &*built {
        Some(directory) => directory,
        None => built.insert(build()?),
    };
    Ok(directory.join(package))
}

/// Cargo, as a person calls it.
///
/// Build scripts look at what a test is told about its package, and would take this for another build
/// than that of a person, whose next build would then begin anew.
#[must_use]
pub fn cargo() -> Command {
    let mut command = Command::new(env!("CARGO"));
    let of_this_package = ["CARGO_PKG_", "CARGO_MANIFEST_"];
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if of_this_package.iter().any(|begun| name.starts_with(begun)) {
            command.env_remove(&*name);
        }
    }
    command
}

/// The command that builds the programs, all at once: one by one, what they share would be compiled
/// once for each, with other features.
#[must_use]
pub fn build_programs() -> Command {
    let mut command = cargo();
    command
        .args(["build", "--quiet", "--bins"])
        .args(PROGRAMS.iter().flat_map(|program| ["-p", *program]));
    command
}

/// Builds the programs; returns the directory that they are in.
fn build() -> io::Result<PathBuf> {
    let mut directory = std::env::current_exe()?;
    directory.pop();
    if directory.ends_with("deps") {
        directory.pop();
    }
    let mut command = build_programs();
    command
        .arg("--manifest-path")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .arg("--target-dir")
        .arg(directory.parent().unwrap_or(&directory));
    if directory.ends_with("release") {
        command.arg("--release");
    }
    if !command.status()?.success() {
        return Err(io::Error::other("the programs do not build"));
    }
    Ok(directory)
}
