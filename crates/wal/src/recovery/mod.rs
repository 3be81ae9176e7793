//! Opening a log: what is there, what of it counts, and what must be done before it is appended to.
//!
//! The three are apart: [`inventory`](self) finds the files and their headers, the walk reads the
//! batches and judges what does not verify, and only then, when every record has been handed over,
//! opening changes the disk.

mod evidence;
mod inventory;
mod open;
mod report;
mod walk;

pub(crate) use evidence::next_whole_batch;
pub use open::inspect;
pub use report::{Damage, LogState, Recovered, Recovery};
