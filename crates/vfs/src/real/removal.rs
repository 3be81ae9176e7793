//! Removing large files.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::Instant;

use rustix::fs::{FlockOperation, OFlags};

use super::file::open_regular;
use crate::Rest;

/// Bytes that a file gives up at once. Where the file system tells the disk of every freed block
/// (`discard`), a sync beside waits for those of 64 MiB some fifty milliseconds, of 4 MiB eight, and for
/// these three. Less at a time makes it last longer and little else.
const PART_BYTES: u64 = 1 << 20;

/// Removes a file part by part, with a rest behind each, until there is no time for any.
pub(super) fn gently(path: &Path, rest: Rest<'_>) -> io::Result<()> {
    // ORDER: the lock is held until the name is gone; whoever finds the name later finds it locked.
    let file = open_regular(path, OFlags::RDWR);
    if let Ok(file) = &file
        && is_unshared(file)
    {
        // Where it cannot be cut short it goes at once.
        let _ = shrink(file, rest);
    }
    fs::remove_file(path)
}

/// Whether no other process holds the file, and it has no other name.
fn is_unshared(file: &File) -> bool {
    let exclusive = FlockOperation::NonBlockingLockExclusive;
    file.metadata().is_ok_and(|found| found.nlink() == 1)
        && rustix::io::retry_on_intr(|| rustix::fs::flock(file, exclusive)).is_ok()
}

fn shrink(file: &File, rest: Rest<'_>) -> io::Result<()> {
    let mut length = file.metadata()?.len();
    while length > PART_BYTES {
        length -= PART_BYTES;
        let begun = Instant::now();
        file.set_len(length)?;
        match rest(begun.elapsed()) {
            Some(rest) => thread::sleep(rest),
            None => break,
        }
    }
    Ok(())
}
