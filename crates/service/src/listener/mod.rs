//! Where connections come from.

mod accept;
mod unix;

pub(crate) use accept::{accept, serve};
pub use unix::SocketError;
pub(crate) use unix::SocketFile;
