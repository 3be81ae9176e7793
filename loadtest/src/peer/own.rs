use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use docdb_types::DatabaseName;
use tempfile::TempDir;
use tokio::time::sleep;

use super::address::{Address, PeerUrl};
use super::programs::{User, in_path, postgres_folder, postgres_user};
use super::turns::PeersError;
use crate::link::Link;
use crate::server::{OwnServer, Running};

const LOOK_EVERY: Duration = Duration::from_millis(10);
const LONGEST_START: Duration = Duration::from_secs(60);
/// Connections beyond those of workers that a peer must have room for.
const SPARE_CONNECTIONS: usize = 20;
/// Names PostgreSQL's socket; nothing listens at a port of this number.
const POSTGRES_PORT: u16 = 5432;
/// What the database of PostgreSQL's own that is always there is called.
const ANY_DATABASE: &str = "loadtest";

/// A server that a turn started, with everything that it keeps in a temporary directory.
#[derive(Debug)]
pub(super) enum Own {
    Docdb(OwnServer),
    Peer(OwnPeer),
}

/// A peer in a temporary directory, which goes with it.
#[derive(Debug)]
pub(super) struct OwnPeer {
    // ORDER: dropped from the top: the process ends before its directory goes.
    process: Running,
    directory: TempDir,
    address: Address,
}

/// The programs of a peer.
#[derive(Debug, Clone)]
pub(super) enum Programs {
    Postgres { folder: PathBuf, user: Option<User> },
    Redis(PathBuf),
}

impl Programs {
    /// # Errors
    /// Why PostgreSQL cannot be started, in words.
    pub(super) fn of_postgres() -> Result<Self, String> {
        let folder = postgres_folder().ok_or("no initdb and postgres are installed")?;
        let user = postgres_user().map_err(|error| error.to_string())?;
        Ok(Self::Postgres { folder, user })
    }

    /// # Errors
    /// Why Redis cannot be started, in words.
    pub(super) fn of_redis() -> Result<Self, String> {
        let program = in_path("redis-server").ok_or("no redis-server is installed")?;
        Ok(Self::Redis(program))
    }

    /// Starts the peer in a new directory in the system's place for temporary files, with room for
    /// so many connections.
    pub(super) async fn start(&self, connections: usize) -> Result<OwnPeer, PeersError> {
        let directory = tempfile::Builder::new()
            .prefix("docdb-loadtest-")
            .tempdir()?;
        let (command, address) = match self {
            Self::Postgres { folder, user } => {
                make_postgres(folder, user.as_ref(), directory.path())?;
                postgres(folder, user.as_ref(), directory.path(), connections)
            }
            Self::Redis(program) => redis(program, directory.path(), connections),
        };
        let log = std::fs::File::create(directory.path().join("log"))?;
        let process = launch(command, log)?;
        let mut own = OwnPeer {
            process,
            directory,
            address,
        };
        own.wait().await?;
        Ok(own)
    }
}

impl Own {
    pub(super) fn directory(&self) -> &Path {
        match self {
            Self::Docdb(server) => server.directory(),
            Self::Peer(peer) => peer.directory.path(),
        }
    }

    pub(super) async fn stop(self) -> io::Result<()> {
        match self {
            Self::Docdb(server) => server.stop().await,
            Self::Peer(OwnPeer {
                mut process,
                directory,
                ..
            }) => {
                process.end()?;
                directory.close()
            }
        }
    }
}

impl OwnPeer {
    pub(super) const fn address(&self) -> &Address {
        &self.address
    }

    /// Waits until it answers.
    async fn wait(&mut self) -> Result<(), PeersError> {
        let database = DatabaseName::new(ANY_DATABASE).map_err(|_| PeersError::Silent {
            said: String::new(),
        })?;
        let latest = Instant::now() + LONGEST_START;
        while !self.process.has_ended()? && Instant::now() < latest {
            if Link::connect(&self.address, &database).await.is_ok() {
                return Ok(());
            }
            sleep(LOOK_EVERY).await;
        }
        let said = std::fs::read_to_string(self.directory.path().join("log"))?;
        Err(PeersError::Silent { said })
    }
}

fn launch(mut command: Command, log: std::fs::File) -> io::Result<Running> {
    let child = command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Ctrl-C is for who started it.
        .process_group(0)
        .spawn()?;
    Ok(Running::of(child))
}

/// Makes a cluster of its own, which belongs to the user that runs it.
fn make_postgres(folder: &Path, user: Option<&User>, directory: &Path) -> Result<(), PeersError> {
    if let Some(user) = user {
        // The files within belong to that user, and so does the way to them.
        std::fs::set_permissions(directory, PermissionsExt::from_mode(0o755))?;
        chown(directory, Some(user.uid), Some(user.gid))?;
    }
    let mut command = Command::new(folder.join("initdb"));
    command.args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
    command.args(["--username=postgres", "--pgdata"]);
    command.arg(directory.join("data"));
    run_as(&mut command, user, directory);
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(PeersError::Silent { said })
}

fn postgres(
    folder: &Path,
    user: Option<&User>,
    directory: &Path,
    connections: usize,
) -> (Command, Address) {
    let mut command = Command::new(folder.join("postgres"));
    command.arg("-D").arg(directory.join("data"));
    let most = format!("max_connections={}", connections + SPARE_CONNECTIONS);
    let place = format!("unix_socket_directories={}", directory.display());
    for setting in [
        "listen_addresses=",
        "fsync=on",
        "synchronous_commit=on",
        "full_page_writes=on",
        // What a server is given that has this machine to itself.
        "shared_buffers=512MB",
        "max_wal_size=4GB",
        "wal_level=minimal",
        "max_wal_senders=0",
        &most,
        &place,
    ] {
        command.args(["-c", setting]);
    }
    run_as(&mut command, user, directory);
    let socket = directory.join(format!(".s.PGSQL.{POSTGRES_PORT}"));
    let url = PeerUrl::local(socket, Some("postgres".to_owned()));
    (command, Address::Postgres(url))
}

fn redis(program: &Path, directory: &Path, connections: usize) -> (Command, Address) {
    let socket = directory.join("redis.sock");
    let mut command = Command::new(program);
    command
        .args(["--port", "0", "--unixsocket"])
        .arg(&socket)
        .arg("--dir")
        .arg(directory)
        .args(["--appendonly", "yes", "--appendfsync", "always"])
        .args(["--save", "", "--maxclients"])
        .arg((connections + SPARE_CONNECTIONS).to_string());
    let address = Address::Redis(PeerUrl::local(socket, None));
    (command, address)
}

fn run_as(command: &mut Command, user: Option<&User>, directory: &Path) {
    command.current_dir(directory);
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid).env("USER", &user.name);
    }
}
