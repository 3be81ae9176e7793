//! The blocking forms, for programs that embed a database: each waits for its own commit.

use std::sync::Arc;

use docdb_types::{
    Action, CollectionName, Document, DocumentId, Error, Operation, Outcome, PatchStep, Version,
};

use super::LogicalDb;
use crate::commit::{Answers, Atomicity, Request, TextRoom, Waits, abandoned};

impl LogicalDb {
    /// Runs operations in order and waits for all of them, one answer each.
    ///
    /// # Durability
    /// In `always` and `group` mode, what is answered as done is synced.
    pub fn execute(self: &Arc<Self>, operations: Vec<Operation>, atomicity: Atomicity) -> Answers {
        let request = Request {
            operations,
            atomicity,
            may_refuse_early: true,
            answer_bytes: usize::MAX,
            key: None,
        };
        self.take_in(request, Waits::Blocked).wait()
    }

    fn run(
        self: &Arc<Self>,
        collection: &CollectionName,
        action: Action,
    ) -> Result<Outcome, Error> {
        let operation = Operation {
            collection: collection.clone(),
            action,
        };
        self.execute(vec![operation], Atomicity::Each)
            .pop()
            .unwrap_or_else(|| Err(abandoned()))
    }

    /// Stores a new document, under the next free id where none is given.
    ///
    /// # Errors
    /// `DocExists`, `CollectionNotFound`, `MemoryLimit`, or why nothing can be written.
    ///
    /// # Durability
    /// As [`LogicalDb::execute`].
    pub fn create(
        self: &Arc<Self>,
        collection: &CollectionName,
        id: Option<DocumentId>,
        document: Document,
    ) -> Result<Outcome, Error> {
        self.run(collection, Action::Create { id, document })
    }

    /// Reads the newest durable version of a document.
    ///
    /// # Errors
    /// `DocNotFound`, `CollectionNotFound`, `CorruptRecord`, `FileRead`.
    pub fn read(
        self: &Arc<Self>,
        collection: &CollectionName,
        id: DocumentId,
    ) -> Result<Outcome, Error> {
        self.health.check_readable()?;
        self.read_newest(collection, id, &mut TextRoom::new(usize::MAX))
    }

    /// Replaces a live document, if it has the expected version where one is given.
    ///
    /// # Errors
    /// `DocNotFound`, `VersionMismatch`, `CollectionNotFound`, or why nothing can be written.
    ///
    /// # Durability
    /// As [`LogicalDb::execute`].
    pub fn update(
        self: &Arc<Self>,
        collection: &CollectionName,
        id: DocumentId,
        document: Document,
        expected: Option<Version>,
    ) -> Result<Outcome, Error> {
        self.run(
            collection,
            Action::Update {
                id,
                document,
                expected,
            },
        )
    }

    /// Creates or replaces a document.
    ///
    /// # Errors
    /// `CollectionNotFound`, `MemoryLimit`, or why nothing can be written.
    ///
    /// # Durability
    /// As [`LogicalDb::execute`].
    pub fn upsert(
        self: &Arc<Self>,
        collection: &CollectionName,
        id: DocumentId,
        document: Document,
    ) -> Result<Outcome, Error> {
        self.run(collection, Action::Upsert { id, document })
    }

    /// Deletes a live document, if it has the expected version where one is given.
    ///
    /// # Errors
    /// `DocNotFound`, `VersionMismatch`, `CollectionNotFound`, or why nothing can be written.
    ///
    /// # Durability
    /// As [`LogicalDb::execute`].
    pub fn delete(
        self: &Arc<Self>,
        collection: &CollectionName,
        id: DocumentId,
        expected: Option<Version>,
    ) -> Result<Outcome, Error> {
        self.run(collection, Action::Delete { id, expected })
    }

    /// Applies the steps of a patch to a live document, all or none.
    ///
    /// # Errors
    /// `DocNotFound`, `VersionMismatch`, `InvalidPatch`, `InvalidPath`, `NotJsonObject`,
    /// `CollectionNotFound`, or why nothing can be written.
    ///
    /// # Durability
    /// As [`LogicalDb::execute`].
    pub fn patch(
        self: &Arc<Self>,
        collection: &CollectionName,
        id: DocumentId,
        steps: Vec<PatchStep>,
        expected: Option<Version>,
    ) -> Result<Outcome, Error> {
        self.run(
            collection,
            Action::Patch {
                id,
                steps,
                expected,
            },
        )
    }

    /// Applies a merge patch (RFC 7396) to a live document.
    ///
    /// # Errors
    /// As [`LogicalDb::patch`].
    ///
    /// # Durability
    /// As [`LogicalDb::execute`].
    pub fn merge(
        self: &Arc<Self>,
        collection: &CollectionName,
        id: DocumentId,
        patch: Document,
        expected: Option<Version>,
    ) -> Result<Outcome, Error> {
        self.run(
            collection,
            Action::Merge {
                id,
                patch,
                expected,
            },
        )
    }

    /// Creates a collection.
    ///
    /// # Errors
    /// `CollectionExists`, `MemoryLimit`, or why nothing can be written.
    ///
    /// # Durability
    /// As [`LogicalDb::execute`].
    pub fn create_collection(self: &Arc<Self>, name: &CollectionName) -> Result<(), Error> {
        self.submit_create_collection(name.clone()).wait()
    }

    /// Deletes an empty collection.
    ///
    /// # Errors
    /// `CollectionNotFound`, `CollectionNotEmpty`, `InvalidName` for `_default`, or why nothing can
    /// be written.
    ///
    /// # Durability
    /// As [`LogicalDb::execute`].
    pub fn delete_collection(self: &Arc<Self>, name: &CollectionName) -> Result<(), Error> {
        self.submit_delete_collection(name.clone()).wait()
    }
}
