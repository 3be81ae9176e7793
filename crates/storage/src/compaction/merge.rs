//! Merging data files into one that holds only what is still needed.

use std::sync::Arc;

use super::plan::oldest_of;
use crate::datafile::{MergedEntries, RecordReader};
use crate::{
    DataFile, DataFileMetadata, DataFileNumber, DataFileRecord, DataFileWriter, FileView,
    FooterEntry, IndexKey, RecordKind, StorageError, StorageHome,
};

/// One merge: which files become which.
#[derive(Debug)]
pub struct Merge<'a> {
    /// Where the files are.
    pub home: &'a StorageHome,
    /// All live data files.
    pub live: &'a FileView,
    /// The numbers of those that are merged.
    pub inputs: &'a [DataFileNumber],
    /// The number of the new file.
    pub output: DataFileNumber,
    /// What the manifest will say: [`Manifest::next_metadata`](crate::Manifest::next_metadata) of
    /// the current one with the inputs replaced.
    pub metadata: &'a DataFileMetadata,
}

impl Merge<'_> {
    /// Copies what `is_needed` (see [`Index::needs`](crate::Index::needs)) asks for into the new
    /// file, in key order, and makes it durable. Tombstones that hide nothing in the files that
    /// remain are left out. The file is written even when nothing is left: its metadata says which
    /// files are live.
    ///
    /// A record is read, verified and written; nothing but the footer of the new file is kept in
    /// memory. `is_needed` is asked once per record, and may take its time to spare the disk.
    ///
    /// ORDER: what made a record unneeded must be durable before the manifest that makes the new
    /// file live is stored: the log has to be synced in between. Otherwise a crash could take back
    /// an update whose predecessor has been left out.
    ///
    /// # Durability
    /// As [`DataFileWriter::finish`]: the new file means nothing until a manifest names it.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when a needed record is damaged: it has to be healed before its
    /// file can be merged. [`StorageError::NotOpen`], [`StorageError::Io`]. Nothing is left behind.
    pub fn run<K: IndexKey>(
        &self,
        is_needed: &mut dyn FnMut(DataFileNumber, &FooterEntry<K>) -> bool,
    ) -> Result<DataFileRecord, StorageError> {
        let inputs = self.open_inputs()?;
        let remaining = self
            .live
            .iter()
            .filter(|file| !self.inputs.contains(&file.number()));
        let oldest_remaining = oldest_of(remaining.map(|file| file.content()));
        let mut readers: Vec<_> = inputs
            .iter()
            .map(|file| (file.number(), RecordReader::new(file)))
            .collect();
        let entries = inputs
            .iter()
            .map(|file| (file.number(), file.entries::<K>()))
            .collect();
        let mut writer = DataFileWriter::create(self.home, self.output)?;
        let mut kept = None;
        for entry in MergedEntries::of(entries)? {
            let (number, entry) = entry?;
            let key = (entry.collection, entry.key.clone());
            let hides_something = oldest_remaining.is_some_and(|oldest| oldest < entry.transaction);
            let is_dropped = kept.as_ref() == Some(&key)
                || (entry.kind == RecordKind::Tombstone && !hides_something)
                || !is_needed(number, &entry);
            if is_dropped {
                continue;
            }
            let reader = readers.iter_mut().find(|(input, _)| *input == number);
            let (_, reader) = reader.ok_or(StorageError::NotOpen { number })?;
            writer.push(&reader.read(&entry)?)?;
            kept = Some(key);
        }
        writer.finish(self.metadata)
    }

    fn open_inputs(&self) -> Result<Vec<Arc<DataFile>>, StorageError> {
        self.inputs
            .iter()
            .map(|number| {
                let number = *number;
                self.live
                    .get(number)
                    .map(Arc::clone)
                    .ok_or(StorageError::NotOpen { number })
            })
            .collect()
    }
}
