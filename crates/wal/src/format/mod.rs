//! The bytes of the log: segment header, batch header, record. `docs/ondisk_format.md` has the
//! diagrams.

mod batch_header;
mod checksum;
mod fields;
mod record;
mod segment_header;

pub mod limits;

pub(crate) use batch_header::{BATCH_HEADER_BYTES, BATCH_MAGIC, BatchHeader, BatchHeaderFault};
pub(crate) use checksum::{ContentChecksum, Seed};
pub(crate) use record::{
    RECORD_HEADER_BYTES, RecordFault, decode_record, encode_record, parse_record,
};
pub use record::{RecordKind, RecordRef, stored_bytes};
pub(crate) use segment_header::{SEGMENT_HEADER_BYTES, SegmentHeader, SegmentHeaderFault};

#[cfg(test)]
mod tests;
