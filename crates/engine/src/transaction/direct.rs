//! The operations of a transaction one by one, for programs that embed a database.

use docdb_types::{
    Action, CollectionName, Document, DocumentId, Error, Operation, Outcome, PatchStep, Version,
};

use super::Transaction;
use crate::commit::{Atomicity, abandoned};

impl Transaction {
    fn run(&mut self, collection: &CollectionName, action: Action) -> Result<Outcome, Error> {
        let operation = Operation {
            collection: collection.clone(),
            action,
        };
        self.execute(&[operation], Atomicity::Each, usize::MAX)
            .pop()
            .unwrap_or_else(|| Err(abandoned()))
    }

    /// Stores a new document, under a free id where none is given.
    ///
    /// # Errors
    /// `DocExists`, `CollectionNotFound`, and those of [`execute`](Self::execute).
    pub fn create(
        &mut self,
        collection: &CollectionName,
        id: Option<DocumentId>,
        document: Document,
    ) -> Result<Outcome, Error> {
        self.run(collection, Action::Create { id, document })
    }

    /// Reads a document.
    ///
    /// # Errors
    /// `DocNotFound`, `CollectionNotFound`, `CorruptRecord`, `FileRead`, and those of
    /// [`execute`](Self::execute).
    pub fn read(&mut self, collection: &CollectionName, id: DocumentId) -> Result<Outcome, Error> {
        self.run(collection, Action::Read { id })
    }

    /// Replaces a live document.
    ///
    /// # Errors
    /// `DocNotFound`, `VersionMismatch`, `CollectionNotFound`, and those of
    /// [`execute`](Self::execute).
    pub fn update(
        &mut self,
        collection: &CollectionName,
        id: DocumentId,
        document: Document,
        expected: Option<Version>,
    ) -> Result<Outcome, Error> {
        let action = Action::Update {
            id,
            document,
            expected,
        };
        self.run(collection, action)
    }

    /// Creates or replaces a document.
    ///
    /// # Errors
    /// `CollectionNotFound`, and those of [`execute`](Self::execute).
    pub fn upsert(
        &mut self,
        collection: &CollectionName,
        id: DocumentId,
        document: Document,
    ) -> Result<Outcome, Error> {
        self.run(collection, Action::Upsert { id, document })
    }

    /// Deletes a live document.
    ///
    /// # Errors
    /// `DocNotFound`, `VersionMismatch`, `CollectionNotFound`, and those of
    /// [`execute`](Self::execute).
    pub fn delete(
        &mut self,
        collection: &CollectionName,
        id: DocumentId,
        expected: Option<Version>,
    ) -> Result<Outcome, Error> {
        self.run(collection, Action::Delete { id, expected })
    }

    /// Applies the steps of a patch to a live document, all or none.
    ///
    /// # Errors
    /// As [`LogicalDb::patch`](crate::LogicalDb::patch), and those of [`execute`](Self::execute).
    pub fn patch(
        &mut self,
        collection: &CollectionName,
        id: DocumentId,
        steps: Vec<PatchStep>,
        expected: Option<Version>,
    ) -> Result<Outcome, Error> {
        let action = Action::Patch {
            id,
            steps,
            expected,
        };
        self.run(collection, action)
    }

    /// Applies a merge patch (RFC 7396) to a live document.
    ///
    /// # Errors
    /// As [`patch`](Self::patch).
    pub fn merge(
        &mut self,
        collection: &CollectionName,
        id: DocumentId,
        patch: Document,
        expected: Option<Version>,
    ) -> Result<Outcome, Error> {
        let action = Action::Merge {
            id,
            patch,
            expected,
        };
        self.run(collection, action)
    }
}
