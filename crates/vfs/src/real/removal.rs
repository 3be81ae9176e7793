//! Removing large files.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::Instant;

use rustix::fs::{FlockOperation, OFlags};

use super::file::open_regular;

/// Bytes that a file gives up at once. Where the file system tells the disk of every freed block
/// (`discard`), a sync beside waits for those of a gigabyte some hundred milliseconds, and for these
/// about ten.
const PART_BYTES: u64 = 4 << 20;

/// Removes a file part by part, resting after each as long as it took.
pub(super) fn gently(path: &Path) -> io::Result<()> {
    // ORDER: the lock is held until the name is gone; whoever finds the name later finds it locked.
    let file = open_regular(path, OFlags::RDWR);
    if let Ok(file) = &file
        && is_unshared(file)
    {
        // Where it cannot be cut short it goes at once.
        let _ = shrink(file);
    }
    fs::remove_file(path)
}

/// Whether no other process holds the file, and it has no other name.
fn is_unshared(file: &File) -> bool {
    let exclusive = FlockOperation::NonBlockingLockExclusive;
    file.metadata().is_ok_and(|found| found.nlink() == 1)
        && rustix::io::retry_on_intr(|| rustix::fs::flock(file, exclusive)).is_ok()
}

fn shrink(file: &File) -> io::Result<()> {
    let mut length = file.metadata()?.len();
    while length > PART_BYTES {
        length -= PART_BYTES;
        let begun = Instant::now();
        file.set_len(length)?;
        thread::sleep(begun.elapsed());
    }
    Ok(())
}
