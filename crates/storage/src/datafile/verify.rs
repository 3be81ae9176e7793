//! Verifying every byte of a data file.

use docdb_types::{CollectionId, TransactionId};

use super::footer::FooterEntry;
use super::reader::DataFile;
use super::record::record_bytes;
use super::record_reader::RecordReader;
use crate::parity::Overlay;
use crate::{IndexKey, StorageError};

/// A record that is damaged although the footer says that it is there.
#[derive(Debug)]
pub struct DamagedRecord<K> {
    /// The collection.
    pub collection: CollectionId,
    /// The key.
    pub key: K,
    /// The version that is damaged.
    pub transaction: TransactionId,
    /// Position of the record in the file, in bytes.
    pub offset: u64,
    /// What is wrong: damaged bytes, or bytes that cannot be read.
    pub error: StorageError,
    /// Whether parity has the record.
    pub is_restorable: bool,
}

/// What a verification found.
#[derive(Debug)]
pub struct Verification<K> {
    /// Records that were looked at.
    pub records: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Those that are damaged.
    pub damaged: Vec<DamagedRecord<K>>,
}

impl DataFile {
    /// Reads every record and compares it with what the footer says of it. Damaged ones are listed;
    /// the others are what was written.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when the footer is damaged; [`StorageError::Io`].
    pub fn verify_all<K: IndexKey>(&self) -> Result<Verification<K>, StorageError> {
        self.verify_while(|_| true)
    }

    /// [`verify_all`](Self::verify_all) that asks before every record, with the bytes verified so
    /// far, whether to go on: a scrub keeps to its rate in `go_on`.
    ///
    /// # Errors
    /// As for [`verify_all`](Self::verify_all).
    pub fn verify_while<K: IndexKey>(
        &self,
        mut go_on: impl FnMut(u64) -> bool,
    ) -> Result<Verification<K>, StorageError> {
        let mut verification = Verification {
            records: 0,
            bytes: 0,
            damaged: Vec::new(),
        };
        let overlay = self.overlay().ok();
        let mut reader = RecordReader::new(self);
        for entry in self.entries::<K>() {
            if !go_on(verification.bytes) {
                break;
            }
            let entry = entry?;
            verification.records += 1;
            verification.bytes +=
                record_bytes(entry.key.encode().as_ref().len(), entry.payload_bytes);
            // A sector that cannot be read is damage like any other.
            if let Err(error) = reader.read(&entry) {
                let damaged = self.damaged(overlay.as_deref(), entry, error);
                verification.damaged.push(damaged);
            }
        }
        Ok(verification)
    }

    /// What there is to say of a record in which `error` was found.
    pub(super) fn damaged<K: IndexKey>(
        &self,
        overlay: Option<&Overlay>,
        entry: FooterEntry<K>,
        error: StorageError,
    ) -> DamagedRecord<K> {
        let restored = overlay.and_then(|overlay| self.restored_by(overlay, &entry));
        DamagedRecord {
            is_restorable: restored.is_some(),
            collection: entry.collection,
            key: entry.key,
            transaction: entry.transaction,
            offset: entry.offset,
            error,
        }
    }
}
