//! What a manifest says.

use docdb_types::{CollectionId, TransactionId};

use crate::{
    CollectionRecord, DataFileContent, DataFileMetadata, DataFileNumber, LogPosition, StorageError,
};

/// A data file as the manifest names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataFileRecord {
    /// Its number.
    pub number: DataFileNumber,
    /// Its salt, which no other file that ever had the number shares.
    pub salt: u64,
    /// Its length in bytes.
    pub file_bytes: u64,
    /// What it holds.
    pub content: DataFileContent,
}

/// The root of a database's kept state: data files up to a position of the log, the log from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Counted up with every manifest that is stored; 0 is the one of a new database.
    pub generation: u64,
    /// How far the data files cover the log: recovery replays it from here.
    pub covered: LogPosition,
    /// The newest transaction in front of the covered position.
    pub last_transaction: TransactionId,
    /// The live data files, ascending by number.
    pub data_files: Vec<DataFileRecord>,
    /// The collections at the covered position, ascending by id.
    pub collections: Vec<CollectionRecord>,
    /// Larger than the id of every collection that ever existed.
    pub next_collection_id: CollectionId,
    /// Larger than the number of every data file that was ever live.
    pub next_data_file: DataFileNumber,
}

impl Manifest {
    /// The manifest of a database that holds nothing but `_default`.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            generation: 0,
            covered: LogPosition::ZERO,
            last_transaction: TransactionId::ZERO,
            data_files: Vec::new(),
            collections: vec![CollectionRecord::default_collection()],
            next_collection_id: CollectionId::new(1),
            next_data_file: DataFileNumber::FIRST,
        }
    }

    /// What the next manifest says in place of this one, apart from its data files: the metadata of
    /// a data file that takes the place of `replaced` (none, for a checkpoint). The caller sets
    /// `covered`, `last_transaction` and the collections where they move on.
    #[must_use]
    pub fn next_metadata(&self, replaced: &[DataFileNumber]) -> DataFileMetadata {
        DataFileMetadata {
            generation: self.generation.saturating_add(1),
            covered: self.covered,
            last_transaction: self.last_transaction,
            other_live_files: self
                .data_files
                .iter()
                .map(|file| file.number)
                .filter(|number| !replaced.contains(number))
                .collect(),
            collections: self.collections.clone(),
            next_collection_id: self.next_collection_id,
        }
    }

    /// The manifest that makes `added` live, a data file that was written with `metadata`.
    ///
    /// # Errors
    /// [`StorageError::TooLarge`] when the numbers of data files are used up.
    pub fn succeeded_by(
        &self,
        added: DataFileRecord,
        metadata: &DataFileMetadata,
    ) -> Result<Self, StorageError> {
        let mut data_files: Vec<_> = self
            .data_files
            .iter()
            .filter(|file| metadata.other_live_files.contains(&file.number))
            .copied()
            .chain([added])
            .collect();
        data_files.sort_by_key(|file| file.number);
        let number = added.number.max(self.next_data_file);
        let next = if number == self.next_data_file && added.number < number {
            Some(number)
        } else {
            number.next()
        };
        Ok(Self {
            generation: metadata.generation,
            covered: metadata.covered,
            last_transaction: metadata.last_transaction,
            data_files,
            collections: metadata.collections.clone(),
            next_collection_id: metadata.next_collection_id,
            next_data_file: next.ok_or(StorageError::TooLarge {
                what: "number of data files",
                bytes: u64::from(number.get()),
                limit: u64::from(DataFileNumber::MAX.get()),
            })?,
        })
    }
}
