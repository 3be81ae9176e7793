//! Moving what is still live from the log to a data file, so that the log can be trimmed.

use std::time::Duration;

use bytes::Bytes;
use docdb_storage::{
    DataFileMetadata, DataFileRecord, DataFileWriter, Entry, LogPosition, Manifest, Record,
    RecordKind, StorageHome,
};
use docdb_types::{CollectionId, DocumentId, Error, TransactionId};
use docdb_wal::Lsn;

use crate::commit::closed;
use crate::database::{LogicalDb, Missed};
use crate::trouble;

/// Entries of the index that are looked at under one lock.
const ENTRIES_AT_ONCE: usize = 512;

/// Makes the checkpoints of one database, one at a time: whoever holds it owns the manifest.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    home: StorageHome,
    manifest: Manifest,
    /// When the last one was made, by the wall clock.
    last_at: Option<Duration>,
}

/// What a checkpoint did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CheckpointReport {
    /// Documents copied from the log to a data file.
    pub documents: u64,
    /// Deletions written to it.
    pub tombstones: u64,
    /// Length of the data file, in bytes; 0 where there was nothing new since the last checkpoint.
    pub data_file_bytes: u64,
    /// Log segments removed.
    pub trimmed_segments: u64,
    /// Bytes of them.
    pub trimmed_bytes: u64,
}

impl LogicalDb {
    /// Makes a checkpoint, beside reads and writes, and trims the log.
    ///
    /// # Errors
    /// `DbReadOnly` where the log is poisoned or degraded, `CorruptRecord` where a record of the
    /// log is damaged (the log is kept then), `DiskFull` and the other errors of files. The
    /// database goes on as if none had been tried.
    ///
    /// # Durability
    /// On success everything acknowledged before the call is in data files that the manifest names.
    pub fn checkpoint(&self) -> Result<CheckpointReport, Error> {
        self.checkpointer
            .lock()
            .run(self)
            .map_err(|error| error.in_database(&self.identity.name))
    }
}

impl Checkpointer {
    pub(crate) const fn new(home: StorageHome, manifest: Manifest) -> Self {
        Self {
            home,
            manifest,
            last_at: None,
        }
    }

    /// When the last checkpoint since the database was opened was made, by the wall clock.
    pub(crate) const fn last_at(&self) -> Option<Duration> {
        self.last_at
    }

    fn run(&mut self, database: &LogicalDb) -> Result<CheckpointReport, Error> {
        database.health.check_writable()?;
        let metadata = self.cut(database)?;
        if metadata.last_transaction == self.manifest.last_transaction {
            return Ok(CheckpointReport::default());
        }
        // Also where nothing is left to be copied: should the manifest be lost, the newest data file
        // says how far the log is covered.
        let number = self.manifest.next_data_file;
        let writer = DataFileWriter::create(&self.home, number).map_err(trouble::of_storage)?;
        let mut copy = Copy { database, writer };
        for collection in &metadata.collections {
            copy.collection(collection.id, metadata.covered)?;
        }
        let record = self.publish(copy.writer, &metadata)?;
        Self::settle_log(database)?;
        // CRASH: in front of this the data file is an orphan, which open removes; behind it the
        // log up to the cut is not needed any more.
        self.store_manifest(record, &metadata)?;
        let file = database.files.add(&record).map_err(trouble::of_storage)?;
        database.index.adopt(&file).map_err(trouble::of_storage)?;
        let mut report = CheckpointReport {
            documents: record.content.documents,
            tombstones: record.content.tombstones,
            data_file_bytes: record.file_bytes,
            ..CheckpointReport::default()
        };
        database.index.forget_deletions(metadata.covered);
        self.last_at = Some(self.home.host.clock.unix_time());
        Self::trim(database, metadata.covered, &mut report)?;
        Ok(report)
    }

    /// Takes the end of the log as the place to cover, with what the database is there.
    fn cut(&self, database: &LogicalDb) -> Result<DataFileMetadata, Error> {
        let committer = database.committer.lock();
        let log = committer.log.as_ref().ok_or_else(closed)?;
        let view = database.index.view();
        Ok(DataFileMetadata {
            covered: LogPosition::new(log.end().get()),
            last_transaction: view.last_applied(),
            collections: view
                .collections()
                .iter()
                .map(|state| state.to_record())
                .collect(),
            next_collection_id: view.next_collection_id(),
            ..self.manifest.next_metadata(&[])
        })
    }

    fn publish(
        &mut self,
        writer: DataFileWriter,
        metadata: &DataFileMetadata,
    ) -> Result<DataFileRecord, Error> {
        // A number is used once: should the manifest not come to name this file, it stays an orphan
        // under it until the next open.
        if let Some(next) = writer.number().next() {
            self.manifest.next_data_file = self.manifest.next_data_file.max(next);
        }
        writer.finish(metadata).map_err(trouble::of_storage)
    }

    /// ORDER: before the manifest covers the cut, everything that replaced a record in front of it
    /// must be durable, or a crash could lose the old version and the new one. In `always` and
    /// `group` mode it is already.
    fn settle_log(database: &LogicalDb) -> Result<(), Error> {
        database.committer.lock().sync(database)
    }

    fn store_manifest(
        &mut self,
        file: DataFileRecord,
        metadata: &DataFileMetadata,
    ) -> Result<(), Error> {
        let manifest = self
            .manifest
            .succeeded_by(file, metadata)
            .map_err(trouble::of_storage)?;
        manifest.store(&self.home).map_err(trouble::of_storage)?;
        self.manifest = manifest;
        Ok(())
    }

    fn trim(
        database: &LogicalDb,
        covered: LogPosition,
        report: &mut CheckpointReport,
    ) -> Result<(), Error> {
        let mut committer = database.committer.lock();
        let log = committer.log.as_mut().ok_or_else(closed)?;
        let covered = Lsn::new(covered.get());
        database.note_covered(covered);
        log.note_checkpoint(covered).map_err(trouble::of_log)?;
        if database.options.trim_after_checkpoint {
            let trimmed = log.trim(covered).map_err(trouble::of_log)?;
            report.trimmed_segments = trimmed.segments;
            report.trimmed_bytes = trimmed.bytes;
        }
        Ok(())
    }
}

/// Writes what the index still points to in front of a cut to a data file, in key order.
struct Copy<'a> {
    database: &'a LogicalDb,
    writer: DataFileWriter,
}

impl Copy<'_> {
    fn collection(&mut self, id: CollectionId, cut: LogPosition) -> Result<(), Error> {
        let mut entries = Vec::new();
        let mut from = None;
        loop {
            entries.clear();
            let view = self.database.index.view();
            from = view.unsaved(id, from.as_ref(), cut, ENTRIES_AT_ONCE, &mut entries);
            drop(view);
            for (document, entry) in &entries {
                self.entry(id, *document, entry)
                    .map_err(|error| error.on_document(*document))?;
            }
            if from.is_none() {
                return Ok(());
            }
        }
    }

    fn entry(
        &mut self,
        collection: CollectionId,
        id: DocumentId,
        entry: &Entry,
    ) -> Result<(), Error> {
        let (kind, text) = if !entry.is_tombstone() {
            (RecordKind::Document, self.text(collection, id, entry)?)
        } else if entry.is_in_data_files() {
            (RecordKind::Tombstone, Bytes::new())
        } else {
            return Ok(());
        };
        let key = id.to_key();
        let transaction: TransactionId = entry.version();
        self.writer
            .push(&Record {
                collection,
                key: &key,
                transaction,
                kind,
                payload: &text,
            })
            .map(drop)
            .map_err(trouble::of_storage)
    }

    fn text(
        &self,
        collection: CollectionId,
        id: DocumentId,
        entry: &Entry,
    ) -> Result<Bytes, Error> {
        self.database
            .fetch(collection, id, entry)
            .map_err(|missed| match missed {
                Missed::Failed(error) => error,
                // Nobody else moves records or trims the log.
                Missed::Moved => trouble::lost_place(entry),
            })
    }
}
