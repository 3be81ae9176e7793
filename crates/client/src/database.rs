use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use docdb_ipc::{
    CheckpointReport, CollectionInfo, Command, CompactionReport, CreateMode, Execute, HealOutcome,
    HealReport, HealingStatistics, OpenedDatabase, Reply, Statistics, StoredDocument,
    ValidationReport,
};
use docdb_types::{
    Action, CheckpointScope, Code, CollectionId, CollectionName, DatabaseId, DatabaseName,
    Document, DocumentId, Error, FsyncMode, IdempotencyKey, Operation, Outcome, PatchStep, Version,
};

use crate::connection::unexpected;
use crate::retry::{retrying, retrying_once};
use crate::source::Source;
use crate::{Client, Scan, ScanOptions};

/// A handle to one database. Clones share everything.
///
/// Requests that fail without an effect and may succeed later are tried again, as the
/// [`RetryPolicy`](crate::RetryPolicy) says. A connection on which the server does not hold the
/// database open opens it there again; a database that was dropped is not created anew by that.
#[derive(Debug, Clone)]
pub struct Database {
    source: Source,
    name: DatabaseName,
    /// What the server names it by; changes only when another database took its name.
    id: Arc<AtomicU64>,
    opened: OpenedDatabase,
}

impl Database {
    pub(crate) async fn open(
        source: Source,
        name: DatabaseName,
        create: CreateMode,
    ) -> Result<Self, Error> {
        let command = Command::OpenDatabase {
            name: name.clone(),
            create,
        };
        let opened = opened(source.request(&command).await?)?;
        Ok(Self {
            source,
            name,
            id: Arc::new(AtomicU64::new(opened.id.get())),
            opened,
        })
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &DatabaseName {
        &self.name
    }

    /// What the server names it by, for [`Command`]s of one's own.
    #[must_use]
    pub fn id(&self) -> DatabaseId {
        DatabaseId::new(self.id.load(Ordering::Relaxed))
    }

    /// Whether opening this handle created it.
    #[must_use]
    pub const fn was_created(&self) -> bool {
        self.opened.created
    }

    /// The fsync mode that was in force when it was opened.
    #[must_use]
    pub const fn fsync_mode(&self) -> FsyncMode {
        self.opened.fsync_mode
    }

    /// Stores a new document; without an id the next free one is assigned.
    ///
    /// # Errors
    /// `DocExists`, `CollectionNotFound`, and those of [`Client::request`].
    pub async fn create(
        &self,
        collection: &CollectionName,
        id: Option<DocumentId>,
        document: Document,
    ) -> Result<Outcome, Error> {
        self.run(collection, Action::Create { id, document }).await
    }

    /// Reads a document.
    ///
    /// # Errors
    /// `DocNotFound`, `CollectionNotFound`, and those of [`Client::request`].
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
    /// `DocNotFound`, `VersionMismatch`, `CollectionNotFound`, and those of [`Client::request`].
    pub async fn update(
        &self,
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
        .await
    }

    /// Creates or replaces a document; the change of the outcome tells which.
    ///
    /// # Errors
    /// `CollectionNotFound`, and those of [`Client::request`].
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
    /// `DocNotFound`, `VersionMismatch`, `CollectionNotFound`, and those of [`Client::request`].
    pub async fn delete(
        &self,
        collection: &CollectionName,
        id: DocumentId,
        expected: Option<Version>,
    ) -> Result<Outcome, Error> {
        self.run(collection, Action::Delete { id, expected }).await
    }

    /// Applies steps to a live document, all or none; with `expected`, only to that version of it.
    ///
    /// # Errors
    /// `DocNotFound`, `VersionMismatch`, `InvalidPatch`, `InvalidPath`, `NotJsonObject`,
    /// `CollectionNotFound`, and those of [`Client::request`].
    pub async fn patch(
        &self,
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
        .await
    }

    /// Applies an RFC 7396 merge patch to a live document; with `expected`, only to that version of
    /// it.
    ///
    /// # Errors
    /// `DocNotFound`, `VersionMismatch`, `CollectionNotFound`, and those of [`Client::request`].
    pub async fn merge(
        &self,
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
        .await
    }

    /// Runs operations in order and answers each; with `atomic`, as one transaction.
    ///
    /// A request that fails as a whole is tried again where its error allows; one that was run is
    /// not, whatever became of its operations.
    ///
    /// # Errors
    /// Those of [`Client::request`]; with `atomic` the error of the operation that failed, whose
    /// context names it as `step`.
    pub async fn execute(
        &self,
        operations: Vec<Operation>,
        atomic: bool,
    ) -> Result<Vec<Result<Outcome, Error>>, Error> {
        let count = operations.len();
        let reply = self
            .request(|database| {
                Command::Execute(Execute::new(database, atomic, operations.clone()))
            })
            .await?;
        match reply {
            Reply::Results(results) if results.len() == count => Ok(results),
            _ => Err(unexpected()),
        }
    }

    /// Runs writes as one transaction that happens once, however often it has to be sent: also where
    /// an answer was lost, the request is tried again under its key, as often and as long as the
    /// [`RetryPolicy`](crate::RetryPolicy) and the request timeout say.
    ///
    /// Sent once more with the same key, by whomever, it answers as it did. How long a key is known
    /// is said in the documentation of transactions.
    ///
    /// # Errors
    /// As [`execute`](Self::execute) with `atomic`; `UnknownOperation` where one of the operations
    /// only reads, `InvalidRequestId` where the key is that of another request.
    pub async fn execute_once(
        &self,
        key: &IdempotencyKey,
        operations: Vec<Operation>,
    ) -> Result<Vec<Outcome>, Error> {
        let command = |database| {
            Command::Execute(Execute {
                key: Some(key.clone()),
                ..Execute::new(database, true, operations.clone())
            })
        };
        let attempt = || async {
            let client = self.source.client().await?;
            self.request_over(&client, &command).await
        };
        match retrying_once(&self.source, attempt).await? {
            Reply::Results(results) if results.len() == operations.len() => {
                results.into_iter().collect()
            }
            _ => Err(unexpected()),
        }
    }

    /// What became of the commit of a transaction under a key, asked over any connection: its
    /// version, or `None` where it did not happen (or so long ago that the key is not known any
    /// more).
    ///
    /// # Errors
    /// Those of [`Client::request`].
    pub async fn committed(&self, key: &IdempotencyKey) -> Result<Option<Version>, Error> {
        let command = |database| Command::Commit {
            database,
            transaction: None,
            key: Some(key.clone()),
        };
        let attempt = || async {
            let client = self.source.client().await?;
            match self.request_over(&client, &command).await {
                Ok(Reply::Committed(version)) => Ok(Some(version)),
                Ok(_) => Err(unexpected()),
                Err(error) if error.code() == Code::TxnExpired => Ok(None),
                Err(error) => Err(error),
            }
        };
        retrying_once(&self.source, attempt).await
    }

    /// Lists the live documents of a collection by id, from one snapshot. Nothing is sent before
    /// the first page is asked for.
    #[must_use]
    pub fn scan(&self, collection: &CollectionName, options: ScanOptions) -> Scan {
        Scan::new(self.clone(), collection.clone(), options)
    }

    /// Counts the live documents of a collection.
    ///
    /// # Errors
    /// `CollectionNotFound`, and those of [`Client::request`].
    pub async fn count(&self, collection: &CollectionName) -> Result<u64, Error> {
        let command = |database| Command::Count {
            database,
            collection: collection.clone(),
            transaction: None,
        };
        match self.request(command).await? {
            Reply::Count(documents) => Ok(documents),
            _ => Err(unexpected()),
        }
    }

    /// Creates a collection.
    ///
    /// # Errors
    /// `CollectionExists`, and those of [`Client::request`].
    pub async fn create_collection(&self, name: &CollectionName) -> Result<CollectionId, Error> {
        let command = |database| Command::CreateCollection {
            database,
            collection: name.clone(),
        };
        match self.request(command).await? {
            Reply::CollectionCreated(id) => Ok(id),
            _ => Err(unexpected()),
        }
    }

    /// Removes an empty collection.
    ///
    /// # Errors
    /// `CollectionNotFound`, `CollectionNotEmpty`, and those of [`Client::request`].
    pub async fn delete_collection(&self, name: &CollectionName) -> Result<(), Error> {
        let command = |database| Command::DeleteCollection {
            database,
            collection: name.clone(),
        };
        match self.request(command).await? {
            Reply::CollectionDeleted => Ok(()),
            _ => Err(unexpected()),
        }
    }

    /// The collections, by name.
    ///
    /// # Errors
    /// Those of [`Client::request`].
    pub async fn list_collections(&self) -> Result<Vec<CollectionInfo>, Error> {
        match self
            .request(|database| Command::ListCollections { database })
            .await?
        {
            Reply::Collections(collections) => Ok(collections),
            _ => Err(unexpected()),
        }
    }

    /// What is measured about the server and this database.
    ///
    /// # Errors
    /// Those of [`Client::request`].
    pub async fn statistics(&self) -> Result<Statistics, Error> {
        match self
            .request(|database| Command::Statistics {
                database: Some(database),
            })
            .await?
        {
            Reply::Statistics(statistics) => Ok(*statistics),
            _ => Err(unexpected()),
        }
    }

    /// Writes a checkpoint now and waits for it.
    ///
    /// # Errors
    /// Those of [`Client::request`].
    pub async fn checkpoint(&self) -> Result<CheckpointReport, Error> {
        match self
            .request(|database| Command::Checkpoint {
                database,
                scope: CheckpointScope::Needed,
            })
            .await?
        {
            Reply::Checkpoint(report) => Ok(report),
            _ => Err(unexpected()),
        }
    }

    /// Rewrites the data files now, without what is dead in them, and waits for it.
    ///
    /// # Errors
    /// Those of [`Client::request`].
    pub async fn compact(&self) -> Result<CompactionReport, Error> {
        match self
            .request(|database| Command::Compact { database })
            .await?
        {
            Reply::Compact(report) => Ok(report),
            _ => Err(unexpected()),
        }
    }

    /// Restores a damaged document from another copy of its version; where none is left and
    /// `accept_older_version` is set, from the newest older one, as a new version.
    ///
    /// # Errors
    /// `DocNotFound`; `CorruptRecord` where it cannot be restored; those of [`Client::request`].
    pub async fn heal(
        &self,
        collection: &CollectionName,
        id: DocumentId,
        accept_older_version: bool,
    ) -> Result<HealOutcome, Error> {
        let command = |database| Command::Heal {
            database,
            collection: collection.clone(),
            id,
            accept_older_version,
        };
        match self.request(command).await? {
            Reply::Healed(outcome) => Ok(outcome),
            _ => Err(unexpected()),
        }
    }

    /// Restores everything that is damaged, and waits for it.
    ///
    /// # Errors
    /// Those of [`Client::request`]. That something is lost is none: the report says so.
    pub async fn heal_all(&self) -> Result<HealReport, Error> {
        match self
            .request(|database| Command::HealAll { database })
            .await?
        {
            Reply::HealedAll(report) => Ok(*report),
            _ => Err(unexpected()),
        }
    }

    /// Looks at one document, those of a collection, or all, and changes nothing.
    ///
    /// # Errors
    /// Those of [`Client::request`].
    pub async fn validate(
        &self,
        collection: Option<&CollectionName>,
        id: Option<DocumentId>,
    ) -> Result<ValidationReport, Error> {
        let command = |database| Command::Validate {
            database,
            collection: collection.cloned(),
            id,
        };
        match self.request(command).await? {
            Reply::Validated(report) => Ok(*report),
            _ => Err(unexpected()),
        }
    }

    /// What was healed.
    ///
    /// # Errors
    /// Those of [`Client::request`].
    pub async fn healing(&self) -> Result<HealingStatistics, Error> {
        match self
            .request(|database| Command::HealStatistics { database })
            .await?
        {
            Reply::HealStatistics(figures) => Ok(*figures),
            _ => Err(unexpected()),
        }
    }

    /// Closes the database on the connection. Using the handle again opens it again.
    ///
    /// # Errors
    /// Those of [`Client::request`].
    pub async fn close(self) -> Result<(), Error> {
        let command = Command::CloseDatabase {
            database: self.id(),
        };
        match self.source.request(&command).await? {
            Reply::DatabaseClosed => Ok(()),
            _ => Err(unexpected()),
        }
    }

    async fn run(&self, collection: &CollectionName, action: Action) -> Result<Outcome, Error> {
        let operation = Operation {
            collection: collection.clone(),
            action,
        };
        retrying(&self.source, || async {
            let client = self.source.client().await?;
            let command =
                |database| Command::Execute(Execute::new(database, false, vec![operation.clone()]));
            match self.request_over(&client, command).await? {
                Reply::Results(results) => results
                    .into_iter()
                    .next()
                    .unwrap_or_else(|| Err(unexpected())),
                _ => Err(unexpected()),
            }
        })
        .await
    }

    async fn request(&self, command: impl Fn(DatabaseId) -> Command) -> Result<Reply, Error> {
        retrying(&self.source, || async {
            let client = self.source.client().await?;
            self.request_over(&client, &command).await
        })
        .await
    }

    /// Sends a request over a connection, which opens the database first if the server says that
    /// it has to.
    pub(crate) async fn request_over(
        &self,
        client: &Client,
        command: impl Fn(DatabaseId) -> Command,
    ) -> Result<Reply, Error> {
        match client.request(command(self.id())).await {
            Err(error) if error.code() == Code::DbNotOpen => {
                let open = Command::OpenDatabase {
                    name: self.name.clone(),
                    create: CreateMode::Never,
                };
                let opened = opened(client.request(open).await?)?;
                self.id.store(opened.id.get(), Ordering::Relaxed);
                client.request(command(opened.id)).await
            }
            result => result,
        }
    }

    pub(crate) const fn source(&self) -> &Source {
        &self.source
    }
}

fn opened(reply: Reply) -> Result<OpenedDatabase, Error> {
    match reply {
        Reply::DatabaseOpened(opened) => Ok(opened),
        _ => Err(unexpected()),
    }
}
