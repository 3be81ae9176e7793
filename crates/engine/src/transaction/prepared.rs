use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use docdb_storage::{Entry, IndexView};
use docdb_types::{
    Code, CollectionId, CollectionName, DocumentId, Error, Isolation, TransactionId, Version,
};

use super::ground::Workspace;
use super::open::Place;
use super::reads::ReadSet;
use crate::commit::{Key, Overlay};
use crate::database::{Held, LogicalDb, Snapshot};

/// A transaction on its way through the committer: what it writes, and what must not have changed.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) effects: Vec<(Key, Option<Bytes>)>,
    isolation: Isolation,
    names: BTreeMap<CollectionName, Option<CollectionId>>,
    reads: ReadSet,
    /// INVARIANT: held until the check is done, so that everything newer is in the index.
    held: Arc<Held>,
    bytes: u64,
    _place: Place,
}

impl Prepared {
    /// `None` where there is nothing to write.
    ///
    /// # Errors
    /// `TxnExpired`: it is too old to be checked.
    pub(crate) fn new(snapshot: &Snapshot, workspace: Workspace) -> Result<Option<Self>, Error> {
        let Workspace {
            database,
            isolation,
            names,
            reads,
            writes,
            place,
        } = workspace;
        let bytes = writes.bytes();
        let effects = writes.into_effects();
        if effects.is_empty() {
            return Ok(None);
        }
        let held = snapshot.held(&database)?;
        Ok(Some(Self {
            effects,
            isolation,
            names,
            reads,
            held,
            bytes,
            _place: place,
        }))
    }

    /// Bytes that it writes, about.
    pub(crate) const fn payload_bytes(&self) -> u64 {
        self.bytes
    }

    /// Checks that nothing that the transaction depends on has been changed behind its snapshot, be
    /// it durable or in the batch that is being gathered.
    ///
    /// # Errors
    /// `TxnConflict`, naming the document or the collection.
    pub(crate) fn check(&self, database: &LogicalDb, batch: &Overlay) -> Result<(), Error> {
        let check = Check {
            since: self.held.versions.version(),
            batch,
            index: database.index.view(),
        };
        for (name, id) in &self.names {
            let matters = self.isolation == Isolation::Serializable
                || self.effects.iter().any(|(key, _)| Some(key.0) == *id);
            if matters && check.index.collection_id(name) != *id {
                return Err(
                    conflict("the collection was created or deleted meanwhile").in_collection(name)
                );
            }
        }
        let changed = self
            .effects
            .iter()
            .map(|(key, _)| *key)
            .chain(self.reads.documents())
            .find_map(|key| check.document(key))
            .or_else(|| self.reads.ranges().find_map(|range| check.range(range)));
        changed.map_or(Ok(()), |(key, version)| Err(self.changed(key, version)))
    }

    fn changed(&self, key: Key, version: Version) -> Error {
        let error = conflict("the document was changed by a later transaction")
            .on_document(key.1)
            .with_version(version);
        let mut names = self.names.iter();
        match names.find(|(_, id)| **id == Some(key.0)) {
            Some((name, _)) => error.in_collection(name),
            None => error.in_collection(&CollectionName::DEFAULT),
        }
    }
}

fn conflict(reason: &'static str) -> Error {
    Error::new(Code::TxnConflict, reason)
}

/// Looks for what is newer than a snapshot.
struct Check<'a> {
    since: TransactionId,
    batch: &'a Overlay,
    index: IndexView<'a>,
}

impl Check<'_> {
    /// The newer version of a document, if there is one.
    fn document(&self, key: Key) -> Option<(Key, Version)> {
        let staged = self.batch.get(key).map(|staged| staged.version);
        let newest = staged.or_else(|| {
            let newest = self.index.newest(key.0, &key.1);
            newest.as_ref().map(Entry::version)
        });
        newest
            .filter(|version| *version > self.since)
            .map(|version| (key, version))
    }

    /// A newer version of a document of a range, if there is one.
    fn range(
        &self,
        (collection, from, to): (CollectionId, DocumentId, DocumentId),
    ) -> Option<(Key, Version)> {
        // INVARIANT: whatever is in the batch is newer than every snapshot.
        if let Some(found) = self.batch.first_in(collection, from, to) {
            return Some(found);
        }
        let newer = self
            .index
            .first_newer(collection, Some(&from), Some(&to), self.since)?;
        Some(((collection, newer.0), newer.1.version()))
    }
}
