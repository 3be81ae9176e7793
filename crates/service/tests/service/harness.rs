use std::path::{Path, PathBuf};
use std::time::Duration;

use docdb_ipc::{ClientCodec, Command, CreateMode, Execute, Reply, Request, RequestId, Response};
use docdb_service::{
    EngineOptions, RunningService, Service, ServiceOptions, ShutdownReport, TlsOptions,
};
use docdb_types::{
    Action, CheckpointScope, CollectionName, DatabaseId, DatabaseName, Document, DocumentId, Error,
    Limits, Operation, Outcome,
};
use futures_util::{SinkExt, StreamExt};
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_util::codec::Framed;

/// No answer of a healthy service takes this long, on however busy a machine: a test that waits
/// so long has found a request without an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A service in a directory of its own.
pub(crate) struct Harness {
    pub(crate) directory: TempDir,
    pub(crate) service: RunningService,
}

impl Harness {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut ServiceOptions)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut options = options_in(directory.path());
        change(&mut options);
        let service = Service::start(options).await.unwrap();
        Self { directory, service }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.service.socket_path().unwrap().to_owned()
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(&self.socket()).await
    }

    /// A client with a database open.
    pub(crate) async fn client_of(&self, database: &str) -> (Client, DatabaseId) {
        let mut client = self.connect().await;
        let id = client.open(database).await;
        (client, id)
    }

    pub(crate) async fn stop(self) -> (TempDir, ShutdownReport) {
        let report = timeout(PATIENCE, self.service.shutdown()).await.unwrap();
        (self.directory, report)
    }

    /// Stops, and starts again in the same directory.
    pub(crate) async fn restart(self) -> Self {
        let (directory, report) = self.stop().await;
        assert!(report.is_clean(), "{report:?}");
        let service = Service::start(options_in(directory.path())).await.unwrap();
        Self { directory, service }
    }
}

pub(crate) fn options_in(directory: &Path) -> ServiceOptions {
    ServiceOptions {
        engine: EngineOptions::in_directory(directory.join("data")),
        socket_path: Some(directory.join("docdb.sock")),
        ..ServiceOptions::default()
    }
}

/// Writes a certificate for `localhost` that is its own authority, and its key.
pub(crate) fn certified(directory: &Path) -> TlsOptions {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let options = TlsOptions {
        certificate: directory.join("certificate.pem"),
        key: directory.join("key.pem"),
    };
    std::fs::write(&options.certificate, made.cert.pem()).unwrap();
    std::fs::write(&options.key, made.signing_key.serialize_pem()).unwrap();
    options
}

/// A client that shows every frame.
pub(crate) struct Client {
    pub(crate) frames: Framed<UnixStream, ClientCodec>,
    next: RequestId,
}

impl Client {
    pub(crate) async fn connect(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).await.unwrap();
        let codec = ClientCodec::new(Limits::DEFAULT);
        Self {
            frames: Framed::new(stream, codec),
            next: RequestId::MIN,
        }
    }

    /// Puts a request into the buffer of what will be sent.
    pub(crate) async fn feed(&mut self, command: Command) -> RequestId {
        let id = self.next;
        self.next = id.next();
        self.frames.feed(Request { id, command }).await.unwrap();
        id
    }

    pub(crate) async fn flush(&mut self) {
        SinkExt::<Request>::flush(&mut self.frames).await.unwrap();
    }

    pub(crate) async fn send(&mut self, command: Command) -> RequestId {
        let id = self.feed(command).await;
        self.flush().await;
        id
    }

    /// The next answer; `None` where the connection ends.
    pub(crate) async fn receive(&mut self) -> Option<Response> {
        let next = timeout(PATIENCE, self.frames.next())
            .await
            .expect("an answer or an end");
        next.and_then(Result::ok)
    }

    pub(crate) async fn call(&mut self, command: Command) -> Result<Reply, Error> {
        let id = self.send(command).await;
        let response = self.receive().await.expect("an answer");
        assert_eq!(response.id, Some(id));
        response.result
    }

    pub(crate) async fn open(&mut self, name: &str) -> DatabaseId {
        let name = DatabaseName::new(name).unwrap();
        match self
            .call(Command::OpenDatabase {
                name,
                create: CreateMode::IfMissing,
            })
            .await
        {
            Ok(Reply::DatabaseOpened(opened)) => opened.id,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn execute(
        &mut self,
        database: DatabaseId,
        operations: Vec<Operation>,
    ) -> Vec<Result<Outcome, Error>> {
        match self.call(execute(database, operations)).await {
            Ok(Reply::Results(results)) => results,
            other => panic!("{other:?}"),
        }
    }

    /// Runs one operation.
    pub(crate) async fn one(
        &mut self,
        database: DatabaseId,
        operation: Operation,
    ) -> Result<Outcome, Error> {
        self.execute(database, vec![operation]).await.remove(0)
    }
}

pub(crate) fn execute(database: DatabaseId, operations: Vec<Operation>) -> Command {
    Command::Execute(Execute::new(database, false, operations))
}

pub(crate) fn results(response: Response) -> Vec<Result<Outcome, Error>> {
    match response.result {
        Ok(Reply::Results(results)) => results,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn id(number: u64) -> DocumentId {
    DocumentId::new(number).unwrap()
}

pub(crate) fn document(text: &str) -> Document {
    Document::new(
        bytes::Bytes::copy_from_slice(text.as_bytes()),
        &Limits::DEFAULT,
    )
    .unwrap()
}

pub(crate) fn on_default(action: Action) -> Operation {
    Operation {
        collection: CollectionName::DEFAULT,
        action,
    }
}

pub(crate) fn create(number: u64, text: &str) -> Operation {
    on_default(Action::Create {
        id: DocumentId::new(number),
        document: document(text),
    })
}

pub(crate) fn checkpoint(database: DatabaseId) -> Command {
    Command::Checkpoint {
        database,
        scope: CheckpointScope::Needed,
    }
}

pub(crate) fn read(number: u64) -> Operation {
    on_default(Action::Read { id: id(number) })
}

pub(crate) fn update(number: u64, text: &str) -> Operation {
    on_default(Action::Update {
        id: id(number),
        document: document(text),
        expected: None,
    })
}

pub(crate) fn upsert(number: u64, text: &str) -> Operation {
    on_default(Action::Upsert {
        id: id(number),
        document: document(text),
    })
}

pub(crate) fn delete(number: u64) -> Operation {
    on_default(Action::Delete {
        id: id(number),
        expected: None,
    })
}

/// The text of a document that was read.
pub(crate) fn text(outcome: &Result<Outcome, Error>) -> String {
    let document = outcome
        .as_ref()
        .unwrap()
        .document
        .clone()
        .expect("a document");
    String::from_utf8(document.to_vec()).unwrap()
}

/// A JSON string of exactly this many bytes.
pub(crate) fn string_of(length: usize) -> String {
    format!("\"{}\"", "x".repeat(length - 2))
}
