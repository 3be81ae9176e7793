//! Backups of databases, and databases out of backups.
//!
//! A backup of a database is its manifest right behind a checkpoint of the whole database, and the
//! data files that the manifest names: the state at one version, without the log. Data files never
//! change, so they are copied beside reads and writes, and a file that an earlier backup has copied
//! is not copied again. A manifest is replaced whole and its files are opened before the copying
//! begins: whoever has opened them all has one state, whatever is written or merged meanwhile.
//!
//! A directory of backups holds any number of them:
//!
//! ```text
//! <directory>/<number>.backup                       what one backup consists of; written last
//! <directory>/data/<uid>.<file number>.<salt>       copies of data files, each under any number of backups
//! ```
//!
//! Invariants:
//! - **a backup is there whole or not at all**: its index is written, durably, behind all that it
//!   names, and removed before any of that;
//! - **every byte that was copied has been read back and verified** before an index names it, the
//!   records against their own checksums too;
//! - **nothing that is there is written over**: neither in a directory of backups nor by a restore;
//! - **a restore that was cut off shows nothing**: the catalog names what it has restored in one
//!   write at its end, and the next restore removes what is left of it.

mod check;
mod copy;
mod index;
mod plan;
mod report;
mod restore;
mod store;
mod take;

pub use check::verify_backup;
pub use report::{
    BackedUp, BackupFailure, BackupReport, BackupSummary, CheckedBackup, RestoreReport, Restored,
};
pub use restore::{RestoreOptions, restore};
pub use store::list_backups;
pub use take::{BackupOptions, back_up, back_up_closed};
