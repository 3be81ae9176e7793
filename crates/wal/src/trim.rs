//! Removing segments that a checkpoint has made superfluous.
//!
//! Three steps, so that whoever commits waits for none that touches the disk: the segments leave the
//! log ([`Wal::detach`]), their files are removed beside it ([`Detached::remove`]), and the log is
//! told how that went ([`Wal::conclude_trim`]).

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use docdb_vfs::Vfs;

use crate::error::{file_name, io_error};
use crate::names::LogFile;
use crate::{Lsn, Wal, WalError};

/// What [`Wal::trim`] removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Trimmed {
    /// Number of segments.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Segments that have left the log, and whose files are still there.
#[derive(Debug)]
#[must_use = "the files stay until the next open"]
pub struct Detached {
    vfs: Arc<dyn Vfs>,
    directory: PathBuf,
    /// With their bytes, oldest first.
    files: Vec<(PathBuf, u64)>,
}

impl Detached {
    /// Removes the files. Needs no lock: nobody looks for them any more.
    ///
    /// # Durability
    /// A power cut during it leaves any of the segments; recovery needs none of them.
    ///
    /// # Errors
    /// [`WalError::Io`] when a removal fails: that file and those behind it then stay until the next
    /// open. [`WalError::Sync`] when the directory cannot be synced.
    pub fn remove(self) -> Result<Trimmed, WalError> {
        let mut trimmed = Trimmed::default();
        if self.files.is_empty() {
            return Ok(trimmed);
        }
        // ORDER: oldest first, so that a crash leaves a log without a hole where it can.
        for (path, bytes) in self.files {
            match self.vfs.remove(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(io_error("remove", &path, source)),
            }
            trimmed.segments += 1;
            trimmed.bytes += bytes;
        }
        let synced = self.vfs.sync_dir(&self.directory);
        synced.map_err(|source| WalError::Sync {
            file: file_name(&self.directory),
            source,
        })?;
        Ok(trimmed)
    }
}

impl Wal {
    /// Removes the sealed segments that hold nothing at or behind `covered`, except the newest
    /// [`keep_segments`](crate::WalOptions::keep_segments) and those that a
    /// [`Pin`](crate::Pin) holds.
    ///
    /// # Durability
    /// The manifest that says `covered` must be durable before the call. A power cut during it
    /// leaves any of the segments; recovery needs none of them.
    ///
    /// # Errors
    /// As of its three steps, [`detach`](Self::detach), [`Detached::remove`] and
    /// [`conclude_trim`](Self::conclude_trim).
    pub fn trim(&mut self, covered: Lsn) -> Result<Trimmed, WalError> {
        let removed = self.detach(covered)?.remove();
        self.conclude_trim(removed)
    }

    /// Takes what [`trim`](Self::trim) removes out of the log, without touching the disk.
    ///
    /// # Errors
    /// [`WalError::Poisoned`] and [`WalError::ReadOnly`], nothing being taken out.
    pub fn detach(&mut self, covered: Lsn) -> Result<Detached, WalError> {
        self.active()?;
        let mut detached = Detached {
            vfs: Arc::clone(&self.host.files),
            directory: self.names.directory().to_owned(),
            files: Vec::new(),
        };
        let segments = self.shared.all();
        let sealed = segments.iter().filter(|segment| segment.sealed).count();
        let removable = sealed.saturating_sub(self.options.keep_segments as usize);
        // The first segment that stays whatever is covered.
        let Some(kept) = segments.get(removable) else {
            return Ok(detached);
        };
        let retired = self.shared.retire(covered.min(kept.header.base));
        let readable = retired.segments.iter().map(|segment| {
            let path = self.names.path(LogFile::Sealed(segment.header.number));
            (segment.header.number, path, segment.length())
        });
        let unreadable = retired.unreadable.into_iter();
        let mut files: Vec<_> = readable
            .chain(unreadable.map(|file| (file.number, file.path, file.bytes)))
            .collect();
        files.sort_unstable();
        detached
            .files
            .extend(files.into_iter().map(|(_, path, bytes)| (path, bytes)));
        Ok(detached)
    }

    /// Notes how the removal of detached files went.
    ///
    /// # Errors
    /// The failure itself. After [`WalError::Sync`] the log is closed for writing: a later sync of
    /// the directory, by a rotation, could succeed without what the failed one has lost.
    pub fn conclude_trim(
        &mut self,
        removed: Result<Trimmed, WalError>,
    ) -> Result<Trimmed, WalError> {
        match removed {
            Ok(trimmed) => {
                self.shared.counters.count_trimmed(trimmed.segments);
                Ok(trimmed)
            }
            Err(error @ WalError::Sync { .. }) => Err(self.poison(error)),
            Err(error) => Err(error),
        }
    }
}
