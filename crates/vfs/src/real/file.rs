//! Regular files of the machine.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{Advice, FallocateFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::direct::{self, Room};
use crate::file_system::write_zeros;
use crate::{File, OpenMode};

/// Most that is read past the cache in one call.
const STREAMED_BYTES: usize = 512 * 1024;

#[derive(Debug)]
pub(super) struct RealFile(std::fs::File);

impl RealFile {
    pub(super) fn open(path: &Path, mode: OpenMode) -> io::Result<Self> {
        let access = match mode {
            OpenMode::Read => OFlags::RDONLY,
            OpenMode::ReadWrite => OFlags::RDWR,
            OpenMode::CreateNew | OpenMode::CreateStreamed => {
                OFlags::RDWR | OFlags::CREATE | OFlags::EXCL
            }
        };
        open_regular(path, access).map(Self)
    }

    /// Has the machine read no more than what is asked for.
    pub(super) fn read_nothing_ahead(&self) {
        // It is a wish.
        let _ = rustix::fs::fadvise(&self.0, 0, None, Advice::Random);
    }
}

impl AsFd for RealFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Opens a regular file and nothing else. A named pipe in its place must not make the open wait,
/// hence `NONBLOCK`, which means nothing for a regular file.
pub(super) fn open_regular(path: &Path, access: OFlags) -> io::Result<std::fs::File> {
    let flags = access | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened =
        rustix::io::retry_on_intr(|| rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR))?;
    let file = std::fs::File::from(opened);
    let kind = file.metadata()?.file_type();
    if kind.is_file() {
        Ok(file)
    } else if kind.is_dir() {
        Err(Errno::ISDIR.into())
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ))
    }
}

impl File for RealFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }

    fn read_streamed_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let most = buf.len().min(STREAMED_BYTES);
        let part = buf.get_mut(..most).unwrap_or_default();
        // Opened for this call: it takes a hundredth of the time of the call, and no descriptor is kept.
        if let Some(direct) = direct::reopen(self.0.as_fd(), OFlags::RDONLY) {
            let read = Room::for_bytes(most).read(&direct, part, offset);
            if !direct::is_refused(&read) {
                return read;
            }
        }
        self.read_at(part, offset)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        self.0.write_at(buf, offset)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        let flags = FallocateFlags::empty();
        let allocated =
            rustix::io::retry_on_intr(|| rustix::fs::fallocate(&self.0, flags, 0, length));
        match allocated {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => write_zeros(self, length),
            allocated => Ok(allocated?),
        }
    }

    fn hold(&self) -> io::Result<()> {
        let shared = FlockOperation::NonBlockingLockShared;
        Ok(rustix::io::retry_on_intr(|| {
            rustix::fs::flock(&self.0, shared)
        })?)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    // INVARIANT: the two syncs call the system once. Those of the standard library repeat an
    // interrupted call, and the second one may answer for pages that the first has given up.
    fn sync_data(&self) -> io::Result<()> {
        Ok(rustix::fs::fdatasync(&self.0)?)
    }

    fn sync_all(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.0)?)
    }

    fn drop_cache(&self) -> io::Result<()> {
        Ok(rustix::fs::fadvise(&self.0, 0, None, Advice::DontNeed)?)
    }
}
