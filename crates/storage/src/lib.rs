//! Data files, manifest and index of one database.
//!
//! **What it is.** What a database keeps beside its log. *Data files* hold documents in key order;
//! they are written whole by a checkpoint or a compaction ([`DataFileWriter`], [`Merge`]) and never
//! changed; each has its parity beside it ([`Parity`]). The *manifest* ([`Manifest`]) says which of them are live and how far they cover the
//! log. The *index* ([`Index`]), in memory, says where the newest version of each document is, in
//! the log or in a data file, and keeps older versions as long as a [`Snapshot`] sees them.
//!
//! **What it is not.** It knows no log: a position in it is a number ([`LogPosition`]). It decides
//! nothing by itself: when to checkpoint, what to compact and how to heal is its caller's, who also
//! gives every step its turn. Documents are bytes here.
//!
//! ```
//! use docdb_storage::*;
//! use docdb_types::{CollectionId, DatabaseName, DatabaseUid, DocumentId, TransactionId};
//! use docdb_vfs::Host;
//!
//! # let directory = tempfile::tempdir()?;
//! let home = StorageHome {
//!     host: Host::real(),
//!     directory: directory.path().to_owned(),
//!     name: DatabaseName::new("tenant-7")?,
//!     uid: DatabaseUid::from(7),
//! };
//!
//! // A checkpoint: what is live goes to a data file, and a manifest names it.
//! let manifest = Manifest::empty();
//! let metadata = manifest.next_metadata(&[]);
//! let mut writer = DataFileWriter::create(&home, manifest.next_data_file, Parity::DEFAULT)?;
//! writer.push(&Record {
//!     collection: CollectionId::DEFAULT,
//!     key: &DocumentId::MIN.to_key(),
//!     transaction: TransactionId::new(1),
//!     kind: RecordKind::Document,
//!     payload: br#"{"n":1}"#,
//! })?;
//! let added = writer.finish(&metadata)?;
//! manifest.succeeded_by(added, &metadata)?.store(&home)?;
//!
//! // A restart: the manifest names the files, their footers fill the index.
//! let manifest = Manifest::load(&home)?.manifest;
//! let (files, _salvaged) = FileSet::open(&home, &manifest)?;
//! let index = Index::<DocumentId>::load(&manifest, &files.view())?;
//! let entry = index.get(CollectionId::DEFAULT, &DocumentId::MIN).unwrap();
//! let Location::Data { file, offset } = entry.location() else { panic!() };
//! let payload = files.get(file).unwrap().read(
//!     offset,
//!     entry.length(),
//!     &RecordIdentity {
//!         collection: CollectionId::DEFAULT,
//!         key: &DocumentId::MIN.to_key(),
//!         transaction: entry.version(),
//!     },
//! )?;
//! assert_eq!(payload, br#"{"n":1}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Invariants
//!
//! - **A data file is never changed**, and never found half: it is written under a temporary name,
//!   synced, renamed, and its directory synced. Nothing means anything until a manifest names it.
//! - **Every byte of every file is under a checksum** that is seeded with the database, the file and
//!   the place, and every record under two: its own, and the witness in the footer.
//! - **A read is answered by the record that was asked for or by an error** that names file and
//!   offset: checksum, collection, key, version and length are compared.
//! - **A damaged data file is what it was, as far as its parity goes**: what parity restores counts
//!   only with a checksum that the damaged bytes did not provide. Nothing is healed in place; what is
//!   lost stays listed under its key and version, and is an error when it is read.
//! - **The newest data file says what the manifest says**, so that a lost manifest is rebuilt from
//!   it, and an older set of files never silently stands in for a newer one.
//! - **A reader sees whole transactions only**: all effects of a batch are applied under one lock.
//! - **No lock is held while a file is read or written.**
//! - **A tombstone is kept as long as a data file may hold an older document of its key**, whatever
//!   is merged in which order.
//!
//! # A checkpoint, in order
//!
//! 1. Take a cut position in the log, with the collections and the last transaction there.
//! 2. [`IndexView::unsaved`] → [`DataFileWriter::push`] → [`DataFileWriter::finish`].
//! 3. Sync the log.
//! 4. [`Manifest::store`].
//! 5. [`FileSet::add`], [`Index::adopt`], [`Index::forget_deletions`].
//! 6. Trim the log, no further than the newest *data file* says it is covered.
//!
//! A compaction is [`Merge::run`], then 3 to 5 without forgetting, then [`FileSet::retire`].
//! Checkpoints and compactions of one database take turns.

mod bytes;
mod checksum;
mod collection;
mod compaction;
mod datafile;
mod error;
mod fileset;
mod home;
mod index;
mod manifest;
mod names;
mod parity;
mod position;
mod varint;

pub use collection::CollectionRecord;
pub use compaction::{
    CompactionCandidate, CompactionPolicy, HealedMerge, MendSource, MendedRecord, Merge, MergeStep,
    Supply, Unread,
};
pub use datafile::{
    DamagedRecord, DataFile, DataFileContent, DataFileMetadata, DataFileWriter, Entries,
    FooterEntry, LoggedLoss, MAX_KEY_BYTES, MAX_PAYLOAD_BYTES, Opened, ParityHealth, Record,
    RecordIdentity, RecordKind, RestoredRecord, Salvage, Scrub, Verification, record_bytes,
};
pub use error::{FileAction, StorageError};
pub use fileset::{FilePin, FileSet, FileView, Orphans, SalvagedFile};
pub use home::StorageHome;
pub use index::{
    CollectionState, Entry, FileUse, Index, IndexChange, IndexKey, IndexView, Snapshot, Swung,
};
pub use manifest::{DataFileRecord, LoadedManifest, Manifest};
pub use names::{StorageFile, data_file_path, manifest_path};
pub use parity::Parity;
pub use position::{DataFileNumber, Location, LogPosition};
