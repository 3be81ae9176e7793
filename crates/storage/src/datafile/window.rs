//! Reading a file from front to back in large pieces.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use docdb_vfs::File;

use crate::StorageError;
use crate::error::FileAction;

/// Bytes that one read asks for, at least.
const WINDOW_BYTES: u64 = 512 * 1024;

/// A part of a file in memory, which moves as other bytes are asked for.
pub(super) struct Window<'f> {
    /// `None` when everything is in memory.
    file: Option<&'f dyn File>,
    path: &'f Path,
    start: u64,
    bytes: Cow<'f, [u8]>,
    end: u64,
    passes_by_cache: bool,
}

impl<'f> Window<'f> {
    /// A window on the bytes of `file` in front of `end`.
    pub(super) const fn new(file: &'f dyn File, path: &'f Path, end: u64) -> Self {
        Self {
            file: Some(file),
            path,
            start: 0,
            bytes: Cow::Borrowed(&[]),
            end,
            passes_by_cache: false,
        }
    }

    /// The same, which reads from the disk and leaves the cache to others.
    pub(super) fn streamed(file: &'f dyn File, path: &'f Path, end: u64) -> Self {
        Self {
            passes_by_cache: true,
            ..Self::new(file, path, end)
        }
    }

    /// The same over bytes that are in memory.
    pub(super) const fn over(bytes: &'f [u8], path: &'f Path) -> Self {
        Self {
            file: None,
            path,
            start: 0,
            bytes: Cow::Borrowed(bytes),
            end: bytes.len() as u64,
            passes_by_cache: false,
        }
    }

    /// Where the bytes end.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// The `length` bytes at `offset`; `None` when they reach past the end.
    ///
    /// # Errors
    /// When the file cannot be read, or ends earlier than it did.
    pub(super) fn get(&mut self, offset: u64, length: u64) -> Result<Option<&[u8]>, StorageError> {
        let Some(end) = offset.checked_add(length).filter(|end| *end <= self.end) else {
            return Ok(None);
        };
        let is_here = offset >= self.start && end <= self.start + self.bytes.len() as u64;
        if !is_here && let Some(file) = self.file {
            let mut buffer = std::mem::take(&mut self.bytes).into_owned();
            let wanted = length.max(WINDOW_BYTES).min(self.end - offset);
            buffer.resize(wanted as usize, 0);
            let read = |buffer: &mut [u8]| match self.passes_by_cache {
                true => file.read_exact_streamed_at(buffer, offset),
                false => file.read_exact_at(buffer, offset),
            };
            if read(&mut buffer).is_err() {
                // What cannot be read may lie behind what was asked for.
                buffer.truncate(length as usize);
                read(&mut buffer).map_err(|source| read_error(self.path, offset, source))?;
            }
            self.bytes = Cow::Owned(buffer);
            self.start = offset;
        }
        let from = offset.saturating_sub(self.start) as usize;
        Ok(self.bytes.get(from..from.saturating_add(length as usize)))
    }
}

/// A failed read: the end of the file where there was none is damage, everything else is the
/// system's.
pub(super) fn read_error(path: &Path, offset: u64, source: io::Error) -> StorageError {
    if source.kind() == io::ErrorKind::UnexpectedEof {
        StorageError::corrupt(path, offset, "file: cut off")
    } else {
        StorageError::io(FileAction::Read, path, source)
    }
}
