//! Reading and writing past the page cache (`O_DIRECT`).

use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::{fs, io};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// What a file system asks of the address, the place and the length of such a call, at most.
const BLOCK_BYTES: usize = 4096;

/// Opens a file that is open once more, past the cache; `None`: it cannot be.
pub(super) fn reopen(file: BorrowedFd<'_>, access: OFlags) -> Option<fs::File> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let flags = access | OFlags::DIRECT | OFlags::CLOEXEC;
    let opened = rustix::io::retry_on_intr(|| rustix::fs::open(&*path, flags, Mode::empty()));
    opened.ok().map(fs::File::from)
}

/// Whether the file system has taken the flag and not the call: it wants larger blocks than these.
pub(super) fn is_refused<T>(done: &io::Result<T>) -> bool {
    matches!(done, Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()))
}

/// The whole blocks at the front of `part`, where it stands at a multiple of a block.
pub(super) fn blocks(part: &[u8], offset: u64) -> Option<&[u8]> {
    let whole = part.len() - part.len() % BLOCK_BYTES;
    let is_placed = offset.is_multiple_of(BLOCK_BYTES as u64) && whole > 0;
    part.get(..whole).filter(|_| is_placed)
}

/// Memory at an address that is a multiple of a block.
#[derive(Debug)]
pub(super) struct Room(Vec<u8>);

impl Room {
    /// Room for so many bytes and what is around them on their first and last block.
    pub(super) fn for_bytes(bytes: usize) -> Self {
        Self(vec![0; bytes + 3 * BLOCK_BYTES])
    }

    fn get(&mut self, bytes: usize) -> &mut [u8] {
        let from = self.0.as_ptr().align_offset(BLOCK_BYTES);
        let place = self.0.get_mut(from..from.saturating_add(bytes));
        place.unwrap_or_default()
    }

    /// Writes whole [`blocks`].
    pub(super) fn write(
        &mut self,
        file: &fs::File,
        blocks: &[u8],
        offset: u64,
    ) -> io::Result<usize> {
        // INVARIANT: nobody asks for more than there is room for.
        let place = self.get(blocks.len());
        place.copy_from_slice(blocks);
        file.write_at(place, offset)
    }

    /// Reads any bytes, with the blocks around them.
    pub(super) fn read(
        &mut self,
        file: &fs::File,
        bytes: &mut [u8],
        offset: u64,
    ) -> io::Result<usize> {
        let before = offset % BLOCK_BYTES as u64;
        let around = (before as usize + bytes.len()).next_multiple_of(BLOCK_BYTES);
        let place = self.get(around);
        let read = file.read_at(place, offset - before)?;
        let found = place.get(before as usize..read).unwrap_or_default();
        let count = found.len().min(bytes.len());
        let (found, bytes) = (found.get(..count), bytes.get_mut(..count));
        if let (Some(found), Some(bytes)) = (found, bytes) {
            bytes.copy_from_slice(found);
        }
        Ok(count)
    }
}
