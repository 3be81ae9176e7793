//! A manifest from the data files alone.

use crate::error::FileAction;
use crate::{
    DataFile, DataFileNumber, DataFileRecord, Manifest, StorageError, StorageFile, StorageHome,
};

impl Manifest {
    /// Rebuilds the manifest from the data files: the newest of them says which others are live,
    /// how far the log is covered, and which collections there are. Nothing is written.
    ///
    /// The newest file may be one whose manifest was never stored; it is durable and says
    /// everything a manifest would, so that taking it is as right as the manifest before it.
    ///
    /// # Errors
    /// [`StorageError::CannotRebuild`] when the newest data file or one that it names as live cannot
    /// be opened even by salvage: an older set would silently be an older database.
    /// [`StorageError::NoDataFile`]: the log alone is the database, if it reaches back to its
    /// beginning.
    pub fn rebuild(home: &StorageHome) -> Result<Self, StorageError> {
        let Some(newest) = data_files(home)?.into_iter().max() else {
            return Err(StorageError::NoDataFile {
                directory: home.directory.clone(),
            });
        };
        let opened = open(home, newest)
            .map_err(|error| cannot("the newest data file cannot be opened", Some(error)))?;
        let Some(metadata) = opened.metadata() else {
            return Err(cannot("the newest data file has lost its metadata", None));
        };
        let mut data_files = Vec::<DataFileRecord>::new();
        for number in &metadata.other_live_files {
            let file = open(home, *number)
                .map_err(|error| cannot("a live data file cannot be opened", Some(error)))?;
            data_files.push(file.record());
        }
        data_files.push(opened.record());
        data_files.sort_by_key(|file| file.number);
        let next_data_file = newest.next();
        Ok(Self {
            generation: metadata.generation,
            covered: metadata.covered,
            last_transaction: metadata.last_transaction,
            data_files,
            collections: metadata.collections.clone(),
            next_collection_id: metadata.next_collection_id,
            next_data_file: next_data_file
                .ok_or_else(|| cannot("the numbers of data files are used up", None))?,
        })
    }
}

/// The numbers of the data files that are there.
fn data_files(home: &StorageHome) -> Result<Vec<DataFileNumber>, StorageError> {
    let listed = home
        .host
        .files
        .list_prefixed(&home.directory, home.file_prefix().as_ref())
        .map_err(|source| StorageError::io(FileAction::List, &home.directory, source))?;
    let numbers =
        listed
            .iter()
            .filter_map(|entry| match StorageFile::parse(&home.name, &entry.name) {
                Some(StorageFile::Data(number)) => Some(number),
                _ => None,
            });
    Ok(numbers.collect())
}

fn open(home: &StorageHome, number: DataFileNumber) -> Result<DataFile, StorageError> {
    DataFile::open_at_best(home, number).map(|opened| opened.file)
}

fn cannot(reason: &'static str, source: Option<StorageError>) -> StorageError {
    StorageError::CannotRebuild {
        reason,
        source: source.map(Box::new),
    }
}
