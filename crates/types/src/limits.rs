/// Every bound on what may be sent and stored, in one table.
///
/// The constants are part of the formats and cannot be configured; the fields can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest document, in bytes of its JSON text. At most [`Limits::MAX_DOCUMENT_BYTES`].
    pub document_bytes: usize,
    /// Deepest nesting of arrays and objects in a document or patch value, 1 and up.
    pub document_depth: u16,
    /// Most operations in one request, 1 and up.
    pub request_operations: usize,
    /// Most bytes of payload in one request, all operations together.
    pub request_bytes: usize,
}

impl Limits {
    /// Longest database or collection name, in bytes of UTF-8.
    pub const NAME_BYTES: usize = 64;
    /// The largest document that the file formats carry: 16 MiB.
    pub const MAX_DOCUMENT_BYTES: usize = 16 * 1024 * 1024;
    /// What a frame may hold beyond its payload: envelopes, ids, names, statuses.
    pub const FRAME_ENVELOPE_BYTES: usize = 4 * 1024 * 1024;

    /// The limits in force when nothing is configured.
    pub const DEFAULT: Self = Self {
        document_bytes: Self::MAX_DOCUMENT_BYTES,
        document_depth: 128,
        request_operations: 65_535,
        request_bytes: 16 * 1024 * 1024,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
