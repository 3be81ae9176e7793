//! The machine's own file system.

mod directory;
mod file;
mod file_system;
mod lock;

pub use file_system::RealVfs;
