//! Removing segments that a checkpoint has made superfluous.

use std::io;

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
    /// [`WalError::Poisoned`] and [`WalError::ReadOnly`], nothing being removed; [`WalError::Io`]
    /// when a removal fails: that segment and those behind it then stay as files until the next
    /// open. [`WalError::Sync`] when the directory cannot be synced; the log is then closed for
    /// writing.
    pub fn trim(&mut self, covered: Lsn) -> Result<Trimmed, WalError> {
        self.active()?;
        let segments = self.shared.all();
        let sealed = segments.iter().filter(|segment| segment.sealed).count();
        let removable = sealed.saturating_sub(self.options.keep_segments as usize);
        // The first segment that stays whatever is covered.
        let Some(kept) = segments.get(removable) else {
            return Ok(Trimmed::default());
        };
        let retired = self.shared.retire(covered.min(kept.header.base));

        let mut files: Vec<_> = retired
            .segments
            .iter()
            .map(|segment| {
                let path = self.names.path(LogFile::Sealed(segment.header.number));
                (segment.header.number, path, segment.length())
            })
            .chain(
                retired
                    .unreadable
                    .into_iter()
                    .map(|file| (file.number, file.path, file.bytes)),
            )
            .collect();
        if files.is_empty() {
            return Ok(Trimmed::default());
        }
        // ORDER: oldest first, so that a crash leaves a log without a hole where it can.
        files.sort_unstable();
        let mut trimmed = Trimmed::default();
        for (_, path, bytes) in files {
            match self.host.files.remove(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(super::error::io_error("remove", &path, source)),
            }
            trimmed.segments += 1;
            trimmed.bytes += bytes;
        }
        self.shared.counters.count_trimmed(trimmed.segments);
        self.sync_directory()?;
        Ok(trimmed)
    }
}
