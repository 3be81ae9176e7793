//! Data files.

mod record;

pub use record::{MAX_KEY_BYTES, MAX_PAYLOAD_BYTES, record_bytes};
