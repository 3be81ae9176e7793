//! Backups of a data directory, whether or not a server has it open.

use std::path::Path;
use std::time::Duration;

use docdb_engine::{
    BackupOptions, BackupReport, EngineOptions, Host, back_up, back_up_closed, holder,
};
use docdb_ipc::{ClientCodec, Command, CreateMode, Reply, Request, RequestId};
use docdb_types::{CheckpointScope, Code, DatabaseName, Error, Limits};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_util::codec::Framed;

/// How long a server has to take a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// Backs up databases of a data directory: beside the server that has it open, which is found at
/// `socket` and asked for checkpoints, or else alone.
///
/// # Durability
/// As for [`back_up`].
///
/// # Errors
/// Those of [`back_up`]; `FileOpen` where another process than the server at `socket` has the
/// directory open.
pub fn back_up_directory(
    host: &Host,
    engine: &EngineOptions,
    options: &BackupOptions,
    socket: &Path,
) -> Result<BackupReport, Error> {
    let Some(process) = holder(host, &options.data_directory)? else {
        return back_up_closed(host, engine, options);
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::new(Code::Internal, format!("no runtime: {error}")))?;
    let server = Server { socket, process };
    back_up(host, options, &mut |name| {
        runtime.block_on(server.checkpoint(name))
    })
}

/// The server that has a data directory open.
struct Server<'a> {
    socket: &'a Path,
    /// Its process, as the lock of the directory names it.
    process: Option<u32>,
}

impl Server<'_> {
    /// Has a checkpoint made, over a connection of its own: none is left idle while files are
    /// copied.
    async fn checkpoint(&self, name: &DatabaseName) -> Result<u64, Error> {
        let mut line = Line::connect(self).await?;
        let open = Command::OpenDatabase {
            name: name.clone(),
            create: CreateMode::Never,
        };
        let Reply::DatabaseOpened(opened) = line.call(open).await? else {
            return Err(unexpected());
        };
        let database = opened.id;
        let whole = Command::Checkpoint {
            database,
            scope: CheckpointScope::Whole,
        };
        match line.call(whole).await? {
            Reply::Checkpoint(report) => Ok(report.generation),
            _ => Err(unexpected()),
        }
    }

    fn holder(&self) -> String {
        self.process.map_or_else(
            || "another process".to_owned(),
            |id| format!("process {id}"),
        )
    }
}

/// A connection to it.
struct Line {
    frames: Framed<UnixStream, ClientCodec>,
    next: RequestId,
}

impl Line {
    async fn connect(server: &Server<'_>) -> Result<Self, Error> {
        let socket = server.socket.display();
        let holder = server.holder();
        let refused = |why: String| {
            let text = format!(
                "{holder} has the data directory open, and {why}: give its socket with --socket"
            );
            Error::new(Code::PoolStopped, text)
        };
        let stream = match timeout(PATIENCE, UnixStream::connect(server.socket)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                return Err(refused(format!("no server answers at {socket} ({error})")));
            }
            Err(_) => return Err(refused(format!("no server answers at {socket} in time"))),
        };
        let peer = stream.peer_cred().ok().and_then(|peer| peer.pid());
        let peer = peer.and_then(|id| u32::try_from(id).ok());
        if let (Some(found), Some(wanted)) = (peer, server.process)
            && found != wanted
        {
            return Err(refused(format!(
                "process {found} is the server at {socket}"
            )));
        }
        Ok(Self {
            frames: Framed::new(stream, ClientCodec::new(Limits::DEFAULT)),
            next: RequestId::MIN,
        })
    }

    async fn call(&mut self, command: Command) -> Result<Reply, Error> {
        let id = self.next;
        self.next = id.next();
        self.frames.send(Request { id, command }).await?;
        match self.frames.next().await {
            Some(response) => response?.result,
            None => Err(Error::new(
                Code::PoolStopped,
                "the server closed the connection",
            )),
        }
    }
}

fn unexpected() -> Error {
    Error::new(Code::Internal, "the answer does not belong to the request")
}
