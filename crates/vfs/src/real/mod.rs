//! The machine's own file system.

mod direct;
mod directory;
mod file;
mod file_system;
mod lock;
mod removal;
mod streamed;

pub use file_system::RealVfs;
