//! One document: in what state it is, and healing it.

use std::sync::Arc;

use bytes::Bytes;
use docdb_storage::{DataFileNumber, Entry, Location, RecordIdentity, RecordKind};
use docdb_types::{Code, CollectionId, CollectionName, Document, DocumentId, Error, Version};
use docdb_wal::VersionKey;

use super::{
    DocumentHealth, HealSource, HealTrigger, Healed, HealedDocument, ValidatedDocument, Witness,
};
use crate::database::{LogicalDb, Missed};
use crate::trouble;

/// What a person accepts in the place of a damaged document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HealAccept {
    /// The same version, or nothing.
    #[default]
    SameVersion,
    /// Where the same version is nowhere, the newest older one that is left. It is written as a new
    /// version, and the answer says which one it was.
    OlderVersion,
}

/// A document that was looked at.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) health: DocumentHealth,
    pub(super) entry: Entry,
    pub(super) source: Option<HealSource>,
    pub(super) cause: Option<Error>,
}

impl Examined {
    /// The data file in which it is damaged.
    pub(super) fn damaged_file(&self) -> Option<DataFileNumber> {
        // What a lost transaction may have replaced is as sound as it was written.
        let cause = self.cause.as_ref().map(Error::code);
        if cause == Some(Code::CorruptLog) {
            return None;
        }
        match (self.health, self.entry.location()) {
            (DocumentHealth::Valid | DocumentHealth::Missing, _) | (_, Location::Log(_)) => None,
            (_, Location::Data { file, .. }) => Some(file),
        }
    }
}

impl LogicalDb {
    /// Says in what state a document is. Changes nothing.
    ///
    /// # Errors
    /// `CollectionNotFound`, `DbNotActive`.
    pub fn validate(
        &self,
        collection: &CollectionName,
        id: DocumentId,
    ) -> Result<ValidatedDocument, Error> {
        self.health.check_readable()?;
        let number = self.resolve(collection)?;
        let Some(examined) = self.examine(number, id) else {
            let cause = self.health.missing();
            let is_missing = cause.code() == Code::DocNotFound;
            return Ok(ValidatedDocument {
                health: if is_missing {
                    DocumentHealth::Missing
                } else {
                    DocumentHealth::Unknown
                },
                version: None,
                source: None,
                cause: (!is_missing).then_some(cause),
            });
        };
        Ok(ValidatedDocument {
            health: examined.health,
            version: Some(examined.entry.version()),
            source: examined.source,
            cause: examined
                .cause
                .map(|cause| self.about(cause, collection, id)),
        })
    }

    /// Heals a document: where it is damaged, its data file is rewritten with what the sources have
    /// of it. A healthy document is left as it is.
    ///
    /// # Errors
    /// `DocNotFound` (`CorruptLog` in a degraded database); `CorruptRecord` with file and offset
    /// where no source has the version, or any older one where that was accepted; `DbReadOnly`,
    /// `DiskFull` and the other errors of files.
    ///
    /// # Durability
    /// What is answered as healed is durable.
    pub fn heal(
        self: &Arc<Self>,
        collection: &CollectionName,
        id: DocumentId,
        accept: HealAccept,
    ) -> Result<HealedDocument, Error> {
        self.health.check_readable()?;
        let number = self.resolve(collection)?;
        let about = |error| self.about(error, collection, id);
        let examined = self
            .examine(number, id)
            .ok_or_else(|| about(self.health.missing()))?;
        let version = examined.entry.version();
        if examined.health == DocumentHealth::Valid {
            return Ok(HealedDocument {
                health: DocumentHealth::Valid,
                version,
                source: None,
                taken_version: None,
            });
        }
        if let Some(file) = examined.damaged_file() {
            // Whatever is known to be beyond healing need not be found out again.
            self.healing.try_again(file);
            let rewritten = self.rewrite(file, HealTrigger::Command);
            let now = self
                .examine(number, id)
                .ok_or_else(|| about(self.health.missing()))?;
            if now.health == DocumentHealth::Valid && now.entry.version() == version {
                return Ok(HealedDocument {
                    health: DocumentHealth::Healed,
                    version,
                    source: examined.source.or(Some(HealSource::Log)),
                    taken_version: None,
                });
            }
            if examined.health == DocumentHealth::Healed {
                rewritten.map_err(about)?;
            }
        }
        if accept == HealAccept::OlderVersion {
            return self.take_older(collection, number, id, version);
        }
        Err(about(
            examined.cause.unwrap_or_else(|| self.health.missing()),
        ))
    }

    fn about(&self, error: Error, collection: &CollectionName, id: DocumentId) -> Error {
        error
            .in_database(self.name())
            .in_collection(collection)
            .on_document(id)
    }

    /// Looks at what is stored of a document; `None` where there is none.
    pub(super) fn examine(&self, collection: CollectionId, id: DocumentId) -> Option<Examined> {
        let mut tried = None;
        loop {
            let entry = self.index.get(collection, &id)?;
            let examined = |health, source, cause| {
                Some(Examined {
                    health,
                    entry,
                    source,
                    cause,
                })
            };
            let error = match self.fetch_stored(collection, id, &entry) {
                Ok(_) => {
                    return match self.health.check_newest(entry.version()) {
                        Ok(()) => examined(DocumentHealth::Valid, None, None),
                        Err(error) => examined(DocumentHealth::Unknown, None, Some(error)),
                    };
                }
                Err(Missed::Moved) if tried != Some(entry.location()) => {
                    tried = Some(entry.location());
                    continue;
                }
                Err(Missed::Moved) => trouble::lost_place(&entry),
                Err(Missed::Failed(error)) => error,
            };
            if let Location::Data { file, offset } = entry.location()
                && let Some(file) = self.files.get(file)
                && let Ok(restored) = self.restore(&file, offset, collection, id, &entry)
            {
                return examined(DocumentHealth::Healed, Some(restored.source), Some(error));
            }
            let health = if error.code() == Code::CorruptRecord {
                DocumentHealth::Corrupt
            } else {
                DocumentHealth::Unknown
            };
            return examined(health, None, Some(error));
        }
    }

    /// Writes the newest older version that is left as a new one, in the place of `lost`.
    fn take_older(
        self: &Arc<Self>,
        collection: &CollectionName,
        number: CollectionId,
        id: DocumentId,
        lost: Version,
    ) -> Result<HealedDocument, Error> {
        let about = |error| self.about(error, collection, id);
        let (taken, text) = self.older_version(number, id, lost).ok_or_else(|| {
            let text = "neither the version nor any older one of it is left";
            about(Error::new(Code::CorruptRecord, text))
        })?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let document = Document::from_text(&text, &self.options.limits).map_err(about)?;
        let written = self.update(collection, id, document, Some(lost))?;
        self.healing.witness([Witness {
            at: self.unix_time(),
            healed: Healed::Document {
                collection: number,
                id,
                version: taken,
            },
            file: String::new(),
            offset: 0,
            source: HealSource::OlderVersion,
            trigger: HealTrigger::Command,
        }]);
        Ok(HealedDocument {
            health: DocumentHealth::Healed,
            version: written.version,
            source: Some(HealSource::OlderVersion),
            taken_version: Some(taken),
        })
    }

    fn older_version(
        &self,
        collection: CollectionId,
        id: DocumentId,
        lost: Version,
    ) -> Option<(Version, Bytes)> {
        let key = id.to_key();
        let newer = VersionKey {
            collection,
            key: &key,
            transaction: lost,
        };
        let logged = self.log.find_older(&newer).ok().flatten();
        let mut best = logged.map(|record| {
            let version = record.transaction();
            (version, Bytes::from(record.into_payload()))
        });
        for file in self.files.view().iter() {
            let entries = file.entries::<DocumentId>().filter_map(Result::ok);
            let older = entries.filter(|entry| {
                entry.collection == collection
                    && entry.key == id
                    && entry.kind == RecordKind::Document
                    && entry.transaction < lost
            });
            for entry in older {
                if best
                    .as_ref()
                    .is_some_and(|(version, _)| *version >= entry.transaction)
                {
                    continue;
                }
                let identity = RecordIdentity {
                    collection,
                    key: &key,
                    transaction: entry.transaction,
                };
                let read = file.read(entry.offset, entry.payload_bytes, &identity);
                if let Ok(payload) = read {
                    best = Some((entry.transaction, Bytes::from(payload)));
                }
            }
        }
        best
    }
}
