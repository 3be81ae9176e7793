//! Rewriting data files that are mostly dead, and merging small ones, beside reads and writes.
//!
//! One merge is one turn of whoever owns the manifest: it reads files that never change, and what it
//! leaves out is decided by the index, record by record. A commit waits for it no longer than for the
//! one sync of the log in front of the manifest; a checkpoint waits for the end of one merge.

use std::time::Duration;

use docdb_storage::{
    CompactionCandidate, CompactionPolicy, DataFileMetadata, DataFileNumber, DataFileRecord,
    FooterEntry, Merge, MergeStep, StorageError,
};
use docdb_types::{DocumentId, Error};
use parking_lot::MutexGuard;

use crate::checkpoint::Checkpointer;
use crate::database::{LogicalDb, MaintenanceRun};
use crate::healing::HealTrigger;
use crate::pace::Pace;
use crate::trouble;

/// Dead share that is left alone in a database that nobody writes to. While it is written to, more
/// is left: what is rewritten too early is rewritten again.
const QUIET_DEAD_RATIO: f64 = 0.1;
/// After so long without a commit a database counts as one that nobody writes to.
const QUIET: Duration = Duration::from_secs(5);
/// How long a compaction that failed is left alone.
const PAUSE: Duration = Duration::from_secs(30);
/// After so long data files that are replaced and still read are looked at again.
const REMOVAL_PAUSE: Duration = Duration::from_secs(1);

/// What a compaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompactionReport {
    /// Merges of data files.
    pub merges: u64,
    /// Data files that were replaced.
    pub replaced_files: u64,
    /// Their bytes. They leave the disk when the last snapshot lets go of them.
    pub replaced_bytes: u64,
    /// Documents that were copied.
    pub documents: u64,
    /// Bytes of the new data files.
    pub written_bytes: u64,
}

impl CompactionReport {
    /// Whether there are fewer files or fewer bytes than before. Were the figures of what is dead
    /// ever wrong, merging on would change nothing, for ever.
    const fn is_progress(&self) -> bool {
        self.replaced_files > self.merges || self.replaced_bytes > self.written_bytes
    }

    const fn add(&mut self, other: Self) {
        self.merges += other.merges;
        self.replaced_files += other.replaced_files;
        self.replaced_bytes += other.replaced_bytes;
        self.documents += other.documents;
        self.written_bytes += other.written_bytes;
    }
}

impl LogicalDb {
    /// Makes a checkpoint and rewrites every data file that holds anything dead, however little,
    /// beside reads and writes.
    ///
    /// # Errors
    /// `DbReadOnly` where the log is poisoned or degraded, `CorruptRecord` where a document that is
    /// still needed is damaged (its file is left as it is, and the others are compacted by the next
    /// call), `DiskFull` and the other errors of files. What was done until then stays done.
    ///
    /// # Durability
    /// A crash at any point finds every document in the old file or in the new one.
    pub fn compact(&self) -> Result<CompactionReport, Error> {
        self.checkpoint()?;
        self.compact_by(&self.options.compaction.thorough())
            .map_err(|error| error.in_database(&self.identity.name))
    }

    /// Compacts what is worth it beside load, and what little is left once nobody writes any more.
    ///
    /// # Errors
    /// As [`compact`](Self::compact); it is tried again after a pause.
    pub(crate) fn compact_beside(&self) -> Result<(), Error> {
        if self.health.check_writable().is_err() {
            return Ok(());
        }
        let reclaimable = self.reclaimable_bytes();
        if self.gate.takes_wish_for_room(reclaimable) {
            return self.compact().map(drop);
        }
        let compacted = self
            .compact_by(&self.options.compaction)
            .and_then(|_| self.compact_if_quiet());
        compacted.map_err(|error| {
            self.reserve.give_up_on(&error);
            self.signals.want_compaction(PAUSE);
            error.in_database(&self.identity.name)
        })
    }

    /// Removes the data files from the disk that others have replaced. Those that are still read are
    /// tried again soon.
    pub(crate) fn remove_retired(&self) {
        let mut pace = Pace::begin(self);
        if self.files.remove_retired(&mut |worked| pace.rest(worked)) {
            self.signals.want_removal(REMOVAL_PAUSE);
        }
    }

    /// What a checkpoint and a compaction could give back at most, as the quota counts it.
    fn reclaimable_bytes(&self) -> u64 {
        let statistics = self.statistics();
        let live = statistics.live_bytes;
        self.quota_bytes().saturating_sub(live)
    }

    fn compact_if_quiet(&self) -> Result<(), Error> {
        let now = self.index.last_applied();
        let mut checkpointer = self.checkpointer.lock();
        let is_quiet = checkpointer.seen == now;
        checkpointer.seen = now;
        let policy = quiet(&self.options.compaction);
        if is_quiet {
            let merged = checkpointer.merge_next(self, &policy)?;
            drop(checkpointer);
            self.remove_retired();
            if let Some(merged) = merged {
                self.note_compaction(&merged, Duration::ZERO);
                self.signals.want_compaction(Duration::ZERO);
            }
        } else if checkpointer.plan(self, &policy).is_some() {
            self.signals.want_compaction(QUIET);
        }
        Ok(())
    }

    /// Asks for a compaction where one is worth it, now or once the database is quiet.
    pub(crate) fn signal_compaction(&self, checkpointer: &Checkpointer) {
        if !self.options.automatic_compaction {
            return;
        }
        let policy = &self.options.compaction;
        if checkpointer.plan(self, policy).is_some() {
            self.signals.want_compaction(Duration::ZERO);
        } else if checkpointer.plan(self, &quiet(policy)).is_some() {
            self.signals.want_compaction(QUIET);
        }
    }

    /// Merges until the policy is content or the database is being ended, but no more than the files
    /// that are there now can take: beside writers that never pause it would never end.
    fn compact_by(&self, policy: &CompactionPolicy) -> Result<CompactionReport, Error> {
        let begun = self.signals.now();
        let mut report = CompactionReport::default();
        // Each file that is there is merged with others once, and rewritten alone once, at most.
        let most = 2 * self.files.view().iter().count() as u64 + 1;
        while report.merges < most {
            let mut checkpointer = self.checkpointer.lock();
            let merged = checkpointer.merge_next(self, policy);
            // A checkpoint that waits has its turn first.
            MutexGuard::unlock_fair(checkpointer);
            self.remove_retired();
            match merged? {
                Some(merged) => {
                    report.add(merged);
                    if !merged.is_progress() {
                        break;
                    }
                }
                None => break,
            }
        }
        if report.merges > 0 {
            self.note_compaction(&report, self.signals.now().saturating_sub(begun));
        }
        Ok(report)
    }

    fn note_compaction(&self, report: &CompactionReport, duration: Duration) {
        let CompactionReport {
            merges,
            replaced_bytes,
            written_bytes,
            ..
        } = *report;
        tracing::info!(
            database = %self.identity.name, merges, replaced_bytes, written_bytes,
            "compacted data files"
        );
        self.note_run(
            |runs| &mut runs.compaction,
            MaintenanceRun {
                finished_at: self.unix_time(),
                duration,
                documents: report.documents,
                bytes: report.written_bytes,
            },
        );
    }
}

fn quiet(policy: &CompactionPolicy) -> CompactionPolicy {
    CompactionPolicy {
        dead_ratio: policy.dead_ratio.min(QUIET_DEAD_RATIO),
        ..*policy
    }
}

/// What a merge does about a record, at the pace that is kept beside commits.
pub(crate) fn merge_step(
    database: &LogicalDb,
    pace: &mut Pace<'_>,
    file: DataFileNumber,
    entry: &FooterEntry<DocumentId>,
) -> MergeStep {
    if database.is_ending() {
        return MergeStep::Stop;
    }
    let step = MergeStep::of(database.index.needs(file, entry));
    if step == MergeStep::Copy {
        pace.keep(u64::from(entry.payload_bytes));
    }
    step
}

impl Checkpointer {
    fn plan(&self, database: &LogicalDb, policy: &CompactionPolicy) -> Option<Vec<DataFileNumber>> {
        let files = database.files.view();
        let view = database.index.view();
        let candidates: Vec<_> = files
            .iter()
            .filter(|file| !self.set_aside.contains(&file.number()))
            .map(|file| CompactionCandidate::new(file, view.file_use(file.number())))
            .collect();
        drop(view);
        policy.plan(&candidates)
    }

    /// Performs the next merge of a policy; `None` when there is none, or the database is ended.
    fn merge_next(
        &mut self,
        database: &LogicalDb,
        policy: &CompactionPolicy,
    ) -> Result<Option<CompactionReport>, Error> {
        database.health.check_writable()?;
        let Some(inputs) = self.plan(database, policy) else {
            return Ok(None);
        };
        self.merge(database, &inputs)
    }

    fn merge(
        &mut self,
        database: &LogicalDb,
        inputs: &[DataFileNumber],
    ) -> Result<Option<CompactionReport>, Error> {
        let metadata = self.manifest.next_metadata(inputs);
        let live = database.files.view();
        let merge = Merge {
            home: &self.home,
            live: &live,
            inputs,
            output: self.manifest.next_data_file,
            parity: database.options.healing.parity(),
            metadata: &metadata,
        };
        let mut pace = Pace::begin(database);
        let merged = merge.run(&mut |file, entry| merge_step(database, &mut pace, file, entry));
        self.use_up_number();
        let record = match merged {
            Ok(record) => record,
            Err(StorageError::Stopped) => return Ok(None),
            Err(error) => {
                self.set_damaged_aside(database, inputs, &error);
                return Err(trouble::of_storage(error));
            }
        };
        let replaced = inputs.iter().filter_map(|number| live.get(*number));
        let report = CompactionReport {
            merges: 1,
            replaced_files: inputs.len() as u64,
            replaced_bytes: replaced.map(|file| file.file_bytes()).sum(),
            documents: record.content.documents,
            written_bytes: record.file_bytes,
        };
        drop(live);
        self.replace(database, inputs, record, &metadata)?;
        Ok(Some(report))
    }

    /// Puts a data file in the place of those that it was merged from. They are removed by
    /// [`LogicalDb::remove_retired`], once nobody waits for the next checkpoint any more.
    pub(crate) fn replace(
        &mut self,
        database: &LogicalDb,
        inputs: &[DataFileNumber],
        record: DataFileRecord,
        metadata: &DataFileMetadata,
    ) -> Result<(), Error> {
        // ORDER: what replaced the records that were left out must be durable before the manifest
        // lets go of them.
        Self::settle_log(database)?;
        // CRASH: in front of this the new file is an orphan; behind it the old ones are.
        self.store_manifest(record, metadata)?;
        Self::take_in(database, &record)?;
        database.files.retire(inputs);
        Ok(())
    }

    /// Leaves the file of a damaged record out of further merges: they would end at it again, and
    /// the others are none the worse.
    fn set_damaged_aside(
        &mut self,
        database: &LogicalDb,
        inputs: &[DataFileNumber],
        error: &StorageError,
    ) {
        if let StorageError::Corrupt { path, .. } = error {
            let damaged = inputs
                .iter()
                .find(|number| self.home.data_file_path(**number) == *path);
            self.set_aside.extend(damaged);
            if let Some(damaged) = damaged {
                database.want_rewrite(*damaged, HealTrigger::Scrub);
            }
        }
    }
}
