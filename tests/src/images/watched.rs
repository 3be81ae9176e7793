//! A file system that shows the disk to somebody behind every call that changes it.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;

use docdb_vfs::{Entry, File, Host, Lock, LockError, OpenMode, SimVfs, Vfs};

/// Who is shown the disk.
pub(super) type Look = Arc<dyn Fn(&SimVfs) + Send + Sync>;

#[derive(Clone)]
struct Watched {
    sim: SimVfs,
    look: Look,
}

struct WatchedFile {
    file: Arc<dyn File>,
    disk: Watched,
}

/// The host of a simulated disk, behind whose changes `look` is called.
pub(super) fn watched(sim: &SimVfs, look: Look) -> Host {
    let disk = Watched {
        sim: sim.clone(),
        look,
    };
    Host {
        files: Arc::new(disk),
        ..sim.host()
    }
}

impl Watched {
    fn seen<T>(&self, answer: T) -> T {
        (self.look)(&self.sim);
        answer
    }
}

impl Vfs for Watched {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let file = self.sim.open(path, mode)?;
        if mode == OpenMode::CreateNew {
            (self.look)(&self.sim);
        }
        Ok(Arc::new(WatchedFile {
            file,
            disk: self.clone(),
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.seen(self.sim.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.seen(self.sim.remove(path))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        self.sim.list(dir)
    }

    fn list_prefixed(&self, dir: &Path, prefix: &OsStr) -> io::Result<Vec<Entry>> {
        self.sim.list_prefixed(dir, prefix)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.seen(self.sim.create_dir(dir))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.sim.exists(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.seen(self.sim.sync_dir(dir))
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>, LockError> {
        self.seen(self.sim.lock(path))
    }

    fn available_bytes(&self, path: &Path) -> io::Result<u64> {
        self.sim.available_bytes(path)
    }
}

impl File for WatchedFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buf, offset)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        self.disk.seen(self.file.write_at(buf, offset))
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.disk.seen(self.file.set_len(length))
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.seen(self.file.sync_data())
    }

    fn sync_all(&self) -> io::Result<()> {
        self.disk.seen(self.file.sync_all())
    }

    fn drop_cache(&self) -> io::Result<()> {
        self.file.drop_cache()
    }
}
