//! Merging data files into one that holds only what is still needed.

use std::sync::Arc;

use docdb_types::CollectionId;

use super::mending::{HealedMerge, Mending, Supply};
use crate::datafile::{MergedEntries, RecordReader};
use crate::error::FileAction;
use crate::parity::Overlay;
use crate::{
    DataFile, DataFileMetadata, DataFileNumber, DataFileRecord, DataFileWriter, FileView,
    FooterEntry, IndexKey, Parity, RecordKind, StorageError, StorageHome,
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
    /// What parity it gets.
    pub parity: Parity,
    /// What the manifest will say: [`Manifest::next_metadata`](crate::Manifest::next_metadata) of
    /// the current one with the inputs replaced.
    pub metadata: &'a DataFileMetadata,
}

/// What a merge does about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeStep {
    /// It is copied.
    Copy,
    /// It is left out.
    LeaveOut,
    /// The merge ends, and leaves nothing.
    Stop,
}

impl MergeStep {
    /// Copies what is needed, as [`Index::needs`](crate::Index::needs) says.
    #[must_use]
    pub const fn of(is_needed: bool) -> Self {
        if is_needed {
            Self::Copy
        } else {
            Self::LeaveOut
        }
    }
}

impl Merge<'_> {
    /// Copies what `decide` asks for into the new file, in key order, and makes it durable.
    /// Tombstones that hide no document in the files that remain are left out. The file is written
    /// even when nothing is left: its metadata says which files are live.
    ///
    /// A record is read, verified and written; nothing but the footer of the new file is kept in
    /// memory. `decide` is asked at most once per record, and may take its time to spare the disk.
    ///
    /// ORDER: what made a record unneeded must be durable before the manifest that makes the new
    /// file live is stored: the log has to be synced in between. Otherwise a crash could take back
    /// an update whose predecessor has been left out.
    ///
    /// # Durability
    /// As [`DataFileWriter::finish`]: the new file means nothing until a manifest names it.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when a needed record is damaged beyond its parity, or a file has
    /// lost records that nobody can name: [`run_healing`](Self::run_healing) is what can help.
    /// [`StorageError::Stopped`] when `decide` stopped it. [`StorageError::NotOpen`],
    /// [`StorageError::Io`]. Nothing is left behind.
    pub fn run<K: IndexKey>(
        &self,
        decide: &mut dyn FnMut(DataFileNumber, &FooterEntry<K>) -> MergeStep,
    ) -> Result<DataFileRecord, StorageError> {
        Ok(self.merge(decide, Mending::new(None), false)?.record)
    }

    /// [`run`](Self::run) that does not end at a damaged record: of one file, it is how a damaged
    /// data file is rewritten, always to a new place.
    ///
    /// For a needed record that is damaged, `supply` is asked first: for the payload of exactly that
    /// version, from the log. It is believed only if it has the checksum that the footer has of the
    /// record, which an older version does not have. Then the parity of the file is tried. What
    /// neither has becomes a record that is [`RecordKind::Lost`], and reading that is an error until
    /// the document is written or deleted again. For a record that was lost earlier, `supply` is
    /// asked as well.
    ///
    /// A file may have lost records together with the part of its footer that names them. Then the
    /// merge is refused, unless a person has decided to `accept_unnamed` losses: those documents are
    /// not found afterwards.
    ///
    /// # Durability
    /// As for [`run`](Self::run). The damaged file and its parity stay as they are until a manifest
    /// without them has been stored and [`FileSet::retire`](crate::FileSet::retire) takes them out.
    ///
    /// # Errors
    /// As for [`run`](Self::run); [`StorageError::Corrupt`] for losses that are not accepted, and
    /// where the footer itself cannot be read.
    pub fn run_healing<K: IndexKey>(
        &self,
        decide: &mut dyn FnMut(DataFileNumber, &FooterEntry<K>) -> MergeStep,
        supply: Supply<'_, K>,
        accept_unnamed: bool,
    ) -> Result<HealedMerge<K>, StorageError> {
        self.merge(decide, Mending::new(Some(supply)), accept_unnamed)
    }

    fn merge<K: IndexKey>(
        &self,
        decide: &mut dyn FnMut(DataFileNumber, &FooterEntry<K>) -> MergeStep,
        mending: Mending<'_, K>,
        accept_unnamed: bool,
    ) -> Result<HealedMerge<K>, StorageError> {
        let inputs = self.open_inputs()?;
        if !accept_unnamed {
            inputs.iter().try_for_each(|file| file.check_named())?;
        }
        let holds_lost =
            mending.supply.is_some() || inputs.iter().any(|file| file.identity().holds_lost);
        let hidden = self.hidden_by(&inputs);
        let entries = inputs
            .iter()
            .chain(&hidden)
            .map(|file| (file.number(), file.entries::<K>()))
            .collect();
        let mut copy = Copy {
            inputs: inputs.iter().map(|file| Input::of(file)).collect(),
            writer: DataFileWriter::begin(self.home, self.output, self.parity, holds_lost)?,
            mending,
            written: None,
            tombstone: None,
        };
        for entry in MergedEntries::of(entries)? {
            let (number, entry) = entry?;
            if !self.inputs.contains(&number) {
                copy.meet_remaining(&entry)?;
            } else if !copy.has_newer(&entry) {
                match decide(number, &entry) {
                    MergeStep::Copy => copy.take(number, entry)?,
                    MergeStep::LeaveOut => {}
                    MergeStep::Stop => return Err(StorageError::Stopped),
                }
            }
        }
        Ok(HealedMerge {
            record: copy.writer.finish(self.metadata)?,
            mended: copy.mending.mended,
        })
    }

    /// The files that remain and may hold documents which tombstones of the inputs hide.
    fn hidden_by(&self, inputs: &[Arc<DataFile>]) -> Vec<Arc<DataFile>> {
        let contents = inputs.iter().map(|file| file.content());
        let newest = contents
            .filter(|content| content.tombstones > 0)
            .map(|content| content.newest_transaction)
            .max();
        let remaining = self.live.iter().filter(|file| {
            let content = file.content();
            !self.inputs.contains(&file.number())
                && content.documents > 0
                && newest.is_some_and(|newest| content.oldest_transaction < newest)
        });
        remaining.map(Arc::clone).collect()
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

/// A file that is merged.
struct Input<'f> {
    file: &'f DataFile,
    reader: RecordReader<'f>,
    /// Its parity, if it can be had.
    parity: Option<Arc<Overlay>>,
}

impl<'f> Input<'f> {
    fn of(file: &'f DataFile) -> Self {
        Self {
            file,
            reader: RecordReader::new(file),
            parity: file.overlay().ok(),
        }
    }
}

/// The new file as it grows. Entries come in key order, under a key the newest first.
struct Copy<'f, 's, K> {
    inputs: Vec<Input<'f>>,
    writer: DataFileWriter,
    mending: Mending<'s, K>,
    /// The key that was written last.
    written: Option<(CollectionId, K)>,
    /// A tombstone that waits for a document which it hides.
    tombstone: Option<(DataFileNumber, FooterEntry<K>)>,
}

impl<K: IndexKey> Copy<'_, '_, K> {
    /// Whether a newer version of the same key is in the new file, or is the tombstone that waits.
    fn has_newer(&self, entry: &FooterEntry<K>) -> bool {
        let is_same =
            |collection: CollectionId, key: &K| collection == entry.collection && *key == entry.key;
        let waits = self.tombstone.as_ref();
        self.written
            .as_ref()
            .is_some_and(|(id, key)| is_same(*id, key))
            || waits.is_some_and(|(_, other)| is_same(other.collection, &other.key))
    }

    fn take(&mut self, number: DataFileNumber, entry: FooterEntry<K>) -> Result<(), StorageError> {
        if entry.kind == RecordKind::Tombstone {
            // One that still waits for another key has nothing to hide.
            self.tombstone = Some((number, entry));
            return Ok(());
        }
        self.write(number, entry)
    }

    /// An entry of a file that stays as it is.
    fn meet_remaining(&mut self, entry: &FooterEntry<K>) -> Result<(), StorageError> {
        let waits = self.tombstone.take_if(|(_, tombstone)| {
            entry.kind != RecordKind::Tombstone
                && (tombstone.collection, &tombstone.key) == (entry.collection, &entry.key)
        });
        match waits {
            Some((number, tombstone)) => self.write(number, tombstone),
            None => Ok(()),
        }
    }

    fn write(&mut self, number: DataFileNumber, entry: FooterEntry<K>) -> Result<(), StorageError> {
        let input = self
            .inputs
            .iter_mut()
            .find(|input| input.file.number() == number);
        let Input {
            file,
            reader,
            parity,
        } = input.ok_or(StorageError::NotOpen { number })?;
        match reader.read(&entry) {
            Ok(record) => {
                let is_found = record.kind == RecordKind::Lost
                    && self
                        .mending
                        .find_again(file, &entry, record.payload, &mut self.writer)?;
                if !is_found {
                    self.writer.push(&record)?;
                }
            }
            // What the disk does not read is restored like what it reads wrong.
            Err(
                damage @ (StorageError::Corrupt { .. }
                | StorageError::Io {
                    action: FileAction::Read,
                    ..
                }),
            ) => {
                let parity = parity.as_deref();
                self.mending
                    .mend(file, parity, &entry, damage, &mut self.writer)?;
            }
            Err(error) => return Err(error),
        }
        self.written = Some((entry.collection, entry.key));
        Ok(())
    }
}
