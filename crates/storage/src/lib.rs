//! Data files, manifest and index.

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
mod position;
mod varint;

pub use collection::CollectionRecord;
pub use compaction::{CompactionCandidate, CompactionPolicy, Merge};
pub use datafile::{
    DamagedRecord, DataFile, DataFileContent, DataFileMetadata, DataFileWriter, Entries,
    FooterEntry, MAX_KEY_BYTES, MAX_PAYLOAD_BYTES, Record, RecordIdentity, RecordKind, Salvage,
    Verification, record_bytes,
};
pub use error::{FileAction, StorageError};
pub use fileset::{FilePin, FileSet, FileView, Orphans, SalvagedFile};
pub use home::StorageHome;
pub use index::{
    CollectionState, Entry, FileUse, Index, IndexChange, IndexKey, IndexView, Snapshot, Swung,
};
pub use manifest::{DataFileRecord, LoadedManifest, Manifest};
pub use names::{StorageFile, data_file_path, manifest_path};
pub use position::{DataFileNumber, Location, LogPosition};
