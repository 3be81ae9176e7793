//! A connection beside which somebody watches the disk.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::BytesMut;
use docdb_ipc::{ClientCodec, Reply, Response};
use docdb_service::ServiceOptions;
use docdb_types::{Code, Effect, Error, Limits, Outcome};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_util::codec::Decoder as _;

use super::message::{Command, Message, create, execute, open, read};
use crate::harness::{Harness, PATIENCE, text};

/// No document of any test has this id.
const UNTOUCHED: u64 = 4_711;

/// A service, and a connection to it that has the database `a` open.
pub(super) struct Watched {
    pub(super) harness: Harness,
    stream: UnixStream,
    input: BytesMut,
    last_id: u64,
    pub(super) database: u64,
}

impl Watched {
    pub(super) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(super) async fn start_with(change: impl FnOnce(&mut ServiceOptions)) -> Self {
        Self::on(Harness::start_with(change).await).await
    }

    pub(super) async fn on(harness: Harness) -> Self {
        let stream = UnixStream::connect(harness.socket()).await.unwrap();
        let mut watched = Self {
            harness,
            stream,
            input: BytesMut::new(),
            last_id: 0,
            database: 0,
        };
        watched.database = watched.open("a").await;
        watched
    }

    /// Ends the connection.
    pub(super) fn into_harness(self) -> Harness {
        self.harness
    }

    /// Stops the service and starts it again with its default options.
    pub(super) async fn restart(self) -> Self {
        drop(self.stream);
        Self::on(self.harness.restart().await).await
    }

    pub(super) async fn open(&mut self, name: &str) -> u64 {
        match self.ask(&open(name, 0)).await {
            Ok(Reply::DatabaseOpened(opened)) => opened.id.get(),
            other => panic!("{name:?}: {other:?}"),
        }
    }

    /// Sends a command and answers what came back under its id.
    pub(super) async fn ask(&mut self, command: &Command) -> Result<Reply, Error> {
        let id = self.send(command).await;
        let response = self.receive().await;
        assert_eq!(response.id.map(docdb_ipc::RequestId::get), Some(id));
        response.result
    }

    pub(super) async fn send(&mut self, command: &Command) -> u64 {
        self.last_id += 1;
        let request = Message::new()
            .number(1, self.last_id)
            .message(command.field, &command.message);
        self.stream.write_all(&request.frame()).await.unwrap();
        self.last_id
    }

    pub(super) async fn receive(&mut self) -> Response {
        let mut codec = ClientCodec::new(Limits::DEFAULT);
        loop {
            if let Some(response) = codec.decode(&mut self.input).unwrap() {
                return response;
            }
            let read = timeout(PATIENCE, self.stream.read_buf(&mut self.input));
            assert_ne!(read.await.expect("an answer").unwrap(), 0, "an end");
        }
    }

    /// Runs one operation.
    pub(super) async fn run(&mut self, operation: &Message) -> Result<Outcome, Error> {
        let request = execute(self.database, false, std::slice::from_ref(operation));
        match self.ask(&request).await? {
            Reply::Results(mut results) => results.remove(0),
            other => panic!("{other:?}"),
        }
    }

    /// The operation is served.
    pub(super) async fn serves(&mut self, what: &str, operation: &Message) -> Outcome {
        match self.run(operation).await {
            Ok(outcome) => outcome,
            Err(error) => panic!("{what}: {error}"),
        }
    }

    /// The text of a document.
    pub(super) async fn document(&mut self, id: u64) -> String {
        text(&self.run(&read(id)).await)
    }

    /// The request is refused as a whole, and nothing on the disk has changed.
    pub(super) async fn refuses(&mut self, what: &str, command: &Command, code: Code) -> Error {
        let before = self.disk();
        let error = match self.ask(command).await {
            Err(error) => error,
            Ok(reply) => panic!("{what}: {reply:?}"),
        };
        check(what, &error, code);
        assert_eq!(difference(&before, &self.disk()), None, "{what}");
        error
    }

    /// The operation is refused by itself, and nothing on the disk has changed.
    pub(super) async fn refuses_alone(&mut self, what: &str, operation: &Message, code: Code) {
        let before = self.disk();
        match self.run(operation).await {
            Err(error) => check(what, &error, code),
            Ok(outcome) => panic!("{what}: {outcome:?}"),
        }
        assert_eq!(difference(&before, &self.disk()), None, "{what}");
    }

    /// The operation is refused: by itself, and with the whole of a transaction behind a write that
    /// could have been applied. Nothing on the disk has changed.
    pub(super) async fn refuses_operation(&mut self, what: &str, operation: &Message, code: Code) {
        self.refuses_alone(what, operation, code).await;
        let pair = [create(UNTOUCHED, "{}"), operation.clone()];
        let transaction = execute(self.database, true, &pair);
        let error = self.refuses(what, &transaction, code).await;
        assert_eq!(error.context().step, Some(1), "{what}: {error}");
    }

    /// Everything on the disk.
    pub(super) fn disk(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        gather(&self.harness.directory.path().join("data"), &mut files);
        assert!(files.keys().any(|path| path.contains("wal")), "a log");
        files
    }
}

fn gather(directory: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, files);
        } else {
            let content = std::fs::read(&path).unwrap();
            files.insert(path.to_str().unwrap().to_owned(), content);
        }
    }
}

/// The first file that is not what it was.
fn difference(
    before: &BTreeMap<String, Vec<u8>>,
    after: &BTreeMap<String, Vec<u8>>,
) -> Option<String> {
    let mut paths = before.keys().chain(after.keys());
    paths
        .find(|path| before.get(*path) != after.get(*path))
        .cloned()
}

fn check(what: &str, error: &Error, code: Code) {
    assert_eq!(error.code(), code, "{what}: {error}");
    assert_eq!(error.status(), code.status(), "{what}: {error}");
    assert_eq!(error.effect(), Effect::NotApplied, "{what}: {error}");
    let message = error.message();
    assert!(
        !message.is_empty() && !message.contains('\n'),
        "{what}: {message:?}"
    );
}
