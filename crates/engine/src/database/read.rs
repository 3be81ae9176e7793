//! How a read goes: index, one positional read, checksum and identity.

use bytes::Bytes;
use docdb_storage::{
    DataFile, Entry, FilePin, Location, LogPosition, RecordIdentity, StorageError,
};
use docdb_types::{
    Action, Change, CollectionId, CollectionName, DocumentId, Error, Operation, Outcome, Version,
};
use docdb_wal::{Lsn, RecordKind, WalError, stored_bytes};

use super::{Held, LogicalDb};
use crate::commit::{Answers, Request, TextRoom};
use crate::trouble;

/// A document as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) version: Version,
    pub(crate) text: Bytes,
    /// Whether a lost transaction may have replaced or removed it.
    pub(crate) may_be_older: bool,
}

/// Why a record was not at the place that the index named.
pub(crate) enum Missed {
    /// The file is gone: the record has been moved since, and the index knows where.
    Moved,
    /// The record cannot be read.
    Failed(Error),
}

impl LogicalDb {
    /// Answers a request that only reads. Several reads see one state of the database.
    pub(crate) fn read_all(&self, request: &Request) -> Answers {
        let mut room = TextRoom::new(request.answer_bytes);
        match request.operations.as_slice() {
            [operation] => vec![self.answer_read(operation, &mut room)],
            operations => {
                let held = self.hold();
                operations
                    .iter()
                    .map(|operation| self.answer_read_at(operation, &held, &mut room))
                    .collect()
            }
        }
    }

    fn answer_read(&self, operation: &Operation, room: &mut TextRoom) -> Result<Outcome, Error> {
        let Action::Read { id } = operation.action else {
            return Err(trouble::not_a_read());
        };
        self.read_newest(&operation.collection, id, room)
    }

    /// As [`read_document`](Self::read_document), of a collection by its name.
    pub(super) fn read_newest(
        &self,
        name: &CollectionName,
        id: DocumentId,
        room: &mut TextRoom,
    ) -> Result<Outcome, Error> {
        let collection = self.resolve(name)?;
        self.read_document(collection, id, room)
            .map(|found| outcome(id, found))
            .map_err(|error| error.in_collection(name).on_document(id))
    }

    fn answer_read_at(
        &self,
        operation: &Operation,
        held: &Held,
        room: &mut TextRoom,
    ) -> Result<Outcome, Error> {
        let Action::Read { id } = operation.action else {
            return Err(trouble::not_a_read());
        };
        let collection = self.resolve_at(&operation.collection, held)?;
        self.read_document_at(collection, id, held, room)
            .map(|found| outcome(id, found))
            .map_err(|error| error.in_collection(&operation.collection).on_document(id))
    }

    /// Reads the newest durable version of a document that is left.
    ///
    /// # Errors
    /// `DocNotFound` (`CorruptLog` where a lost transaction may have written it), `CorruptRecord` with
    /// file and offset, `FileRead`; `FrameTooLarge` and `MemoryLimit` where there is no room for the text.
    pub(crate) fn read_document(
        &self,
        collection: CollectionId,
        id: DocumentId,
        room: &mut TextRoom,
    ) -> Result<Found, Error> {
        let mut tried = None;
        loop {
            let entry = self
                .index
                .get(collection, &id)
                .ok_or_else(|| self.health.missing())?;
            if tried.is_none() {
                self.admit_text(entry.length() as usize, room)?;
            }
            match self.fetch_newest(collection, id, &entry) {
                Ok(text) => {
                    return Ok(Found {
                        version: entry.version(),
                        text: self.count_text(text, room),
                        may_be_older: self.health.may_be_older(entry.version()),
                    });
                }
                Err(Missed::Failed(error)) => return Err(error),
                // The index was swung between the two looks; it cannot name a place twice that is
                // gone, unless the file was removed from outside.
                Err(Missed::Moved) if tried != Some(entry.location()) => {
                    tried = Some(entry.location());
                }
                Err(Missed::Moved) => return Err(trouble::lost_place(&entry)),
            }
        }
    }

    /// As [`fetch`](Self::fetch), of what was read lately without a look at the file.
    fn fetch_newest(
        &self,
        collection: CollectionId,
        id: DocumentId,
        entry: &Entry,
    ) -> Result<Bytes, Missed> {
        let version = entry.version();
        if let Some(text) = self.documents.get(collection, id, version) {
            return Ok(text);
        }
        let text = self.fetch(collection, id, entry)?;
        Ok(self
            .documents
            .keep(collection, id, version, text, self.room_for_documents()))
    }

    /// Memory that documents which were read lately may take of this database, in bytes: the rest is for
    /// what cannot give way, so that a database at its cap does not keep and forget in turns.
    fn room_for_documents(&self) -> u64 {
        let cap = self.options.memory_bytes;
        (cap - cap / 16).saturating_sub(self.memory.published_bytes())
    }

    /// Reads the record that an entry points at.
    pub(crate) fn fetch(
        &self,
        collection: CollectionId,
        id: DocumentId,
        entry: &Entry,
    ) -> Result<Bytes, Missed> {
        match entry.location() {
            Location::Log(position) => self.fetch_logged(collection, id, entry, position),
            Location::Data { file, offset } => {
                let file = self.files.get(file).ok_or(Missed::Moved)?;
                self.fetch_filed(&file, offset, collection, id, entry)
            }
        }
    }

    /// As [`fetch`](Self::fetch), without a look at any other copy.
    pub(crate) fn fetch_stored(
        &self,
        collection: CollectionId,
        id: DocumentId,
        entry: &Entry,
    ) -> Result<Bytes, Missed> {
        match entry.location() {
            Location::Log(position) => self.fetch_logged(collection, id, entry, position),
            Location::Data { file, offset } => {
                let file = self.files.get(file).ok_or(Missed::Moved)?;
                read_filed(&file, offset, collection, id, entry)
                    .map_err(|error| Missed::Failed(trouble::of_storage(error)))
            }
        }
    }

    /// Reads a record of a data file; one that is damaged, from another copy of the same version.
    fn fetch_filed(
        &self,
        file: &DataFile,
        offset: u64,
        collection: CollectionId,
        id: DocumentId,
        entry: &Entry,
    ) -> Result<Bytes, Missed> {
        read_filed(file, offset, collection, id, entry).or_else(|met| {
            self.read_damaged(file, offset, (collection, id), entry, met)
                .map_err(Missed::Failed)
        })
    }

    /// As [`fetch`](Self::fetch), from the files that a snapshot holds.
    pub(crate) fn fetch_held(
        &self,
        files: &FilePin,
        collection: CollectionId,
        id: DocumentId,
        entry: &Entry,
    ) -> Result<Bytes, Missed> {
        match entry.location() {
            Location::Log(position) => self.fetch_logged(collection, id, entry, position),
            // A checkpoint may have moved it to a file that is newer than the snapshot.
            Location::Data { file, offset } => match files.get(file) {
                Some(file) => self.fetch_filed(&file, offset, collection, id, entry),
                None => self.fetch(collection, id, entry),
            },
        }
    }

    fn fetch_logged(
        &self,
        collection: CollectionId,
        id: DocumentId,
        entry: &Entry,
        position: LogPosition,
    ) -> Result<Bytes, Missed> {
        let key = id.to_key();
        // INVARIANT: the index holds lengths of records that the log has taken.
        let stored = stored_bytes(key.len(), entry.length() as usize) as u32;
        let record =
            self.log
                .read(Lsn::new(position.get()), stored)
                .map_err(|error| match error {
                    WalError::NotInLog { .. } => Missed::Moved,
                    error => {
                        self.meet_log_damage(&error);
                        Missed::Failed(trouble::of_log(error))
                    }
                })?;
        let is_expected = record.kind() == RecordKind::Put
            && record.collection() == collection
            && record.transaction() == entry.version()
            && record.key() == key;
        if !is_expected {
            return Err(Missed::Failed(trouble::other_record(entry)));
        }
        Ok(Bytes::from(record.into_payload()))
    }
}

fn read_filed(
    file: &DataFile,
    offset: u64,
    collection: CollectionId,
    id: DocumentId,
    entry: &Entry,
) -> Result<Bytes, StorageError> {
    let key = id.to_key();
    let identity = RecordIdentity {
        collection,
        key: &key,
        transaction: entry.version(),
    };
    file.read(offset, entry.length(), &identity)
        .map(Bytes::from)
}

fn outcome(id: DocumentId, found: Found) -> Outcome {
    Outcome {
        id,
        version: found.version,
        change: Change::Read,
        document: Some(found.text),
        may_be_older: found.may_be_older,
    }
}
