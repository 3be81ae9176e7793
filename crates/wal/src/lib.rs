//! The write-ahead log of docdb: one log for each database, in segments, with group commit.
//!
//! **What it is.** A [`Wal`] takes batches of records, writes each batch with one write, makes it
//! durable with one sync, and after any crash gives back exactly the batches that were durable, plus
//! possibly some that were on their way, each whole. A [`LogReader`] reads single records and ranges
//! beside the writer. A [`group::GroupQueue`] finds the leader of a group commit.
//!
//! **What it is not.** It knows no documents, no index and no data files: a record is a kind, a
//! collection, a key, a transaction and a payload. It starts no thread and waits on no timer.
//!
//! ```
//! use docdb_types::{CollectionId, DatabaseName, DatabaseUid, TransactionId};
//! use docdb_vfs::Host;
//! use docdb_wal::{BatchBuilder, Covered, RecordKind, RecordRef, Wal, WalIdentity, WalOptions};
//!
//! let directory = tempfile::tempdir().unwrap();
//! let identity = WalIdentity {
//!     name: DatabaseName::new("orders").unwrap(),
//!     uid: DatabaseUid::from(7),
//! };
//! let options = WalOptions::new(directory.path());
//! let open = |visit: &mut dyn FnMut(docdb_wal::Recovered<'_>)| {
//!     Wal::open(&Host::real(), &identity, &options, Covered::NOTHING, &mut |found| {
//!         visit(found);
//!         Ok(())
//!     })
//! };
//!
//! let (mut wal, _) = open(&mut |_| {})?;
//! let mut batch = BatchBuilder::new();
//! let slot = batch.push(RecordRef {
//!     kind: RecordKind::Put,
//!     collection: CollectionId::DEFAULT,
//!     transaction: TransactionId::new(1),
//!     key: b"key",
//!     payload: b"{\"paid\":true}",
//! })?;
//! let appended = wal.commit(&mut batch)?; // on the disk when this returns
//! let record = wal.reader().read(appended.lsn(slot), slot.stored_bytes())?;
//! assert_eq!(record.payload(), b"{\"paid\":true}");
//! drop(wal); // as a crash would
//!
//! let mut found = Vec::new();
//! open(&mut |recovered| found.push(recovered.record.key.to_vec()))?;
//! assert_eq!(found, [b"key"]);
//! # Ok::<(), docdb_wal::WalError>(())
//! ```
//!
//! # Invariants
//!
//! - **A batch is valid whole or not at all**, and batches come back in the order of appending,
//!   without a gap.
//! - **A torn tail and corruption are told apart by what was promised durable**, never by guessing:
//!   a tail nobody promised is cut, durably, before anything is written behind it; where durable
//!   bytes are damaged the log opens read-only and not one byte on the disk is changed.
//! - **A failed sync is never repeated**, and nothing is ever appended behind a failed write.
//! - **A position ([`Lsn`]) means one byte for the life of the database**: segments continue each
//!   other's positions, and files are never recycled.
//! - **Every byte is under a checksum that is bound to its database, segment and position**: bytes
//!   of another file, another life or another place never verify.

mod batch;
mod destroy;
mod error;
mod format;
pub mod group;
mod lsn;
mod names;
mod options;
mod preallocation;
mod reader;
mod recovery;
mod rotation;
mod scan;
mod scrub;
mod segment;
mod statistics;
mod trim;
mod versions;
mod writer;

pub use batch::{Appended, BatchBuilder, BatchMark, RecordSlot};
pub use destroy::destroy;
pub use error::{Corruption, WalError};
pub use format::{RecordKind, RecordRef, limits, stored_bytes};
pub use lsn::Lsn;
pub use options::{Covered, WalIdentity, WalOptions};
pub use reader::{LogReader, Pin, StoredRecord};
pub use recovery::{Damage, LogState, Recovered, Recovery, inspect};
pub use scrub::{LogDamage, LogScrub};
pub use segment::SegmentInfo;
pub use statistics::{Histogram, WalStatistics};
pub use trim::{Detached, Trimmed};
pub use versions::VersionKey;
pub use writer::{UNSYNCED_IDS, Wal};
