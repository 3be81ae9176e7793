//! Rewriting what is damaged, to a new place.

use docdb_storage::{
    DataFileNumber, HealedMerge, IndexKey, MendSource, Merge, StorageError, Unread,
};
use docdb_types::{Code, Error};

use super::state::Work;
use super::{HealSource, HealTrigger, Healed, Witness};
use crate::checkpoint::Checkpointer;
use crate::compaction::merge_step;
use crate::database::LogicalDb;
use crate::pace::Pace;
use crate::trouble;

impl LogicalDb {
    /// Rewrites the data files that reads, openings and merges found damaged.
    ///
    /// # Errors
    /// The first failure; the others are tried all the same.
    pub(crate) fn heal_wanted(&self) -> Result<(), Error> {
        let mut outcome = Ok(());
        while let Some((file, trigger)) = self.healing.take_wanted() {
            if self.health.check_writable().is_err() {
                return outcome;
            }
            if let Err(error) = self.rewrite(file, trigger) {
                outcome = outcome.and(Err(error));
            }
        }
        outcome
    }

    /// Rewrites a damaged data file, and returns what of it was healed and lost. One that is not
    /// live any more has nothing to be healed.
    ///
    /// # Errors
    /// `DbReadOnly`; `CorruptRecord` where documents would be lost that nobody can name: the file is
    /// left as it is. `DiskFull` and the other errors of files.
    ///
    /// # Durability
    /// On success the manifest names the new file. A crash at any point finds the damaged file or
    /// the new one.
    pub(super) fn rewrite(
        &self,
        file: DataFileNumber,
        trigger: HealTrigger,
    ) -> Result<Work, Error> {
        self.health.check_writable()?;
        let begun = self.signals.now();
        let mut checkpointer = self.checkpointer.lock();
        let mut rewritten = checkpointer.rewrite(self, file, trigger);
        if rewritten
            .as_ref()
            .is_err_and(|error| self.reserve.give_up_on(error))
        {
            rewritten = checkpointer.rewrite(self, file, trigger);
        }
        drop(checkpointer);
        self.remove_retired();
        let work = rewritten.map_err(|error| {
            if error.code() == Code::CorruptRecord {
                self.healing.give_up(file);
            }
            error.in_database(self.name())
        })?;
        if work.rewritten_files > 0 {
            let now = self.signals.now();
            self.healing
                .note(work, trigger, self.unix_time(), now.saturating_sub(begun));
        }
        Ok(work)
    }
}

impl Checkpointer {
    fn rewrite(
        &mut self,
        database: &LogicalDb,
        damaged: DataFileNumber,
        trigger: HealTrigger,
    ) -> Result<Work, Error> {
        let live = database.files.view();
        if live.get(damaged).is_none() {
            return Ok(Work::default());
        }
        let inputs = [damaged];
        let metadata = self.manifest.next_metadata(&inputs);
        let output = self.manifest.next_data_file;
        // ORDER: before the merge, so that a panic in it leaves no number to be used twice.
        self.use_up_number();
        let merge = Merge {
            home: &self.home,
            live: &live,
            inputs: &inputs,
            output,
            parity: database.options.healing.parity(),
            metadata: &metadata,
        };
        let mut pace = Pace::begin(database);
        // Asked for once: what the log does not have may stand where the disk does not read.
        let mut is_log_read = None;
        let merged = merge.run_healing(
            &mut |file, entry| merge_step(database, &mut pace, file, entry),
            &mut |_, entry| {
                let key = entry.key.encode();
                let copy = database.logs_copy(entry.collection, key.as_ref(), entry.transaction)?;
                let is_told =
                    copy.is_some() || *is_log_read.get_or_insert_with(|| database.reads_log());
                if is_told { Ok(copy) } else { Err(Unread) }
            },
            false,
        );
        let HealedMerge { record, mended } = match merged {
            Ok(healed) => healed,
            Err(StorageError::Stopped) => return Ok(Work::default()),
            Err(error) => {
                self.set_aside.insert(damaged);
                return Err(trouble::of_storage(error));
            }
        };
        let mut work = Work {
            bytes: record.file_bytes,
            rewritten_files: 1,
            ..Work::default()
        };
        let path = self.home.data_file_path(damaged);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let witness = |healed, offset, source| Witness {
            at: database.unix_time(),
            healed,
            file: name.clone().into_owned(),
            offset,
            source,
            trigger,
        };
        let mut witnesses = Vec::new();
        for mended in &mended {
            let source = match mended.source {
                MendSource::Supplied => HealSource::Log,
                MendSource::Parity => HealSource::Parity,
                _ => HealSource::Nothing,
            };
            if source == HealSource::Nothing {
                work.lost += 1;
            } else {
                work.healed += 1;
            }
            let healed = Healed::Document {
                collection: mended.entry.collection,
                id: mended.entry.key,
                version: mended.entry.transaction,
            };
            witnesses.push(witness(healed, mended.entry.offset, source));
        }
        if witnesses.is_empty() {
            witnesses.push(witness(Healed::DataFile, 0, HealSource::Parity));
        }
        // ORDER: nothing counts as healed without a witness. CRASH: between the two, the witness
        // stands and the file is healed again.
        database.healing.witness(witnesses);
        drop(live);
        self.replace(database, &inputs, record, &metadata)?;
        self.set_aside.remove(&damaged);
        Ok(work)
    }
}
