//! Data files, manifest and index.

mod collection;
mod datafile;
mod error;
mod index;
mod names;
mod position;

pub use collection::CollectionRecord;
pub use datafile::{MAX_KEY_BYTES, MAX_PAYLOAD_BYTES, record_bytes};
pub use error::{FileAction, StorageError};
pub use index::{
    CollectionState, Entry, FileUse, Index, IndexChange, IndexKey, IndexView, Snapshot, Swing,
    Swung,
};
pub use names::{StorageFile, data_file_path, manifest_path};
pub use position::{DataFileNumber, Location, LogPosition};
