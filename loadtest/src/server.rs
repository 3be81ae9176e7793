use std::io::{ErrorKind, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use docdb_service::{Service, ServiceOptions, StartError};
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::time::sleep;

/// The server is looked for so often while it starts.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// It must have started by then.
const LONGEST_START: Duration = Duration::from_secs(60);

/// Whether anybody listens at a Unix socket.
///
/// # Errors
/// The system's, when it is not known: the socket may not be connected to.
pub async fn listens(socket: &Path) -> std::io::Result<bool> {
    match UnixStream::connect(socket).await {
        Ok(_) => Ok(true),
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => Ok(false),
            _ => Err(error),
        },
    }
}

/// A server in a temporary directory, in a process of its own, so that its processor time and
/// memory are its own, and so that it can be killed.
///
/// It has the defaults of the real one, and ends when its standard input does: never later than
/// who started it.
#[derive(Debug)]
pub struct OwnServer {
    program: PathBuf,
    // ORDER: dropped from the top: the process ends before its directory goes.
    process: Running,
    directory: TempDir,
}

/// A process that is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Running(Child);

/// Why there is no server of one's own.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OwnServerError {
    /// There is no directory, process or thread for it.
    #[error("no place for a server of its own: {0}")]
    Place(#[from] std::io::Error),
    /// The service does not start.
    #[error("the server of its own does not start: {0}")]
    Start(#[from] StartError),
    /// Its process ended, or does not listen.
    #[error("the server of its own does not come up")]
    Silent,
}

impl OwnServer {
    /// Starts a server in a new directory in the system's place for temporary files. `program` is
    /// the load generator's: its command `serve` calls [`serve`].
    ///
    /// # Errors
    /// [`OwnServerError`].
    pub async fn start(program: &Path) -> Result<Self, OwnServerError> {
        let directory = tempfile::Builder::new()
            .prefix("docdb-loadtest-")
            .tempdir()?;
        let process = launch(program, directory.path()).await?;
        Ok(Self {
            program: program.to_owned(),
            process,
            directory,
        })
    }

    /// Where everything of it is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        socket_in(self.directory.path())
    }

    /// Where its logs are.
    #[must_use]
    pub fn wal_dir(&self) -> PathBuf {
        wal_in(self.directory.path())
    }

    /// Kills it with SIGKILL and starts it again on the same directory. Answers how long nobody
    /// listened.
    ///
    /// # Errors
    /// [`OwnServerError`].
    pub async fn kill_and_restart(&mut self) -> Result<Duration, OwnServerError> {
        let killed = Instant::now();
        self.process.end()?;
        self.process = launch(&self.program, self.directory.path()).await?;
        Ok(killed.elapsed())
    }

    /// Ends it and removes its directory.
    ///
    /// # Errors
    /// The system's, when the directory cannot be removed.
    pub async fn stop(self) -> std::io::Result<()> {
        let Self {
            mut process,
            directory,
            ..
        } = self;
        // How cleanly it ends does not matter: all its files go.
        process.end()?;
        directory.close()
    }
}

impl Running {
    pub(crate) const fn of(child: Child) -> Self {
        Self(child)
    }

    pub(crate) fn has_ended(&mut self) -> std::io::Result<bool> {
        Ok(self.0.try_wait()?.is_some())
    }

    pub(crate) fn end(&mut self) -> std::io::Result<()> {
        self.0.kill()?;
        self.0.wait().map(drop)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.end();
    }
}

async fn launch(program: &Path, directory: &Path) -> Result<Running, OwnServerError> {
    let child = Command::new(program)
        .arg("serve")
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        // Ctrl-C is for who started it.
        .process_group(0)
        .spawn()?;
    let mut process = Running(child);
    let latest = Instant::now() + LONGEST_START;
    while !process.has_ended()? && Instant::now() < latest {
        if listens(&socket_in(directory)).await? {
            return Ok(process);
        }
        sleep(LOOK_EVERY).await;
    }
    Err(OwnServerError::Silent)
}

/// Serves a directory until standard input ends: the process of an [`OwnServer`].
///
/// # Errors
/// [`OwnServerError`].
pub fn serve(directory: &Path) -> Result<(), OwnServerError> {
    let runtime = docdb_service::runtime(docdb_service::default_threads())?;
    let mut options = ServiceOptions {
        socket_path: Some(socket_in(directory)),
        max_connections: usize::from(u16::MAX),
        ..ServiceOptions::default()
    };
    options.engine.data_directory = directory.join("data");
    options.engine.wal_directory = wal_in(directory);
    // As the server sets it.
    options.engine.preallocate_bytes = 256 << 10;
    options.engine.document_cache_bytes = options.engine.global_memory_bytes / 4;
    let service = runtime.block_on(Service::start(options))?;
    let mut rest = Vec::new();
    std::io::stdin().read_to_end(&mut rest)?;
    runtime.block_on(service.shutdown());
    Ok(())
}

fn socket_in(directory: &Path) -> PathBuf {
    directory.join("docdb.sock")
}

fn wal_in(directory: &Path) -> PathBuf {
    directory.join("data").join("wal")
}
