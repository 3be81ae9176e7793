//! What a merge does about records that are damaged.

use crate::datafile::{LostMark, lost_record};
use crate::parity::Overlay;
use crate::{
    DataFile, DataFileNumber, DataFileRecord, DataFileWriter, FooterEntry, IndexKey, Record,
    RecordKind, StorageError,
};

/// Where a merge got a damaged record from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MendSource {
    /// From whoever ran the merge: the log's copy.
    Supplied,
    /// From the parity of its file.
    Parity,
    /// From nowhere: it is lost, and the new file says so under its key.
    Lost,
}

/// A damaged record that a merge met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MendedRecord<K> {
    /// The damaged file.
    pub file: DataFileNumber,
    /// The record in it, as the footer describes it.
    pub entry: FooterEntry<K>,
    /// Where it was got from.
    pub source: MendSource,
}

/// A merge that healed what was damaged.
#[derive(Debug)]
pub struct HealedMerge<K> {
    /// The new file.
    pub record: DataFileRecord,
    /// Every record that was damaged, in key order: healed, or lost.
    pub mended: Vec<MendedRecord<K>>,
}

/// Asked for the payload of a damaged record, which the footer of the file describes so: `None`
/// where there is none to be had.
pub type Supply<'s, K> =
    &'s mut (dyn FnMut(DataFileNumber, &FooterEntry<K>) -> Result<Option<Vec<u8>>, Unread> + 's);

/// A source could not be read, so that nobody knows whether it has what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unread;

/// The sources of a merge, in their order.
pub(super) struct Mending<'s, K> {
    /// `None`: parity only, and what it does not have ends the merge.
    pub(super) supply: Option<Supply<'s, K>>,
    pub(super) mended: Vec<MendedRecord<K>>,
    /// Files of which the disk has read every byte.
    readable: Vec<DataFileNumber>,
}

impl<'s, K> Mending<'s, K> {
    pub(super) const fn new(supply: Option<Supply<'s, K>>) -> Self {
        Self {
            supply,
            mended: Vec::new(),
            readable: Vec::new(),
        }
    }
}

impl<K: IndexKey> Mending<'_, K> {
    /// Writes the record that the footer of `file` describes as `entry`, in which `damage` was found;
    /// or, where no source has it, a record that says that it is lost. `parity` is that of the file.
    ///
    /// What the disk does not read is not lost: it may read it tomorrow, from a file that is still
    /// there then.
    pub(super) fn mend(
        &mut self,
        file: &DataFile,
        parity: Option<&Overlay>,
        entry: &FooterEntry<K>,
        damage: StorageError,
        writer: &mut DataFileWriter,
    ) -> Result<(), StorageError> {
        let encoded = entry.key.encode();
        let outline = outline(entry, encoded.as_ref());
        let mark = LostMark::of(file.identity(), entry);
        let mut supplied = Ok(None);
        if let Some(supply) = &mut self.supply {
            supplied = supply(file.number(), entry);
        }
        let is_unread = supplied.is_err();
        let supplied = supplied
            .unwrap_or_default()
            .filter(|payload| mark.is_of(file, &whole(&outline, payload)));
        let mut restored = match (&supplied, parity) {
            (None, Some(parity)) => file.restored_by(parity, entry),
            _ => None,
        };
        let is_given_up =
            restored.is_none() && supplied.is_none() && entry.kind != RecordKind::Tombstone;
        if is_given_up && self.supply.is_some() {
            if is_unread || !damage.is_corruption() {
                return Err(damage);
            }
            self.check_readable(file)?;
            let parity = file.overlay().ok();
            restored = parity.and_then(|parity| file.restored_by(&parity, entry));
        }
        let source = if let Some(payload) = &supplied {
            writer.push(&whole(&outline, payload))?;
            MendSource::Supplied
        } else if let Some(payload) = restored {
            writer.push(&whole(&outline, &payload))?;
            MendSource::Parity
        } else if self.supply.is_some() && entry.kind != RecordKind::Tombstone {
            writer.push(&lost_record(&outline, &mark.encode()))?;
            MendSource::Lost
        } else if self.supply.is_some() {
            // Of a tombstone nothing can be lost: the footer says all that it says.
            writer.push(&whole(&outline, &[]))?;
            MendSource::Supplied
        } else {
            return Err(damage);
        };
        self.note(file, entry, source);
        Ok(())
    }

    /// Asks the disk for every byte of a file and its parity, once in a merge.
    fn check_readable(&mut self, file: &DataFile) -> Result<(), StorageError> {
        if !self.readable.contains(&file.number()) {
            file.check_readable()?;
            self.readable.push(file.number());
        }
        Ok(())
    }

    /// Tries to find a record again that an earlier merge gave up as lost: `mark` is the payload of
    /// the record that says so. Returns whether it was written.
    pub(super) fn find_again(
        &mut self,
        file: &DataFile,
        entry: &FooterEntry<K>,
        mark: &[u8],
        writer: &mut DataFileWriter,
    ) -> Result<bool, StorageError> {
        let (Some(supply), Some(mark)) = (&mut self.supply, LostMark::decode(mark)) else {
            return Ok(false);
        };
        let encoded = entry.key.encode();
        let outline = FooterEntry {
            kind: RecordKind::Document,
            ..outline(entry, encoded.as_ref())
        };
        let found = supply(file.number(), entry)
            .unwrap_or_default()
            .filter(|payload| mark.is_of(file, &whole(&outline, payload)));
        let Some(payload) = found else {
            return Ok(false);
        };
        writer.push(&whole(&outline, &payload))?;
        self.note(file, entry, MendSource::Supplied);
        Ok(true)
    }

    fn note(&mut self, file: &DataFile, entry: &FooterEntry<K>, source: MendSource) {
        self.mended.push(MendedRecord {
            file: file.number(),
            entry: entry.clone(),
            source,
        });
    }
}

const fn outline<'k, K>(entry: &FooterEntry<K>, key: &'k [u8]) -> FooterEntry<&'k [u8]> {
    FooterEntry {
        collection: entry.collection,
        key,
        transaction: entry.transaction,
        kind: entry.kind,
        payload_bytes: entry.payload_bytes,
        checksum: entry.checksum,
        offset: entry.offset,
    }
}

const fn whole<'a>(outline: &FooterEntry<&'a [u8]>, payload: &'a [u8]) -> Record<'a> {
    Record {
        collection: outline.collection,
        key: outline.key,
        transaction: outline.transaction,
        kind: outline.kind,
        payload,
    }
}
