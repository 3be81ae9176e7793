//! A server whose every answer is written by the test.

use docdb_client::{
    Client, ClientOptions, Command, CreateMode, Database, Endpoint, FrameLimit, OpenedDatabase,
    Reply, RequestId, Response, RetryPolicy, ServerHello,
};
use docdb_ipc::{PROTOCOL_VERSION, Request, ServerCodec};
use docdb_types::{
    Change, Code, CollectionName, DatabaseId, Document, DocumentId, Error, FsyncMode, Limits,
    Outcome, Version,
};
use futures_util::{SinkExt, StreamExt};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;
use tokio_util::codec::Framed;

/// A client that says nothing for so long will not say anything: the test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Script {
    directory: TempDir,
    listener: UnixListener,
}

impl Script {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("socket")).unwrap();
        Self {
            directory,
            listener,
        }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::Unix(self.directory.path().join("socket"))
    }

    /// The next connection, before its hello.
    pub(crate) async fn accept(&self) -> Peer {
        let (stream, _) = timeout(PATIENCE, self.listener.accept())
            .await
            .unwrap()
            .unwrap();
        Peer {
            framed: Framed::new(stream, ServerCodec::new(Limits::DEFAULT)),
        }
    }

    /// The next connection, behind its hello.
    pub(crate) async fn welcome(&self) -> Peer {
        let mut peer = self.accept().await;
        let hello = peer.request().await;
        assert!(matches!(hello.command, Command::Hello(_)));
        peer.answer(hello.id, Ok(server_hello())).await;
        peer
    }

    pub(crate) async fn client(&self) -> (Client, Peer) {
        self.client_with(options()).await
    }

    pub(crate) async fn client_with(&self, options: ClientOptions) -> (Client, Peer) {
        let endpoint = self.endpoint();
        let (client, peer) = tokio::join!(Client::connect(&endpoint, options), self.welcome());
        (client.unwrap(), peer)
    }

    /// A client with an open database of id 1.
    pub(crate) async fn database(&self) -> (Client, Database, Peer) {
        let (client, mut peer) = self.client().await;
        let (database, ()) = tokio::join!(
            client.open("shop", CreateMode::IfMissing),
            peer.open_database(1)
        );
        let database = database.unwrap();
        (client, database, peer)
    }
}

pub(crate) struct Peer {
    pub(crate) framed: Framed<UnixStream, ServerCodec>,
}

impl Peer {
    pub(crate) async fn request(&mut self) -> Request {
        let next = timeout(PATIENCE, self.framed.next());
        next.await.unwrap().unwrap().unwrap().unwrap()
    }

    pub(crate) async fn answer(&mut self, id: RequestId, result: Result<Reply, Error>) {
        self.framed
            .send(Response {
                id: Some(id),
                result,
            })
            .await
            .unwrap();
    }

    /// Answers the next request, which it returns.
    pub(crate) async fn answer_next(&mut self, result: Result<Reply, Error>) -> Command {
        let request = self.request().await;
        self.answer(request.id, result).await;
        request.command
    }

    pub(crate) async fn open_database(&mut self, id: u64) {
        let opened = OpenedDatabase {
            id: DatabaseId::new(id),
            created: false,
            fsync_mode: FsyncMode::Group,
        };
        let command = self.answer_next(Ok(Reply::DatabaseOpened(opened))).await;
        assert!(
            matches!(command, Command::OpenDatabase { .. }),
            "{command:?}"
        );
    }

    /// Says that the server stops, and closes.
    pub(crate) async fn take_leave(mut self) {
        let error = Error::new(Code::PoolStopped, "the server is stopping");
        let farewell = Response {
            id: None,
            result: Err(error),
        };
        self.framed.send(farewell).await.unwrap();
    }

    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        self.framed.get_mut().write_all(bytes).await.unwrap();
    }

    /// Whether the client is gone.
    pub(crate) async fn is_left(&mut self) -> bool {
        timeout(PATIENCE, self.framed.next())
            .await
            .unwrap()
            .is_none()
    }
}

pub(crate) fn options() -> ClientOptions {
    let retry = RetryPolicy {
        first_delay: Duration::from_millis(1),
        max_delay: Duration::from_millis(2),
        ..RetryPolicy::default()
    };
    ClientOptions {
        retry,
        ..ClientOptions::default()
    }
}

pub(crate) fn server_hello() -> Reply {
    Reply::Hello(ServerHello {
        protocol_version: PROTOCOL_VERSION,
        server_version: "script".to_owned(),
        fsync_mode: FsyncMode::Group,
        limits: Limits::DEFAULT,
        frame_limit: FrameLimit::default(),
    })
}

pub(crate) fn id(number: u64) -> DocumentId {
    DocumentId::new(number).unwrap()
}

pub(crate) fn document(text: &str) -> Document {
    Document::from_text(text, &Limits::DEFAULT).unwrap()
}

pub(crate) fn collection() -> CollectionName {
    CollectionName::DEFAULT
}

pub(crate) fn created(number: u64) -> Reply {
    let outcome = Outcome {
        id: id(number),
        version: Version::new(1),
        change: Change::Created,
        document: None,
        may_be_older: false,
    };
    Reply::Results(vec![Ok(outcome)])
}

pub(crate) fn read(number: u64, text: &'static str) -> Reply {
    let outcome = Outcome {
        id: id(number),
        version: Version::new(1),
        change: Change::Read,
        document: Some(text.into()),
        may_be_older: false,
    };
    Reply::Results(vec![Ok(outcome)])
}

pub(crate) fn queue_full() -> Error {
    Error::new(Code::QueueFull, "the queue is full")
}
