//! What each operation means: the rules of the operations, one function each, against the batch that
//! is being gathered and the index behind it. Nothing here does I/O but reading a document.

use bytes::Bytes;
use docdb_types::patch::PatchError;
use docdb_types::{
    Action, Change, Code, CollectionId, Document, DocumentId, Error, Operation, Outcome,
    TransactionId, Version,
};

use super::batch::Batch;
use super::overlay::{Key, Staged};
use super::request::TextRoom;
use crate::database::LogicalDb;
use crate::patch;

/// One operation being evaluated.
pub(crate) struct Evaluation<'a> {
    pub(crate) database: &'a LogicalDb,
    pub(crate) batch: &'a mut Batch,
    /// The transaction it belongs to.
    pub(crate) transaction: TransactionId,
    /// For the texts that its request reads.
    pub(crate) room: &'a mut TextRoom,
}

/// A document as the next operation sees it.
enum Current {
    Missing,
    Live { version: Version },
}

/// The answer of an operation, and whether it depends on writes that are not durable.
pub(crate) struct Evaluated {
    pub(crate) answer: Result<Outcome, Error>,
    pub(crate) rests_on_batch: bool,
}

impl Evaluated {
    const fn refused(error: Error) -> Self {
        Self {
            answer: Err(error),
            rests_on_batch: false,
        }
    }

    /// Whether the batch carries something of it.
    pub(crate) fn wrote(&self) -> bool {
        self.answer
            .as_ref()
            .is_ok_and(|outcome| outcome.change != Change::Read)
    }
}

impl Evaluation<'_> {
    /// Evaluates one operation and stages what it writes.
    pub(crate) fn evaluate(&mut self, operation: &Operation) -> Evaluated {
        let collection = match self.database.resolve(&operation.collection) {
            Ok(collection) => collection,
            Err(error) => return Evaluated::refused(error),
        };
        let sees_batch = operation
            .action
            .id()
            .is_some_and(|id| self.batch.overlay.get((collection, id)).is_some());
        let answer = self.act(collection, &operation.action).map_err(|error| {
            let error = error.in_collection(&operation.collection);
            match operation.action.id() {
                Some(id) => error.on_document(id),
                None => error,
            }
        });
        let mut evaluated = Evaluated {
            answer,
            rests_on_batch: sees_batch,
        };
        evaluated.rests_on_batch |= evaluated.wrote();
        evaluated
    }

    fn act(&mut self, collection: CollectionId, action: &Action) -> Result<Outcome, Error> {
        if action.is_write() {
            self.database.health.check_writable()?;
        }
        match action {
            Action::Create { id, document } => self.create(collection, *id, document),
            Action::Read { id } => self.read(collection, *id),
            Action::Update {
                id,
                document,
                expected,
            } => {
                let key = (collection, *id);
                self.live(key, *expected)?;
                self.put(key, document.clone().into_bytes(), Change::Replaced)
            }
            Action::Upsert { id, document } => {
                let key = (collection, *id);
                let change = match self.current(key) {
                    Current::Live { .. } => Change::Replaced,
                    Current::Missing => Change::Created,
                };
                self.put(key, document.clone().into_bytes(), change)
            }
            Action::Delete { id, expected } => {
                let key = (collection, *id);
                self.live(key, *expected)?;
                self.delete(key)
            }
            Action::Patch {
                id,
                steps,
                expected,
            } => self.rewrite((collection, *id), *expected, |text, limits| {
                patch::apply(text, steps, limits)
            }),
            Action::Merge {
                id,
                patch,
                expected,
            } => self.rewrite((collection, *id), *expected, |text, limits| {
                patch::merge(text, patch.as_bytes(), limits)
            }),
        }
    }

    fn create(
        &mut self,
        collection: CollectionId,
        id: Option<DocumentId>,
        document: &Document,
    ) -> Result<Outcome, Error> {
        let id = match id {
            Some(id) => id,
            None => self.assign(collection)?,
        };
        let key = (collection, id);
        match self.current(key) {
            Current::Live { version } => {
                Err(Error::new(Code::DocExists, Code::DocExists.meaning()).with_version(version))
            }
            Current::Missing => self.put(key, document.clone().into_bytes(), Change::Created),
        }
    }

    /// The next free id: one past the largest ever used, or, where that is the last one, the lowest
    /// that no document has.
    fn assign(&self, collection: CollectionId) -> Result<DocumentId, Error> {
        let staged = self.batch.overlay.highest(collection);
        let stored = self.database.highest_document_id(collection);
        if let Some(id) = staged.max(stored).checked_add(1).and_then(DocumentId::new) {
            return Ok(id);
        }
        let mut candidate = Some(DocumentId::MIN);
        while let Some(id) = candidate {
            if matches!(self.current((collection, id)), Current::Missing) {
                return Ok(id);
            }
            candidate = id.get().checked_add(1).and_then(DocumentId::new);
        }
        Err(Error::new(
            Code::MemoryLimit,
            "every document id of the collection is in use",
        ))
    }

    fn read(&mut self, collection: CollectionId, id: DocumentId) -> Result<Outcome, Error> {
        let key = (collection, id);
        let version = self.live(key, None)?;
        let document = Some(current_text(self.database, self.batch, key, self.room)?);
        Ok(Outcome {
            id,
            version,
            change: Change::Read,
            document,
        })
    }

    fn rewrite(
        &mut self,
        key: Key,
        expected: Option<Version>,
        edit: impl FnOnce(&[u8], &docdb_types::Limits) -> Result<Vec<u8>, PatchError>,
    ) -> Result<Outcome, Error> {
        self.live(key, expected)?;
        let room = &mut TextRoom::unbounded();
        let text = current_text(self.database, self.batch, key, room)?;
        let edited = edit(&text, &self.database.options.limits)?;
        self.put(key, Bytes::from(edited), Change::Replaced)
    }

    fn current(&self, key: Key) -> Current {
        if let Some(staged) = self.batch.overlay.get(key) {
            return match staged.document {
                Some(_) => Current::Live {
                    version: staged.version,
                },
                None => Current::Missing,
            };
        }
        match self.database.index.get(key.0, &key.1) {
            Some(entry) => Current::Live {
                version: entry.version(),
            },
            None => Current::Missing,
        }
    }

    fn live(&self, key: Key, expected: Option<Version>) -> Result<Version, Error> {
        let Current::Live { version } = self.current(key) else {
            return Err(self.database.health.missing());
        };
        match expected {
            Some(expected) if expected != version => Err(Error::new(
                Code::VersionMismatch,
                format!("expected version {expected}, found {version}"),
            )
            .with_version(version)),
            _ => Ok(version),
        }
    }

    fn put(&mut self, key: Key, text: Bytes, change: Change) -> Result<Outcome, Error> {
        let version = self.stage(key, Some(text))?;
        Ok(Outcome {
            id: key.1,
            version,
            change,
            document: None,
        })
    }

    fn delete(&mut self, key: Key) -> Result<Outcome, Error> {
        let version = self.stage(key, None)?;
        Ok(Outcome {
            id: key.1,
            version,
            change: Change::Deleted,
            document: None,
        })
    }

    fn stage(&mut self, key: Key, document: Option<Bytes>) -> Result<Version, Error> {
        let is_new_entry = match self.batch.overlay.get(key) {
            Some(staged) => staged.is_new_entry,
            None => {
                let is_new = self.database.index.newest(key.0, &key.1).is_none();
                if is_new {
                    let created = self.batch.overlay.created();
                    self.database.check_memory(created + 1)?;
                }
                is_new
            }
        };
        let version = self.transaction;
        self.batch.push(key, version, document.as_deref())?;
        self.batch.overlay.stage(
            key,
            Staged {
                version,
                document,
                is_new_entry,
            },
        );
        Ok(version)
    }
}

/// The text of a document as the next operation sees it.
fn current_text(
    database: &LogicalDb,
    batch: &Batch,
    key: Key,
    room: &mut TextRoom,
) -> Result<Bytes, Error> {
    let Some(staged) = batch.overlay.get(key) else {
        return database
            .read_document(key.0, key.1, room)
            .map(|found| found.text);
    };
    let text = staged
        .document
        .clone()
        .ok_or_else(|| database.health.missing())?;
    room.take(text.len())?;
    Ok(text)
}
