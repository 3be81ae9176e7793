//! The machine's own file system.

mod directory;
mod file;
mod file_system;
mod lock;
mod removal;

pub use file_system::RealVfs;
