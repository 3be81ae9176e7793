use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;
use tokio::net::{UnixListener, UnixSocket, UnixStream};

/// Connections that the system keeps waiting until they are accepted.
const BACKLOG: u32 = 1024;
/// How long a server that owns the path has to take a connection before it counts as alive and
/// busy, and how long another start at the same path is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// The file of a Unix socket that this process listens on.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: Identity,
}

/// Which file a path leads to, whatever the file is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

/// Why a server cannot listen at a path. What is there is left as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketError {
    /// Another server answers there.
    #[error("a server{} is already listening at {}", process(*pid), path.display())]
    Live {
        /// The path.
        path: PathBuf,
        /// The process that listens, where the system tells.
        pid: Option<i32>,
    },
    /// Something that is not a socket is there.
    #[error("{} exists and is not a socket but a {found}", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// The system refuses.
    #[error("cannot {action} {}: {source}", path.display())]
    System {
        /// What was tried.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The refusal.
        source: io::Error,
    },
}

impl SocketFile {
    /// Listens at a path, which nobody but the owner (or whom `mode` names) can connect to from
    /// the first moment on. A socket that no server answers at is replaced.
    ///
    /// # Errors
    /// [`SocketError`]; the path is then as it was before.
    pub(crate) async fn listen(
        path: &Path,
        mode: u32,
    ) -> Result<(UnixListener, Self), SocketError> {
        let failed = |action: &'static str| move |source: io::Error| system(action, path, source);
        let mode = Mode::from_raw_mode(mode);
        let turn = take_turn(path).await;
        clear(path).await?;

        let socket = UnixSocket::new_stream().map_err(failed("create a socket for"))?;
        // The file gets the mode of the unbound socket (less the umask), so that it never exists
        // with a wider one.
        rustix::fs::fchmod(&socket, mode)
            .map_err(|error| system("set the mode of", path, error))?;
        socket.bind(path).map_err(failed("bind"))?;
        let listener = socket.listen(BACKLOG).map_err(failed("listen at"))?;
        rustix::fs::chmod(path, mode).map_err(|error| system("set the mode of", path, error))?;
        let stat = rustix::fs::lstat(path).map_err(|error| system("inspect", path, error))?;
        drop(turn);
        Ok((
            listener,
            Self {
                path: path.to_owned(),
                identity: Identity::of(&stat),
            },
        ))
    }

    /// Refuses a path that [`listen`](Self::listen) would refuse, so that a start in vain leaves
    /// nothing behind. Changes nothing.
    ///
    /// # Errors
    /// [`SocketError`].
    pub(crate) async fn check(path: &Path) -> Result<(), SocketError> {
        inspect(path).await.map(drop)
    }

    /// Removes the file, unless the path leads to another one by now.
    pub(crate) fn remove(self) {
        let is_ours =
            rustix::fs::lstat(&self.path).is_ok_and(|stat| Identity::of(&stat) == self.identity);
        if is_ours && let Err(error) = rustix::fs::unlink(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the socket is left behind");
        }
    }
}

impl Identity {
    #[allow(
        clippy::unnecessary_cast,
        clippy::cast_sign_loss,
        reason = "the types of these fields differ between systems"
    )]
    const fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
        }
    }
}

/// What stands in nobody's way at the path of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vacancy {
    /// Nothing is there.
    Empty,
    /// A socket that no server answers at.
    Stale,
}

/// Removes a socket that no server answers at, and nothing else.
async fn clear(path: &Path) -> Result<(), SocketError> {
    if inspect(path).await? == Vacancy::Stale {
        tracing::info!(path = %path.display(), "the socket of a dead server is replaced");
        rustix::fs::unlink(path).map_err(|error| system("remove the stale", path, error))?;
    }
    Ok(())
}

/// Finds out what is at a path, and leaves it as it is.
async fn inspect(path: &Path) -> Result<Vacancy, SocketError> {
    let stat = match rustix::fs::lstat(path) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(Vacancy::Empty),
        Err(error) => return Err(system("inspect", path, error)),
    };
    if let Some(found) = kind_other_than_socket(&stat) {
        return Err(SocketError::NotASocket {
            path: path.to_owned(),
            found,
        });
    }
    match tokio::time::timeout(PATIENCE, UnixStream::connect(path)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(Vacancy::Stale),
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Ok(Vacancy::Empty),
        Ok(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(system("find out who listens at", path, error))
        }
        Ok(Ok(stream)) => Err(SocketError::Live {
            path: path.to_owned(),
            pid: stream.peer_cred().ok().and_then(|peer| peer.pid()),
        }),
        // It is too busy to take the connection: its queue of connections is full.
        Ok(Err(_)) | Err(_) => Err(SocketError::Live {
            path: path.to_owned(),
            pid: None,
        }),
    }
}

fn process(pid: Option<i32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
}

fn kind_other_than_socket(stat: &Stat) -> Option<&'static str> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Socket => None,
        FileType::Directory => Some("directory"),
        FileType::RegularFile => Some("file"),
        FileType::Symlink => Some("symbolic link"),
        _ => Some("special file"),
    }
}

/// Waits until no other server is starting at a path of the same directory: between its bind and
/// its listen a socket looks like one of a dead server.
///
/// Where the directory cannot be locked the start goes on without.
async fn take_turn(path: &Path) -> Option<OwnedFd> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(directory, flags, Mode::empty()).ok()?;
    let pause = Duration::from_millis(10);
    let mut waited = Duration::ZERO;
    while waited < PATIENCE {
        match rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => tokio::time::sleep(pause).await,
            Err(_) => return None,
            Ok(()) => return Some(directory),
        }
        waited += pause;
    }
    None
}

fn system(action: &'static str, path: &Path, source: impl Into<io::Error>) -> SocketError {
    SocketError::System {
        action,
        path: path.to_owned(),
        source: source.into(),
    }
}
