//! A server that says what a test wants it to say.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use docdb_ipc::{Command, OpenedDatabase, Reply, Request, Response, ServerCodec, ServerHello};
use docdb_types::{
    Action, Change, Code, DatabaseId, DocumentId, Error, FsyncMode, Limits, Operation, Outcome,
    TransactionId,
};
use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::codec::Framed;

/// What an operation is answered.
pub(crate) enum Answer {
    /// By the operation itself.
    Result(Result<Outcome, Error>),
    /// By the request as a whole.
    Failed(Error),
}

type Each = Box<dyn Fn(&Operation) -> Answer + Send + Sync>;

/// What a server does.
pub(crate) struct Script {
    each: Each,
    stall: Mutex<Option<Duration>>,
    delay: Duration,
    reversed: bool,
    swapped: bool,
    /// Requests until one is not answered.
    lost: AtomicUsize,
    /// Requests until it goes away.
    left: AtomicUsize,
    gone: AtomicBool,
    /// Connections that were opened to do operations.
    pub(crate) connections: Arc<AtomicUsize>,
}

impl Script {
    pub(crate) fn each(each: impl Fn(&Operation) -> Answer + Send + Sync + 'static) -> Self {
        Self {
            each: Box::new(each),
            stall: Mutex::new(None),
            delay: Duration::ZERO,
            reversed: false,
            swapped: false,
            lost: AtomicUsize::new(0),
            left: AtomicUsize::new(usize::MAX),
            gone: AtomicBool::new(false),
            connections: Arc::default(),
        }
    }

    /// Keeps documents in memory and answers reads with what `read` makes of them.
    pub(crate) fn store(
        read: impl Fn(DocumentId, &[u8]) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let store = Mutex::new(Store::default());
        Self::each(move |operation| {
            Answer::Result(store.lock().apply(operation).map(|mut outcome| {
                let document = outcome.document.take();
                outcome.document = document.map(|text| read(outcome.id, &text).into());
                outcome
            }))
        })
    }

    /// Waits so long before each answer.
    pub(crate) fn delaying(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Never answers the request of this number, counted from 1.
    pub(crate) fn losing_answer(self, number: usize) -> Self {
        Self {
            lost: AtomicUsize::new(number),
            ..self
        }
    }

    /// Gives two requests each other's results, where two have come.
    pub(crate) fn swapping_answers(self) -> Self {
        Self {
            swapped: true,
            ..self.out_of_order()
        }
    }

    /// Takes so long for one answer.
    pub(crate) fn stalling_once(self, stall: Duration) -> Self {
        *self.stall.lock() = Some(stall);
        self
    }

    /// Answers two requests at a time, the second first, where two have come.
    pub(crate) fn out_of_order(self) -> Self {
        Self {
            reversed: true,
            ..self
        }
    }

    /// Closes everything after so many requests.
    pub(crate) fn leaving_after(self, requests: usize) -> Self {
        Self {
            left: AtomicUsize::new(requests),
            ..self
        }
    }

    fn answer(&self, request: &Request) -> Response {
        let result = match &request.command {
            Command::Hello(_) => Ok(Reply::Hello(ServerHello {
                protocol_version: docdb_ipc::PROTOCOL_VERSION,
                server_version: "scripted".to_owned(),
                fsync_mode: FsyncMode::None,
                limits: Limits::DEFAULT,
                frame_limit: docdb_ipc::FrameLimit::default(),
            })),
            Command::OpenDatabase { .. } => Ok(Reply::DatabaseOpened(OpenedDatabase {
                id: DatabaseId::new(1),
                created: true,
                fsync_mode: FsyncMode::None,
            })),
            Command::Execute(execute) => execute
                .operations
                .iter()
                .map(|operation| match (self.each)(operation) {
                    Answer::Result(result) => Ok(result),
                    Answer::Failed(error) => Err(error),
                })
                .collect::<Result<_, _>>()
                .map(Reply::Results),
            _ => Err(Error::new(Code::UnknownOperation, "not in the script")),
        };
        Response {
            id: Some(request.id),
            result,
        }
    }

    async fn serve(self: Arc<Self>, stream: UnixStream) {
        let mut frames = Framed::new(stream, ServerCodec::new(Limits::DEFAULT));
        let mut is_counted = false;
        while let Some(Ok(Ok(request))) = frames.next().await {
            let is_execute = matches!(request.command, Command::Execute(_));
            if is_execute {
                if !std::mem::replace(&mut is_counted, true) {
                    self.connections.fetch_add(1, Ordering::Relaxed);
                }
                let stall = self.stall.lock().take();
                let wait = stall.unwrap_or_default() + self.delay;
                if !wait.is_zero() {
                    tokio::time::sleep(wait).await;
                }
                if self.left.fetch_sub(1, Ordering::Relaxed) <= 1 {
                    self.gone.store(true, Ordering::Relaxed);
                }
            }
            if self.gone.load(Ordering::Relaxed) {
                return;
            }
            let mut response = self.answer(&request);
            if is_execute && self.lost.fetch_sub(1, Ordering::Relaxed) == 1 {
                continue;
            }
            let second = if self.reversed {
                let next = tokio::time::timeout(Duration::from_millis(1), frames.next()).await;
                next.ok().flatten()
            } else {
                None
            };
            if let Some(Ok(Ok(second))) = second {
                let mut second = self.answer(&second);
                if self.swapped {
                    std::mem::swap(&mut response.id, &mut second.id);
                }
                frames.feed(second).await.unwrap();
            }
            if frames.send(response).await.is_err() {
                return;
            }
        }
    }
}

/// Documents in memory, with their versions.
#[derive(Default)]
pub(crate) struct Store {
    documents: HashMap<DocumentId, (u64, Bytes)>,
    version: u64,
}

impl Store {
    /// Does what a server does with a create, a read, an update or a delete.
    pub(crate) fn apply(&mut self, operation: &Operation) -> Result<Outcome, Error> {
        let id = operation.action.id().unwrap();
        let live = self.documents.contains_key(&id);
        if live == matches!(operation.action, Action::Create { .. }) {
            return Err(refusal(operation));
        }
        self.version += 1;
        let mut version = self.version;
        let (change, document) = match &operation.action {
            Action::Create { document, .. } => {
                let text = document.clone().into_bytes();
                self.documents.insert(id, (version, text));
                (Change::Created, None)
            }
            Action::Update { document, .. } => {
                let text = document.clone().into_bytes();
                self.documents.insert(id, (version, text));
                (Change::Replaced, None)
            }
            Action::Delete { .. } => {
                self.documents.remove(&id);
                (Change::Deleted, None)
            }
            _ => {
                let (stored, text) = self.documents[&id].clone();
                version = stored;
                (Change::Read, Some(text))
            }
        };
        Ok(Outcome {
            id,
            version: TransactionId::new(version),
            change,
            document,
            may_be_older: false,
        })
    }

    /// Loses a document.
    pub(crate) fn forget(&mut self, id: DocumentId) {
        self.documents.remove(&id);
    }
}

/// What a server says to an operation when documents are just the other way around.
pub(crate) fn refusal(operation: &Operation) -> Error {
    match operation.action {
        Action::Create { .. } => Error::new(Code::DocExists, "is there"),
        _ => Error::new(Code::DocNotFound, "is not there"),
    }
}

/// A success of a delete, whatever was asked.
pub(crate) fn deleted(operation: &Operation) -> Outcome {
    Outcome {
        id: operation.action.id().unwrap(),
        version: TransactionId::new(1),
        change: Change::Deleted,
        document: None,
        may_be_older: false,
    }
}

/// Serves a script until it is dropped.
pub(crate) struct Server {
    directory: TempDir,
    accepting: tokio::task::JoinHandle<()>,
}

impl Server {
    pub(crate) fn start(script: Script) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("socket")).unwrap();
        let script = Arc::new(script);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&script).serve(stream));
            }
        });
        Self {
            directory,
            accepting,
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
