//! Documents of a collection in the order of their ids, page by page.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use docdb_storage::Entry;
use docdb_types::{Code, CollectionId, CollectionName, DocumentId, Error, TransactionId, Version};

use super::read::Found;
use super::{Held, LogicalDb, Snapshot};
use crate::commit::TextRoom;
use crate::transaction::WriteSet;

/// Keys that are looked at under one lock of the index.
const KEYS_AT_ONCE: usize = 256;

/// How much one page may hold. It ends at the first bound that is reached, and always holds at
/// least one document where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanLimit {
    /// Documents, 1 and up.
    pub documents: usize,
    /// Bytes of their texts together.
    pub bytes: usize,
}

impl Default for ScanLimit {
    fn default() -> Self {
        Self {
            documents: 1000,
            bytes: 4 * 1024 * 1024,
        }
    }
}

/// A document that a scan met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanned {
    /// Its id.
    pub id: DocumentId,
    /// Its version.
    pub version: Version,
    /// Its text as it was stored.
    pub text: Bytes,
    /// Whether a lost transaction may have replaced or removed this version, see
    /// [`Outcome::may_be_older`](docdb_types::Outcome::may_be_older).
    pub may_be_older: bool,
}

/// One page of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The documents, by id.
    pub documents: Vec<Scanned>,
    /// Where the next page begins, or `None` at the end.
    pub next: Option<DocumentId>,
    /// The newest transaction that the page sees.
    pub version: Version,
    /// Committed transactions of the database are lost, and documents that they wrote may be missing.
    pub may_lack: bool,
}

/// Where the text of a document is that a scan meets.
enum Seen<'w> {
    Stored(Entry),
    /// The transaction that scans wrote it.
    Written(&'w Bytes),
}

impl Seen<'_> {
    fn text_bytes(&self) -> usize {
        match self {
            Self::Stored(entry) => entry.length() as usize,
            Self::Written(text) => text.len(),
        }
    }
}

impl LogicalDb {
    /// Reads documents in the order of their ids, from `from` on, as one snapshot sees them: the one
    /// that is given, or one that is opened for this page.
    ///
    /// # Errors
    /// `CollectionNotFound` (`CorruptLog` in a degraded database); `TxnExpired` where the snapshot is
    /// too old or of another opening of the database; `CorruptRecord` or `FileRead` at a document that
    /// cannot be read, by which the scan does not pass silently.
    pub fn scan(
        &self,
        collection: &CollectionName,
        from: Option<DocumentId>,
        limit: ScanLimit,
        snapshot: Option<&Snapshot>,
    ) -> Result<Page, Error> {
        self.health.check_readable()?;
        let held = match snapshot {
            Some(snapshot) => snapshot.held(self)?,
            None => Arc::new(self.hold()),
        };
        let id = self.resolve_at(collection, &held)?;
        let from = from.unwrap_or(DocumentId::MIN);
        self.page(id, from, limit, &held, &WriteSet::default())
            .map_err(|error| error.in_collection(collection))
    }

    /// A page of what `held` sees, with `writes` above it.
    pub(crate) fn page(
        &self,
        collection: CollectionId,
        from: DocumentId,
        limit: ScanLimit,
        held: &Held,
        writes: &WriteSet,
    ) -> Result<Page, Error> {
        let mut page = Page {
            documents: Vec::new(),
            next: Some(from),
            version: held.versions.version(),
            may_lack: self.health.may_lack(),
        };
        let mut bytes = 0;
        let mut room = TextRoom::unbounded();
        let keys = KEYS_AT_ONCE.min(limit.documents);
        while let Some(from) = page.next {
            let (seen, next) = self.look(collection, from, keys, held, writes);
            for (id, seen) in seen {
                let is_full = page.documents.len() >= limit.documents
                    || bytes + seen.text_bytes() > limit.bytes;
                if is_full && !page.documents.is_empty() {
                    page.next = Some(id);
                    return Ok(page);
                }
                let found = match seen {
                    Seen::Stored(_) => {
                        match self.read_document_at(collection, id, held, &mut room) {
                            Ok(found) => found,
                            Err(error)
                                if error.code() == Code::MemoryLimit
                                    && !page.documents.is_empty() =>
                            {
                                page.next = Some(id);
                                return Ok(page);
                            }
                            Err(error) => return Err(error.on_document(id)),
                        }
                    }
                    Seen::Written(text) => Found {
                        version: TransactionId::ZERO,
                        text: text.clone(),
                        may_be_older: false,
                    },
                };
                bytes += found.text.len();
                page.documents.push(Scanned {
                    id,
                    version: found.version,
                    text: found.text,
                    may_be_older: found.may_be_older,
                });
            }
            page.next = next;
        }
        Ok(page)
    }

    /// Live documents of a collection as `held` sees it, with `writes` above it.
    ///
    /// # Errors
    /// `CorruptLog` in a degraded database.
    pub(crate) fn count_at(
        &self,
        collection: CollectionId,
        held: &Held,
        writes: &WriteSet,
    ) -> Result<u64, Error> {
        self.health.check_complete()?;
        let mut count = 0;
        let mut from = Some(DocumentId::MIN);
        while let Some(id) = from {
            let (seen, next) = self.look(collection, id, KEYS_AT_ONCE, held, writes);
            count += seen.len() as u64;
            from = next;
        }
        Ok(count)
    }

    /// The documents from `from` on that lie among the next `keys` keys of the index, and the id to
    /// go on from.
    fn look<'w>(
        &self,
        collection: CollectionId,
        from: DocumentId,
        keys: usize,
        held: &Held,
        writes: &'w WriteSet,
    ) -> (BTreeMap<DocumentId, Seen<'w>>, Option<DocumentId>) {
        let mut entries = Vec::new();
        let next = self.index.view().page(
            collection,
            Some(&from),
            Some(&held.versions),
            keys,
            &mut entries,
        );
        let mut seen: BTreeMap<_, _> = entries
            .into_iter()
            .map(|(id, entry)| (id, Seen::Stored(entry)))
            .collect();
        let end = next.map_or(Some(DocumentId::MAX), |next| {
            DocumentId::new(next.get() - 1)
        });
        for (id, text) in end
            .into_iter()
            .flat_map(|end| writes.range(collection, from, end))
        {
            match text {
                Some(text) => seen.insert(id, Seen::Written(text)),
                None => seen.remove(&id),
            };
        }
        (seen, next)
    }

    /// Live documents of a collection.
    ///
    /// # Errors
    /// `CollectionNotFound`; `CorruptLog` in a degraded database.
    pub fn count(&self, collection: &CollectionName) -> Result<u64, Error> {
        self.health.check_readable()?;
        self.health.check_complete()?;
        self.resolve(collection).map(|id| self.documents_in(id))
    }
}
