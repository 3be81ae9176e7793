//! What the tests of docdb as a whole share: a real server process, and who may kill it.
//!
//! It is not a library of the product. Processes are started from the binaries of the same build
//! profile, listen on sockets in temporary directories, and are ended by their own handle.

mod process;
mod resources;

pub use process::{ServerProcess, binary};
