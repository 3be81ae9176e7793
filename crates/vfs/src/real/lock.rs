//! Locks between processes of the machine.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::{fs, io, process};

use rustix::fs::{FlockOperation, OFlags};
use rustix::io::Errno;

use super::file::open_regular;
use crate::{Lock, LockError};

/// `flock` belongs to the open file, not to the process: closing another handle of the same file
/// does not let go of it, and a second attempt inside this process is refused too.
#[derive(Debug)]
pub(super) struct RealLock(fs::File);

impl RealLock {
    pub(super) fn take(path: &Path) -> Result<Self, LockError> {
        let file = open_regular(path, OFlags::RDWR | OFlags::CREATE)?;
        match rustix::io::retry_on_intr(|| {
            rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)
        }) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                return Err(LockError::Held {
                    pid: read_pid(&file)?,
                });
            }
            Err(error) => return Err(LockError::Io(error.into())),
        }
        let pid = format!("{}\n", process::id());
        let written = file
            .set_len(0)
            .and_then(|()| file.write_all_at(pid.as_bytes(), 0));
        match written {
            // The number is for people: a full disk does not keep anybody from starting.
            Err(error)
                if !matches!(
                    error.kind(),
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
                ) =>
            {
                Err(LockError::Io(error))
            }
            _ => Ok(Self(file)),
        }
    }
}

impl Lock for RealLock {}

impl Drop for RealLock {
    fn drop(&mut self) {
        // So that the next holder's rival is never told of a process that has let go. The lock
        // itself ends with the handle, whether or not this succeeds.
        let _ = self.0.set_len(0);
    }
}

fn read_pid(file: &fs::File) -> io::Result<Option<u32>> {
    let mut text = [0; 16];
    let read = file.read_at(&mut text, 0)?;
    Ok(text
        .get(..read)
        .and_then(|text| std::str::from_utf8(text).ok())
        .and_then(|text| text.strip_suffix('\n'))
        .and_then(|pid| pid.parse().ok()))
}
