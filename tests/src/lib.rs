//! What the tests of docdb as a whole share: an oracle, simulated histories, and a real server
//! process.
//!
//! It is not a library of the product. The simulation runs the engine on a simulated disk. Server
//! processes are started from the binaries of the same build profile, listen on sockets in
//! temporary directories, and are ended by their own handle.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "in a test, a failing assumption is a failing test"
)]

mod fleet;
pub mod hostile;
pub mod images;
pub mod isolation;
pub mod oracle;
mod process;
mod random;
mod resources;
pub mod rig;
mod settings;
pub mod simulation;

pub use fleet::Fleet;
pub use process::{ServerProcess, binary, build_programs, cargo};
pub use random::Random;
pub use settings::{number_from, range_from};
