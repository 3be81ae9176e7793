//! The writer of a log.

use std::io;
use std::sync::Arc;

use docdb_types::{CollectionId, DatabaseUid, Effect, TransactionId};
use docdb_vfs::{File, Host};

use crate::batch::{Appended, BatchBuilder, BatchPlace};
use crate::error::{file_name, is_full};
use crate::format::SEGMENT_HEADER_BYTES;
use crate::names::LogNames;
use crate::preallocation::Preallocation;
use crate::segment::{Segment, Segments};
use crate::{LogReader, Lsn, RecordKind, RecordRef, WalError, WalOptions, WalStatistics};

/// The log of one database, open for appending.
///
/// One thread at a time appends; [readers](Wal::reader) work beside it.
#[derive(Debug)]
pub struct Wal {
    pub(crate) host: Host,
    pub(crate) names: LogNames,
    pub(crate) uid: DatabaseUid,
    pub(crate) options: WalOptions,
    pub(crate) shared: Arc<Segments>,
    pub(crate) mode: Mode,
}

/// How far the ids of acknowledged transactions may run ahead of the last durable one in the modes
/// that do not wait for a sync. Who numbers its first transaction after an opening at least twice as
/// far behind the last one it found (at 1 where there is none), uses no id for a second time, whatever a crash took back.
pub const UNSYNCED_IDS: u64 = 1 << 19;

/// What the log can still do.
#[derive(Debug)]
pub(crate) enum Mode {
    Writable(Active),
    ReadOnly { reason: String },
    Poisoned { cause: String },
}

/// The segment that is appended to, and how the next batch continues it.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) segment: Arc<Segment>,
    /// Where the next batch goes.
    pub(crate) length: u64,
    /// The length of the file, with the zeros written ahead.
    pub(crate) allocated: u64,
    preallocation: Preallocation,
    pub(crate) link: Link,
    pub(crate) last_transaction: TransactionId,
    /// The last transaction that is known to be durable.
    synced_transaction: TransactionId,
    /// After a failed rotation, the length below which it is not tried again.
    pub(crate) rotate_from: u64,
}

/// The last batch of a log: what the next one continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Link {
    pub(crate) sequence: u64,
    pub(crate) checksum: u32,
}

impl Active {
    pub(crate) fn new(
        segment: Arc<Segment>,
        allocated: u64,
        link: Link,
        last_transaction: TransactionId,
        options: &WalOptions,
    ) -> Self {
        Self {
            length: segment.length(),
            segment,
            allocated,
            preallocation: Preallocation::new(options),
            link,
            last_transaction,
            synced_transaction: last_transaction,
            rotate_from: 0,
        }
    }

    /// Whether a crash now could let ids be used for a second time.
    fn runs_ahead(&self) -> bool {
        let synced = self.synced_transaction;
        let ahead = self.last_transaction.get().saturating_sub(synced.get());
        synced == TransactionId::ZERO || ahead >= UNSYNCED_IDS
    }

    pub(crate) fn end(&self) -> Lsn {
        self.segment.header.base.plus(self.length)
    }
}

impl Wal {
    /// Appends a batch with one write, in a new segment when the active one is full. A batch without
    /// records is not written. The batch itself is unchanged: after a refusal it can be appended
    /// again.
    ///
    /// # Durability
    /// None until [`sync`](Self::sync) succeeds.
    ///
    /// # Errors
    /// [`WalError::effect`] says what became of the batch. [`WalError::Full`] leaves the log
    /// writable; after [`WalError::Write`] and [`WalError::Sync`] it is closed for writing;
    /// [`WalError::Poisoned`] and [`WalError::ReadOnly`] say that it was.
    pub fn append(&mut self, batch: &mut BatchBuilder) -> Result<Appended, WalError> {
        if batch.is_empty() {
            self.active()?;
            let end = self.end();
            return Ok(Appended { start: end, end });
        }
        self.rotate_if_full(batch.len_bytes())?;

        let durable_upto = self.durable();
        let active = self.active()?;
        let start = active.end();
        let (bytes, checksum) = batch.seal(&BatchPlace {
            seed: active.segment.seed,
            lsn: start,
            sequence: active.link.sequence + 1,
            durable_upto,
            previous: active.link.checksum,
        });
        let length = active.length + bytes.len() as u64;
        if let Err(source) = active.segment.file.write_all_at(bytes, active.length) {
            return Err(self.take_back(source));
        }
        active.length = length;
        active.allocated = active.allocated.max(length);
        active.link = Link {
            sequence: active.link.sequence + 1,
            checksum,
        };
        active.last_transaction = active.last_transaction.max(batch.last_transaction());
        active.segment.publish_length(length);
        let end = active.end();
        if active.length == active.allocated {
            let file = &*active.segment.file;
            active.allocated = active.preallocation.extend(file, length);
        }
        self.shared.set_end(end);
        self.shared
            .counters
            .count_batch(batch.record_count() as u64, end.since(start));
        Ok(Appended { start, end })
    }

    /// Makes everything appended so far durable. Does nothing when it already is.
    ///
    /// # Durability
    /// On success every batch appended so far survives a power cut.
    ///
    /// # Errors
    /// [`WalError::Sync`]: the log is closed for writing, and whether the batches since the last
    /// successful sync survive is unknown until it is opened again with
    /// [`drop_cache_before_read`](WalOptions::drop_cache_before_read). The sync is never repeated.
    /// [`WalError::Poisoned`], [`WalError::ReadOnly`].
    pub fn sync(&mut self) -> Result<(), WalError> {
        self.active()?;
        if self.durable() == self.end() {
            return Ok(());
        }
        self.sync_active()
    }

    /// [`append`](Self::append), and [`sync`](Self::sync) where the
    /// [mode](WalOptions::fsync) acknowledges only what is durable, or where the transaction ids have
    /// run [`UNSYNCED_IDS`] ahead of the last durable one; the first transaction of all is synced too.
    ///
    /// # Durability
    /// On success in the modes `always` and `group` the batch survives a power cut.
    ///
    /// # Errors
    /// As for the two.
    pub fn commit(&mut self, batch: &mut BatchBuilder) -> Result<Appended, WalError> {
        let appended = self.append(batch)?;
        if self.options.fsync.acknowledges_durable() || self.active()?.runs_ahead() {
            self.sync()?;
        }
        Ok(appended)
    }

    /// Appends a note that a checkpoint has covered the log up to `covered`. Not synced: recovery
    /// goes by the manifest.
    ///
    /// # Errors
    /// As for [`append`](Self::append).
    pub fn note_checkpoint(&mut self, covered: Lsn) -> Result<Appended, WalError> {
        let transaction = self.active()?.last_transaction;
        let mut batch = BatchBuilder::new();
        batch.push(RecordRef {
            kind: RecordKind::Checkpoint,
            collection: CollectionId::DEFAULT,
            transaction,
            key: &[],
            payload: &covered.get().to_le_bytes(),
        })?;
        self.append(&mut batch)
    }

    /// Syncs, gives back zeros written ahead, and lets go of the log. In every mode everything
    /// appended is durable on success.
    ///
    /// # Errors
    /// As for [`sync`](Self::sync). A log that is read-only or closed for writing closes without an
    /// error: there is nothing to make durable.
    pub fn close(mut self) -> Result<(), WalError> {
        let Ok(active) = self.active() else {
            return Ok(());
        };
        if active.allocated > active.length {
            // Where it fails the next open finds zeros, which it knows as such.
            let _ = active.segment.file.set_len(active.length);
            return self.sync_active();
        }
        self.sync()
    }

    /// The position behind the last batch.
    #[must_use]
    pub fn end(&self) -> Lsn {
        self.shared.end()
    }

    /// The position up to which the log is known to be durable, whatever the mode.
    #[must_use]
    pub fn durable(&self) -> Lsn {
        self.shared.durable()
    }

    /// Whether a failure has closed the log for writing.
    #[must_use]
    pub const fn is_poisoned(&self) -> bool {
        matches!(self.mode, Mode::Poisoned { .. })
    }

    /// Why the log was opened read-only, if it was.
    #[must_use]
    pub const fn read_only_reason(&self) -> Option<&str> {
        match &self.mode {
            Mode::ReadOnly { reason } => Some(reason.as_str()),
            Mode::Writable(_) | Mode::Poisoned { .. } => None,
        }
    }

    /// Whether the log takes batches.
    #[must_use]
    pub const fn is_writable(&self) -> bool {
        matches!(self.mode, Mode::Writable(_))
    }

    /// Bytes of all segments together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.statistics().bytes
    }

    /// What the log has done since it was opened, and its size.
    #[must_use]
    pub fn statistics(&self) -> WalStatistics {
        self.shared.statistics()
    }

    /// A reader of this log; it may outlive the writer.
    #[must_use]
    pub fn reader(&self) -> LogReader {
        LogReader::new(Arc::clone(&self.shared))
    }

    pub(crate) fn active(&mut self) -> Result<&mut Active, WalError> {
        match &mut self.mode {
            Mode::Writable(active) => Ok(active),
            Mode::ReadOnly { reason } => Err(WalError::ReadOnly {
                reason: reason.clone(),
            }),
            Mode::Poisoned { cause } => Err(WalError::Poisoned {
                cause: cause.clone(),
            }),
        }
    }

    /// Closes the log for writing and passes on why.
    pub(crate) fn poison(&mut self, error: WalError) -> WalError {
        let mut cause = error.to_string();
        if let Some(source) = std::error::Error::source(&error) {
            cause = format!("{cause}: {source}");
        }
        self.mode = Mode::Poisoned { cause };
        error
    }

    /// INVARIANT: the only sync of the active segment; a failure of it is the last one.
    pub(crate) fn sync_active(&mut self) -> Result<(), WalError> {
        let clock = Arc::clone(&self.host.clock);
        let active = self.active()?;
        let (end, started) = (active.end(), clock.monotonic());
        if let Err(source) = active.segment.file.sync_data() {
            let file = active.segment.name.clone();
            return Err(self.poison(WalError::Sync { file, source }));
        }
        self.shared
            .counters
            .count_sync(clock.monotonic().saturating_sub(started));
        self.shared.set_durable(end);
        if let Mode::Writable(active) = &mut self.mode {
            active.synced_transaction = active.last_transaction;
        }
        Ok(())
    }

    pub(crate) fn sync_directory(&mut self) -> Result<(), WalError> {
        self.host
            .files
            .sync_dir(self.names.directory())
            .map_err(|source| {
                let file = file_name(self.names.directory());
                self.poison(WalError::Sync { file, source })
            })
    }

    /// After a failed write: makes sure that nothing of the batch is in the log, or else that
    /// nothing is ever appended behind what may be left of it.
    fn take_back(&mut self, source: io::Error) -> WalError {
        let (file, offset, end, undone) = match self.active() {
            Ok(active) => {
                let handle: &dyn File = &*active.segment.file;
                let undone = handle
                    .set_len(active.length)
                    .and_then(|()| handle.sync_data())
                    .is_ok();
                active.allocated = active.length;
                (
                    active.segment.name.clone(),
                    active.length,
                    active.end(),
                    undone,
                )
            }
            Err(error) => return error,
        };
        if undone {
            self.shared.set_durable(end);
            if is_full(&source) {
                return WalError::Full { file, source };
            }
        }
        let effect = if undone {
            Effect::NotApplied
        } else {
            Effect::Unknown
        };
        self.poison(WalError::Write {
            file,
            offset,
            effect,
            source,
        })
    }
}

/// Bytes of a segment without a batch.
pub(crate) const EMPTY_SEGMENT_BYTES: u64 = SEGMENT_HEADER_BYTES as u64;
