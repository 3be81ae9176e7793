//! The file system as docdb sees it: [`Vfs`], [`File`], [`Lock`].

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use crate::listed::begins_with;

/// How [`Vfs::open`] opens a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OpenMode {
    /// An existing file, for reading.
    Read,
    /// An existing file, for reading and writing.
    ReadWrite,
    /// A file that must not exist yet, for reading and writing.
    CreateNew,
    /// As [`CreateNew`](Self::CreateNew), for a file that is written once, from front to back, and large:
    /// what is written is on its way to the disk when the call returns, so that it never gathers in
    /// memory in front of somebody else's sync, and takes no page of the cache from what is read. Whole
    /// blocks of 4 KiB at multiples of 4 KiB go fastest. After a write that failed the file is to be given
    /// up.
    CreateStreamed,
}

impl OpenMode {
    /// Whether the file must not exist yet.
    #[must_use]
    pub const fn creates(self) -> bool {
        matches!(self, Self::CreateNew | Self::CreateStreamed)
    }
}

/// What a directory entry names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, socket, device or anything else that docdb never opens.
    Other,
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// The last component of the path.
    pub name: OsString,
    /// What the name stands for; symbolic links are not followed.
    pub kind: EntryKind,
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Somebody else holds the lock.
    #[error("lock is held by {}", holder(*pid))]
    Held {
        /// The process id that the holder wrote into the file; `None` while it is still writing.
        pid: Option<u32>,
    },
    /// The lock file could not be opened, locked or written.
    #[error("cannot take the lock")]
    Io(#[from] io::Error),
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(
        || "an unknown process".to_owned(),
        |pid| format!("process {pid}"),
    )
}

/// How long to rest after a part that took so long; `None`: what is left is done at once.
pub type Rest<'a> = &'a mut dyn FnMut(Duration) -> Option<Duration>;

/// A file system. Every kept byte of docdb passes through it.
///
/// Calls block. A relative path is relative to the working directory of the process (in the
/// simulation, to the root).
pub trait Vfs: Send + Sync + 'static {
    /// Opens the regular file at `path`. A created file is readable and writable by its owner only
    /// (mode 0600).
    ///
    /// # Durability
    /// A created file is gone after a power cut until [`sync_dir`](Vfs::sync_dir) of its directory
    /// has succeeded, even when its bytes have been synced.
    ///
    /// # Errors
    /// `NotFound`, `AlreadyExists` for a mode that [creates](OpenMode::creates), `IsADirectory`, a symbolic link in
    /// the last component, anything that is not a regular file, and whatever the system refuses.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;

    /// Gives the file `from` the name `to`, atomically replacing a file of that name.
    ///
    /// # Durability
    /// After a power cut either name may be found, never neither, until the directories have been
    /// synced.
    ///
    /// # Errors
    /// `NotFound` when `from` or the directory of `to` is missing, and whatever the system refuses.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes the name of a file. Handles that are open keep reading it.
    ///
    /// # Durability
    /// The name may come back after a power cut until its directory has been synced.
    ///
    /// # Errors
    /// `NotFound`, `IsADirectory`, and whatever the system refuses.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// [`remove`](Vfs::remove) for a file that this process does not read any more: a large one gives
    /// up its space in parts, with rests, so that the syncs of other files do not wait for all of it.
    ///
    /// Until the name is gone it may be that of a part of the file. A file that another process holds
    /// ([`File::hold`]), or that has another name, stays whole for them.
    ///
    /// # Durability
    /// As of [`remove`](Vfs::remove); a power cut may leave a part of the file.
    ///
    /// # Errors
    /// As of [`remove`](Vfs::remove).
    fn remove_gently(&self, path: &Path, _rest: Rest<'_>) -> io::Result<()> {
        self.remove(path)
    }

    /// Lists a directory, sorted by the bytes of the names.
    ///
    /// # Errors
    /// `NotFound`, `NotADirectory`, and whatever the system refuses.
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>>;

    /// The entries of a directory whose names begin with `prefix`, sorted by the bytes of the names.
    ///
    /// # Errors
    /// As for [`list`](Vfs::list).
    fn list_prefixed(&self, dir: &Path, prefix: &OsStr) -> io::Result<Vec<Entry>> {
        let mut entries = self.list(dir)?;
        entries.retain(|entry| begins_with(&entry.name, prefix));
        Ok(entries)
    }

    /// Creates one directory, accessible by its owner only (mode 0700).
    ///
    /// # Durability
    /// None until the parent directory has been synced.
    ///
    /// # Errors
    /// `AlreadyExists`, `NotFound` when the parent is missing, and whatever the system refuses.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// Tells whether anything has the name `path`; a dangling symbolic link counts.
    ///
    /// # Errors
    /// When the system cannot tell, for example because a directory on the way is not accessible.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// Makes the entries of a directory durable: creations, renames and removals so far.
    ///
    /// # Errors
    /// Any error means that the state of the entries on the disk is unknown; the call is never
    /// repeated.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes the advisory exclusive lock of the file at `path`, creating the file when missing, and
    /// writes the own process id into it (where the disk has room). The lock is held until the returned value is dropped or
    /// the process ends; the file stays.
    ///
    /// # Errors
    /// [`LockError::Held`] at once, without waiting, when the lock is taken, also by this process.
    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>, LockError>;

    /// Bytes that an unprivileged process may still write on the file system that holds `path`.
    ///
    /// # Errors
    /// `NotFound`, and whatever the system refuses.
    fn available_bytes(&self, path: &Path) -> io::Result<u64>;
}

/// An open regular file, read and written at given positions by any number of threads.
pub trait File: Send + Sync {
    /// Reads up to `buf.len()` bytes at `offset` and returns how many; 0 means that `offset` is at
    /// or past the end (or that `buf` is empty).
    ///
    /// # Errors
    /// Whatever the system reports. A read error is never the end of the file.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes up to `buf.len()` bytes at `offset` and returns how many. A gap between the old end
    /// and `offset` reads as zeros.
    ///
    /// # Durability
    /// None until [`sync_data`](File::sync_data) succeeds: after a power cut any part of it may be
    /// there.
    ///
    /// # Errors
    /// Whatever the system reports; with an error, nothing of `buf` has been written.
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize>;

    /// Cuts the file, or extends it with zeros, to `length` bytes.
    ///
    /// # Durability
    /// None until a sync succeeds.
    ///
    /// # Errors
    /// Whatever the system reports.
    fn set_len(&self, length: u64) -> io::Result<()>;

    /// Extends the file to `length` bytes of zeros for which there is space on the disk, so that
    /// removing the file frees it. On a file system that cannot set space aside zeros are written,
    /// which one that compresses may keep in less.
    ///
    /// # Errors
    /// `StorageFull` when there is not enough space; the length is unspecified then. Whatever else
    /// the system reports.
    fn allocate(&self, length: u64) -> io::Result<()> {
        write_zeros(self, length)
    }

    /// Has the file stay whole for as long as this handle is open, also where another process removes
    /// it ([`Vfs::remove_gently`]) from now on.
    ///
    /// # Errors
    /// `WouldBlock` where it is being removed, and whatever the system reports.
    fn hold(&self) -> io::Result<()> {
        Ok(())
    }

    /// The length of the file in bytes.
    ///
    /// # Errors
    /// Whatever the system reports.
    fn length(&self) -> io::Result<u64>;

    /// Makes the bytes written so far and the length durable (`fdatasync`).
    ///
    /// # Durability
    /// What was written before the call survives a power cut, if the name of the file does (see
    /// [`Vfs::sync_dir`]).
    ///
    /// # Errors
    /// Any error, an interruption too, means that the bytes since the last sync may never reach the
    /// disk although reads still show them. The call is never repeated: the kernel forgets the
    /// failed pages and answers the second call with success.
    fn sync_data(&self) -> io::Result<()>;

    /// [`sync_data`](File::sync_data) and the rest of the metadata (`fsync`).
    ///
    /// # Errors
    /// As for [`sync_data`](File::sync_data).
    fn sync_all(&self) -> io::Result<()>;

    /// Asks the system to forget its cached pages of this file, so that the next reads come from
    /// the disk (`posix_fadvise` with `DONTNEED`). Bytes that wait to be written stay cached.
    ///
    /// # Errors
    /// Whatever the system reports.
    fn drop_cache(&self) -> io::Result<()>;

    /// As [`read_at`](File::read_at), from the disk itself where the machine can: for whoever goes through
    /// a file in large pieces. It takes no page of the cache from what others read, and reads nothing
    /// ahead, for which their syncs would wait.
    ///
    /// # Errors
    /// As for [`read_at`](File::read_at).
    fn read_streamed_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.read_at(buf, offset)
    }

    /// Fills `buf` from `offset`, going on after short reads and interruptions.
    ///
    /// # Errors
    /// `UnexpectedEof` when the file ends inside the range; whatever [`read_at`](File::read_at)
    /// reports. The content of `buf` is unspecified then.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        fill(buf, offset, |rest, offset| self.read_at(rest, offset))
    }

    /// [`read_exact_at`](File::read_exact_at) by [`read_streamed_at`](File::read_streamed_at).
    ///
    /// # Errors
    /// As for [`read_exact_at`](File::read_exact_at).
    fn read_exact_streamed_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        fill(buf, offset, |rest, offset| {
            self.read_streamed_at(rest, offset)
        })
    }

    /// Writes the whole of `buf` at `offset`, going on after short writes and interruptions.
    ///
    /// # Durability
    /// As for [`write_at`](File::write_at).
    ///
    /// # Errors
    /// `WriteZero` when the system takes nothing; whatever [`write_at`](File::write_at) reports.
    /// A part of `buf` may have been written then.
    fn write_all_at(&self, mut buf: &[u8], mut offset: u64) -> io::Result<()> {
        while !buf.is_empty() {
            match self.write_at(buf, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    buf = buf.get(written..).unwrap_or_default();
                    offset = offset.saturating_add(written as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn fill(
    mut buf: &mut [u8],
    mut offset: u64,
    mut read: impl FnMut(&mut [u8], u64) -> io::Result<usize>,
) -> io::Result<()> {
    while !buf.is_empty() {
        match read(buf, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                buf = buf.get_mut(read..).unwrap_or_default();
                offset = offset.saturating_add(read as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes zeros from the end of a file up to `length`.
pub(crate) fn write_zeros(file: &(impl File + ?Sized), length: u64) -> io::Result<()> {
    let zeros = [0; 64 * 1024];
    let mut at = file.length()?;
    while at < length {
        let part = usize::try_from(length - at).unwrap_or(usize::MAX);
        let part = zeros.get(..part).unwrap_or(&zeros);
        file.write_all_at(part, at)?;
        at += part.len() as u64;
    }
    Ok(())
}

/// A held lock; dropping it lets go.
pub trait Lock: Send + Sync {}

impl fmt::Debug for dyn Vfs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vfs")
    }
}

impl fmt::Debug for dyn File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("File")
    }
}

impl fmt::Debug for dyn Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lock")
    }
}
