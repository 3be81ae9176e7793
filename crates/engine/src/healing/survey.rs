//! Looking at every document of a collection or a database, by several threads.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use docdb_storage::DataFileNumber;
use docdb_types::{CollectionId, CollectionName, DocumentId, Error};
use parking_lot::Mutex;

use super::{DamagedEntry, DocumentHealth, HealTrigger, HealedDatabase, ValidationReport};
use crate::database::LogicalDb;
use crate::pool::contained;

/// More threads than this gain nothing from one disk.
const MAX_THREADS: usize = 8;

/// What a survey found.
#[derive(Debug, Default)]
struct Survey {
    report: ValidationReport,
    files: BTreeSet<DataFileNumber>,
    /// The first batch whose look ended in a panic.
    failure: Option<Error>,
}

/// Where the next batch begins.
struct Cursor {
    collections: std::vec::IntoIter<(CollectionId, CollectionName)>,
    at: Option<(CollectionId, CollectionName, DocumentId)>,
}

/// Documents that one thread looks at in one go.
struct Batch {
    collection: CollectionId,
    name: CollectionName,
    ids: Vec<DocumentId>,
}

impl LogicalDb {
    /// Looks at every document of a collection, or of all of them. Changes nothing.
    ///
    /// # Errors
    /// `CollectionNotFound`, `DbNotActive`; `Internal` where a look panicked: the report is lost
    /// then, the database is not.
    pub fn validate_all(
        &self,
        collection: Option<&CollectionName>,
    ) -> Result<ValidationReport, Error> {
        let survey = self.survey(collection)?;
        survey.failure.map_or(Ok(survey.report), Err)
    }

    /// Heals everything that is damaged: looks at every document, rewrites the data files that are
    /// damaged, and then looks through everything that is no document.
    ///
    /// # Errors
    /// As [`validate_all`](Self::validate_all); `DbReadOnly`, `DiskFull` and the other errors of
    /// files. What was healed until then stays healed. That something is lost is no error.
    ///
    /// # Durability
    /// What is answered as healed is durable.
    pub fn heal_all(self: &Arc<Self>) -> Result<HealedDatabase, Error> {
        let mut survey = self.survey(None)?;
        let mut healed = HealedDatabase::default();
        let files = std::mem::take(&mut survey.files);
        let is_damaged = !files.is_empty();
        for file in files {
            self.healing.try_again(file);
            match self.rewrite(file, HealTrigger::Command) {
                Ok(work) => {
                    healed.healed += work.healed;
                    healed.rewritten_files += work.rewritten_files;
                }
                Err(error) if error.code() == docdb_types::Code::CorruptRecord => {
                    tracing::error!(%error, "cannot heal a data file");
                }
                Err(error) => return Err(error),
            }
        }
        let before = self.healing.figures().healed_documents;
        let scrub = self.scrub_as(HealTrigger::Command)?;
        healed.rewritten_files += scrub.rewritten_files;
        healed.healed += self
            .healing
            .figures()
            .healed_documents
            .saturating_sub(before);
        if is_damaged || scrub.damages > 0 {
            let failure = survey.failure.take();
            survey = self.survey(None)?;
            survey.failure = failure.or(survey.failure);
        }
        let report = survey.report;
        healed.documents = report.documents;
        healed.corrupt = report.corrupt;
        healed.unknown = report.unknown;
        healed.damaged = report.damaged;
        survey.failure.map_or(Ok(healed), Err)
    }

    fn survey(&self, collection: Option<&CollectionName>) -> Result<Survey, Error> {
        self.health.check_readable()?;
        let collections = match collection {
            Some(name) => vec![(self.resolve(name)?, name.clone())],
            None => {
                let states = self.index.view().collections();
                let named = states.into_iter().map(|state| (state.id, state.name));
                named.collect()
            }
        };
        let cursor = Mutex::new(Cursor {
            collections: collections.into_iter(),
            at: None,
        });
        let found = Mutex::new(Survey::default());
        let look = || {
            while !self.is_ending() {
                let Some(batch) = self.next_batch(&mut cursor.lock()) else {
                    return;
                };
                // A panic in one batch is that batch's: its documents are unknown.
                match contained(|| self.look_at(&batch)) {
                    Ok(part) => found.lock().add(part),
                    Err(error) => {
                        let mut found = found.lock();
                        found.report.documents += batch.ids.len() as u64;
                        found.report.unknown += batch.ids.len() as u64;
                        let error = error.in_database(self.name());
                        found.failure.get_or_insert(error);
                    }
                }
            }
        };
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        thread::scope(|scope| {
            for _ in 1..threads.min(MAX_THREADS) {
                // Where no further thread is to be had, those that are there do it.
                let _ = thread::Builder::new().spawn_scoped(scope, look);
            }
            look();
        });
        self.health.check_readable()?;
        let mut survey = found.into_inner();
        let damaged = &mut survey.report.damaged;
        damaged.sort_by(|a, b| (&a.collection, a.id).cmp(&(&b.collection, b.id)));
        damaged.truncate(ValidationReport::MAX_LISTED);
        Ok(survey)
    }

    fn next_batch(&self, cursor: &mut Cursor) -> Option<Batch> {
        loop {
            let (collection, name, from) = match cursor.at.take() {
                Some(at) => at,
                None => {
                    let (collection, name) = cursor.collections.next()?;
                    (collection, name, DocumentId::MIN)
                }
            };
            let mut entries = Vec::new();
            let next = self.index.view().page(
                collection,
                Some(&from),
                None,
                self.options.healing.max_batch_size,
                &mut entries,
            );
            cursor.at = next.map(|next| (collection, name.clone(), next));
            if !entries.is_empty() {
                return Some(Batch {
                    collection,
                    name,
                    ids: entries.into_iter().map(|(id, _)| id).collect(),
                });
            }
        }
    }

    fn look_at(&self, batch: &Batch) -> Survey {
        let mut part = Survey::default();
        for id in &batch.ids {
            // One that has been deleted meanwhile is none.
            let Some(examined) = self.examine(batch.collection, *id) else {
                continue;
            };
            part.files.extend(examined.damaged_file());
            let report = &mut part.report;
            report.documents += 1;
            match examined.health {
                DocumentHealth::Valid | DocumentHealth::Missing => report.valid += 1,
                DocumentHealth::Healed => report.healed += 1,
                DocumentHealth::Corrupt => report.corrupt += 1,
                DocumentHealth::Unknown => report.unknown += 1,
            }
            if let Some(cause) = examined.cause {
                report.damaged.push(DamagedEntry {
                    collection: batch.name.clone(),
                    id: *id,
                    version: examined.entry.version(),
                    health: examined.health,
                    cause,
                });
            }
        }
        part
    }
}

impl Survey {
    fn add(&mut self, part: Self) {
        let report = &mut self.report;
        report.documents += part.report.documents;
        report.valid += part.report.valid;
        report.healed += part.report.healed;
        report.corrupt += part.report.corrupt;
        report.unknown += part.report.unknown;
        report.damaged.extend(part.report.damaged);
        self.files.extend(part.files);
    }
}
