//! What each operation means: the rules of the operations, one function each, whatever they see and
//! touch. Nothing here does I/O but reading a document.

use bytes::Bytes;
use docdb_types::patch::PatchError;
use docdb_types::{
    Action, Change, Code, CollectionId, Document, DocumentId, Error, Operation, Outcome, Version,
};

use super::ground::Ground;
use super::overlay::Key;
use super::request::TextRoom;
use crate::patch;

/// Operations being evaluated, one after the other.
pub(crate) struct Evaluation<'a, G> {
    /// What they see and touch.
    pub(crate) ground: &'a mut G,
    /// For the texts that their request reads.
    pub(crate) room: &'a mut TextRoom,
}

impl<G: Ground> Evaluation<'_, G> {
    /// Evaluates one operation and stages what it writes.
    pub(crate) fn evaluate(&mut self, operation: &Operation) -> Result<Outcome, Error> {
        let collection = self.ground.resolve(&operation.collection)?;
        self.act(collection, &operation.action).map_err(|error| {
            let error = error.in_collection(&operation.collection);
            match operation.action.id() {
                Some(id) => error.on_document(id),
                None => error,
            }
        })
    }

    fn act(&mut self, collection: CollectionId, action: &Action) -> Result<Outcome, Error> {
        if action.is_write() {
            self.ground.database().health.check_writable()?;
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
                let change = match self.ground.live_version(key) {
                    Some(_) => Change::Replaced,
                    None => Change::Created,
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
        match self.ground.live_version(key) {
            Some(version) => {
                Err(Error::new(Code::DocExists, Code::DocExists.meaning()).with_version(version))
            }
            None => self.put(key, document.clone().into_bytes(), Change::Created),
        }
    }

    /// The next free id: one past the largest ever used, or, where that is the last one, the lowest
    /// that no document has.
    fn assign(&mut self, collection: CollectionId) -> Result<DocumentId, Error> {
        if let Some(id) = self.ground.next_id(collection)? {
            return Ok(id);
        }
        let mut candidate = Some(DocumentId::MIN);
        while let Some(id) = candidate {
            if self.ground.live_version((collection, id)).is_none() {
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
        let document = Some(self.ground.text(key, self.room)?);
        Ok(Outcome {
            id,
            version,
            change: Change::Read,
            document,
            may_be_older: self.ground.database().health.may_be_older(version),
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
        let text = self.ground.text(key, room)?;
        let edited = edit(&text, &self.ground.database().options.limits)?;
        self.put(key, Bytes::from(edited), Change::Replaced)
    }

    fn live(&mut self, key: Key, expected: Option<Version>) -> Result<Version, Error> {
        let Some(version) = self.ground.live_version(key) else {
            return Err(self.ground.database().health.missing());
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
        let version = self.ground.stage(key, Some(text))?;
        Ok(Outcome {
            id: key.1,
            version,
            change,
            document: None,
            may_be_older: false,
        })
    }

    fn delete(&mut self, key: Key) -> Result<Outcome, Error> {
        let version = self.ground.stage(key, None)?;
        Ok(Outcome {
            id: key.1,
            version,
            change: Change::Deleted,
            document: None,
            may_be_older: false,
        })
    }
}
