//! The server of docdb as a library: connections, sessions, dispatch to the engine, and draining.
//!
//! **What it is.** [`Service::start`] opens a data directory and serves it on a Unix socket, inside
//! the tokio runtime of the caller. [`RunningService::shutdown`] drains and closes it. The server
//! program, the load generator and the tests all run this same thing.
//!
//! **What it is not.** It knows no signals, no flags and no configuration files, and it keeps no
//! documents: those are the engine's.
//!
//! ```
//! use docdb_service::{EngineOptions, Service, ServiceOptions};
//!
//! let directory = tempfile::tempdir()?;
//! let runtime = docdb_service::runtime(docdb_service::default_threads())?;
//! runtime.block_on(async {
//!     let service = Service::start(ServiceOptions {
//!         engine: EngineOptions::in_directory(directory.path().join("data")),
//!         socket_path: Some(directory.path().join("docdb.sock")),
//!         ..ServiceOptions::default()
//!     })
//!     .await?;
//!     // Clients may connect from here on.
//!     let report = service.shutdown().await;
//!     assert!(report.is_clean());
//!     Ok::<(), docdb_service::StartError>(())
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The way of a request
//!
//! One task serves one connection. It decodes what has arrived, lets [the scheduler] admit it, and
//! runs it right there; only what finds no free place goes to a worker thread. Where that makes it
//! the leader of a commit, it performs the commit on its own thread, blocking: handing over would
//! cost more, and the runtime has threads to spare. Everything that has arrived is submitted before
//! the commit, so that requests sent together share one sync.
//!
//! [the scheduler]: docdb_scheduler
//!
//! # Invariants
//!
//! - Every request that was read is answered exactly once, also while draining and after a panic;
//!   the exception is a connection that breaks.
//! - Per connection and database, requests take effect in the order in which they were sent.
//! - What a connection may hold is bounded: requests under way, bytes of answers that are not
//!   taken, cursors, transactions, the time for each.
//! - Only a socket that no server answers at is ever removed from the socket's path.

mod access;
mod control;
mod counters;
mod cursor;
mod dispatch;
mod error;
mod http;
mod job;
mod lead;
mod listener;
mod metrics;
mod options;
mod runtime;
mod server;
mod session;
mod shared;
mod shutdown;
mod tls;
mod transactions;

pub use access::{Role, Scope, Secret, TokenError, TokenInfo, TokenRequest, Tokens, UnknownRole};
pub use control::back_up_directory;
pub use docdb_engine::{
    BackupOptions, BackupReport, BackupSummary, CheckedBackup, DirectoryReport, EngineOptions,
    Finding, HealedDatabase, Host, LostTransactions, RestoreOptions, RestoreReport,
    VerifiedDatabase, heal, list_backups, repair, restore, verify, verify_backup,
};
pub use docdb_scheduler::SchedulerOptions;
pub use error::StartError;
pub use http::HttpError;
pub use listener::{SocketError, TcpError};
pub use options::{Deadlines, DrainDeadlines, HttpOptions, ServiceOptions, TcpOptions, TlsOptions};
pub use runtime::{default_threads, runtime};
pub use server::{RunningService, Service};
pub use shutdown::{CloseFailure, ShutdownReport};
pub use tls::{TlsError, check_tls};
