//! Where another copy of a damaged document is.

use bytes::Bytes;
use docdb_storage::{
    DataFile, DataFileNumber, Entry, Location, RecordIdentity, StorageError, Unread,
};
use docdb_types::{CollectionId, DocumentId, Error, Version};
use docdb_wal::{Corruption, Lsn, VersionKey, WalError, stored_bytes};

use super::{HealSource, HealTrigger, Witness};
use crate::database::LogicalDb;
use crate::trouble;

/// A place of the log whose bytes are not what was written.
#[derive(Debug)]
pub(crate) struct DamagedPlace {
    /// The number of the segment.
    pub(crate) segment: u64,
    /// The name that it has for good, which the active one gets when it is sealed.
    pub(crate) file: String,
    pub(crate) offset: u64,
}

/// A document from another copy of the same version.
#[derive(Debug)]
pub(super) struct Restored {
    pub(super) text: Bytes,
    pub(super) source: HealSource,
}

impl LogicalDb {
    /// The text that the log has of a version, if it still holds it. The record verifies by itself:
    /// its checksum is bound to its place in the log.
    ///
    /// # Errors
    /// Where the log cannot be read, so that nobody knows.
    pub(super) fn logs_copy(
        &self,
        collection: CollectionId,
        key: &[u8],
        version: Version,
    ) -> Result<Option<Vec<u8>>, Unread> {
        let wanted = VersionKey {
            collection,
            key,
            transaction: version,
        };
        match self.log.find(&wanted) {
            Ok(found) => Ok(found.map(docdb_wal::StoredRecord::into_payload)),
            Err(error) => {
                tracing::warn!(%error, "cannot look for a copy in the log");
                Err(Unread)
            }
        }
    }

    /// Where the record of an entry stands in the log, if the disk reads it and it is damaged.
    pub(crate) fn damaged_place(&self, entry: &Entry) -> Option<DamagedPlace> {
        let Location::Log(position) = entry.location() else {
            return None;
        };
        let lsn = Lsn::new(position.get());
        // INVARIANT: keys of documents have one length.
        let stored = stored_bytes(DocumentId::MIN.to_key().len(), entry.length() as usize) as u32;
        match self.log.read(lsn, stored) {
            Err(WalError::Corrupt { what, .. }) if what != Corruption::Unreadable => {}
            _ => return None,
        }
        let segments = self.log.segments().into_iter();
        let mut holding = segments.skip_while(|it| it.end <= lsn);
        holding
            .next()
            .filter(|it| it.start <= lsn)
            .map(|segment| DamagedPlace {
                segment: segment.number,
                file: format!("{}.wal.{}", self.name(), segment.number),
                offset: position.get() - segment.start.get(),
            })
    }

    /// Asks for a checkpoint where a read met damage to the log: what it copies is out of danger, and
    /// what it cannot copy has a name then, in front of a restart, which would find transactions lost.
    pub(crate) fn meet_log_damage(&self, error: &WalError) {
        let is_damage =
            matches!(error, WalError::Corrupt { what, .. } if *what != Corruption::Unreadable);
        if is_damage
            && self.options.checkpoint_bytes.is_some()
            && self.health.check_writable().is_ok()
        {
            self.signals.want_checkpoint();
        }
    }

    /// Notes documents that the log has lost, durably.
    pub(crate) fn note_losses(&self, losses: Vec<Witness>) {
        if losses.is_empty() {
            return;
        }
        let count = losses.len() as u64;
        self.healing.witness(losses);
        self.healing
            .count(|figures| figures.corrupted_documents += count);
    }

    /// Whether the disk reads every byte of the log.
    pub(super) fn reads_log(&self) -> bool {
        self.log
            .check_readable()
            .inspect_err(|error| tracing::warn!(%error, "the log cannot be read"))
            .is_ok()
    }

    /// The document of an entry whose record at `offset` of `file` is damaged, from the first source
    /// that has it. Changes nothing.
    ///
    /// # Errors
    /// `CorruptRecord` with file and offset where no source has it; `FileRead`.
    pub(super) fn restore(
        &self,
        file: &DataFile,
        offset: u64,
        collection: CollectionId,
        id: DocumentId,
        entry: &Entry,
    ) -> Result<Restored, Error> {
        let key = id.to_key();
        let copy = self.logs_copy(collection, &key, entry.version());
        let copy = copy.unwrap_or_default();
        // INVARIANT: the length is the index's, and the version the log's own: an older version of
        // the document is another transaction.
        if let Some(text) = copy.filter(|text| text.len() == entry.length() as usize) {
            return Ok(Restored {
                text: Bytes::from(text),
                source: HealSource::Log,
            });
        }
        let identity = RecordIdentity {
            collection,
            key: &key,
            transaction: entry.version(),
        };
        file.read_restored(offset, entry.length(), &identity)
            .map(|restored| Restored {
                text: Bytes::from(restored.payload),
                source: HealSource::Parity,
            })
            .map_err(trouble::of_storage)
    }

    /// Answers a read whose record is damaged, and asks for the file to be rewritten.
    ///
    /// # Errors
    /// What the read met, where no source has the document.
    pub(crate) fn read_damaged(
        &self,
        file: &DataFile,
        offset: u64,
        (collection, id): (CollectionId, DocumentId),
        entry: &Entry,
        met: StorageError,
    ) -> Result<Bytes, Error> {
        let is_known_loss = matches!(met, StorageError::Lost { .. });
        let met = trouble::of_storage(met);
        if is_known_loss || !self.options.healing.heals_reads() {
            return Err(met);
        }
        let restored = self.restore(file, offset, collection, id, entry);
        self.want_rewrite(file.number(), HealTrigger::Read);
        let restored = restored.map_err(|_| met)?;
        self.healing.count(|figures| figures.healed_reads += 1);
        Ok(restored.text)
    }

    /// Asks for a damaged data file to be rewritten soon, where that is allowed.
    pub(crate) fn want_rewrite(&self, file: DataFileNumber, trigger: HealTrigger) {
        if self.options.healing.enabled && self.healing.want(file, trigger) {
            self.signals.want_healing();
        }
    }
}
