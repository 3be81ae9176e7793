//! Reading records in the order of the footer.

use super::footer::FooterEntry;
use super::reader::DataFile;
use super::record::Record;
use super::walk::{Found, record_at};
use super::window::Window;
use crate::{IndexKey, StorageError};

/// Reads records front to back, in large pieces, from the file as it stands.
pub(crate) struct RecordReader<'f> {
    file: &'f DataFile,
    window: Window<'f>,
}

impl<'f> RecordReader<'f> {
    pub(crate) fn new(file: &'f DataFile) -> Self {
        let window = Window::streamed(&*file.raw, &file.path, file.records.end());
        Self { file, window }
    }

    /// Reads and verifies the record that the footer describes as `entry`.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when it is damaged or another one; [`StorageError::Io`].
    pub(crate) fn read<K: IndexKey>(
        &mut self,
        entry: &FooterEntry<K>,
    ) -> Result<Record<'_>, StorageError> {
        let file = self.file;
        match record_at(&mut self.window, file.seed, entry.offset)? {
            Found::Record(record, checksum, _) if is_same(&record, checksum, entry) => Ok(record),
            Found::Record(..) => Err(file.corrupt(entry.offset, "record: not as in the footer")),
            Found::Nothing => Err(file.corrupt(entry.offset, "record: does not verify")),
        }
    }
}

/// Whether a record that verifies is the one that the footer describes.
pub(super) fn is_same<K: IndexKey>(
    record: &Record<'_>,
    checksum: u32,
    entry: &FooterEntry<K>,
) -> bool {
    record.collection == entry.collection
        && record.key == entry.key.encode().as_ref()
        && record.transaction == entry.transaction
        && record.kind == entry.kind
        && record.payload.len() as u64 == u64::from(entry.payload_bytes)
        && checksum == entry.checksum
}
