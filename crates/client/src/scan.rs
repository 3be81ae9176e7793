use std::collections::VecDeque;

use docdb_ipc::{Command, CursorId, Page, Reply, StoredDocument};
use docdb_types::{Code, CollectionName, DocumentId, Error, TransactionId};
use futures_util::Stream;
use futures_util::stream::try_unfold;

use crate::connection::unexpected;
use crate::retry::retrying;
use crate::source::Source;
use crate::{Client, Database};

/// What a scan lists and how much it fetches at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScanOptions {
    /// The smallest id that is listed; `None` means from the first.
    pub from: Option<DocumentId>,
    /// Most documents in a page; 0 leaves it to the server.
    pub page_documents: u32,
    /// Most bytes of text in a page, of which the first document may be more; 0 leaves it to the
    /// server.
    pub page_bytes: u64,
}

/// A scan under way: pages of one snapshot, in ascending order of ids.
///
/// The server holds the snapshot while the scan is under way. Dropping it gives it up.
#[derive(Debug)]
pub struct Scan {
    database: Database,
    collection: CollectionName,
    options: ScanOptions,
    progress: Progress,
}

#[derive(Debug)]
enum Progress {
    Before,
    /// The connection that knows the cursor, and no other does.
    Within(Client, CursorId),
    Behind,
}

impl Scan {
    pub(crate) const fn new(
        database: Database,
        collection: CollectionName,
        options: ScanOptions,
    ) -> Self {
        Self {
            database,
            collection,
            options,
            progress: Progress::Before,
        }
    }

    /// The next page; `None` behind the last.
    ///
    /// # Errors
    /// `CollectionNotFound` of the first page; `TxnExpired` when the server gave the snapshot up;
    /// those of [`Client::request`]. A scan that failed is over: it never continues at another
    /// place or on another snapshot.
    pub async fn next_page(&mut self) -> Result<Option<Page>, Error> {
        let page = match std::mem::replace(&mut self.progress, Progress::Behind) {
            Progress::Behind => return Ok(None),
            Progress::Before => {
                retrying(self.database.source(), || async {
                    let client = self.database.source().client().await?;
                    self.page(client, None).await
                })
                .await
            }
            Progress::Within(client, cursor) => {
                let source = Source::Client(client.clone());
                retrying(&source, || self.page(client.clone(), Some(cursor))).await
            }
        };
        let (client, page) = page?;
        if let Some(cursor) = page.cursor {
            self.progress = Progress::Within(client, cursor);
        }
        Ok(Some(page))
    }

    async fn page(
        &self,
        client: Client,
        cursor: Option<CursorId>,
    ) -> Result<(Client, Page), Error> {
        let command = |database| {
            Command::Scan(docdb_ipc::Scan {
                database,
                collection: self.collection.clone(),
                from: self.options.from,
                limit: self.options.page_documents,
                max_bytes: self.options.page_bytes,
                cursor,
                transaction: None,
            })
        };
        match self.database.request_over(&client, command).await? {
            Reply::Page(page) => Ok((client, page)),
            _ => Err(unexpected()),
        }
    }

    /// The documents one by one. The stream ends behind the first error; where documents may be
    /// missing ([`Page::may_lack`]) its last item is `CorruptLog`.
    pub fn into_stream(self) -> impl Stream<Item = Result<StoredDocument, Error>> + Send {
        let begun = (self, VecDeque::new(), false);
        try_unfold(begun, |(mut scan, mut page, mut may_lack)| async move {
            loop {
                if let Some(document) = page.pop_front() {
                    return Ok(Some((document, (scan, page, may_lack))));
                }
                match scan.next_page().await? {
                    Some(next) => {
                        page = next.documents.into();
                        may_lack |= next.may_lack;
                    }
                    None if may_lack => return Err(incomplete(&scan.collection)),
                    None => return Ok(None),
                }
            }
        })
    }

    /// All documents at once, as one page.
    ///
    /// # Errors
    /// Those of [`next_page`](Self::next_page).
    pub async fn collect(mut self) -> Result<Page, Error> {
        let mut all = Page {
            documents: Vec::new(),
            cursor: None,
            snapshot_version: TransactionId::ZERO,
            may_lack: false,
        };
        while let Some(page) = self.next_page().await? {
            append(&mut all, page);
        }
        Ok(all)
    }
}

/// Adds the page that follows.
pub(crate) fn append(all: &mut Page, page: Page) {
    all.documents.extend(page.documents);
    all.cursor = page.cursor;
    all.snapshot_version = page.snapshot_version;
    all.may_lack |= page.may_lack;
}

fn incomplete(collection: &CollectionName) -> Error {
    let text = "the database has lost transactions: more documents may have been there";
    Error::new(Code::CorruptLog, text).in_collection(collection)
}

impl Drop for Scan {
    fn drop(&mut self) {
        if let Progress::Within(client, cursor) = &self.progress {
            client.post(Command::CloseCursor { cursor: *cursor });
        }
    }
}
