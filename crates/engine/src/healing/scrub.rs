//! Looking through all files of a database for damage that no read has met yet.

use std::time::Duration;

use docdb_storage::{DataFile, DataFileNumber, Manifest, ParityHealth, Scrub, StorageError};
use docdb_types::{Code, DocumentId, Error};
use docdb_wal::{LogDamage, Lsn};

use super::journal::Place;
use super::state::Work;
use super::{
    HealSource, HealTrigger, Healed, HealingReport, ScrubReport, ValidationReport, Witness,
};
use crate::checkpoint::Checkpointer;
use crate::database::LogicalDb;
use crate::trouble;

/// Bytes that are looked at in one go, at least.
const SLICE_BYTES: u64 = 1024 * 1024;
/// A data file is looked at in no more pieces than this: each begins with a walk through its footer.
const SLICES: u64 = 64;
/// Bytes after which it is kept on the disk how far the scrub is.
const SAVE_BYTES: u64 = 64 * 1024 * 1024;
/// A database that was never scrubbed waits no longer than this after it was opened.
const FIRST_SCRUB: Duration = Duration::from_secs(300);

/// What one step of a scrub looked at.
#[derive(Debug, Default)]
struct Step {
    next: Option<Place>,
    report: ScrubReport,
}

impl LogicalDb {
    /// Looks through every file of the database at once, as fast as the disk is, and heals what is
    /// damaged.
    ///
    /// # Errors
    /// `DbNotActive`; the errors of files. What was healed until then stays healed.
    pub fn scrub(&self) -> Result<ScrubReport, Error> {
        self.scrub_as(HealTrigger::Command)
    }

    pub(super) fn scrub_as(&self, trigger: HealTrigger) -> Result<ScrubReport, Error> {
        let mut total = ScrubReport::default();
        let mut place = Place::Manifest;
        loop {
            self.health.check_readable()?;
            let step = self.scrub_step(place, trigger)?;
            total.bytes += step.report.bytes;
            total.records += step.report.records;
            total.damages += step.report.damages;
            total.rewritten_files += step.report.rewritten_files;
            match step.next {
                Some(next) => place = next,
                None => break,
            }
        }
        self.end_scan();
        Ok(total)
    }

    /// Goes on with the scrub that runs by itself, for a moment, or begins one that is due; returns
    /// in what time to call again.
    ///
    /// # Errors
    /// The errors of files; the scrub goes on behind the place.
    pub(crate) fn scrub_beside(&self) -> Result<Duration, Error> {
        let options = self.options.healing;
        let place = self.healing.journal.lock().place;
        let place = match place {
            Some(place) => place,
            None => {
                let wait = self.until_scrub();
                if !wait.is_zero() {
                    return Ok(wait);
                }
                self.healing.set_scanning(true);
                Place::Manifest
            }
        };
        let begun = self.signals.now();
        let step = self.scrub_step(place, HealTrigger::Scrub);
        let next = match &step {
            Ok(step) => step.next,
            Err(_) => behind(place),
        };
        let Some(next) = next else {
            self.end_scan();
            return step.map(|_| options.interval);
        };
        self.healing.journal.lock().place = Some(next);
        let step = step?;
        let before = self.healing.figures().scanned_bytes;
        if before / SAVE_BYTES != before.saturating_sub(step.report.bytes) / SAVE_BYTES {
            self.healing.save();
        }
        let took = self.signals.now().saturating_sub(begun);
        Ok(self.pause(step.report.bytes, took))
    }

    /// How long to leave the disk alone after so many bytes: what the rate says, and twice that
    /// while requests wait.
    fn pause(&self, bytes: u64, took: Duration) -> Duration {
        let rate = self.options.healing.scrub_bytes_per_second;
        if rate == 0 {
            return Duration::ZERO;
        }
        let micros = bytes.saturating_mul(1_000_000) / rate;
        let pause = Duration::from_micros(micros).saturating_sub(took);
        if self.is_loaded() { pause * 2 } else { pause }
    }

    /// In what time the next scrub is due.
    pub(crate) fn until_scrub(&self) -> Duration {
        let journal = self.healing.journal.lock();
        if journal.place.is_some() {
            return Duration::ZERO;
        }
        let interval = self.options.healing.interval;
        let now = self.unix_time();
        match journal.last_scan {
            // A clock that was set back does not keep it waiting longer than the interval.
            Some(last) => interval
                .saturating_sub(now.saturating_sub(last))
                .min(interval),
            None => Duration::ZERO,
        }
    }

    /// Asks for the first scrub of this opening.
    pub(crate) fn signal_scrub(&self) {
        let options = self.options.healing;
        if options.scrubs() {
            let is_first = self.healing.journal.lock().last_scan.is_none();
            let wait = if is_first {
                FIRST_SCRUB.min(options.interval)
            } else {
                self.until_scrub()
            };
            self.signals.want_scrub(wait);
        }
    }

    fn end_scan(&self) {
        // As exact as it is kept.
        let now = Duration::from_millis(self.unix_time().as_millis() as u64);
        let mut journal = self.healing.journal.lock();
        journal.place = None;
        journal.last_scan = Some(now);
        drop(journal);
        self.healing.set_scanning(false);
        self.healing.save();
        self.healing.count(|figures| {
            figures.scans += 1;
            figures.last_scan = Some(now);
        });
    }

    fn scrub_step(&self, place: Place, trigger: HealTrigger) -> Result<Step, Error> {
        let step = match place {
            Place::Manifest => self.scrub_manifest(trigger),
            Place::Data(number, from) => self.scrub_data(number, from, trigger),
            Place::Log(from) => self.scrub_log(from, trigger),
        }
        .map_err(|error| error.in_database(self.name()))?;
        self.healing.count(|figures| {
            figures.scanned_bytes += step.report.bytes;
            figures.scanned_records += step.report.records;
        });
        Ok(step)
    }

    fn scrub_manifest(&self, trigger: HealTrigger) -> Result<Step, Error> {
        let mut step = Step {
            next: behind(Place::Manifest),
            ..Step::default()
        };
        let begun = self.signals.now();
        let checkpointer = self.checkpointer.lock();
        self.health.check_readable()?;
        if checkpointer.restore_manifest()? {
            let path = checkpointer.home.manifest_path();
            drop(checkpointer);
            step.report.damages = 1;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            self.note_copy(
                Healed::Manifest,
                name.into_owned(),
                HealSource::Copy,
                trigger,
                begun,
            );
        }
        Ok(step)
    }

    fn scrub_data(
        &self,
        number: DataFileNumber,
        from: u64,
        trigger: HealTrigger,
    ) -> Result<Step, Error> {
        let files = self.files.view();
        let Some(file) = files.iter().find(|file| file.number() >= number).cloned() else {
            return Ok(Step {
                next: Some(Place::Log(Lsn::ZERO)),
                ..Step::default()
            });
        };
        drop(files);
        let from = if file.number() == number { from } else { 0 };
        let slice = SLICE_BYTES.max(file.file_bytes() / SLICES);
        let scrub: Scrub<DocumentId> = file
            .scrub(from, &mut |bytes| bytes < slice && !self.is_ending())
            .map_err(trouble::of_storage)?;
        let mut step = Step {
            next: match scrub.next {
                Some(next) if next > from => Some(Place::Data(file.number(), next)),
                _ => behind(Place::Data(file.number(), 0)),
            },
            report: ScrubReport {
                bytes: scrub.bytes,
                records: scrub.records,
                ..ScrubReport::default()
            },
        };
        if self.is_ending() {
            return Ok(step);
        }
        if !scrub.is_clean() || file.is_salvaged() || file.is_restored() {
            let places = scrub.damaged_bytes.len().max(scrub.damaged.len()).max(1);
            step.report.damages += places as u64;
            let number = file.number();
            drop(file);
            step.report.rewritten_files += self.heal_file(number, trigger)?;
            step.next = behind(Place::Data(number, 0));
        } else {
            step.report.damages += self.heal_parity(&file, &scrub.parity, trigger)?;
        }
        Ok(step)
    }

    /// Rewrites a damaged data file; what cannot be healed is logged and left as it is.
    fn heal_file(&self, number: DataFileNumber, trigger: HealTrigger) -> Result<u64, Error> {
        if trigger == HealTrigger::Command {
            self.healing.try_again(number);
        }
        if self.healing.has_given_up(number) || self.health.check_writable().is_err() {
            return Ok(0);
        }
        match self.rewrite(number, trigger) {
            Ok(work) => Ok(work.rewritten_files),
            Err(error) if error.code() == Code::CorruptRecord => {
                tracing::error!(%error, %number, "cannot heal a data file");
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes parity anew that is damaged or missing; says whether it was damaged.
    fn heal_parity(
        &self,
        file: &DataFile,
        health: &ParityHealth,
        trigger: HealTrigger,
    ) -> Result<u64, Error> {
        let parity = self.options.healing.parity();
        let is_damaged = match health {
            ParityHealth::Whole => return Ok(0),
            ParityHealth::Absent if parity.is_none() => return Ok(0),
            ParityHealth::Absent => false,
            _ => true,
        };
        if self.health.check_writable().is_err() {
            return Ok(u64::from(is_damaged));
        }
        let begun = self.signals.now();
        // ORDER: with the manifest held, so that no merge retires the file while its parity is
        // written.
        let checkpointer = self.checkpointer.lock();
        if self.files.get(file.number()).is_none() {
            return Ok(0);
        }
        let encoded = file.encode_parity::<DocumentId>(parity, &mut |_| !self.is_ending());
        let path = checkpointer.home.parity_path(file.number());
        drop(checkpointer);
        match encoded {
            Ok(()) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                self.note_copy(
                    Healed::Parity,
                    name.into_owned(),
                    HealSource::Original,
                    trigger,
                    begun,
                );
            }
            Err(StorageError::Stopped) => {}
            Err(error @ StorageError::Corrupt { .. }) => {
                tracing::warn!(%error, "parity of a data file that became damaged");
                self.want_rewrite(file.number(), trigger);
            }
            Err(error) => return Err(trouble::of_storage(error)),
        }
        Ok(u64::from(is_damaged))
    }

    /// Looks at sealed segments. Damage to what data files cover loses nothing. Of anything else a
    /// checkpoint is asked for: what it copies is out of danger, and what it cannot copy has a name
    /// then, in front of a restart, which would find transactions lost. Nothing of the log is changed
    /// either way.
    fn scrub_log(&self, from: Lsn, trigger: HealTrigger) -> Result<Step, Error> {
        let found = self.log.scrub(from, SLICE_BYTES).map_err(trouble::of_log)?;
        for damage in &found.damages {
            let is_covered = damage.to <= self.covered();
            tracing::error!(
                database = %self.name(), file = damage.file, offset = damage.offset,
                what = %damage.what, is_covered, "damage to the log"
            );
        }
        self.healing
            .count(|figures| figures.damaged_log += found.damages.len() as u64);
        let is_uncovered = |damage: &LogDamage| damage.to > self.covered();
        if self.options.checkpoint_bytes.is_some() && found.damages.iter().any(is_uncovered) {
            self.signals.want_checkpoint();
        }
        let witnesses = found.damages.iter().map(|damage| Witness {
            at: self.unix_time(),
            healed: Healed::Log,
            file: damage.file.clone(),
            offset: damage.offset,
            source: HealSource::Nothing,
            trigger,
        });
        // What is passed over is met again by every scrub, and told once.
        let is_news = |it: &Witness| !self.healing.has_witness(it.healed, &it.file, it.offset);
        let witnesses: Vec<_> = witnesses.filter(is_news).collect();
        if !witnesses.is_empty() {
            self.healing.witness(witnesses);
        }
        Ok(Step {
            next: found.next.map(Place::Log),
            report: ScrubReport {
                bytes: found.bytes,
                damages: found.damages.len() as u64,
                ..ScrubReport::default()
            },
        })
    }

    /// Notes that a copy of something small was written anew.
    fn note_copy(
        &self,
        healed: Healed,
        file: String,
        source: HealSource,
        trigger: HealTrigger,
        begun: Duration,
    ) {
        self.healing.witness([Witness {
            at: self.unix_time(),
            healed,
            file,
            offset: 0,
            source,
            trigger,
        }]);
        let work = Work {
            restored_copies: 1,
            ..Work::default()
        };
        let took = self.signals.now().saturating_sub(begun);
        self.healing.note(work, trigger, self.unix_time(), took);
    }

    /// Everything that the database tells of its healing. Reads the lists of lost documents from
    /// the data files that have one.
    ///
    /// # Errors
    /// `DbNotActive`; `CorruptRecord` and `FileRead` where such a list cannot be read.
    pub fn healing_report(&self) -> Result<HealingReport, Error> {
        self.health.check_readable()?;
        let mut lost = Vec::new();
        for file in self.files.view().iter() {
            let listed = file
                .lost_records::<DocumentId>()
                .map_err(|error| trouble::of_storage(error).in_database(self.name()))?;
            let live = listed.into_iter().filter(|entry| {
                let newest = self.index.get(entry.collection, &entry.key);
                newest.is_some_and(|newest| newest.version() == entry.transaction)
            });
            lost.extend(live.map(|entry| (entry.collection, entry.key, entry.transaction)));
            lost.truncate(ValidationReport::MAX_LISTED);
        }
        Ok(HealingReport {
            figures: self.healing.figures(),
            is_scanning: self.healing.is_scanning(),
            lost,
            witnesses: self.healing.witnesses(),
        })
    }
}

/// Where a scrub goes on behind a place that it cannot look at.
fn behind(place: Place) -> Option<Place> {
    match place {
        Place::Manifest => Some(Place::Data(DataFileNumber::FIRST, 0)),
        Place::Data(number, _) => Some(match number.next() {
            Some(next) => Place::Data(next, 0),
            None => Place::Log(Lsn::ZERO),
        }),
        Place::Log(_) => None,
    }
}

impl Checkpointer {
    /// Stores the manifest again where the disk has anything but two good copies of it; says whether
    /// it did. One of a later generation is somebody else's, and is left as it is.
    fn restore_manifest(&self) -> Result<bool, Error> {
        match Manifest::load(&self.home) {
            Ok(loaded) if !loaded.is_damaged && loaded.manifest == self.manifest => Ok(false),
            Ok(loaded) if loaded.manifest.generation > self.manifest.generation => {
                let text = "the manifest is a later one than was written, and was left as it is";
                Err(Error::new(Code::CorruptRecord, text))
            }
            Ok(_) | Err(StorageError::Corrupt { .. } | StorageError::Missing { .. }) => self
                .manifest
                .store(&self.home)
                .map(|()| true)
                .map_err(trouble::of_storage),
            Err(error) => Err(trouble::of_storage(error)),
        }
    }
}
