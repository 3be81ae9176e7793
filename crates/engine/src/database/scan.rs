//! Documents of a collection in the order of their ids, page by page.

use bytes::Bytes;
use docdb_types::{CollectionId, CollectionName, DocumentId, Error, Version};

use super::read::Found;
use super::{LogicalDb, Snapshot};
use crate::commit::TextRoom;

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
}

impl LogicalDb {
    /// Reads documents in the order of their ids, from `from` on, as one snapshot sees them: the one
    /// that is given, or one that is opened for this page.
    ///
    /// # Errors
    /// `CollectionNotFound`; `CorruptRecord` or `FileRead` at a document that cannot be read, by
    /// which the scan does not pass silently.
    pub fn scan(
        &self,
        collection: &CollectionName,
        from: Option<DocumentId>,
        limit: ScanLimit,
        snapshot: Option<&Snapshot>,
    ) -> Result<Page, Error> {
        self.health.check_readable()?;
        let id = self.resolve(collection)?;
        let opened;
        let snapshot = match snapshot {
            Some(snapshot) => snapshot,
            None => {
                opened = self.snapshot();
                &opened
            }
        };
        self.page(id, from, limit, snapshot)
            .map_err(|error| error.in_collection(collection))
    }

    fn page(
        &self,
        collection: CollectionId,
        from: Option<DocumentId>,
        limit: ScanLimit,
        snapshot: &Snapshot,
    ) -> Result<Page, Error> {
        let mut page = Page {
            documents: Vec::new(),
            next: from,
            version: snapshot.version(),
        };
        let mut bytes = 0;
        let mut entries = Vec::new();
        loop {
            entries.clear();
            let next = self.index.view().page(
                collection,
                page.next.as_ref(),
                Some(&snapshot.versions),
                KEYS_AT_ONCE.min(limit.documents),
                &mut entries,
            );
            for (id, entry) in &entries {
                let is_full = page.documents.len() >= limit.documents
                    || bytes + entry.length() as usize > limit.bytes;
                if is_full && !page.documents.is_empty() {
                    page.next = Some(*id);
                    return Ok(page);
                }
                let Found { version, text } = self
                    .read_document_at(collection, *id, snapshot, &mut TextRoom::unbounded())
                    .map_err(|error| error.on_document(*id))?;
                bytes += text.len();
                page.documents.push(Scanned {
                    id: *id,
                    version,
                    text,
                });
            }
            page.next = next;
            if next.is_none() {
                return Ok(page);
            }
        }
    }

    /// Live documents of a collection.
    ///
    /// # Errors
    /// `CollectionNotFound`.
    pub fn count(&self, collection: &CollectionName) -> Result<u64, Error> {
        self.health.check_readable()?;
        self.resolve(collection).map(|id| self.documents_in(id))
    }
}
