use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use docdb_storage::DataFileNumber;
use docdb_types::DatabaseUid;
use docdb_vfs::{Host, Vfs};
use parking_lot::Mutex;

use super::journal::{JOURNAL_SUFFIX, Journal, journal_path};
use super::{HealSource, HealTrigger, Healed, HealingFigures, Witness};
use crate::catalog::Identity;
use crate::database::MaintenanceRun;
use crate::options::DatabaseOptions;

/// What one database knows of its healing, or an engine of that of its catalog.
///
/// INVARIANT: the journal is locked during its own I/O; nothing that a request waits for takes that
/// lock, but the command that asks for it.
#[derive(Debug)]
pub(crate) struct Healing {
    files: Arc<dyn Vfs>,
    path: PathBuf,
    uid: DatabaseUid,
    pub(super) journal: Mutex<Journal>,
    figures: Mutex<HealingFigures>,
    /// Damaged data files that are to be rewritten, and who asked first.
    wanted: Mutex<BTreeMap<DataFileNumber, HealTrigger>>,
    /// Those that could not be: only a command tries again.
    given_up: Mutex<BTreeSet<DataFileNumber>>,
    is_scanning: AtomicBool,
}

/// What one healing did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Work {
    pub(super) healed: u64,
    pub(super) lost: u64,
    pub(super) bytes: u64,
    pub(super) rewritten_files: u64,
    pub(super) restored_copies: u64,
}

impl Healing {
    /// What the journal of an earlier opening says.
    pub(crate) fn load(host: &Host, options: &DatabaseOptions, identity: &Identity) -> Self {
        let path = journal_path(&options.data_directory, &identity.name);
        Self::at(host, path, identity.uid)
    }

    /// What the journal says of what belongs to no database.
    pub(crate) fn of_directory(host: &Host, directory: &Path) -> Self {
        let path = directory.join(JOURNAL_SUFFIX);
        Self::at(host, path, DatabaseUid::from_bytes([0; 16]))
    }

    fn at(host: &Host, path: PathBuf, uid: DatabaseUid) -> Self {
        let files = Arc::clone(&host.files);
        let journal = Journal::load(&*files, &path, uid);
        let figures = HealingFigures {
            last_scan: journal.last_scan,
            ..HealingFigures::default()
        };
        Self {
            files,
            path,
            uid,
            is_scanning: AtomicBool::new(journal.place.is_some()),
            journal: Mutex::new(journal),
            figures: Mutex::new(figures),
            wanted: Mutex::default(),
            given_up: Mutex::default(),
        }
    }

    /// Whether a scrub is on its way.
    pub(crate) fn is_scanning(&self) -> bool {
        self.is_scanning.load(Ordering::Relaxed)
    }

    pub(super) fn set_scanning(&self, is_scanning: bool) {
        self.is_scanning.store(is_scanning, Ordering::Relaxed);
    }

    pub(crate) fn figures(&self) -> HealingFigures {
        *self.figures.lock()
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut HealingFigures)) {
        change(&mut self.figures.lock());
    }

    /// Notes a data file that is to be rewritten; says whether that is news.
    pub(super) fn want(&self, file: DataFileNumber, trigger: HealTrigger) -> bool {
        if self.given_up.lock().contains(&file) {
            return false;
        }
        let mut wanted = self.wanted.lock();
        let is_new = !wanted.contains_key(&file);
        wanted.entry(file).or_insert(trigger);
        is_new
    }

    /// Takes out the first data file that is to be rewritten.
    pub(super) fn take_wanted(&self) -> Option<(DataFileNumber, HealTrigger)> {
        self.wanted.lock().pop_first()
    }

    pub(super) fn give_up(&self, file: DataFileNumber) {
        self.given_up.lock().insert(file);
    }

    pub(super) fn has_given_up(&self, file: DataFileNumber) -> bool {
        self.given_up.lock().contains(&file)
    }

    pub(super) fn try_again(&self, file: DataFileNumber) {
        self.given_up.lock().remove(&file);
    }

    /// Adds witnesses, durably.
    ///
    /// A journal that cannot be written keeps nothing from being healed: its entries stay in memory
    /// and go to the disk with the next ones.
    pub(super) fn witness(&self, witnesses: impl IntoIterator<Item = Witness>) {
        let mut journal = self.journal.lock();
        for witness in witnesses {
            let verdict = match witness.source {
                HealSource::Nothing => "damaged beyond healing",
                _ => "healed",
            };
            tracing::warn!(
                file = %witness.file,
                offset = witness.offset,
                what = ?witness.healed,
                source = witness.source.as_str(),
                trigger = witness.trigger.as_str(),
                "{verdict}"
            );
            journal.note(witness);
        }
        self.store(&journal);
    }

    pub(crate) fn witnesses(&self) -> Vec<Witness> {
        self.journal.lock().witnesses.iter().cloned().collect()
    }

    /// Whether there is a witness of this place.
    pub(super) fn has_witness(&self, healed: Healed, file: &str, offset: u64) -> bool {
        let journal = self.journal.lock();
        let mut witnesses = journal.witnesses.iter();
        witnesses.any(|it| it.healed == healed && it.file == file && it.offset == offset)
    }

    /// Writes the journal as it is now.
    pub(super) fn save(&self) {
        self.store(&self.journal.lock());
    }

    fn store(&self, journal: &Journal) {
        if let Err(error) = journal.store(&*self.files, &self.path, self.uid) {
            tracing::error!(path = %self.path.display(), %error, "cannot store what was healed");
        }
    }

    /// Keeps for the next opening how far the scrub is.
    pub(crate) fn close(&self) {
        if self.is_scanning() {
            self.save();
        }
    }

    /// Counts one healing.
    pub(super) fn note(
        &self,
        work: Work,
        trigger: HealTrigger,
        finished_at: Duration,
        duration: Duration,
    ) {
        let mut figures = self.figures.lock();
        figures.healed_documents += work.healed;
        figures.corrupted_documents += work.lost;
        figures.rewritten_files += work.rewritten_files;
        figures.restored_copies += work.restored_copies;
        match trigger {
            HealTrigger::Read | HealTrigger::Command => figures.on_demand += 1,
            HealTrigger::Scrub => figures.background += 1,
        }
        let took = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        figures.work.took_us.record(took);
        figures.work.documents += work.healed;
        figures.work.bytes += work.bytes;
        figures.last_healing = Some(MaintenanceRun {
            finished_at,
            duration,
            documents: work.healed,
            bytes: work.bytes,
        });
    }
}
