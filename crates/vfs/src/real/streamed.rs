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
            self.file.sync_data()?;
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
