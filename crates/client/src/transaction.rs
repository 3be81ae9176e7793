use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use docdb_ipc::{
    BegunTransaction, Command, CursorId, Execute, Page, Reply, Scan, StoredDocument,
    TransactionHandle,
};
use docdb_types::{
    Action, Code, CollectionName, DatabaseId, Document, DocumentId, Error, IdempotencyKey,
    Isolation, Operation, Outcome, PatchStep, Version,
};

use crate::connection::unexpected;
use crate::retry::{retrying, retrying_if};
use crate::scan::append;
use crate::source::Source;
use crate::{Client, Database, ScanOptions};

/// Operations that see one moment and happen together: all of them at the commit, or none.
///
/// It lives on one connection and ends with it. Clones are the same transaction; dropping the last
/// one rolls it back. What it wrote has the version 0 until the commit answers the real one.
#[derive(Debug, Clone)]
pub struct Transaction {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    client: Client,
    database: DatabaseId,
    begun: BegunTransaction,
    /// Whether the server may still hold it.
    is_open: AtomicBool,
}

impl Database {
    /// Begins a transaction.
    ///
    /// # Errors
    /// `TooManyTxns`, and those of [`Client::request`].
    pub async fn begin(&self, isolation: Isolation) -> Result<Transaction, Error> {
        retrying(self.source(), || async {
            let client = self.source().client().await?;
            let command = |database| Command::Begin {
                database,
                isolation,
            };
            match self.request_over(&client, command).await? {
                Reply::Begun(begun) => Ok(Transaction {
                    shared: Arc::new(Shared {
                        client,
                        database: self.id(),
                        begun,
                        is_open: AtomicBool::new(true),
                    }),
                }),
                _ => Err(unexpected()),
            }
        })
        .await
    }

    /// Runs `work` in a transaction and commits it, and again from the beginning, after a wait,
    /// where another transaction was first: as often as the
    /// [`RetryPolicy`](crate::RetryPolicy) says. Answers what `work` answered, and the version.
    ///
    /// `work` may run several times and must have no effect beside the transaction.
    ///
    /// # Errors
    /// The error of `work`, which rolls the transaction back; that of the last try, `TxnConflict` as
    /// a rule; those of [`begin`](Self::begin) and [`Transaction::commit`]. A commit of unknown
    /// effect is not tried again.
    pub async fn transact<T, F>(
        &self,
        isolation: Isolation,
        work: impl Fn(Transaction) -> F,
    ) -> Result<(T, Version), Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let is_over = |error: &Error| matches!(error.code(), Code::TxnConflict | Code::TxnExpired);
        let attempt = || async {
            let transaction = self.begin(isolation).await?;
            let answer = work(transaction.clone()).await?;
            let version = transaction.commit().await?;
            Ok((answer, version))
        };
        retrying_if(self.source(), attempt, is_over).await
    }
}

impl Transaction {
    /// The newest transaction that it sees.
    #[must_use]
    pub fn snapshot_version(&self) -> Version {
        self.shared.begun.snapshot_version
    }

    /// What its connection names it by, for [`Command`]s of one's own.
    #[must_use]
    pub fn handle(&self) -> TransactionHandle {
        self.shared.begun.handle
    }

    /// Runs operations in order and answers each; with `atomic`, all of them or none. A refused one
    /// leaves the transaction as it was before it.
    ///
    /// # Errors
    /// `TxnExpired`, `TooManyOps`, `PayloadTooLarge`, and those of [`Client::request`]; with
    /// `atomic` the error of the operation that failed.
    pub async fn execute(
        &self,
        operations: Vec<Operation>,
        atomic: bool,
    ) -> Result<Vec<Result<Outcome, Error>>, Error> {
        let count = operations.len();
        let execute = Execute {
            transaction: Some(self.shared.begun.handle),
            ..Execute::new(self.shared.database, atomic, operations)
        };
        match self.request(Command::Execute(execute)).await? {
            Reply::Results(results) if results.len() == count => Ok(results),
            _ => Err(unexpected()),
        }
    }

    async fn run(&self, collection: &CollectionName, action: Action) -> Result<Outcome, Error> {
        let operation = Operation {
            collection: collection.clone(),
            action,
        };
        let results = self.execute(vec![operation], false).await?;
        results
            .into_iter()
            .next()
            .unwrap_or_else(|| Err(unexpected()))
    }

    /// Stores a new document; without an id a free one is assigned.
    ///
    /// # Errors
    /// As [`Database::create`] and [`execute`](Self::execute).
    pub async fn create(
        &self,
        collection: &CollectionName,
        id: Option<DocumentId>,
        document: Document,
    ) -> Result<Outcome, Error> {
        self.run(collection, Action::Create { id, document }).await
    }

    /// Reads a document as the transaction sees it.
    ///
    /// # Errors
    /// As [`Database::read`] and [`execute`](Self::execute).
    pub async fn read(
        &self,
        collection: &CollectionName,
        id: DocumentId,
    ) -> Result<StoredDocument, Error> {
        let outcome = self.run(collection, Action::Read { id }).await?;
        let document = outcome.document.ok_or_else(unexpected)?;
        Ok(StoredDocument {
            id: outcome.id,
            version: outcome.version,
            document,
            may_be_older: outcome.may_be_older,
        })
    }

    /// Replaces a live document whole; with `expected`, only that version of it.
    ///
    /// # Errors
    /// As [`Database::update`] and [`execute`](Self::execute).
    pub async fn update(
        &self,
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
        self.run(collection, action).await
    }

    /// Creates or replaces a document; the change of the outcome tells which.
    ///
    /// # Errors
    /// As [`Database::upsert`] and [`execute`](Self::execute).
    pub async fn upsert(
        &self,
        collection: &CollectionName,
        id: DocumentId,
        document: Document,
    ) -> Result<Outcome, Error> {
        self.run(collection, Action::Upsert { id, document }).await
    }

    /// Removes a live document; with `expected`, only that version of it.
    ///
    /// # Errors
    /// As [`Database::delete`] and [`execute`](Self::execute).
    pub async fn delete(
        &self,
        collection: &CollectionName,
        id: DocumentId,
        expected: Option<Version>,
    ) -> Result<Outcome, Error> {
        self.run(collection, Action::Delete { id, expected }).await
    }

    /// Applies steps to a live document, all or none.
    ///
    /// # Errors
    /// As [`Database::patch`] and [`execute`](Self::execute).
    pub async fn patch(
        &self,
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
        self.run(collection, action).await
    }

    /// Applies an RFC 7396 merge patch to a live document.
    ///
    /// # Errors
    /// As [`Database::merge`] and [`execute`](Self::execute).
    pub async fn merge(
        &self,
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
        self.run(collection, action).await
    }

    /// A page of the documents of a collection by id, as the transaction sees them: the first one,
    /// or the one behind the page whose cursor is given.
    ///
    /// # Errors
    /// `CollectionNotFound`, and those of [`execute`](Self::execute).
    pub async fn page(
        &self,
        collection: &CollectionName,
        options: ScanOptions,
        cursor: Option<CursorId>,
    ) -> Result<Page, Error> {
        let scan = Scan {
            database: self.shared.database,
            collection: collection.clone(),
            from: options.from,
            limit: options.page_documents,
            max_bytes: options.page_bytes,
            cursor,
            transaction: Some(self.shared.begun.handle),
        };
        match self.request(Command::Scan(scan)).await? {
            Reply::Page(page) => Ok(page),
            _ => Err(unexpected()),
        }
    }

    /// All documents of a collection by id, as the transaction sees them, as one page.
    ///
    /// # Errors
    /// As [`page`](Self::page).
    pub async fn scan(
        &self,
        collection: &CollectionName,
        options: ScanOptions,
    ) -> Result<Page, Error> {
        let mut all = self.page(collection, options, None).await?;
        while all.cursor.is_some() {
            let page = self.page(collection, options, all.cursor).await?;
            append(&mut all, page);
        }
        Ok(all)
    }

    /// Counts the documents of a collection, as the transaction sees them.
    ///
    /// # Errors
    /// `CollectionNotFound`, and those of [`execute`](Self::execute).
    pub async fn count(&self, collection: &CollectionName) -> Result<u64, Error> {
        let command = Command::Count {
            database: self.shared.database,
            collection: collection.clone(),
            transaction: Some(self.shared.begun.handle),
        };
        match self.request(command).await? {
            Reply::Count(documents) => Ok(documents),
            _ => Err(unexpected()),
        }
    }

    /// Makes it happen, and answers the version of everything that it wrote; where it wrote
    /// nothing, the one that it saw.
    ///
    /// # Errors
    /// `TxnConflict` naming what another transaction changed meanwhile; `TxnExpired`; those of
    /// [`Client::request`]. The effect tells whether it may have happened.
    pub async fn commit(self) -> Result<Version, Error> {
        self.end(None).await
    }

    /// As [`commit`](Self::commit), under a key: should the answer be lost,
    /// [`Database::committed`] tells what became of it.
    ///
    /// # Errors
    /// As [`commit`](Self::commit); `InvalidRequestId` where the key is that of another request.
    pub async fn commit_once(self, key: IdempotencyKey) -> Result<Version, Error> {
        self.end(Some(key)).await
    }

    async fn end(self, key: Option<IdempotencyKey>) -> Result<Version, Error> {
        let command = Command::Commit {
            database: self.shared.database,
            transaction: Some(self.shared.begun.handle),
            key,
        };
        let reply = self.request(command).await;
        // Without an answer the server may not have heard of its end.
        let is_open = matches!(&reply, Err(error) if error.code() == Code::Timeout);
        self.shared.is_open.store(is_open, Ordering::Relaxed);
        match reply? {
            Reply::Committed(version) => Ok(version),
            _ => Err(unexpected()),
        }
    }

    /// Ends it without a trace.
    ///
    /// # Errors
    /// Those of [`Client::request`]; it is gone or will be also then.
    pub async fn rollback(self) -> Result<(), Error> {
        self.shared.is_open.store(false, Ordering::Relaxed);
        match self.request(self.shared.rollback()).await? {
            Reply::RolledBack => Ok(()),
            _ => Err(unexpected()),
        }
    }

    /// Sends a request over the connection of the transaction, and again only where it was not even
    /// queued: steps of a transaction are not repeatable.
    async fn request(&self, command: Command) -> Result<Reply, Error> {
        let client = &self.shared.client;
        let source = Source::Client(client.clone());
        retrying_if(
            &source,
            || client.request(command.clone()),
            |error| error.code() == Code::QueueFull,
        )
        .await
    }
}

impl Shared {
    const fn rollback(&self) -> Command {
        Command::Rollback {
            database: self.database,
            transaction: self.begun.handle,
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.is_open.load(Ordering::Relaxed) {
            self.client.post(self.rollback());
        }
    }
}
