use std::fmt;
use std::num::NonZeroU64;

use bytes::Bytes;
use docdb_types::{
    CheckpointScope, CollectionName, DatabaseId, DatabaseName, DocumentId, Error, IdempotencyKey,
    Isolation, Operation, Outcome, QuotaChange,
};

macro_rules! nonzero {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(NonZeroU64);

        impl $name {
            /// The smallest one.
            pub const MIN: Self = Self(NonZeroU64::MIN);

            /// The one with this number; `None` for 0.
            #[must_use]
            pub const fn new(number: u64) -> Option<Self> {
                match NonZeroU64::new(number) {
                    Some(number) => Some(Self(number)),
                    None => None,
                }
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0.get()
            }

            /// The one after this one; behind the largest, the smallest again.
            #[must_use]
            pub const fn next(self) -> Self {
                match self.0.checked_add(1) {
                    Some(number) => Self(number),
                    None => Self::MIN,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

nonzero! {
    /// What a client names a request by: unique among those of its connection that are not answered.
    RequestId
}

nonzero! {
    /// An open transaction: known to the connection that began it, and to no other.
    TransactionHandle
}

nonzero! {
    /// A scan that goes on: known to the connection that began it, and to no other.
    CursorId
}

/// What a client sends.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What its answer will name.
    pub id: RequestId,
    /// What is asked for.
    pub command: Command,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Introduces the client.
    Hello(Hello),
    /// Answers, and does nothing.
    Ping,
    /// Runs operations on documents.
    Execute(Execute),
    /// Lists documents, a page at a time.
    Scan(Scan),
    /// Gives a cursor up before its end.
    CloseCursor {
        /// The cursor.
        cursor: CursorId,
    },
    /// Counts the live documents of a collection.
    Count {
        /// The database.
        database: DatabaseId,
        /// The collection.
        collection: CollectionName,
        /// The transaction whose snapshot and writes are counted.
        transaction: Option<TransactionHandle>,
    },
    /// Begins a transaction.
    Begin {
        /// The database.
        database: DatabaseId,
        /// What it is protected from.
        isolation: Isolation,
    },
    /// Makes a transaction happen.
    Commit {
        /// The database.
        database: DatabaseId,
        /// The transaction; `None` asks only what became of a commit under the key.
        transaction: Option<TransactionHandle>,
        /// Under which it happens once.
        key: Option<IdempotencyKey>,
    },
    /// Ends a transaction without a trace.
    Rollback {
        /// The database.
        database: DatabaseId,
        /// The transaction.
        transaction: TransactionHandle,
    },
    /// Opens a database.
    OpenDatabase {
        /// Its name.
        name: DatabaseName,
        /// Whether it may or must be created.
        create: CreateMode,
    },
    /// Closes a database on this connection.
    CloseDatabase {
        /// The database.
        database: DatabaseId,
    },
    /// Removes a database and everything in it.
    DropDatabase {
        /// Its name.
        name: DatabaseName,
    },
    /// Lists all databases.
    ListDatabases,
    /// Creates a collection.
    CreateCollection {
        /// The database.
        database: DatabaseId,
        /// The collection.
        collection: CollectionName,
    },
    /// Removes an empty collection.
    DeleteCollection {
        /// The database.
        database: DatabaseId,
        /// The collection.
        collection: CollectionName,
    },
    /// Lists the collections of a database.
    ListCollections {
        /// The database.
        database: DatabaseId,
    },
    /// Answers what is measured.
    Statistics {
        /// The database, or `None` for the whole server.
        database: Option<DatabaseId>,
    },
    /// Writes a checkpoint now.
    Checkpoint {
        /// The database.
        database: DatabaseId,
        /// What has to be in its data files.
        scope: CheckpointScope,
    },
    /// Every figure as OpenMetrics text.
    Metrics,
    /// Rewrites the data files now, without what is dead in them.
    Compact {
        /// The database.
        database: DatabaseId,
    },
    /// Changes what a database may use.
    ChangeQuotas {
        /// The database, open or not.
        name: DatabaseName,
        /// What is changed.
        change: QuotaChange,
    },
    /// Restores a damaged document from another copy of its version.
    Heal {
        /// The database.
        database: DatabaseId,
        /// The collection.
        collection: CollectionName,
        /// The document.
        id: DocumentId,
        /// Whether the newest older version may stand in, as a new version.
        accept_older_version: bool,
    },
    /// Restores everything that is damaged.
    HealAll {
        /// The database.
        database: DatabaseId,
    },
    /// Looks at documents and changes nothing.
    Validate {
        /// The database.
        database: DatabaseId,
        /// The collection; `None`: all, or `_default` where a document is named.
        collection: Option<CollectionName>,
        /// The document; `None`: all.
        id: Option<DocumentId>,
    },
    /// Answers what was healed.
    HealStatistics {
        /// The database.
        database: DatabaseId,
    },
}

/// Who a client is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hello {
    /// The version of the contract that it was written against.
    pub protocol_version: u32,
    /// Name of the program, for logs.
    pub client_name: String,
    /// Proof of who it is; empty where none is asked for.
    pub token: Bytes,
}

/// Whether opening a database may or must create it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CreateMode {
    /// Created when it is missing.
    #[default]
    IfMissing,
    /// Never created: `DbNotFound` when it is missing.
    Never,
    /// Always created: `DbExists` when it is there.
    Always,
}

/// Operations on documents, run in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Execute {
    /// The database.
    pub database: DatabaseId,
    /// Whether they are one transaction: all or none.
    pub atomic: bool,
    /// The transaction that they belong to.
    pub transaction: Option<TransactionHandle>,
    /// Under which they happen once.
    pub key: Option<IdempotencyKey>,
    /// What is run: the operations that are well formed, in their order.
    pub operations: Vec<Operation>,
    /// What is not run: operations of a request that is not atomic and that were refused while
    /// decoding, with their positions among all operations of the request, in ascending order.
    /// Empty in what a client sends.
    pub refused: Vec<(u32, Error)>,
}

impl Execute {
    /// Operations as a client sends them.
    #[must_use]
    pub const fn new(database: DatabaseId, atomic: bool, operations: Vec<Operation>) -> Self {
        Self {
            database,
            atomic,
            transaction: None,
            key: None,
            operations,
            refused: Vec::new(),
        }
    }

    /// Puts the refusals between the results of what was run, so that every result stands where its
    /// operation stood.
    #[must_use]
    pub fn merge(
        refused: Vec<(u32, Error)>,
        results: Vec<Result<Outcome, Error>>,
    ) -> Vec<Result<Outcome, Error>> {
        if refused.is_empty() {
            return results;
        }
        let mut merged = Vec::with_capacity(results.len() + refused.len());
        let mut results = results.into_iter();
        for (position, error) in refused {
            let missing = (position as usize).saturating_sub(merged.len());
            merged.extend(results.by_ref().take(missing));
            merged.push(Err(error));
        }
        merged.extend(results);
        merged
    }
}

/// Asks for a page of documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The database.
    pub database: DatabaseId,
    /// The collection.
    pub collection: CollectionName,
    /// The smallest id that is listed; `None` means from the first.
    pub from: Option<DocumentId>,
    /// Most documents in this page; 0 leaves it to the server.
    pub limit: u32,
    /// Most bytes of text in this page, of which the first document may be more; 0 leaves it to
    /// the server.
    pub max_bytes: u64,
    /// Goes on behind an earlier page, on its snapshot; `collection` and `from` are then ignored.
    pub cursor: Option<CursorId>,
    /// The transaction whose snapshot and writes are listed. Its cursors are the ids with which the
    /// pages begin, in `collection`.
    pub transaction: Option<TransactionHandle>,
}

impl Command {
    /// The open database that it is about; `None` where it is about none, or names one.
    #[must_use]
    pub const fn database(&self) -> Option<DatabaseId> {
        match self {
            Self::Execute(execute) => Some(execute.database),
            Self::Scan(scan) => Some(scan.database),
            Self::Count { database, .. }
            | Self::Compact { database, .. }
            | Self::Heal { database, .. }
            | Self::HealAll { database }
            | Self::Validate { database, .. }
            | Self::HealStatistics { database }
            | Self::Begin { database, .. }
            | Self::Commit { database, .. }
            | Self::Rollback { database, .. }
            | Self::CloseDatabase { database }
            | Self::CreateCollection { database, .. }
            | Self::DeleteCollection { database, .. }
            | Self::ListCollections { database }
            | Self::Checkpoint { database, .. } => Some(*database),
            Self::Statistics { database } => *database,
            Self::Hello(_)
            | Self::Ping
            | Self::CloseCursor { .. }
            | Self::OpenDatabase { .. }
            | Self::DropDatabase { .. }
            | Self::ChangeQuotas { .. }
            | Self::Metrics
            | Self::ListDatabases => None,
        }
    }

    /// Whether it can change what is stored.
    #[must_use]
    pub fn is_write(&self) -> bool {
        match self {
            // What an open transaction does is not stored.
            Self::Execute(Execute {
                transaction: Some(_),
                ..
            }) => false,
            Self::Execute(execute) => execute
                .operations
                .iter()
                .any(|operation| operation.action.is_write()),
            Self::OpenDatabase { create, .. } => *create != CreateMode::Never,
            Self::DropDatabase { .. }
            | Self::CreateCollection { .. }
            | Self::DeleteCollection { .. }
            | Self::Commit { .. } => true,
            Self::Hello(_)
            | Self::Ping
            | Self::Scan(_)
            | Self::CloseCursor { .. }
            | Self::Begin { .. }
            | Self::Rollback { .. }
            | Self::Count { .. }
            | Self::CloseDatabase { .. }
            | Self::ListDatabases
            | Self::ListCollections { .. }
            | Self::Statistics { .. }
            | Self::Checkpoint { .. }
            | Self::Compact { .. }
            | Self::ChangeQuotas { .. }
            | Self::HealAll { .. }
            | Self::Validate { .. }
            | Self::HealStatistics { .. }
            | Self::Metrics => false,
            // Only an older version that stands in is a write.
            Self::Heal {
                accept_older_version,
                ..
            } => *accept_older_version,
        }
    }

    /// Whether it carries a key under which it happens once.
    #[must_use]
    pub const fn has_key(&self) -> bool {
        matches!(
            self,
            Self::Execute(Execute { key: Some(_), .. }) | Self::Commit { key: Some(_), .. }
        )
    }

    /// Whether running it twice is the same as running it once, so that nothing is in doubt when
    /// its answer is lost. A cursor moves with every page and so is not. What happens within a
    /// transaction is without effect until its commit.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        !self.is_write()
            && !matches!(
                self,
                Self::Scan(Scan {
                    cursor: Some(_),
                    transaction: None,
                    ..
                })
            )
    }
}
