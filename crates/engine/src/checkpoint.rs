//! Moving what is still live from the log to a data file, so that the log can be trimmed.

use std::collections::BTreeSet;

use bytes::Bytes;
use docdb_storage::{
    DataFileMetadata, DataFileNumber, DataFileRecord, DataFileWriter, Entry, LogPosition,
    LoggedLoss, Manifest, Record, RecordKind, Snapshot, StorageHome,
};
use docdb_types::{CheckpointScope, Code, CollectionId, DocumentId, Error, TransactionId};
use docdb_wal::Lsn;

use crate::commit::closed;
use crate::database::{Held, LogicalDb, MaintenanceRun, Missed};
use crate::healing::{HealSource, HealTrigger, Healed, Witness};
use crate::pace::Pace;
use crate::trouble;

/// Entries of the index that are looked at under one lock.
const ENTRIES_AT_ONCE: usize = 512;

/// Makes the checkpoints and the merges of one database, one at a time: whoever holds it owns the
/// manifest.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    pub(crate) home: StorageHome,
    pub(crate) manifest: Manifest,
    /// Data files with a damaged record, which no merge takes until the database is opened again.
    pub(crate) set_aside: BTreeSet<DataFileNumber>,
    /// The newest transaction when compaction looked last.
    pub(crate) seen: TransactionId,
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
    /// The position up to which the data files stand in for the log now.
    pub covered_position: u64,
    /// Which manifest says so: each one counts one up.
    pub generation: u64,
}

impl LogicalDb {
    /// Makes a checkpoint, beside reads and writes, and trims the log.
    ///
    /// # Errors
    /// `DbReadOnly` where the log is poisoned or degraded, `FileRead` where the disk does not read a
    /// record of the log (which is kept then), `DiskFull` and the other errors of files. The
    /// database goes on as if none had been tried.
    ///
    /// # Durability
    /// On success everything acknowledged before the call is in data files that the manifest names;
    /// of a document whose record in the log was damaged, that it is lost.
    pub fn checkpoint(&self) -> Result<CheckpointReport, Error> {
        self.checkpoint_of(CheckpointScope::Needed)
    }

    /// As [`checkpoint`](Self::checkpoint), of as much as asked for.
    ///
    /// # Errors
    /// As [`checkpoint`](Self::checkpoint).
    ///
    /// # Durability
    /// As [`checkpoint`](Self::checkpoint).
    pub fn checkpoint_of(&self, scope: CheckpointScope) -> Result<CheckpointReport, Error> {
        let begun = self.signals.now();
        let mut checkpointer = self.checkpointer.lock();
        let mut made = checkpointer.run(self, scope);
        if made
            .as_ref()
            .is_err_and(|error| self.reserve.give_up_on(error))
        {
            made = checkpointer.run(self, scope);
        }
        let report = made.map_err(|error| {
            self.note_covering(self.covered());
            error.in_database(&self.identity.name)
        })?;
        if report.data_file_bytes > 0 {
            let run = MaintenanceRun {
                finished_at: self.unix_time(),
                duration: self.signals.now().saturating_sub(begun),
                documents: report.documents,
                bytes: report.data_file_bytes,
            };
            self.note_run(|runs| &mut runs.checkpoint, run);
        }
        self.signal_compaction(&checkpointer);
        Ok(report)
    }
}

impl Checkpointer {
    pub(crate) const fn new(home: StorageHome, manifest: Manifest) -> Self {
        Self {
            home,
            manifest,
            set_aside: BTreeSet::new(),
            seen: TransactionId::ZERO,
        }
    }

    fn run(
        &mut self,
        database: &LogicalDb,
        scope: CheckpointScope,
    ) -> Result<CheckpointReport, Error> {
        database.health.check_writable()?;
        let (metadata, at_cut) = self.cut(database, scope)?;
        let is_unchanged = metadata.last_transaction == self.manifest.last_transaction;
        // A loss that is accepted is covered whether or not anything behind it is left.
        if is_unchanged && !database.options.accept_loss {
            return Ok(CheckpointReport {
                covered_position: self.manifest.covered.get(),
                generation: self.manifest.generation,
                ..CheckpointReport::default()
            });
        }
        let Copy { writer, losses, .. } = self.copy(database, &metadata, at_cut.as_ref())?;
        drop(at_cut);
        self.use_up_number();
        let record = writer.finish(&metadata).map_err(trouble::of_storage)?;
        Self::settle_log(database)?;
        // ORDER: nothing is given up without a witness. CRASH: between the two, the witness stands
        // and the log still holds what it says is lost.
        database.note_losses(losses);
        // CRASH: in front of this the data file is an orphan, which open removes; behind it the
        // log up to the cut is not needed any more.
        self.store_manifest(record, &metadata)?;
        Self::take_in(database, &record)?;
        let mut report = CheckpointReport {
            documents: record.content.documents,
            tombstones: record.content.tombstones,
            data_file_bytes: record.file_bytes,
            covered_position: metadata.covered.get(),
            generation: self.manifest.generation,
            ..CheckpointReport::default()
        };
        database.index.forget_deletions(metadata.covered);
        Self::trim(database, metadata.covered, &mut report)?;
        Ok(report)
    }

    /// Copies what the index still points to in front of the cut, or what it pointed to `at_cut`.
    /// Also where nothing is left to be copied: should the manifest be lost, the newest data file
    /// says how far the log is covered.
    ///
    /// A document whose record is damaged keeps the others in the log no longer than one more look:
    /// what that finds damaged again becomes a record that says what is lost.
    fn copy<'a>(
        &self,
        database: &'a LogicalDb,
        metadata: &DataFileMetadata,
        at_cut: Option<&'a Held>,
    ) -> Result<Copy<'a>, Error> {
        let (home, number) = (&self.home, self.manifest.next_data_file);
        let parity = database.options.healing.parity();
        let copy = |names_losses| {
            let writer = if names_losses {
                DataFileWriter::create_around_losses(home, number, parity)
            } else {
                DataFileWriter::create(home, number, parity)
            };
            let mut copy = Copy {
                database,
                at_cut: at_cut.map(|held| &held.versions),
                writer: writer.map_err(trouble::of_storage)?,
                pace: Pace::begin(database),
                names_losses,
                losses: Vec::new(),
            };
            for collection in &metadata.collections {
                copy.collection(collection.id, metadata.covered)?;
            }
            Ok(copy)
        };
        copy(false).or_else(|error: Error| match error.code() {
            Code::CorruptRecord => copy(true),
            _ => Err(error),
        })
    }

    /// Takes the end of the log as the place to cover, with what the database is there.
    ///
    /// ORDER: where there is something to cover, the idempotency keys that are known are written
    /// right behind that place, before anything in front of it is given up.
    fn cut(
        &self,
        database: &LogicalDb,
        scope: CheckpointScope,
    ) -> Result<(DataFileMetadata, Option<Held>), Error> {
        let mut committer = database.committer.lock();
        let log = committer.log.as_ref().ok_or_else(closed)?;
        let covered = LogPosition::new(log.end().get());
        database.note_covering(log.end());
        if database.index.last_applied() != self.manifest.last_transaction {
            committer.log_keys(database)?;
        }
        let at_cut = match scope {
            CheckpointScope::Needed => None,
            CheckpointScope::Whole => Some(database.hold()),
        };
        let view = database.index.view();
        let metadata = DataFileMetadata {
            covered,
            last_transaction: view.last_applied(),
            collections: view
                .collections()
                .iter()
                .map(|state| state.to_record())
                .collect(),
            next_collection_id: view.next_collection_id(),
            ..self.manifest.next_metadata(&[])
        };
        Ok((metadata, at_cut))
    }

    /// A number is used once: should the manifest not come to name the file that has it, the file
    /// stays an orphan under it until the next open.
    pub(crate) fn use_up_number(&mut self) {
        if let Some(next) = self.manifest.next_data_file.next() {
            self.manifest.next_data_file = next;
        }
    }

    /// Opens a data file that the manifest names from now on, and points the index at it.
    ///
    /// INVARIANT: the index knows of every document in the files of the manifest, or nothing is
    /// written: a document that it does not know to be in one would be deleted without a tombstone,
    /// and come back.
    pub(crate) fn take_in(database: &LogicalDb, record: &DataFileRecord) -> Result<(), Error> {
        let opened = database.files.add(record);
        opened
            .and_then(|file| database.index.adopt(&file).map(drop))
            .map_err(|error| {
                let error = trouble::of_storage(error).in_database(&database.identity.name);
                database.health.stop_writing(&error);
                error
            })
    }

    /// ORDER: before the manifest covers the cut, everything that replaced a record in front of it
    /// must be durable, or a crash could lose the old version and the new one. In `always` and
    /// `group` mode it is already.
    pub(crate) fn settle_log(database: &LogicalDb) -> Result<(), Error> {
        let mut committer = database.committer.lock();
        if committer.log.is_none() {
            return Err(closed());
        }
        committer.sync(database)
    }

    pub(crate) fn store_manifest(
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
        let covered = Lsn::new(covered.get());
        let detached = {
            let mut committer = database.committer.lock();
            let log = committer.log.as_mut().ok_or_else(closed)?;
            database.note_covered(covered);
            log.note_checkpoint(covered).map_err(trouble::of_log)?;
            if !database.options.trim_after_checkpoint {
                return Ok(());
            }
            log.detach(covered).map_err(trouble::of_log)?
        };
        // To remove a large file takes the disk a while, which no commit waits for.
        let mut pace = Pace::begin(database);
        let removed = detached.remove(&mut |worked| pace.rest(worked));
        let mut committer = database.committer.lock();
        let log = committer.log.as_mut().ok_or_else(closed)?;
        let trimmed = log.conclude_trim(removed).map_err(|error| {
            let error = trouble::of_log(error).in_database(&database.identity.name);
            if log.is_poisoned() {
                database.health.stop_writing(&error);
            }
            error
        })?;
        report.trimmed_segments = trimmed.segments;
        report.trimmed_bytes = trimmed.bytes;
        Ok(())
    }
}

/// Writes what the index still points to in front of a cut to a data file, in key order.
struct Copy<'a> {
    database: &'a LogicalDb,
    /// What is written as it was then; `None`: what is replaced meanwhile is left out.
    at_cut: Option<&'a Snapshot>,
    writer: DataFileWriter,
    pace: Pace<'a>,
    /// Whether a damaged record becomes one that says what is lost.
    names_losses: bool,
    losses: Vec<Witness>,
}

impl Copy<'_> {
    fn collection(&mut self, id: CollectionId, cut: LogPosition) -> Result<(), Error> {
        let mut entries = Vec::new();
        let mut from = None;
        loop {
            entries.clear();
            let view = self.database.index.view();
            from = view.unsaved(
                id,
                from.as_ref(),
                self.at_cut,
                cut,
                ENTRIES_AT_ONCE,
                &mut entries,
            );
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
        self.database.health.check_readable()?;
        let key = id.to_key();
        let transaction: TransactionId = entry.version();
        let (kind, text) = if !entry.is_tombstone() {
            match self.text(collection, id, entry) {
                Ok(text) => (RecordKind::Document, text),
                Err(error) => return self.give_up(collection, id, entry, error),
            }
        } else if entry.is_in_data_files() {
            (RecordKind::Tombstone, Bytes::new())
        } else {
            return Ok(());
        };
        self.writer
            .push(&Record {
                collection,
                key: &key,
                transaction,
                kind,
                payload: &text,
            })
            .map_err(trouble::of_storage)?;
        self.pace.keep(text.len() as u64);
        Ok(())
    }

    /// Writes that the log has lost a document, where its bytes are read and are not what was
    /// written. What the disk does not read is not lost: it may read it tomorrow, from a log that is
    /// still there then.
    fn give_up(
        &mut self,
        collection: CollectionId,
        id: DocumentId,
        entry: &Entry,
        error: Error,
    ) -> Result<(), Error> {
        let Some(place) = self
            .database
            .damaged_place(entry)
            .filter(|_| self.names_losses)
        else {
            return Err(error);
        };
        tracing::error!(%collection, %id, %error, "the log has lost a document");
        self.writer
            .push_lost(&LoggedLoss {
                collection,
                key: &id.to_key(),
                transaction: entry.version(),
                payload_bytes: entry.length(),
                segment: place.segment,
                offset: place.offset,
            })
            .map_err(trouble::of_storage)?;
        self.losses.push(Witness {
            at: self.database.unix_time(),
            healed: Healed::Document {
                collection,
                id,
                version: entry.version(),
            },
            file: place.file,
            offset: place.offset,
            source: HealSource::Nothing,
            trigger: HealTrigger::Scrub,
        });
        Ok(())
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
