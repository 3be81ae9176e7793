//! A disk that can lose power, fail and lie, with a clock and randomness under one seed.
//!
//! Per file the disk keeps what a reader sees (the cache), what is durable, and the ordered changes
//! between the two; per directory the same for its entries. A sync moves changes from one side to
//! the other, a crash picks among them ([`CrashProfile`]), a failed sync forgets them.

mod call;
mod clock;
mod content;
mod crash;
mod disk;
mod entropy;
mod fault;
mod file_system;
mod handle;
mod inode;
mod inspection;
mod names;
mod watch;

pub use call::CallKind;
pub use clock::SimClock;
pub use crash::CrashProfile;
pub use entropy::SimEntropy;
pub use fault::{Fault, FaultKind, FaultOn, Persistence, PowerLoss, is_power_loss};
pub use file_system::SimVfs;
