//! The load generator of docdb: a mix of operations on one database or many, measured from outside.
//!
//! **What it is.** A [`Plan`](config::Plan) says what is asked of a server: which databases, how many workers,
//! which mix, how fast, for how long. [`run`] does it over one connection per worker and answers
//! what it [`Measured`]; [`report`] turns that into a table, a JSON file and CSV files. Where no
//! server listens, [`OwnServer`] is one in a temporary directory.
//!
//! **What it is not.** It is no model checker: it holds every answer against those before it, per
//! document, and knows nothing of orders between documents.
//!
//! ```
//! use clap::Parser;
//! use docdb_loadtest::config::{Arguments, Plan};
//!
//! let arguments = Arguments::parse_from(["docdb-loadtest", "--databases", "a,b", "--duration", "2s"]);
//! let plan = Plan::new(&arguments, None)?;
//! assert_eq!(plan.databases.len(), 2);
//! assert_eq!(plan.workers(), 20);
//!
//! let wrong = Arguments::parse_from(["docdb-loadtest", "--read-percent", "90"]);
//! assert!(Plan::new(&wrong, None).is_err());
//! # Ok::<(), docdb_loadtest::config::PlanError>(())
//! ```
//!
//! Invariants:
//! - an operation is counted when it was answered with success or with an outcome that the mix
//!   expects (exists, not found); errors, refusals and wrong answers are counted apart, and never
//!   as operations;
//! - every document that is read is checked: it was written by this run for that id, or by an
//!   earlier run, it is at least as new as what had been acknowledged, or the answer is wrong;
//! - at a given rate, latency counts from when an operation was due, however late it was sent;
//! - workers share, while they run, a flag that stops them, what is known of the documents of their
//!   database, and once a second what they measured; nobody waits for the disk or the network while
//!   another one waits for him.

mod ceiling;
pub mod config;
mod crew;
mod document;
mod exchange;
mod halt;
mod healing;
mod ids;
mod judgement;
mod latency;
mod ledger;
mod link;
mod matrix;
mod measured;
mod monitor;
mod operation;
mod pacer;
mod peer;
mod preload;
mod process;
mod random;
mod record;
pub mod report;
mod run;
mod series;
mod server;
mod shift;
mod source;
mod trace;
mod transaction;
mod verdict;
mod verification;
mod worker;

pub use ceiling::{Ceiling, ceiling};
pub use halt::Halt;
pub use healing::Healed;
pub use judgement::{Assertion, AssertionError, Judged, judge_all, parse_assertions};
pub use latency::{Latency, LatencySummary};
pub use matrix::{Cell, Matrix, MatrixArguments, MatrixError, measure_matrix};
pub use measured::{DatabaseMeasured, Ending, Kill, Measured};
pub use monitor::{Sample, ServerSample};
pub use operation::{OperationKind, PerKind};
pub use peer::{
    Address, PeerUrl, PeerUrlError, Peers, PeersError, Place, Round, Side, Skipped, load_in_turns,
};
pub use process::ProcessFigures;
pub use record::{KindRecord, StageRecord, Tally};
pub use run::{Glance, RunError, run};
pub use series::{SparseLatency, Step, StepKind};
pub use server::{OwnServer, OwnServerError, listens, serve};
pub use trace::{Replay, TraceError};
pub use verification::Verification;
