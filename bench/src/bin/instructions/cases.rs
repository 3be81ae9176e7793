use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use bytes::{Bytes, BytesMut};
use docdb_engine::{Atomicity, Engine, EngineOptions, Host, Housekeeping, LogicalDb, OpenMode};
use docdb_ipc::{ClientCodec, Command, Execute, Reply, Request, RequestId, Response, ServerCodec};
use docdb_types::{
    Action, Change, CollectionId, CollectionName, DatabaseId, DatabaseName, DatabaseUid, Document,
    DocumentId, Limits, Operation, Outcome, PatchStep, TransactionId, Version,
};
use docdb_wal::{BatchBuilder, Covered, RecordKind, RecordRef, Wal, WalIdentity, WalOptions};
use tokio_util::codec::{Decoder, Encoder};

const DOCUMENTS: u64 = 1000;
const BATCH: u64 = 100;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Case {
    /// Checking a document of 1 KiB.
    Check,
    /// Encoding a log record of 1 KiB.
    EncodeRecord,
    /// Decoding one when a log is opened.
    DecodeRecord,
    /// A request with a create of 1 KiB, from the wire.
    DecodeRequest,
    /// Its answer, to the wire.
    EncodeResponse,
    /// A commit of 100 documents of 1 KiB.
    CommitBatch,
    /// A commit of one.
    CommitOne,
    /// A read of a document of 1 KiB.
    Read,
    /// Setting a member of a document of 1 KiB.
    Patch,
}

impl Case {
    pub(crate) const ALL: [Self; 9] = [
        Self::Check,
        Self::EncodeRecord,
        Self::DecodeRecord,
        Self::DecodeRequest,
        Self::EncodeResponse,
        Self::CommitBatch,
        Self::CommitOne,
        Self::Read,
        Self::Patch,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::EncodeRecord => "encode-record",
            Self::DecodeRecord => "decode-record",
            Self::DecodeRequest => "decode-request",
            Self::EncodeResponse => "encode-response",
            Self::CommitBatch => "commit-batch",
            Self::CommitOne => "commit-one",
            Self::Read => "read",
            Self::Patch => "patch",
        }
    }

    pub(crate) const fn repetitions(self) -> u64 {
        match self {
            Self::CommitBatch => 50,
            Self::CommitOne | Self::Read | Self::Patch | Self::DecodeRecord => 2000,
            Self::Check | Self::EncodeRecord | Self::DecodeRequest | Self::EncodeResponse => 5000,
        }
    }

    pub(crate) fn run(self, times: u64) -> anyhow::Result<()> {
        match self {
            Self::Check => check(times),
            Self::EncodeRecord => encode_record(times),
            Self::DecodeRecord => decode_record(times),
            Self::DecodeRequest => decode_request(times),
            Self::EncodeResponse => encode_response(times),
            Self::CommitBatch => commit(times, BATCH),
            Self::CommitOne => commit(times, 1),
            Self::Read => read(times),
            Self::Patch => patch(times),
        }
    }
}

fn text() -> String {
    let rest = "x".repeat(940);
    format!(
        r#"{{"name": "a document", "price": 12.50, "tags": ["a", "b"], "n": 123456, "text": "{rest}"}}"#
    )
}

fn document() -> anyhow::Result<Document> {
    Ok(Document::from_text(&text(), &Limits::DEFAULT)?)
}

fn id(number: u64) -> anyhow::Result<DocumentId> {
    DocumentId::new(number % DOCUMENTS + 1).context("ids begin with 1")
}

fn check(times: u64) -> anyhow::Result<()> {
    let text = Bytes::from(text());
    for _ in 0..times {
        black_box(Document::new(text.clone(), &Limits::DEFAULT)?);
    }
    Ok(())
}

fn push(batch: &mut BatchBuilder, number: u64, payload: &[u8]) -> anyhow::Result<()> {
    batch.push(RecordRef {
        kind: RecordKind::Put,
        collection: CollectionId::DEFAULT,
        transaction: TransactionId::new(number),
        key: &number.to_be_bytes(),
        payload,
    })?;
    Ok(())
}

fn encode_record(times: u64) -> anyhow::Result<()> {
    let text = text();
    let mut batch = BatchBuilder::new();
    for number in 1..=times {
        if number % BATCH == 1 {
            batch.begin();
        }
        push(&mut batch, number, text.as_bytes())?;
    }
    Ok(())
}

fn open_log(directory: &Path) -> anyhow::Result<Wal> {
    let identity = WalIdentity {
        name: DatabaseName::new("counted")?,
        uid: DatabaseUid::from(1),
    };
    let (log, _) = Wal::open(
        &docdb_vfs::Host::real(),
        &identity,
        &WalOptions::new(directory),
        Covered::NOTHING,
        &mut |found| {
            black_box(found.record.payload);
            Ok(())
        },
    )?;
    Ok(log)
}

/// Writes a log and opens it: what writing takes is a multiple of the repetitions too, and so a
/// small part of the figure.
fn decode_record(times: u64) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let text = text();
    let mut log = open_log(directory.path())?;
    let mut batch = BatchBuilder::new();
    for number in 1..=times {
        push(&mut batch, number, text.as_bytes())?;
        if number % BATCH == 0 {
            log.commit(&mut batch)?;
            batch = BatchBuilder::new();
        }
    }
    log.close()?;
    open_log(directory.path())?.close()?;
    Ok(())
}

fn request() -> anyhow::Result<Request> {
    let operation = Operation {
        collection: CollectionName::DEFAULT,
        action: Action::Create {
            id: DocumentId::new(77),
            document: document()?,
        },
    };
    let execute = Execute::new(DatabaseId::new(1), false, vec![operation]);
    Ok(Request {
        id: RequestId::new(123_456).context("ids begin with 1")?,
        command: Command::Execute(execute),
    })
}

fn decode_request(times: u64) -> anyhow::Result<()> {
    let mut wire = BytesMut::new();
    ClientCodec::new(Limits::DEFAULT).encode(request()?, &mut wire)?;
    let wire = wire.freeze();
    let mut codec = ServerCodec::new(Limits::DEFAULT);
    for _ in 0..times {
        let mut input = BytesMut::from(&wire[..]);
        black_box(codec.decode(&mut input)?);
    }
    Ok(())
}

fn encode_response(times: u64) -> anyhow::Result<()> {
    let mut codec = ServerCodec::new(Limits::DEFAULT);
    let mut output = BytesMut::with_capacity(4096);
    for number in 1..=times {
        output.clear();
        let outcome = Outcome {
            id: id(number)?,
            version: Version::new(number),
            change: Change::Created,
            document: None,
            may_be_older: false,
        };
        let response = Response {
            id: RequestId::new(number),
            result: Ok(Reply::Results(vec![Ok(outcome)])),
        };
        codec.encode(response, &mut output)?;
        black_box(&output);
    }
    Ok(())
}

/// Runs some work on a database with documents in it.
fn with_database(work: impl FnOnce(&Arc<LogicalDb>) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let options = EngineOptions {
        // What else is done beside is not counted.
        housekeeping: Housekeeping::Manual,
        ..EngineOptions::in_directory(directory.path())
    };
    let engine = Engine::open(Host::real(), options)?;
    let name = DatabaseName::new("counted")?;
    let database = engine
        .open_database(&name, OpenMode::CreateIfMissing)?
        .database;
    commit_to(&database, 0, DOCUMENTS)?;
    work(&database)?;
    drop(database);
    engine.close()?;
    Ok(())
}

fn commit_to(database: &Arc<LogicalDb>, first: u64, count: u64) -> anyhow::Result<()> {
    let document = document()?;
    let operations = (first..first + count).map(|number| {
        Ok(Operation {
            collection: CollectionName::DEFAULT,
            action: Action::Upsert {
                id: id(number)?,
                document: document.clone(),
            },
        })
    });
    let operations = operations.collect::<anyhow::Result<_>>()?;
    for answer in database.execute(operations, Atomicity::Each) {
        answer?;
    }
    Ok(())
}

fn commit(times: u64, batch: u64) -> anyhow::Result<()> {
    with_database(|database| {
        (0..times).try_for_each(|number| commit_to(database, number * batch, batch))
    })
}

fn read(times: u64) -> anyhow::Result<()> {
    with_database(|database| {
        for number in 0..times {
            black_box(database.read(&CollectionName::DEFAULT, id(number)?)?);
        }
        Ok(())
    })
}

fn patch(times: u64) -> anyhow::Result<()> {
    with_database(|database| {
        for number in 0..times {
            let step = PatchStep::Set {
                path: "/price".to_owned(),
                value: b"13.50".to_vec(),
            };
            database.patch(&CollectionName::DEFAULT, id(number)?, vec![step], None)?;
        }
        Ok(())
    })
}
