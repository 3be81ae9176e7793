//! The way of a write: queue, check, encode, one write, one sync, show, answer.

mod batch;
mod committer;
mod evaluate;
mod gathering;
mod ground;
mod keys;
mod lead;
mod overlay;
mod request;
mod ticket;

pub(crate) use batch::StagedChange;
pub(crate) use committer::{Committer, closed};
pub(crate) use evaluate::Evaluation;
pub(crate) use gathering::Gathering;
pub(crate) use ground::Ground;
pub(crate) use keys::{KeyTable, Remembered};
pub use lead::Lead;
pub(crate) use overlay::{Key, Overlay};
pub use request::{Answers, Atomicity, Request};
pub(crate) use request::{TextRoom, Work, abandoned, abandoned_answers};
pub use ticket::Ticket;
pub(crate) use ticket::{Waits, Woken, promise};
