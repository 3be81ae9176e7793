use docdb_storage::FileView;
use docdb_types::{CollectionId, DocumentId, Error, Version};
use docdb_wal::Pin;

use super::LogicalDb;
use super::read::{Found, Missed};
use crate::commit::TextRoom;
use crate::trouble;

/// The state of a database after one transaction, readable until the value is dropped, whatever is
/// written, checkpointed or trimmed meanwhile.
///
/// An open snapshot keeps the versions that it sees in memory and the files that hold them.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) versions: docdb_storage::Snapshot,
    pub(crate) files: FileView,
    _log: Option<Pin>,
}

impl Snapshot {
    /// The newest transaction that the snapshot sees.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.versions.version()
    }
}

impl LogicalDb {
    /// Opens a snapshot of what is durable now (in `interval` and `none` mode: of what is
    /// acknowledged).
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let (versions, (files, pin)) = self.index.snapshot_with(|| {
            // The oldest segment there is, which no trim has reached.
            let oldest = self.log.segments().first().map(|segment| segment.start);
            let pin = oldest.and_then(|oldest| self.log.pin(oldest).ok());
            (self.files.view(), pin)
        });
        Snapshot {
            versions,
            files,
            _log: pin,
        }
    }

    /// Reads the version of a document that a snapshot sees.
    ///
    /// # Errors
    /// As [`LogicalDb::read_document`].
    pub(crate) fn read_document_at(
        &self,
        collection: CollectionId,
        id: DocumentId,
        snapshot: &Snapshot,
        room: &mut TextRoom,
    ) -> Result<Found, Error> {
        self.health.check_readable()?;
        let entry = self
            .index
            .get_at(&snapshot.versions, collection, &id)
            .ok_or_else(|| self.health.missing())?;
        room.take(entry.length() as usize)?;
        match self.fetch_held(&snapshot.files, collection, id, &entry) {
            Ok(text) => Ok(Found {
                version: entry.version(),
                text,
            }),
            Err(Missed::Failed(error)) => Err(error),
            Err(Missed::Moved) => Err(trouble::lost_place(&entry)),
        }
    }
}
