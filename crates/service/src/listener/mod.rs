//! Where connections come from.

mod accept;
mod tcp;
mod unix;

pub(crate) use accept::{accept, serve};
pub use tcp::TcpError;
pub(crate) use tcp::{PeerPlace, Peers, accept_tcp, listen};
pub use unix::SocketError;
pub(crate) use unix::SocketFile;
