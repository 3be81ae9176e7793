//! Open files and held locks of the simulated disk.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::io::Errno;

use super::call::{Call, CallKind};
use super::disk::{Disk, Fate};
use super::fault::power_loss;
use super::file_system::perform;
use super::names::FileId;
use super::watch::show;
use crate::{File, Lock, OpenMode};

pub(super) struct SimFile {
    disk: Arc<Mutex<Disk>>,
    id: FileId,
    path: PathBuf,
    mode: OpenMode,
}

impl SimFile {
    /// Stands for the handle that [`Disk::open`] has counted.
    pub(super) fn new(disk: Arc<Mutex<Disk>>, id: FileId, path: &Path, mode: OpenMode) -> Self {
        Self {
            disk,
            id,
            path: path.to_owned(),
            mode,
        }
    }

    fn call(&self, kind: CallKind) -> Call<'_> {
        Call::new(kind, &self.path)
    }

    fn sync(&self) -> io::Result<()> {
        let call = self.call(CallKind::Sync);
        show(&self.disk, &call);
        let mut disk = self.disk.lock();
        match disk.admit(&call)? {
            Fate::Passes | Fate::Short => disk.inode(self.id)?.sync(),
            Fate::Lies => disk.lose_file_changes(self.id),
            Fate::PowerFails => return Err(power_loss()),
            Fate::Fails(errno) => {
                disk.lose_file_changes(self.id);
                return Err(errno.into());
            }
        }
        Ok(())
    }
}

impl File for SimFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        perform(&self.disk, &self.call(CallKind::Read), |disk| {
            Ok(disk.inode(self.id)?.visible.read(buf, offset))
        })
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        if self.mode == OpenMode::Read {
            return Err(Errno::BADF.into());
        }
        let call = self.call(CallKind::Write);
        show(&self.disk, &call);
        let mut disk = self.disk.lock();
        match disk.admit(&call)? {
            Fate::Passes | Fate::Lies => disk.write(self.id, buf, offset),
            Fate::Short => {
                // At least one byte, and where there are two not the last one.
                let part = 1 + disk.chance.length_below(buf.len().saturating_sub(1));
                disk.write(self.id, buf.get(..part).unwrap_or(buf), offset)
            }
            Fate::Fails(errno) => Err(errno.into()),
            Fate::PowerFails => {
                // Nobody is left to take the answer.
                let _ = disk.write(self.id, buf, offset);
                Err(power_loss())
            }
        }
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        if self.mode == OpenMode::Read {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        perform(&self.disk, &self.call(CallKind::SetLen), |disk| {
            disk.set_len(self.id, length)
        })
    }

    fn length(&self) -> io::Result<u64> {
        perform(&self.disk, &self.call(CallKind::Length), |disk| {
            Ok(disk.inode(self.id)?.visible.length())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync()
    }

    fn drop_cache(&self) -> io::Result<()> {
        perform(&self.disk, &self.call(CallKind::DropCache), |disk| {
            disk.inode(self.id)?.drop_cache();
            Ok(())
        })
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        self.disk.lock().close(self.id);
    }
}

pub(super) struct SimLock {
    disk: Arc<Mutex<Disk>>,
    id: FileId,
}

impl SimLock {
    /// Stands for the lock that [`Disk::lock`] has taken.
    pub(super) fn new(disk: Arc<Mutex<Disk>>, id: FileId) -> Self {
        Self { disk, id }
    }
}

impl Lock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.disk.lock().unlock(self.id);
    }
}
