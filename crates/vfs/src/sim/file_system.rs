//! The simulated file system.

use std::path::Path;
use std::sync::Arc;
use std::{fmt, io};

use parking_lot::Mutex;

use super::call::{Call, CallKind};
use super::clock::SimClock;
use super::disk::{Cut, Disk, Fate};
use super::entropy::{SimEntropy, mix};
use super::fault::{Fault, power_loss};
use super::handle::{SimFile, SimLock};
use super::names::Node;
use super::watch::{Watch, show};
use crate::{Entry, EntryKind, File, Host, Lock, LockError, OpenMode, Vfs};

/// A simulated disk with its clock and its randomness. Clones are handles to the same disk.
///
/// The root directory exists and is durable; relative paths start there. Every call is counted, so
/// that the same work can be repeated with the power cut at each of them:
///
/// ```
/// use docdb_vfs::{CrashProfile, SimVfs, is_power_loss, read_whole, write_whole};
/// use std::path::Path;
///
/// let target = Path::new("/target");
/// for cut in 0.. {
///     let disk = SimVfs::new(1);
///     write_whole(&disk, target, b"old").unwrap();
///     disk.crash_at(disk.operations() + cut);
///     let answer = write_whole(&disk, target, b"new");
///     let after = disk.crash(CrashProfile::Strict, cut);
///     let found = read_whole(&after, target, 3).unwrap();
///     match answer {
///         Ok(()) => {
///             assert_eq!(found, b"new");
///             break;
///         }
///         Err(error) => assert!(is_power_loss(&error) && (found == b"old" || found == b"new")),
///     }
/// }
/// ```
#[derive(Clone)]
pub struct SimVfs {
    disk: Arc<Mutex<Disk>>,
    clock: SimClock,
    entropy: SimEntropy,
}

impl fmt::Debug for SimVfs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimVfs")
    }
}

impl SimVfs {
    /// An empty disk, healthy and without a limit.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::from_disk(Disk::new(seed), SimClock::new())
    }

    pub(super) fn from_disk(disk: Disk, clock: SimClock) -> Self {
        Self {
            clock,
            // The disk draws from the seed itself.
            entropy: SimEntropy::new(mix(disk.seed)),
            disk: Arc::new(Mutex::new(disk)),
        }
    }

    /// This disk with its clock and its randomness.
    #[must_use]
    pub fn host(&self) -> Host {
        Host {
            files: Arc::new(self.clone()),
            clock: Arc::new(self.clock.clone()),
            entropy: Arc::new(self.entropy.clone()),
        }
    }

    /// The clock of [`host`](Self::host), to be moved by hand.
    #[must_use]
    pub fn clock(&self) -> SimClock {
        self.clock.clone()
    }

    /// The randomness of [`host`](Self::host).
    #[must_use]
    pub fn entropy(&self) -> SimEntropy {
        self.entropy.clone()
    }

    /// How many calls have reached the disk.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.disk.lock().operations
    }

    /// How many of them change something: writes, lengths, syncs, creations, renames, removals and
    /// locks.
    #[must_use]
    pub fn mutations(&self) -> u64 {
        self.disk.lock().mutations
    }

    /// Cuts the power at the call with this index among all calls (the first one is 0). That call
    /// and all behind it fail with [`PowerLoss`](crate::PowerLoss); what that call was to change is
    /// as uncertain as everything that is not synced.
    pub fn crash_at(&self, operation: u64) {
        self.disk.lock().cut = Some(Cut::Operation(operation));
    }

    /// [`crash_at`](Self::crash_at) among the calls that change something.
    pub fn crash_at_mutation(&self, mutation: u64) {
        self.disk.lock().cut = Some(Cut::Mutation(mutation));
    }

    /// Whether the disk still has power: not after a crash, a kill, or the call at which the power
    /// was to be cut.
    #[must_use]
    pub fn has_power(&self) -> bool {
        !self.disk.lock().powerless
    }

    /// Arms a fault. Of several that could hit a call the one armed first does.
    pub fn fail(&self, fault: Fault) {
        self.disk.lock().faults.arm(fault);
    }

    /// Shows every call from now on to `watcher`, before it reaches the disk: what kind it is, and
    /// the path that it names or that its file was opened by. A watcher may block, which holds up
    /// that call alone.
    pub fn watch(&self, watcher: impl Fn(CallKind, &Path) + Send + Sync + 'static) {
        self.disk.lock().watch = Watch::by(watcher);
    }

    /// Disarms every fault. What they have lost stays lost.
    pub fn clear_faults(&self) {
        self.disk.lock().faults.clear();
    }

    /// How many calls have been hit by a fault.
    #[must_use]
    pub fn fault_hits(&self) -> u64 {
        self.disk.lock().faults.hits
    }

    /// Limits the space of the disk, counted in pages of 4,096 bytes that have been written to;
    /// `None` lifts the limit. A file that is open keeps its space after its removal.
    pub fn set_capacity_bytes(&self, capacity_bytes: Option<u64>) {
        self.disk.lock().capacity_bytes = capacity_bytes;
    }

    pub(super) fn disk(&self) -> parking_lot::MutexGuard<'_, Disk> {
        self.disk.lock()
    }
}

/// Passes a call through the gate of the disk and performs it.
pub(super) fn perform<T>(
    disk: &Mutex<Disk>,
    call: &Call<'_>,
    perform: impl FnOnce(&mut Disk) -> io::Result<T>,
) -> io::Result<T> {
    show(disk, call);
    let mut disk = disk.lock();
    match disk.admit(call)? {
        Fate::Passes | Fate::Short | Fate::Lies => perform(&mut disk),
        Fate::Fails(errno) => Err(errno.into()),
        Fate::PowerFails => {
            if Disk::outlives_power(call.kind) {
                // Nobody is left to take the answer.
                let _ = perform(&mut disk);
            }
            Err(power_loss())
        }
    }
}

impl Vfs for SimVfs {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let id = perform(&self.disk, &Call::open(path, mode), |disk| {
            disk.open(path, mode)
        })?;
        Ok(Arc::new(SimFile::new(self.disk.clone(), id, path, mode)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        perform(&self.disk, &Call::rename(from, to), |disk| {
            disk.rename(from, to)
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        perform(&self.disk, &Call::new(CallKind::Remove, path), |disk| {
            disk.remove(path)
        })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        perform(&self.disk, &Call::new(CallKind::List, dir), |disk| {
            let directory = disk.names.visible.directory(dir)?;
            let entries = disk.names.visible.entries(directory);
            Ok(entries
                .into_iter()
                .flat_map(|entries| entries.iter())
                .map(|(name, node)| Entry {
                    name: name.as_ref().to_owned(),
                    kind: match node {
                        Node::File(_) => EntryKind::File,
                        Node::Directory(_) => EntryKind::Directory,
                    },
                })
                .collect())
        })
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        perform(&self.disk, &Call::new(CallKind::CreateDir, dir), |disk| {
            disk.create_dir(dir)
        })
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        perform(
            &self.disk,
            &Call::new(CallKind::Exists, path),
            |disk| match disk.names.visible.find(path) {
                Ok(found) => Ok(found.is_some()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
                Err(error) => Err(error),
            },
        )
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let call = Call::new(CallKind::SyncDir, dir);
        show(&self.disk, &call);
        let mut disk = self.disk.lock();
        let fate = disk.admit(&call)?;
        let directory = disk.names.visible.directory(dir);
        match fate {
            Fate::Passes | Fate::Short => disk.sync_dir(directory?),
            Fate::Lies => disk.names.lose_pending(directory?),
            Fate::PowerFails => return Err(power_loss()),
            Fate::Fails(errno) => {
                // Without a handle nothing was synced, and nothing was lost.
                if errno != rustix::io::Errno::MFILE {
                    disk.names.lose_pending(directory?);
                }
                return Err(errno.into());
            }
        }
        Ok(())
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>, LockError> {
        let taken = perform(&self.disk, &Call::new(CallKind::Lock, path), |disk| {
            disk.lock(path).map(|id| id.ok_or(disk.pid))
        })?;
        match taken {
            Ok(id) => Ok(Box::new(SimLock::new(self.disk.clone(), id))),
            Err(pid) => Err(LockError::Held { pid: Some(pid) }),
        }
    }

    fn available_bytes(&self, path: &Path) -> io::Result<u64> {
        perform(
            &self.disk,
            &Call::new(CallKind::AvailableBytes, path),
            |disk| match disk.names.visible.find(path)? {
                Some(_) => Ok(disk.free_bytes()),
                None => Err(io::ErrorKind::NotFound.into()),
            },
        )
    }
}
