//! [`RealVfs`].

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::file::RealFile;
use super::streamed::StreamedFile;
use super::{directory, lock, removal};
use crate::{Entry, File, Lock, LockError, OpenMode, Rest, Vfs};

/// The machine's own file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealVfs(());

impl RealVfs {
    /// The file system of this process.
    #[must_use]
    pub fn new() -> Self {
        Self(())
    }
}

impl Vfs for RealVfs {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let file = RealFile::open(path, mode)?;
        Ok(match mode {
            OpenMode::CreateStreamed => Arc::new(StreamedFile::new(file)),
            _ => Arc::new(file),
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        directory::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn remove_gently(&self, path: &Path, rest: Rest<'_>) -> io::Result<()> {
        removal::gently(path, rest)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        directory::list(dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        directory::create(dir)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        match std::fs::symlink_metadata(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        directory::sync(dir)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>, LockError> {
        Ok(Box::new(lock::RealLock::take(path)?))
    }

    fn available_bytes(&self, path: &Path) -> io::Result<u64> {
        let free = rustix::fs::statvfs(path)?;
        Ok(free.f_bavail.saturating_mul(free.f_frsize))
    }
}
