use std::sync::Arc;

use docdb_storage::FilePin;
use docdb_types::{Code, CollectionId, DocumentId, Error, Version};
use docdb_wal::Pin;

use super::LogicalDb;
use super::lease::Lease;
use super::read::{Found, Missed};
use crate::commit::TextRoom;
use crate::trouble;

/// The state of a database after one transaction, readable until the value is dropped or grows too
/// old, whatever is written, checkpointed or trimmed meanwhile.
///
/// An open snapshot keeps the versions that it sees in memory and the files that hold them. It is
/// one of the opening of the database that made it: another opening refuses it with `TxnExpired`.
#[derive(Debug)]
pub struct Snapshot {
    lease: Arc<Lease>,
    version: Version,
}

/// What keeps one state readable.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) versions: docdb_storage::Snapshot,
    files: FilePin,
    _log: Option<Pin>,
}

impl Snapshot {
    /// The newest transaction that the snapshot sees.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// What it holds, for reading in this database.
    ///
    /// # Errors
    /// `TxnExpired` where it is too old, or of another database or another opening of it.
    pub(crate) fn held(&self, database: &LogicalDb) -> Result<Arc<Held>, Error> {
        let held = self.lease.held()?;
        if !database.index.has_opened(&held.versions) {
            let reason = "the snapshot is not one of this opening of the database";
            return Err(Error::new(Code::TxnExpired, reason));
        }
        Ok(held)
    }
}

impl LogicalDb {
    /// Opens a snapshot of what is durable now (in `interval` and `none` mode: of what is
    /// acknowledged).
    ///
    /// It expires after
    /// [`TransactionLimits::max_age`](crate::TransactionLimits::max_age).
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let held = self.hold();
        let version = held.versions.version();
        let lease = self.leases.begin(held, self.signals.now());
        self.signals.want_expiry(self.options.transactions.max_age);
        Snapshot { lease, version }
    }

    /// Holds what is durable now, for the length of one request.
    pub(crate) fn hold(&self) -> Held {
        let (versions, (files, pin)) = self.index.snapshot_with(|| {
            // The oldest segment there is, which no trim has reached.
            let oldest = self.log.segments().first().map(|segment| segment.start);
            let pin = oldest.and_then(|oldest| self.log.pin(oldest).ok());
            (self.files.pin(), pin)
        });
        Held {
            versions,
            files,
            _log: pin,
        }
    }

    /// Ends the snapshots that are too old.
    pub(crate) fn expire_snapshots(&self) {
        let now = self.signals.now();
        let next = self.leases.expire(now, self.options.transactions.max_age);
        if let Some(next) = next {
            self.signals.want_expiry(next.saturating_sub(now));
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
        held: &Held,
        room: &mut TextRoom,
    ) -> Result<Found, Error> {
        self.health.check_readable()?;
        let entry = self
            .index
            .get_at(&held.versions, collection, &id)
            .ok_or_else(|| self.health.missing())?;
        self.admit_text(entry.length() as usize, room)?;
        let known = self.documents.get(collection, id, entry.version());
        let text = known.map_or_else(|| self.fetch_held(&held.files, collection, id, &entry), Ok);
        match text {
            Ok(text) => Ok(Found {
                version: entry.version(),
                text: self.count_text(text, room),
                may_be_older: self.health.may_be_older(entry.version()),
            }),
            Err(Missed::Failed(error)) => Err(error),
            Err(Missed::Moved) => Err(trouble::lost_place(&entry)),
        }
    }
}
