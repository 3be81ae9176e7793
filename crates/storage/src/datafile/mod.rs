//! Data files: immutable, in key order, written by checkpoint and compaction only.
//!
//! ```text
//! header | records | metadata | footer | metadata again | section table | trailer
//! ```
//!
//! Every byte is under a checksum, every record under two: its own and the footer's.

mod entries;
mod footer;
mod identity;
mod lost;
mod merged;
mod metadata;
mod opening;
mod reader;
mod record;
mod record_reader;
mod reparity;
mod restored;
mod salvage;
mod scrub;
mod section;
mod verify;
mod walk;
mod window;
mod witness;
mod writer;

pub use entries::Entries;
pub use footer::FooterEntry;
pub(crate) use identity::FileIdentity;
pub use lost::LoggedLoss;
pub(crate) use lost::{LostMark, lost_record};
pub(crate) use merged::MergedEntries;
pub use metadata::{DataFileContent, DataFileMetadata};
pub use opening::Opened;
pub use reader::{DataFile, RecordIdentity};
pub use record::{MAX_KEY_BYTES, MAX_PAYLOAD_BYTES, Record, RecordKind, record_bytes};
pub(crate) use record_reader::RecordReader;
pub use restored::RestoredRecord;
pub use salvage::Salvage;
pub use scrub::{ParityHealth, Scrub};
pub use verify::{DamagedRecord, Verification};
pub use writer::DataFileWriter;
