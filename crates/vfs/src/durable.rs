//! The durable operations on files, each named once, saying which sync it performs and why.
//!
//! INVARIANT: no function here repeats a failed sync.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use crate::{File, OpenMode, Vfs};

/// What is read by itself where a whole file cannot be.
const BLOCK_BYTES: usize = 4096;

/// Makes the finished file `temporary` durable and gives it the name `target`, replacing a file of
/// that name: sync of the file, rename, sync of the directory of `target`.
///
/// Both names must be in one directory. A caller that still has the file open uses
/// [`publish_open`], which reports write errors that only the writing handle may see.
///
/// # Durability
/// On success `target` survives a power cut with exactly these bytes. A power cut during the call
/// leaves the old or the new file under `target`, each of them whole.
///
/// # Errors
/// After an error it is unknown whether a power cut finds the old or the new file; a reader
/// without a power cut sees the new one only if the rename was reached.
pub fn publish(vfs: &dyn Vfs, temporary: &Path, target: &Path) -> io::Result<()> {
    let file = vfs.open(temporary, OpenMode::ReadWrite)?;
    publish_open(vfs, file.as_ref(), temporary, target)
}

/// [`publish`] through the handle that wrote the file.
///
/// # Durability
/// As for [`publish`].
///
/// # Errors
/// As for [`publish`].
pub fn publish_open(
    vfs: &dyn Vfs,
    file: &dyn File,
    temporary: &Path,
    target: &Path,
) -> io::Result<()> {
    // ORDER: bytes before name. A rename may reach the disk before unsynced bytes do, and a file
    // found under its final name is believed to be whole.
    file.sync_all()?;
    // CRASH: here the file is whole under its temporary name, which the next open removes.
    vfs.rename(temporary, target)?;
    // CRASH: here either name may be found; the caller has not been told that it succeeded.
    vfs.sync_dir(parent(target))
}

/// Replaces the file `target` by `bytes`, whole or not at all: writes `target` + `.tmp` (replacing
/// a leftover of that name), then [`publish_open`].
///
/// # Durability
/// As for [`publish`].
///
/// # Errors
/// As for [`publish`]. After a failure before the rename the temporary file is removed where
/// possible, so that a full disk does not stay full.
pub fn write_whole(vfs: &dyn Vfs, target: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary_name(target);
    match vfs.remove(&temporary) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let file = vfs.open(&temporary, OpenMode::CreateNew)?;
    let written = file
        .write_all_at(bytes, 0)
        .and_then(|()| publish_open(vfs, file.as_ref(), &temporary, target));
    if written.is_err() {
        // The failure above is the answer; a leftover that cannot be removed is replaced next time.
        let _ = vfs.remove(&temporary);
    }
    written
}

/// Creates the directory `dir` with every missing level above it, and syncs the parent of each
/// level it creates, and of the deepest level that it finds.
///
/// The level it finds may have been created by an earlier call that was killed before its sync.
///
/// # Durability
/// On success the whole path survives a power cut.
///
/// # Errors
/// `NotADirectory` when a level exists and is something else; whatever the system refuses.
pub fn create_dir_durable(vfs: &dyn Vfs, dir: &Path) -> io::Result<()> {
    let mut missing = Vec::new();
    let mut found = dir;
    while !found.as_os_str().is_empty() && !vfs.exists(found)? {
        missing.push(found);
        match found.parent() {
            Some(above) => found = above,
            None => break,
        }
    }
    // Listing is the check that the level found is a directory, and one that can be used.
    let nothing_long = OsStr::new(".");
    vfs.list_prefixed(or_current(found), nothing_long)?;
    if let Some(above) = found.parent() {
        match vfs.sync_dir(or_current(above)) {
            // A directory that this user may not open is not one that docdb has written to.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
    }
    for level in missing.into_iter().rev() {
        match vfs.create_dir(level) {
            Ok(()) => {}
            // Somebody else was faster; the sync below is needed all the same.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                vfs.list_prefixed(level, nothing_long)?;
            }
            Err(error) => return Err(error),
        }
        // CRASH: without this sync a level may be gone, and everything below with it.
        vfs.sync_dir(parent(level))?;
    }
    Ok(())
}

/// Removes the file at `path` and syncs its directory. A file that is missing already is fine; the
/// directory is synced even then, because the removal may have been somebody's who was killed
/// before the sync.
///
/// # Durability
/// On success the name does not come back after a power cut.
///
/// # Errors
/// Whatever the removal or the sync reports.
pub fn remove_durable(vfs: &dyn Vfs, path: &Path) -> io::Result<()> {
    match vfs.remove(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    vfs.sync_dir(parent(path))
}

/// Reads the whole file at `path`, which may be at most `limit_bytes` long.
///
/// # Errors
/// `FileTooLarge` past the limit, before anything is allocated; `OutOfMemory`; `UnexpectedEof` when
/// the file shrinks meanwhile; whatever the system reports.
pub fn read_whole(vfs: &dyn Vfs, path: &Path, limit_bytes: u64) -> io::Result<Vec<u8>> {
    let file = vfs.open(path, OpenMode::Read)?;
    let mut bytes = zeros_of(&*file, limit_bytes)?;
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Reads of the file at `path`, which may be at most `limit_bytes` long, what can be read: blocks of
/// 4096 bytes that cannot are zeros, and the error of the first try is returned beside the bytes. For
/// files that hold everything twice.
///
/// # Errors
/// `FileTooLarge` past the limit, before anything is allocated; `OutOfMemory`; whatever the system
/// reports of opening the file.
pub fn read_readable(
    vfs: &dyn Vfs,
    path: &Path,
    limit_bytes: u64,
) -> io::Result<(Vec<u8>, Option<io::Error>)> {
    let file = vfs.open(path, OpenMode::Read)?;
    let mut bytes = zeros_of(&*file, limit_bytes)?;
    let Err(error) = file.read_exact_at(&mut bytes, 0) else {
        return Ok((bytes, None));
    };
    for (number, block) in bytes.chunks_mut(BLOCK_BYTES).enumerate() {
        let offset = (number * BLOCK_BYTES) as u64;
        if file.read_exact_at(block, offset).is_err() {
            block.fill(0);
        }
    }
    Ok((bytes, Some(error)))
}

/// As many zeros as a file is long.
fn zeros_of(file: &dyn File, limit_bytes: u64) -> io::Result<Vec<u8>> {
    let length = file.length()?;
    if length > limit_bytes {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("file of {length} bytes is larger than {limit_bytes}"),
        ));
    }
    let length = usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(length)
        .map_err(|_| io::ErrorKind::OutOfMemory)?;
    bytes.resize(length, 0);
    Ok(bytes)
}

fn temporary_name(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}

/// The directory that holds the name `path`.
fn parent(path: &Path) -> &Path {
    or_current(path.parent().unwrap_or(path))
}

/// The parent of a bare name is the empty path, which the system does not accept.
fn or_current(dir: &Path) -> &Path {
    if dir.as_os_str().is_empty() {
        Path::new(".")
    } else {
        dir
    }
}
