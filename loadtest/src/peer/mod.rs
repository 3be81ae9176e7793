//! Servers that do docdb's work, to be loaded in turns with it.

mod address;
mod own;
mod programs;
mod round;
mod turns;

pub use address::{Address, PeerUrl, PeerUrlError, Place};
pub use round::Round;
pub use turns::{Peers, PeersError, Side, Skipped, load_in_turns};
