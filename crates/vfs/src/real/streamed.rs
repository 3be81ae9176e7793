//! Files that are written from front to back.

use std::os::fd::AsFd;
use std::{fs, io};

use parking_lot::Mutex;
use rustix::fs::OFlags;

use super::direct::{Room, blocks, is_refused, reopen};
use super::file::RealFile;
use crate::File;

/// Bytes that one call hands to the disk. Beside writers that sync all the time 64 KiB reach no 120 MB/s, and
/// of a mebibyte at a time the syncs see more than of these.
const PART_BYTES: usize = 256 * 1024;

/// A new file whose whole blocks pass by the page cache: nothing of them waits for anybody's sync, and none
/// is needed before the last. What cannot, or where the file system does not know how, is synced part by
/// part.
#[derive(Debug)]
pub(super) struct StreamedFile {
    file: RealFile,
    /// The same file, past the cache.
    direct: Option<fs::File>,
    stream: Mutex<Stream>,
}

#[derive(Debug)]
struct Stream {
    room: Room,
    /// Bytes written through the cache since the last sync.
    unsynced: usize,
}

impl StreamedFile {
    /// `file` is new.
    pub(super) fn new(file: RealFile) -> Self {
        let stream = Stream {
            room: Room::for_bytes(PART_BYTES),
            unsynced: 0,
        };
        // Whoever reads it back takes what he asks for, and the disk nothing ahead of it.
        file.read_nothing_ahead();
        Self {
            direct: reopen(file.as_fd(), OFlags::RDWR),
            file,
            stream: Mutex::new(stream),
        }
    }
}

/// The failure of a sync as that of a write: an interrupted write is tried again, a sync never is.
fn not_to_be_repeated(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::Interrupted => io::Error::other(error),
        _ => error,
    }
}

impl File for StreamedFile {
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        let part = buf.get(..PART_BYTES).unwrap_or(buf);
        let mut stream = self.stream.lock();
        if let (Some(direct), Some(blocks)) = (&self.direct, blocks(part, offset)) {
            let written = stream.room.write(direct, blocks, offset);
            if !is_refused(&written) {
                return written;
            }
        }
        let written = self.file.write_at(part, offset)?;
        stream.unsynced += written;
        if stream.unsynced >= PART_BYTES {
            self.file.sync_data().map_err(not_to_be_repeated)?;
            stream.unsynced = 0;
        }
        Ok(written)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buf, offset)
    }

    fn read_streamed_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_streamed_at(buf, offset)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        self.file.allocate(length)
    }

    fn hold(&self) -> io::Result<()> {
        self.file.hold()
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn drop_cache(&self) -> io::Result<()> {
        self.file.drop_cache()
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;
    use crate::OpenMode;

    #[test]
    fn a_sync_that_was_interrupted_is_no_write_to_try_again() {
        let failed = not_to_be_repeated(Errno::INTR.into());
        assert_ne!(failed.kind(), io::ErrorKind::Interrupted);
        let full = not_to_be_repeated(Errno::NOSPC.into());
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn where_nothing_passes_by_the_cache_every_part_is_synced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let file = RealFile::open(&path, OpenMode::CreateStreamed).unwrap();
        let file = StreamedFile {
            direct: None,
            ..StreamedFile::new(file)
        };
        let bytes: Vec<u8> = (0..1_000_000_u32).map(|at| (at % 251) as u8).collect();
        let mut most = 0;
        for (at, part) in bytes.chunks(100_000).enumerate() {
            file.write_all_at(part, at as u64 * 100_000).unwrap();
            most = most.max(file.stream.lock().unsynced);
        }
        assert!(most > 0 && most < PART_BYTES, "{most}");
        assert!(std::fs::read(&path).unwrap() == bytes);
    }
}
