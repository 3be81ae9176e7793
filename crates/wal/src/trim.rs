//! Removing segments that a checkpoint has made superfluous.
//!
//! Three steps, so that whoever commits waits for none that touches the disk: the segments leave the
//! log ([`Wal::detach`]), their files are removed beside it ([`Detached::remove`]), and the log is
//! told how that went ([`Wal::conclude_trim`]). A file that somebody still reads goes in one piece:
//! its handle keeps the bytes.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use docdb_vfs::{Rest, Vfs};

use crate::error::{file_name, io_error};
use crate::names::LogFile;
use crate::segment::Segment;
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
    /// Oldest first.
    files: Vec<DetachedFile>,
}

#[derive(Debug)]
struct DetachedFile {
    number: u64,
    path: PathBuf,
    bytes: u64,
    /// `None`: it was not readable.
    segment: Option<Arc<Segment>>,
}

impl Detached {
    /// Removes the files, with a `rest` behind each part of them ([`Vfs::remove_gently`]). Needs no lock: nobody looks for them any more.
    ///
    /// # Durability
    /// A power cut during it leaves any of the segments; recovery needs none of them.
    ///
    /// # Errors
    /// [`WalError::Io`] when a removal fails: that file and those behind it then stay until the next
    /// open. [`WalError::Sync`] when the directory cannot be synced.
    pub fn remove(self, rest: Rest<'_>) -> Result<Trimmed, WalError> {
        let mut trimmed = Trimmed::default();
        if self.files.is_empty() {
            return Ok(trimmed);
        }
        // ORDER: oldest first, so that a crash leaves a log without a hole where it can.
        for file in self.files {
            let is_read = file
                .segment
                .is_some_and(|segment| Arc::into_inner(segment).is_none());
            let removed = if is_read {
                self.vfs.remove(&file.path)
            } else {
                self.vfs.remove_gently(&file.path, rest)
            };
            match removed {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(io_error("remove", &file.path, source));
                }
                _ => {}
            }
            trimmed.segments += 1;
            trimmed.bytes += file.bytes;
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
        let removed = self.detach(covered)?.remove(&mut |_| None);
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
        let readable = retired.segments.into_iter().map(|segment| DetachedFile {
            number: segment.header.number,
            path: self.names.path(LogFile::Sealed(segment.header.number)),
            bytes: segment.length(),
            segment: Some(segment),
        });
        let unreadable = retired.unreadable.into_iter().map(|file| DetachedFile {
            number: file.number,
            path: file.path,
            bytes: file.bytes,
            segment: None,
        });
        detached.files.extend(readable.chain(unreadable));
        detached.files.sort_unstable_by_key(|file| file.number);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::SegmentHeader;
    use docdb_types::{DatabaseUid, TransactionId};
    use docdb_vfs::{OpenMode, RealVfs};

    #[test]
    fn a_segment_that_is_still_read_goes_in_one_piece() {
        const BYTES: u64 = 20 << 20;
        let dir = tempfile::tempdir().unwrap();
        let vfs: Arc<dyn Vfs> = Arc::new(RealVfs::new());
        for is_read in [true, false] {
            let path = dir.path().join("a.wal.1");
            let file = vfs.open(&path, OpenMode::CreateNew).unwrap();
            file.set_len(BYTES).unwrap();
            let header = SegmentHeader {
                uid: DatabaseUid::from_bytes([1; 16]),
                number: 1,
                base: Lsn::ZERO,
                salt: 1,
                previous_bytes: 0,
                previous_sequence: 0,
                previous_transaction: TransactionId::ZERO,
                previous_checksum: 0,
            };
            let name = "a.wal.1".to_owned();
            let segment = Arc::new(Segment::new(name, header, Arc::clone(&file), true, BYTES));
            let reader = is_read.then(|| Arc::clone(&segment));
            let detached = Detached {
                vfs: Arc::clone(&vfs),
                directory: dir.path().to_owned(),
                files: vec![DetachedFile {
                    number: 1,
                    path: path.clone(),
                    bytes: BYTES,
                    segment: Some(segment),
                }],
            };
            let trimmed = detached.remove(&mut Some).unwrap();
            assert_eq!((trimmed.segments, trimmed.bytes), (1, BYTES));
            assert!(!vfs.exists(&path).unwrap());
            assert_eq!(file.length().unwrap() == BYTES, is_read);
            drop(reader);
        }
    }
}
