//! Histories of concurrent clients, recorded as they are seen from outside, and what they say about
//! isolation.
//!
//! A history is a sequence of invocations and completions of transactions, in the order in which the
//! recorder saw them; an independent checker infers from it alone which guarantees were kept.

mod linear;
mod recorder;
mod workload;

pub use linear::{Access, Single, linearizable};
pub use recorder::{Recorder, Step};
pub use workload::{Kind, Load, Tally, create_lists};
