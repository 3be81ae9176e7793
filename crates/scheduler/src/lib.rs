//! Fair admission of work across databases.
//!
//! One process serves many databases on few threads. This crate decides, for every job that a
//! caller brings, whether it may run **at once on the caller's own thread**, has to **wait** in
//! the bounded queue of its database until a worker thread takes it, or is **refused**. A flood
//! of work for one database thereby costs that database its own queue, and the others a bounded
//! delay.
//!
//! It is not an executor and not a limit on memory: it knows databases by id, a job by its cost,
//! and nothing about documents, sessions or asynchronous runtimes.
//!
//! # Example
//!
//! ```
//! use docdb_scheduler::{Admission, Scheduler, SchedulerOptions};
//! use docdb_types::DatabaseId;
//!
//! type Work = Box<dyn FnOnce() + Send>;
//!
//! let scheduler = Scheduler::<Work>::start(SchedulerOptions::default())?;
//! let work: Work = Box::new(|| ());
//! match scheduler.admit(DatabaseId::new(1), 1024, work) {
//!     // The place is held until the permit is dropped.
//!     Ok(Admission::Inline(permit, work)) => {
//!         work();
//!         drop(permit);
//!     }
//!     // A worker runs it, after what its database had queued before.
//!     Ok(Admission::Queued) => {}
//!     // The job comes back, so that its caller can be answered.
//!     Err(refused) => println!("not admitted: {}", refused.why),
//! }
//! assert!(scheduler.stop().is_empty());
//! # Ok::<(), docdb_scheduler::StartError>(())
//! ```
//!
//! # How places are given
//!
//! A running job, whether inline or on a worker, holds a *place*.
//!
//! - The **first** place of a database is its own: a database that runs nothing gets one whatever
//!   the others do, up to the hard limit (`worker_count`, or `max_workers` where that is 0). A
//!   database whose disk hangs keeps its own places and nobody else's.
//! - **Further** places come out of a pool shared by all: `max(2 × cores, 2 × active databases)`
//!   less one per active database, and always one less than the hard limit, so that a newcomer
//!   finds a place. A database is active while it has work running or queued.
//! - What is queued goes before what arrives: a further place is never given inline while any
//!   database waits. Queued jobs get places in deficit round-robin order by cost.
//!
//! # Invariants
//!
//! - A job that was admitted is run exactly once or handed back by [`Scheduler::stop`]; one that
//!   was refused is handed back at once.
//! - Jobs of one database begin in the order of their admission.
//! - While jobs wait, no place that one of them may have is left free.
//! - Nothing polls: an idle scheduler is one thread asleep without a timeout.
//! - A panic in a job ends that job only.

mod admission;
mod job;
mod ledger;
mod options;
mod permit;
mod queue;
mod scheduler;
mod shared;
mod stats;
mod worker;

pub use admission::{Admission, Refusal, Refused};
pub use job::Job;
pub use options::{SchedulerOptions, StartError};
pub use permit::Permit;
pub use scheduler::Scheduler;
pub use stats::{DatabaseStats, SchedulerStats, WaitTimes};
