//! Sealing the active segment and starting the next one.
//!
//! The steps, and what a crash behind each of them leaves:
//!
//! 1. the next segment is written whole under a temporary name and synced: the active segment goes
//!    on, the temporary file is removed at the next open;
//! 2. the active segment is cut to its final length and synced: the same;
//! 3. it is renamed to its sealed name, 4. the directory is synced: a log whose newest segment is
//!    sealed; the next open starts a new one behind it;
//! 5. the next segment is renamed to the active name, 6. the directory is synced: done.
//!
//! ORDER: without step 4 the rename of step 5 could reach the disk alone, over the segment that it
//! is to follow. What can fail for want of space comes before anything is renamed.

use std::io;
use std::path::Path;
use std::sync::Arc;

use docdb_vfs::{File, OpenMode, Vfs};

use crate::error::{file_name, io_error};
use crate::format::SegmentHeader;
use crate::names::{LogFile, LogNames};
use crate::segment::Segment;
use crate::writer::{Active, EMPTY_SEGMENT_BYTES};
use crate::{Wal, WalError};

impl Wal {
    /// Seals the active segment and starts the next one. Does nothing when the active segment is
    /// empty.
    ///
    /// # Durability
    /// On success everything appended so far is durable.
    ///
    /// # Errors
    /// [`WalError::Full`] and [`WalError::Io`]: the log goes on in the segment it had.
    /// [`WalError::Sync`]: the log is closed for writing. [`WalError::Poisoned`],
    /// [`WalError::ReadOnly`].
    pub fn rotate(&mut self) -> Result<(), WalError> {
        let salt = self.host.entropy.next_u64();
        let files = Arc::clone(&self.host.files);
        let uid = self.uid;
        let active = self.active()?;
        if active.length == EMPTY_SEGMENT_BYTES {
            return Ok(());
        }
        let number = active.segment.header.number;
        let header = SegmentHeader {
            uid,
            number: number + 1,
            base: active.end(),
            salt,
            previous_bytes: active.length,
            previous_sequence: active.link.sequence,
            previous_transaction: active.last_transaction,
            previous_checksum: active.link.checksum,
        };
        let (link, last_transaction) = (active.link, active.last_transaction);

        let file = prepare(&*files, &self.names, &header)?;
        // CRASH: the temporary file is removed at the next open.
        if let Err(error) = self.seal_active() {
            discard_prepared(&*files, &self.names);
            return Err(error);
        }
        self.exchange(number)?;

        let sealed_name = self.names.name(LogFile::Sealed(number));
        let active = self.active()?;
        let sealed = Arc::new(active.segment.sealed_as(sealed_name));
        let next = Arc::new(Segment::new(
            self.names.name(LogFile::Active),
            header,
            file,
            false,
            EMPTY_SEGMENT_BYTES,
        ));
        self.shared.insert(sealed);
        self.shared.insert(Arc::clone(&next));
        self.shared.set_end(next.end());
        self.shared.set_durable(next.end());
        self.shared.counters.count_rotation();
        self.mode = crate::writer::Mode::Writable(Active::new(
            next,
            EMPTY_SEGMENT_BYTES,
            link,
            last_transaction,
            &self.options,
        ));
        Ok(())
    }

    /// Rotates when a batch of this size would take the active segment past its limit. A rotation
    /// that fails without harm is tried again after some growth; the log goes on in the segment it
    /// has.
    pub(crate) fn rotate_if_full(&mut self, batch_bytes: u64) -> Result<(), WalError> {
        let limit = self.options.segment_bytes;
        let active = self.active()?;
        if active.length.saturating_add(batch_bytes) <= limit || active.length < active.rotate_from
        {
            return Ok(());
        }
        match self.rotate() {
            Ok(()) => Ok(()),
            Err(error) => match self.active() {
                Ok(active) => {
                    active.rotate_from = active.length.saturating_add(limit / 16);
                    Ok(())
                }
                Err(_) => Err(error),
            },
        }
    }

    /// Step 2.
    fn seal_active(&mut self) -> Result<(), WalError> {
        let active = self.active()?;
        if active.allocated > active.length {
            active
                .segment
                .file
                .set_len(active.length)
                .map_err(|source| io_error("cut", Path::new(&active.segment.name), source))?;
            active.allocated = active.length;
        }
        self.sync_active()
    }

    /// Steps 3 to 6. An error leaves the names as they were, or the log closed for writing.
    fn exchange(&mut self, number: u64) -> Result<(), WalError> {
        let files = Arc::clone(&self.host.files);
        let (prepared, active, sealed) = (
            self.names.path(LogFile::Prepared),
            self.names.path(LogFile::Active),
            self.names.path(LogFile::Sealed(number)),
        );
        // A rename replaces what has the name already; a segment is never replaced.
        let occupied = || io::Error::from(io::ErrorKind::AlreadyExists);
        let free = files
            .exists(&sealed)
            .and_then(|exists| if exists { Err(occupied()) } else { Ok(()) });
        if let Err(source) = free {
            discard_prepared(&*files, &self.names);
            return Err(io_error("seal", &active, source));
        }

        if let Err(source) = files.rename(&active, &sealed) {
            let error = io_error("rename", &active, source);
            return Err(self.stay_if(is_absent(&*files, &sealed), error));
        }
        self.sync_directory()?;
        // CRASH: the newest segment is a sealed one; the next open starts the active one.
        if let Err(source) = files.rename(&prepared, &active) {
            let error = io_error("rename", &prepared, source);
            let undone = is_absent(&*files, &active)
                && files.rename(&sealed, &active).is_ok()
                && files.sync_dir(self.names.directory()).is_ok();
            return Err(self.stay_if(undone, error));
        }
        self.sync_directory()
    }

    /// Goes on with the segment it had when its name is what it was, else closes the log.
    fn stay_if(&mut self, unchanged: bool, error: WalError) -> WalError {
        if unchanged {
            discard_prepared(&*self.host.files, &self.names);
            return error;
        }
        self.poison(error)
    }
}

fn is_absent(files: &dyn Vfs, path: &Path) -> bool {
    matches!(files.exists(path), Ok(false))
}

/// Writes a segment without batches under the temporary name, and syncs it.
pub(crate) fn prepare(
    files: &dyn Vfs,
    names: &LogNames,
    header: &SegmentHeader,
) -> Result<Arc<dyn File>, WalError> {
    let path = names.path(LogFile::Prepared);
    let written = (|| {
        remove_if_there(files, &path)?;
        let file = files.open(&path, OpenMode::CreateNew)?;
        file.write_all_at(&header.encode(), 0)?;
        file.sync_all()?;
        Ok(file)
    })();
    written.map_err(|source| {
        discard_prepared(files, names);
        io_error("prepare", &path, source)
    })
}

/// Starts a log, or continues one whose newest segment is sealed: writes a segment without batches
/// and makes it the active one, durably.
pub(crate) fn create_active(
    files: &dyn Vfs,
    names: &LogNames,
    header: &SegmentHeader,
) -> Result<Arc<dyn File>, WalError> {
    let file = prepare(files, names, header)?;
    let path = names.path(LogFile::Active);
    files
        .rename(&names.path(LogFile::Prepared), &path)
        .map_err(|source| io_error("rename", &path, source))?;
    files
        .sync_dir(names.directory())
        .map_err(|source| WalError::Sync {
            file: file_name(names.directory()),
            source,
        })?;
    Ok(file)
}

/// Removes the temporary file where possible; what is left is removed at the next open.
fn discard_prepared(files: &dyn Vfs, names: &LogNames) {
    let _ = files.remove(&names.path(LogFile::Prepared));
}

pub(crate) fn remove_if_there(files: &dyn Vfs, path: &Path) -> io::Result<()> {
    match files.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
