//! File system, clock and randomness as traits: real, and simulated.
//!
//! Every byte that docdb keeps passes through [`Vfs`] and [`File`]; no other crate opens, writes,
//! syncs, renames or removes a file. What the engine decides by time or by chance comes in through
//! [`Clock`] and [`Entropy`]. The three travel together as a [`Host`].
//!
//! It is not a path library, a cache or an asynchronous layer: calls block, paths are ordinary
//! [`Path`](std::path::Path)s, and nothing here knows a format.
//!
//! ```
//! use docdb_vfs::{SimVfs, Vfs, write_whole, read_whole};
//! use docdb_vfs::{CrashProfile, OpenMode};
//! use std::path::Path;
//!
//! let disk = SimVfs::new(7);
//! write_whole(&disk, Path::new("/kept"), b"synced and published").unwrap();
//! let file = disk.open(Path::new("/lost"), OpenMode::CreateNew).unwrap();
//! file.write_all_at(b"never synced", 0).unwrap();
//!
//! let after = disk.crash(CrashProfile::DropAll, 1);
//! assert_eq!(read_whole(&after, Path::new("/kept"), 64).unwrap(), b"synced and published");
//! assert!(!after.exists(Path::new("/lost")).unwrap());
//! ```
//!
//! # Invariants
//!
//! - **A failed sync is never repeated**, not by the caller and not inside this crate, not even
//!   when a signal interrupted it.
//! - **A name is durable only when its directory has been synced**; the functions of this crate
//!   that promise durability say which syncs they perform.
//! - **Symbolic links are never followed in the last component** of a path, and only regular files
//!   are opened.
//! - **The simulated disk is a function of its seed and of the calls made**: two runs of the same
//!   calls see the same answers and leave the same images.

mod clock;
mod durable;
mod entropy;
mod file_system;
mod host;
mod listed;
mod real;
mod sim;

pub use clock::{Clock, RealClock};
pub use durable::{
    create_dir_durable, publish, publish_open, read_readable, read_whole, remove_durable,
    write_whole,
};
pub use entropy::{Entropy, RealEntropy};
pub use file_system::{Entry, EntryKind, File, Lock, LockError, OpenMode, Rest, Vfs};
pub use host::Host;
pub use listed::ListedVfs;
pub use real::RealVfs;
pub use sim::{
    CallKind, CrashProfile, Fault, FaultKind, FaultOn, Persistence, PowerLoss, SimClock,
    SimEntropy, SimVfs, is_power_loss,
};
