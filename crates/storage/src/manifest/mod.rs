//! The manifest: which data files are live, how far they cover the log, which collections exist.

mod codec;
mod content;
mod file;
mod rebuild;

pub use content::{DataFileRecord, Manifest};
pub use file::LoadedManifest;
