//! Records of a damaged data file out of its parity.

use std::io::ErrorKind;

use docdb_vfs::{File, OpenMode};

use super::footer::FooterEntry;
use super::reader::{DataFile, RecordIdentity};
use super::record::{Record, record_bytes};
use super::record_reader::is_same;
use crate::error::FileAction;
use crate::parity::{Overlay, SidecarDamage};
use crate::{IndexKey, StorageError};

/// Bytes that one read asks for.
const READ_BYTES: usize = 256 * 1024;

/// A record that was read through parity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredRecord {
    /// The document.
    pub payload: Vec<u8>,
    /// Blocks of 4 KiB that parity supplied. 0: the bytes are what was written, and whoever found
    /// them damaged met something else.
    pub restored_blocks: u64,
}

impl DataFile {
    /// As [`read`](Self::read), out of blocks that are what was written or that parity restores. For
    /// a record that `read` has found damaged, or that the disk does not read.
    ///
    /// Slower by some hundred microseconds; changes nothing.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when there is no parity of the file, or the record is damaged
    /// beyond it; [`StorageError::Lost`] when the record is known to be lost; [`StorageError::Io`].
    pub fn read_restored(
        &self,
        offset: u64,
        payload_bytes: u32,
        expected: &RecordIdentity<'_>,
    ) -> Result<RestoredRecord, StorageError> {
        let overlay = match self.overlay() {
            Ok(overlay) => overlay,
            Err(SidecarDamage::Absent | SidecarDamage::OfAnotherFile) => {
                return Err(self.lost_at(offset, expected).unwrap_or_else(|| {
                    self.corrupt(offset, "record: damaged, and no parity of it")
                }));
            }
            Err(SidecarDamage::Unusable(_)) => {
                return Err(self.corrupt(offset, "record: damaged, and its parity as well"));
            }
        };
        let before = overlay.met();
        let payload = self.read_from(&*overlay, offset, payload_bytes, expected)?;
        Ok(RestoredRecord {
            payload,
            restored_blocks: overlay.met().restored - before.restored,
        })
    }

    /// Reads the file and its parity to their last bytes, whatever those are.
    ///
    /// # Errors
    /// [`StorageError::Io`] when the disk does not read a part of either.
    pub(crate) fn check_readable(&self) -> Result<(), StorageError> {
        let path = self.home.parity_path(self.identity.number);
        let failed = |error| StorageError::io(FileAction::Read, &path, error);
        let parity = match self.home.host.files.open(&path, OpenMode::Read) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            opened => Some(opened.map_err(failed)?),
        };
        let mut buffer = vec![0; READ_BYTES];
        for file in std::iter::once(&self.raw).chain(&parity) {
            let mut offset = 0;
            loop {
                match file.read_at(&mut buffer, offset) {
                    Ok(0) => break,
                    Ok(read) => offset += read as u64,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => {
                        return Err(StorageError::io(FileAction::Read, &self.path, error));
                    }
                }
            }
        }
        Ok(())
    }

    /// The payload of the record that the footer describes as `entry`, through the parity of the
    /// file. It counts only with the checksum that the footer has of it.
    pub(crate) fn restored_by<K: IndexKey>(
        &self,
        overlay: &Overlay,
        entry: &FooterEntry<K>,
    ) -> Option<Vec<u8>> {
        let stored = record_bytes(entry.key.encode().as_ref().len(), entry.payload_bytes);
        let end = entry.offset.checked_add(stored)?;
        if end > self.records.end() {
            return None;
        }
        let mut bytes = vec![0; stored as usize];
        overlay.read_exact_at(&mut bytes, entry.offset).ok()?;
        let (record, checksum) = Record::decode(self.seed, entry.offset, &bytes).ok()?;
        is_same(&record, checksum, entry).then(|| record.payload.to_vec())
    }
}
