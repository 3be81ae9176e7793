//! Coming back: manifest, footers, log. And going: checkpoint, sync, end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use docdb_storage::{
    Entry, FileSet, Index, IndexChange, LoadedManifest, Location, LogPosition, Manifest, Orphans,
    SalvagedFile, StorageError, StorageHome,
};
use docdb_types::{
    Code, CollectionId, CollectionName, DocumentId, Error, IdempotencyKey, TransactionId,
};
use docdb_vfs::Host;
use docdb_wal::{
    Covered, Damage, LogState, Lsn, RecordKind, Recovered, Recovery, UNSYNCED_IDS, Wal, WalError,
    WalIdentity, WalOptions,
};
use parking_lot::Mutex;

use super::statistics::Counters;
use super::texts::Texts;
use super::{Health, LogicalDb};
use crate::catalog::Identity;
use crate::checkpoint::Checkpointer;
use crate::commit::{Committer, Gathering, KeyTable, Remembered};
use crate::healing::{HealTrigger, Healing};
use crate::options::DatabaseOptions;
use crate::pool::{MemoryShare, Reserve, Signals};
use crate::quota::Gate;
use crate::trouble;

/// Ids that are left out when a database that has been written to is opened. Transactions that were
/// shown and that a crash then took back (`interval` and `none` mode) had ids below it, so that no
/// id is used twice: the log syncs before ids run further ahead than half of it.
const TRANSACTION_GAP: u64 = 2 * UNSYNCED_IDS;
/// Changes that recovery applies at once.
const CHANGES_AT_ONCE: usize = 4096;

impl LogicalDb {
    /// Creates the files of a new, empty database.
    ///
    /// # Durability
    /// On success they are durable, the manifest last: a manifest that is there says that a log is,
    /// so that a log which vanishes is a loss and not a database without documents.
    ///
    /// # Errors
    /// `FileOpen`, `FileWrite`, `FileSync`, `DiskFull`.
    pub(crate) fn create_files(
        host: &Host,
        options: &DatabaseOptions,
        identity: &Identity,
    ) -> Result<(), Error> {
        let (log, _) = Wal::open(
            host,
            &wal_identity(identity),
            &wal_options(options),
            Covered::NOTHING,
            &mut |_| Ok(()),
        )
        .map_err(trouble::of_log)?;
        let manifest = first_manifest(log.end());
        log.close().map_err(trouble::of_log)?;
        // CRASH: a log without a manifest is a leftover that the next creation replaces.
        manifest
            .store(&home(host, options, identity))
            .map_err(trouble::of_storage)
    }

    /// Opens a database with its files.
    ///
    /// A log that lost committed transactions opens degraded, see [`Condition`](super::Condition).
    ///
    /// # Durability
    /// Everything that is shown afterwards is durable.
    ///
    /// # Errors
    /// `FileOpen`, `FileRead`, `CorruptRecord` where neither the manifest nor what could stand in
    /// for it can be read.
    pub(crate) fn open(
        host: &Host,
        options: DatabaseOptions,
        identity: Identity,
        memory: MemoryShare,
        reserve: Arc<Reserve>,
        signals: Signals,
        gate: Arc<Gate>,
    ) -> Result<Arc<Self>, Error> {
        let begun = host.clock.monotonic();
        let home = home(host, &options, &identity);
        let manifest = load_manifest(&home)?;
        let (files, salvaged) = FileSet::open(&home, &manifest).map_err(trouble::of_storage)?;
        let index = Index::load(&manifest, &files.view()).map_err(trouble::of_storage)?;
        let (log, recovery, keys) = replay(host, &options, &identity, &manifest, &index)?;
        let health = Health::default();
        if let LogState::Corrupt(damages) = &recovery.state
            && !options.accept_loss
        {
            let known_from = recovery.state.known_from();
            health.degrade(&lost(damages).in_database(&identity.name), known_from);
        } else if let Some(reason) = log.read_only_reason() {
            let text = format!("the log cannot be written: {reason}");
            health.stop_writing(&Error::new(Code::FileWrite, text).in_database(&identity.name));
        }
        note(&identity, &recovery, &salvaged);
        remove_orphans(&home, &manifest)?;
        let healing = Healing::load(host, &options, &identity);
        let last = recovery.last_transaction.max(manifest.last_transaction);
        let next = first_unused(last);
        let manifest_covered = manifest.covered.get();
        let database = Self {
            log: log.reader(),
            key_bytes: AtomicU64::new(keys.bytes()),
            committer: Mutex::new(Committer::new(log, next, keys)),
            checkpointer: Mutex::new(Checkpointer::new(home, manifest)),
            queue: docdb_wal::group::GroupQueue::new(),
            gathering: Gathering::default(),
            clock: Arc::clone(&host.clock),
            covered: AtomicU64::new(manifest_covered),
            covering: AtomicU64::new(manifest_covered),
            requested_bytes: AtomicU64::new(0),
            texts: Texts::new(memory.sibling()),
            documents: memory.documents(),
            counters: Counters {
                recovery: host.clock.monotonic().saturating_sub(begun),
                ..Counters::default()
            },
            identity,
            options,
            health,
            index,
            files,
            signals,
            gate,
            memory,
            reserve,
            ending: AtomicBool::new(false),
            leases: Arc::default(),
            transactions: Arc::default(),
            healing,
        };
        database.publish_memory();
        database.signal_compaction(&database.checkpointer.lock());
        for file in &salvaged {
            database.want_rewrite(file.number, HealTrigger::Read);
        }
        database.signal_scrub();
        Ok(Arc::new(database))
    }

    /// Makes a checkpoint, syncs the log and ends the database: its users are answered
    /// `DbNotActive` from then on.
    ///
    /// # Errors
    /// What kept the checkpoint or the sync from being made. The database is ended all the same;
    /// nothing acknowledged is lost by that, for the log has it.
    pub(crate) fn close(&self) -> Result<(), Error> {
        self.ending.store(true, Ordering::Relaxed);
        let checkpoint = match self.health.check_writable() {
            Ok(()) => self.checkpoint().map(drop),
            // What cannot be written any more has nothing to be saved.
            Err(_) => Ok(()),
        };
        let closed = self.end();
        checkpoint.and(closed)
    }

    /// Ends the database without a checkpoint.
    pub(crate) fn abandon(&self) {
        // A log that cannot be synced any more changes nothing about a database that is dropped.
        let _ = self.end();
    }

    fn end(&self) -> Result<(), Error> {
        let log = {
            let mut committer = self.committer.lock();
            self.health.close();
            committer.log.take()
        };
        // ORDER: behind this nothing writes to its files. A checkpoint or a merge that runs notices
        // the end at its next record.
        drop(self.checkpointer.lock());
        self.healing.close();
        self.memory.publish(0);
        self.documents.forget();
        log.map_or(Ok(()), |log| log.close().map_err(trouble::of_log))
    }

    /// Syncs what is acknowledged and not yet synced, in `interval` and `none` mode.
    ///
    /// # Errors
    /// `FileSync`; the database takes no more writes then.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        self.committer.lock().sync(self)
    }
}

fn home(host: &Host, options: &DatabaseOptions, identity: &Identity) -> StorageHome {
    StorageHome {
        host: host.clone(),
        directory: options.data_directory.clone(),
        name: identity.name.clone(),
        uid: identity.uid,
    }
}

fn wal_identity(identity: &Identity) -> WalIdentity {
    WalIdentity {
        name: identity.name.clone(),
        uid: identity.uid,
    }
}

fn wal_options(options: &DatabaseOptions) -> WalOptions {
    WalOptions {
        directory: options.wal_directory.clone(),
        segment_bytes: options.segment_bytes,
        keep_segments: options.keep_segments,
        preallocate_bytes: options.preallocate_bytes,
        fsync: options.fsync,
        drop_cache_before_read: true,
        accept_loss: options.accept_loss,
    }
}

/// The transaction behind which new ones are counted.
fn first_unused(last: TransactionId) -> TransactionId {
    if last == TransactionId::ZERO {
        return last;
    }
    TransactionId::new(last.get().saturating_add(TRANSACTION_GAP))
}

/// The manifest, or what the data files or the log say where it is missing or damaged.
fn load_manifest(home: &StorageHome) -> Result<Manifest, Error> {
    let loaded = match Manifest::load(home) {
        Ok(loaded) => loaded,
        Err(error @ (StorageError::Corrupt { .. } | StorageError::Missing { .. })) => {
            tracing::error!(database = %home.name, %error, "rebuilding the manifest");
            LoadedManifest {
                manifest: rebuild_manifest(home)?,
                is_damaged: true,
            }
        }
        Err(error) => return Err(trouble::of_storage(error)),
    };
    if loaded.is_damaged {
        tracing::warn!(database = %home.name, "storing the manifest again");
        loaded.manifest.store(home).map_err(trouble::of_storage)?;
    }
    Ok(loaded.manifest)
}

fn rebuild_manifest(home: &StorageHome) -> Result<Manifest, Error> {
    match Manifest::rebuild(home) {
        // Every checkpoint writes a data file, so there has been none: the log is the database. One
        // that does not reach back to its beginning is found out by its recovery.
        Err(StorageError::NoDataFile { .. }) => Ok(first_manifest(Lsn::FIRST_BATCH)),
        rebuilt => rebuilt.map_err(trouble::of_storage),
    }
}

/// The manifest of a database whose log begins, and whose data files are still to come.
///
/// INVARIANT: it covers the header of the log, so that a log that is missing altogether is a loss
/// and not a database without documents.
pub(crate) fn first_manifest(log_end: Lsn) -> Manifest {
    Manifest {
        covered: LogPosition::new(log_end.get()),
        ..Manifest::empty()
    }
}

/// Removes what a crash left of a checkpoint.
fn remove_orphans(home: &StorageHome, manifest: &Manifest) -> Result<(), Error> {
    let orphans = Orphans::find(home, manifest).map_err(trouble::of_storage)?;
    for path in orphans.paths() {
        tracing::info!(database = %home.name, path = %path.display(), "removing an orphan");
    }
    orphans.remove().map_err(trouble::of_storage)
}

/// Applies what the log holds behind the manifest.
fn replay(
    host: &Host,
    options: &DatabaseOptions,
    identity: &Identity,
    manifest: &Manifest,
    index: &Index,
) -> Result<(Wal, Recovery, KeyTable), Error> {
    let covered = Covered {
        lsn: Lsn::new(manifest.covered.get()),
        last_transaction: manifest.last_transaction,
    };
    let mut replay = Replay {
        index,
        changes: Vec::new(),
        last: manifest.last_transaction,
        known: BTreeSet::new(),
        keys: KeyTable::default(),
    };
    let (log, recovery) = Wal::open(
        host,
        &wal_identity(identity),
        &wal_options(options),
        covered,
        &mut |recovered| replay.visit(&recovered).map_err(WalError::visitor),
    )
    .map_err(trouble::of_log)?;
    replay.apply()?;
    Ok((log, recovery, replay.keys))
}

/// Turns records of the log into changes of the index.
struct Replay<'a> {
    index: &'a Index,
    changes: Vec<IndexChange<DocumentId>>,
    last: TransactionId,
    /// Collections that exist when the next change is applied.
    known: BTreeSet<CollectionId>,
    keys: KeyTable,
}

impl Replay<'_> {
    fn visit(&mut self, recovered: &Recovered<'_>) -> Result<(), Error> {
        let record = &recovered.record;
        let collection = record.collection;
        let location = Location::Log(LogPosition::new(recovered.lsn.get()));
        let entry = match record.kind {
            RecordKind::Put => {
                // INVARIANT: a record's payload is far below 4 GiB.
                Entry::document(record.transaction, location, record.payload.len() as u32)
            }
            RecordKind::Delete => Entry::tombstone(record.transaction, location),
            RecordKind::IdempotencyKey => {
                let key = IdempotencyKey::new(Bytes::copy_from_slice(record.key))?;
                let remembered = Remembered::decode(record.payload)
                    .ok_or_else(|| unreadable("answer of an idempotency key"))?;
                self.keys.add(key, remembered);
                return Ok(());
            }
            RecordKind::CreateCollection => {
                let name = name_of(record.payload)?;
                self.known.insert(collection);
                return self.push(
                    IndexChange::CreateCollection {
                        id: collection,
                        name,
                        version: record.transaction,
                    },
                    record.transaction,
                );
            }
            RecordKind::DropCollection => {
                self.find_collection(collection, record.transaction)?;
                self.known.remove(&collection);
                let change = IndexChange::DropCollection {
                    id: collection,
                    version: record.transaction,
                };
                return self.push(change, record.transaction);
            }
            _ => return Ok(()),
        };
        let key = DocumentId::from_key(record.key).ok_or_else(|| unreadable("document id"))?;
        self.find_collection(collection, record.transaction)?;
        self.push(
            IndexChange::Set {
                collection,
                key,
                entry,
            },
            record.transaction,
        )
    }

    /// Makes sure that there is the collection of a record. Where its creation is lost, only its name
    /// is: the documents that were written behind the loss are kept under one that says so.
    fn find_collection(&mut self, id: CollectionId, version: TransactionId) -> Result<(), Error> {
        if !self.known.insert(id) || self.index.view().collection(id).is_some() {
            return Ok(());
        }
        self.apply()?;
        let mut text = format!("lost-{id}");
        let name = loop {
            let name = CollectionName::new(&text)?;
            if self.index.view().collection_id(&name).is_none() {
                break name;
            }
            text.push('x');
        };
        tracing::warn!(collection = %id, %name, "the name of a collection is lost");
        let change = IndexChange::CreateCollection { id, name, version };
        self.push(change, version)
    }

    fn push(
        &mut self,
        change: IndexChange<DocumentId>,
        transaction: TransactionId,
    ) -> Result<(), Error> {
        self.changes.push(change);
        self.last = self.last.max(transaction);
        if self.changes.len() >= CHANGES_AT_ONCE {
            self.apply()
        } else {
            Ok(())
        }
    }

    fn apply(&mut self) -> Result<(), Error> {
        self.index
            .apply(self.last, &self.changes)
            .map_err(trouble::of_storage)?;
        self.changes.clear();
        Ok(())
    }
}

fn name_of(payload: &[u8]) -> Result<CollectionName, Error> {
    let text = std::str::from_utf8(payload).map_err(|_| unreadable("collection name"))?;
    CollectionName::new(text)
}

fn unreadable(what: &str) -> Error {
    Error::new(
        Code::CorruptLog,
        format!("a record that verifies holds no {what}"),
    )
}

/// What a degraded database says is lost.
fn lost(damages: &[Damage]) -> Error {
    let Some(first) = damages.first() else {
        return Error::new(Code::CorruptLog, "the log is damaged");
    };
    let before = first
        .before
        .map_or_else(|| "the end".to_owned(), |id| id.to_string());
    let places = match damages.len() {
        1 => "a place of the log is damaged; lost".to_owned(),
        count => format!("{count} places of the log are damaged; lost at the first"),
    };
    let text = format!(
        "{places} are transactions after {} and before {before} (log positions {} to {}): {}",
        first.after,
        first.from,
        first
            .to
            .map_or_else(|| "the end".to_owned(), |to| to.to_string()),
        first.what,
    );
    Error::new(Code::CorruptLog, text)
        .in_file(first.file.clone())
        .at_offset(first.offset)
}

/// Logs what a person may want to know of a recovery.
fn note(identity: &Identity, recovery: &Recovery, salvaged: &[SalvagedFile]) {
    let database = &identity.name;
    if let LogState::TornTail {
        file,
        offset,
        cut_bytes,
    } = &recovery.state
    {
        tracing::warn!(
            %database, file, offset, cut_bytes,
            "cut off an append that a crash interrupted; it had never been acknowledged"
        );
    }
    for Damage { file, offset, .. } in &recovery.skipped {
        tracing::warn!(
            %database, file, offset,
            "passed over damage to a part of the log that data files cover"
        );
    }
    for file in salvaged {
        let (number, error) = (file.number, &file.error);
        tracing::error!(%database, %number, %error, lost = ?file.lost, "salvaged a data file");
    }
}
