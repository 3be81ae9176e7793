//! The wire of docdb: frames, messages, and their conversion to and from the words of
//! `docdb-types`.
//!
//! **What it is.** A [`Request`] carries one [`Command`], a [`Response`] the [`Reply`] to it or the
//! error in its place. [`ServerCodec`] and [`ClientCodec`] turn them into frames and back: a 4-byte
//! little-endian length and one protobuf message of `proto/docdb/v1`. Protobuf ends here: no type
//! of the contract is public.
//!
//! **What it is not.** There is no socket here, no session and no runtime; the codecs work on
//! buffers, whoever fills them.
//!
//! ```
//! use bytes::BytesMut;
//! use docdb_ipc::{ClientCodec, Command, Reply, Request, RequestId, Response, ServerCodec};
//! use docdb_types::Limits;
//! use tokio_util::codec::{Decoder, Encoder};
//!
//! let mut client = ClientCodec::new(Limits::DEFAULT);
//! let mut server = ServerCodec::new(Limits::DEFAULT);
//! let id = RequestId::MIN;
//!
//! let mut wire = BytesMut::new();
//! client.encode(Request { id, command: Command::Ping }, &mut wire)?;
//! let request = server.decode(&mut wire)?.unwrap().unwrap();
//! assert_eq!(request.command, Command::Ping);
//!
//! let response = Response { id: Some(request.id), result: Ok(Reply::Pong) };
//! server.encode(response.clone(), &mut wire)?;
//! assert_eq!(client.decode(&mut wire)?, Some(response));
//! # Ok::<(), docdb_ipc::FrameError>(())
//! ```
//!
//! Invariants:
//! - any byte string decodes to a message or an error, never to a panic;
//! - a length that is announced allocates nothing: buffers grow with what has been received;
//! - what decodes to more than its limits allow is refused before it is built;
//! - payloads are not copied while decoding: they share the buffer of their frame;
//! - a request that reaches a caller has valid names, ids and JSON only;
//! - an answer that does not fit a frame becomes an error that says so, and what became of the
//!   writes it was about.

mod codec;
mod command;
mod convert;
mod error;
mod frame;
mod healing;
mod reply;
mod statistics;
mod survey;

#[allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated from proto/docdb/v1; private to this crate"
)]
#[path = "generated/docdb.v1.rs"]
mod proto;

pub use codec::{ClientCodec, Refused, ServerCodec};
pub use command::{
    Command, CreateMode, CursorId, Execute, Hello, Request, RequestId, Scan, TransactionHandle,
};
pub use error::FrameError;
pub use frame::{FrameLimit, HEADER_BYTES};
pub use healing::{
    DamagedDocument, DocumentHealth, HealOutcome, HealReport, HealSource, HealTrigger, HealWitness,
    HealedPart, HealingStatistics, ValidationReport,
};
pub use reply::{
    BegunTransaction, CheckpointReport, CollectionInfo, CompactionReport, DatabaseInfo,
    DatabaseStatus, OpenedDatabase, Page, Reply, Response, ServerHello, StoredDocument,
};
pub use statistics::{
    CriticalError, DatabaseStatistics, Distribution, ErrorCounts, MaintenanceRun, ServerStatistics,
    Statistics,
};

/// The version of the contract that this crate speaks. It counts up whenever something is added.
pub const PROTOCOL_VERSION: u32 = 1;
