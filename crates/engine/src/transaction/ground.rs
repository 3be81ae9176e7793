use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use docdb_types::{
    Code, CollectionId, CollectionName, DocumentId, Error, Isolation, TransactionId, Version,
};

use super::WriteSet;
use super::open::Place;
use super::reads::ReadSet;
use crate::commit::{Ground, Key, TextRoom};
use crate::database::{Held, LogicalDb};

/// What the operations of a transaction see and touch: its writes above its snapshot.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) database: Arc<LogicalDb>,
    pub(crate) isolation: Isolation,
    /// Every name that was used, and what it meant at the snapshot.
    pub(crate) names: BTreeMap<CollectionName, Option<CollectionId>>,
    pub(crate) reads: ReadSet,
    pub(crate) writes: WriteSet,
    pub(crate) place: Place,
}

/// A workspace while operations run in it.
pub(crate) struct TransactionGround<'a> {
    pub(crate) workspace: &'a mut Workspace,
    pub(crate) held: &'a Held,
}

impl Workspace {
    pub(crate) fn resolve(
        &mut self,
        held: &Held,
        name: &CollectionName,
    ) -> Result<CollectionId, Error> {
        if name.is_default() {
            return Ok(CollectionId::DEFAULT);
        }
        let id = match self.names.get(name) {
            Some(id) => *id,
            None => {
                let view = self.database.index.view();
                let id = view.collection_id_at(&held.versions, name);
                self.names.insert(name.clone(), id);
                id
            }
        };
        id.ok_or_else(|| self.database.health.no_collection(name))
    }

    pub(crate) fn note_document(&mut self, key: Key) {
        if self.isolation == Isolation::Serializable {
            self.reads.add_document(key);
            self.hold();
        }
    }

    pub(crate) fn note_range(&mut self, id: CollectionId, from: DocumentId, to: DocumentId) {
        if self.isolation == Isolation::Serializable {
            self.reads.add_range(id, from, to);
            self.hold();
        }
    }

    /// Notes what it holds in memory.
    fn hold(&mut self) {
        self.place.hold(self.reads.bytes() + self.writes.bytes());
    }

    /// What the snapshot has under a key.
    fn stored_version(&self, held: &Held, key: Key) -> Option<Version> {
        let index = &self.database.index;
        let entry = index.get_at(&held.versions, key.0, &key.1)?;
        Some(entry.version())
    }
}

impl Ground for TransactionGround<'_> {
    fn database(&self) -> &LogicalDb {
        &self.workspace.database
    }

    fn resolve(&mut self, name: &CollectionName) -> Result<CollectionId, Error> {
        self.workspace.resolve(self.held, name)
    }

    /// What the transaction wrote itself has no version before its commit, which is version 0.
    fn live_version(&mut self, key: Key) -> Option<Version> {
        if let Some(written) = self.workspace.writes.get(key) {
            return written.document.as_ref().map(|_| TransactionId::ZERO);
        }
        self.workspace.note_document(key);
        self.workspace.stored_version(self.held, key)
    }

    fn text(&mut self, key: Key, room: &mut TextRoom) -> Result<Bytes, Error> {
        let database = &self.workspace.database;
        if let Some(written) = self.workspace.writes.get(key) {
            let text = written.document.clone();
            let text = text.ok_or_else(|| database.health.missing())?;
            room.take(text.len())?;
            return Ok(text);
        }
        database
            .read_document_at(key.0, key.1, self.held, room)
            .map(|found| found.text)
    }

    /// Behind every id that was ever used, also by what the snapshot does not see and by other open
    /// transactions: two that create documents do not get in each other's way.
    fn next_id(&mut self, collection: CollectionId) -> Result<Option<DocumentId>, Error> {
        let database = &self.workspace.database;
        let Some(state) = database.index.view().collection(collection) else {
            let reason = "the collection was deleted after the transaction began";
            return Err(Error::new(Code::TxnConflict, reason));
        };
        let stored = state.highest_document_id;
        Ok(database.transactions.assign(collection, stored))
    }

    fn stage(&mut self, key: Key, document: Option<Bytes>) -> Result<Version, Error> {
        let workspace = &mut *self.workspace;
        let text_bytes = document.as_ref().map_or(0, Bytes::len);
        let bytes = workspace.writes.bytes_with(key, text_bytes);
        let limit = workspace.database.options.transactions.bytes;
        if bytes > limit {
            let text = format!("the transaction would write {bytes} bytes, at most {limit}");
            return Err(Error::new(Code::PayloadTooLarge, text));
        }
        let growth = bytes.saturating_sub(workspace.writes.bytes());
        workspace.database.check_growth(growth)?;
        let was_live = workspace.stored_version(self.held, key).is_some();
        workspace.writes.set(key, document, was_live);
        workspace.hold();
        Ok(TransactionId::ZERO)
    }
}
