//! Asynchronous client of docdb.
//!
//! **What it is.** A [`Client`] is one connection that many tasks share: requests are pipelined and
//! answers find their way back in any order. A [`Pool`] is several of them that come back after the
//! server was away. A [`Database`] is a handle to one database over either. A [`Connection`] is the
//! bare thing for one caller who does the pipelining himself.
//!
//! **What it is not.** It keeps no cache and no documents, and it never guesses: whatever went
//! wrong, the error says whether the write was applied, was not, or whether that is unknown.
//!
//! ```no_run
//! use docdb_client::{Client, ClientOptions, CreateMode, Endpoint};
//! use docdb_types::{CollectionName, Document, Limits};
//!
//! # async fn session() -> Result<(), docdb_types::Error> {
//! let endpoint = Endpoint::Unix("/tmp/docdb.sock".into());
//! let client = Client::connect(&endpoint, ClientOptions::default()).await?;
//! let shop = client.open("shop", CreateMode::IfMissing).await?;
//!
//! let orders = CollectionName::DEFAULT;
//! let order = Document::from_text(r#"{"total": 12.50}"#, &Limits::DEFAULT)?;
//! let created = shop.create(&orders, None, order).await?;
//! let stored = shop.read(&orders, created.id).await?;
//! assert_eq!(stored.document.as_ref(), br#"{"total": 12.50}"#);
//! # Ok(())
//! # }
//! ```
//!
//! Invariants:
//! - a request whose bytes never left is `NotApplied`; one that did, and whose answer was lost, is
//!   `Unknown` unless repeating it changes nothing;
//! - only what was not applied is retried, and only where the code says that it can help; what
//!   carries an idempotency key, also where that is unknown;
//! - an answer never reaches a request other than its own, however late it comes;
//! - a connection that broke stays broken: a [`Client`] never speaks to two lives of a server.

mod client;
mod connection;
mod database;
mod endpoint;
mod link;
mod options;
mod pool;
mod retry;
mod scan;
mod source;
mod tls;
mod transaction;

pub use client::Client;
pub use connection::Connection;
pub use database::Database;
pub use docdb_ipc::Scan as ScanRequest;
pub use docdb_ipc::{
    CheckpointReport, CollectionInfo, Command, CompactionReport, CreateMode, CriticalError,
    CursorId, DamagedDocument, DatabaseInfo, DatabaseStatistics, DatabaseStatus, Distribution,
    DocumentHealth, ErrorCounts, Execute, FrameLimit, HealOutcome, HealReport, HealSource,
    HealTrigger, HealWitness, HealedPart, HealingStatistics, MaintenanceRun, OpenedDatabase, Page,
    Reply, RequestId, Response, ServerHello, ServerStatistics, Statistics, StoredDocument,
    TransactionHandle, ValidationReport,
};
pub use endpoint::Endpoint;
pub use options::{ClientOptions, RetryPolicy};
pub use pool::Pool;
pub use scan::{Scan, ScanOptions};
pub use tls::TlsEndpoint;
pub use transaction::Transaction;
