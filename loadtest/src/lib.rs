//! The load generator of docdb: a mix of operations on one database or many, measured from outside.
//!
//! **What it is.** A [`Plan`](config::Plan) says what is asked of a server: which databases, how many workers,
//! which mix, how fast, for how long. [`run`] does it over one connection per worker and answers
//! what it [`Measured`]; [`report`] turns that into a table, a JSON file and CSV files. Where no
//! server listens, [`OwnServer`] is one in a temporary directory.
//!
//! **What it is not.** It is no model checker: it knows whether a document was written by this run
//! for the id it is read under, and not whether it is the newest one.
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
//!   earlier run, or the answer is wrong;
//! - at a given rate, latency counts from when an operation was due, however late it was sent;
//! - workers share nothing while they run but a flag that stops them.

pub mod config;
mod document;
mod halt;
mod latency;
mod monitor;
mod operation;
mod preload;
mod random;
mod record;
pub mod report;
mod run;
mod server;
mod shift;
mod worker;

pub use halt::Halt;
pub use latency::{Latency, LatencySummary};
pub use monitor::Sample;
pub use operation::{OperationKind, PerKind};
pub use record::{KindRecord, StageRecord, Tally};
pub use run::{DatabaseMeasured, Ending, Glance, Measured, RunError, run};
pub use server::{OwnServer, OwnServerError, listens};
