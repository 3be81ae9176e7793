use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use docdb_service::{RunningService, Service, ServiceOptions, StartError};
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::runtime::Runtime;

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

/// A server in a temporary directory, on threads of its own.
///
/// The server has the defaults of the real one. Its threads are not those of the generator: they
/// block in syncs.
#[derive(Debug)]
pub struct OwnServer {
    // ORDER: dropped from the top: connections are cut, threads end, the directory goes.
    service: RunningService,
    threads: Threads,
    directory: TempDir,
}

/// Why there is no server of one's own.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OwnServerError {
    /// There is no directory or no thread for it.
    #[error("no place for a server of its own: {0}")]
    Place(#[from] std::io::Error),
    /// The service does not start.
    #[error("the server of its own does not start: {0}")]
    Start(#[from] StartError),
    /// Its start was broken off.
    #[error("the server of its own broke off")]
    BrokenOff,
}

impl OwnServer {
    /// Starts a server in a new directory in the system's place for temporary files.
    ///
    /// # Errors
    /// [`OwnServerError`].
    pub async fn start() -> Result<Self, OwnServerError> {
        let directory = tempfile::Builder::new()
            .prefix("docdb-loadtest-")
            .tempdir()?;
        let mut options = ServiceOptions {
            socket_path: Some(socket_in(directory.path())),
            ..ServiceOptions::default()
        };
        options.engine.data_directory = directory.path().join("data");
        options.engine.wal_directory = wal_in(directory.path());
        let threads = Threads(Some(docdb_service::runtime(
            docdb_service::default_threads(),
        )?));
        let service = threads.run(Service::start(options)).await;
        Ok(Self {
            service: service.ok_or(OwnServerError::BrokenOff)??,
            threads,
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

    /// Stops it and removes its directory.
    ///
    /// # Errors
    /// The system's, when the directory cannot be removed.
    pub async fn stop(self) -> std::io::Result<()> {
        let Self {
            service,
            threads,
            directory,
        } = self;
        // How cleanly it closes does not matter: all its files go.
        let _ = threads.run(service.shutdown()).await;
        drop(threads);
        directory.close()
    }
}

/// A runtime that may be dropped within another one.
#[derive(Debug)]
struct Threads(Option<Runtime>);

impl Threads {
    /// Runs something on these threads; `None` when it broke off.
    async fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        self.0.as_ref()?.spawn(future).await.ok()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // An asynchronous caller may not wait for threads.
            runtime.shutdown_background();
        }
    }
}

fn socket_in(directory: &Path) -> PathBuf {
    directory.join("docdb.sock")
}

fn wal_in(directory: &Path) -> PathBuf {
    directory.join("data").join("wal")
}
