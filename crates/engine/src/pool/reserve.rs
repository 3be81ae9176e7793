//! Space that is kept back for what frees space.
//!
//! A full disk must not keep anybody from deleting, and what is deleted comes free only through a
//! checkpoint and a compaction, which write first. So each directory holds one file of no content,
//! `.reserve`. When a call finds the disk full the file is removed, and from then on only what can
//! make room is written: deletions, checkpoints, compactions. Once twice the reserve is free again it
//! is taken again, and everything goes on.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use docdb_types::{Code, Effect, Error};
use docdb_vfs::{Host, OpenMode, Vfs};
use parking_lot::Mutex;

use crate::options::EngineOptions;

/// A reserve that would be smaller is none.
const LEAST_BYTES: u64 = 64 * 1024;
/// Of a small disk no more than this part is kept back.
const MOST_PART: u64 = 10;

/// The reserves of the directories of an engine.
#[derive(Debug)]
pub(crate) struct Reserve {
    files: Arc<dyn Vfs>,
    places: Vec<Place>,
    is_given_up: AtomicBool,
    /// Held by whoever gives up or takes back.
    turn: Mutex<()>,
}

#[derive(Debug)]
struct Place {
    directory: PathBuf,
    /// How much is kept here; 0: nothing.
    bytes: AtomicU64,
}

impl Reserve {
    /// Takes the reserves of the directories, as far as there is room for them.
    pub(crate) fn take(host: &Host, options: &EngineOptions) -> Arc<Self> {
        let data = &options.data_directory;
        let logs = &options.wal_directory;
        // Logs below the data are on the same disk.
        let directories = [
            Some(data),
            Some(logs).filter(|logs| !logs.starts_with(data)),
        ];
        let reserve = Self {
            files: Arc::clone(&host.files),
            places: directories
                .into_iter()
                .flatten()
                .map(|directory| Place {
                    directory: directory.clone(),
                    bytes: AtomicU64::new(0),
                })
                .collect(),
            is_given_up: AtomicBool::new(false),
            turn: Mutex::default(),
        };
        for place in &reserve.places {
            if let Err(error) = place.take(&*reserve.files, options.reserve_bytes) {
                let directory = place.directory.display();
                tracing::warn!(%directory, %error, "no space is kept back for a full disk");
            }
        }
        Arc::new(reserve)
    }

    /// No reserve.
    pub(crate) fn none(host: &Host) -> Arc<Self> {
        Arc::new(Self {
            files: Arc::clone(&host.files),
            places: Vec::new(),
            is_given_up: AtomicBool::new(false),
            turn: Mutex::default(),
        })
    }

    /// Whether only what frees space is written at present.
    pub(crate) fn is_given_up(&self) -> bool {
        self.is_given_up.load(Ordering::Acquire)
    }

    /// Gives the reserve up if `error` says that the disk is full; returns whether there is more room
    /// by that, so that another try can succeed.
    pub(crate) fn give_up_on(&self, error: &Error) -> bool {
        if error.code() != Code::DiskFull {
            return false;
        }
        let _turn = self.turn.lock();
        let is_kept = |place: &Place| place.bytes.load(Ordering::Relaxed) > 0;
        if self.is_given_up() || !self.places.iter().any(is_kept) {
            return false;
        }
        for place in &self.places {
            // One that cannot be removed is no room, and the next start finds it.
            let _ = self.files.remove(&place.path());
        }
        self.is_given_up.store(true, Ordering::Release);
        tracing::error!(
            %error,
            "the disk is full: only deletions, checkpoints and compactions are written until there \
             is space again"
        );
        true
    }

    /// Whether something may be written that takes space for good.
    ///
    /// # Errors
    /// `DiskFull`, nothing being applied, as long as the reserve is not taken again; asking takes it
    /// as soon as there is room.
    pub(crate) fn check_growth(&self) -> Result<(), Error> {
        if !self.is_given_up() || self.take_back() {
            return Ok(());
        }
        let text = "the disk is full: only what frees space is written";
        Err(Error::new(Code::DiskFull, text).with_effect(Effect::NotApplied))
    }

    fn take_back(&self) -> bool {
        let Some(_turn) = self.turn.try_lock() else {
            return false;
        };
        let is_taken = self.places.iter().all(|place| {
            let bytes = place.bytes.load(Ordering::Relaxed);
            let available = self.files.available_bytes(&place.directory);
            // Twice, so that the next write does not find the disk full at once.
            available.is_ok_and(|available| available >= bytes.saturating_mul(2))
                && (bytes == 0 || place.write(&*self.files, bytes).is_ok())
        });
        if is_taken {
            self.is_given_up.store(false, Ordering::Release);
            tracing::warn!("the disk has space again: everything is written");
        }
        is_taken
    }
}

impl Place {
    fn path(&self) -> PathBuf {
        reserve_path(&self.directory)
    }

    fn take(&self, files: &dyn Vfs, wanted: u64) -> io::Result<()> {
        let path = self.path();
        let kept = match files.open(&path, OpenMode::Read) {
            Ok(file) => file.length()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        if kept >= LEAST_BYTES && kept <= wanted {
            self.bytes.store(kept, Ordering::Relaxed);
            return Ok(());
        }
        if kept > 0 {
            files.remove(&path)?;
        }
        if wanted == 0 {
            return Ok(());
        }
        let bytes = wanted.min(files.available_bytes(&self.directory)? / MOST_PART);
        if bytes < LEAST_BYTES {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.write(files, bytes)?;
        self.bytes.store(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// Nothing is synced: a reserve that a crash takes is taken again by the next start.
    fn write(&self, files: &dyn Vfs, bytes: u64) -> io::Result<()> {
        let path = self.path();
        match files.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = files.open(&path, OpenMode::CreateNew)?;
        let allocated = file.allocate(bytes);
        if allocated.is_err() {
            let _ = files.remove(&path);
        }
        allocated
    }
}

fn reserve_path(directory: &Path) -> PathBuf {
    directory.join(".reserve")
}
