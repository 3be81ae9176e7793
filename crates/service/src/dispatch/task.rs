use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use docdb_engine::{Lead, LogicalDb};
use docdb_ipc::{Execute, Reply, Scan, TransactionHandle};
use docdb_types::{CollectionName, DatabaseId, IdempotencyKey, Isolation};

use super::awaited::{Answer, Awaited};
use super::{collections, execute, scan, statistics, transact};
use crate::cursor::Cursors;
use crate::job::abandoned;
use crate::session::Access;
use crate::shared::Shared;
use crate::transactions::Transactions;

/// What one operation costs beside its payload, in the scheduler's bytes.
const OPERATION_COST: u64 = 64;

/// What a request asks of one database that its connection has opened.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) database: DatabaseId,
    pub(crate) question: Question,
    /// Those of the connection.
    pub(crate) transactions: Arc<Transactions>,
    /// Whether nothing else of the connection is under way on the database.
    pub(crate) is_alone: bool,
}

/// The commands that are about one database and go through the scheduler.
#[derive(Debug)]
pub(crate) enum Question {
    Execute(Execute),
    Scan(Scan, Arc<Cursors>),
    Count(CollectionName),
    Begin(Isolation),
    Transact(TransactionHandle, Within),
    Commit(Option<TransactionHandle>, Option<IdempotencyKey>),
    CreateCollection(CollectionName),
    DeleteCollection(CollectionName),
    ListCollections,
    Statistics {
        /// Whether those of the server are told too.
        sees_the_server: bool,
    },
}

/// What is done with an open transaction.
#[derive(Debug)]
pub(crate) enum Within {
    Execute(Execute),
    Scan(Scan),
    Count(CollectionName),
    Rollback,
}

/// What became of a task when it was run.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) awaited: Awaited,
    /// The commit that it waits for, where nobody else performs it.
    pub(crate) lead: Option<Lead>,
}

impl Question {
    /// How many operations it is, as the quota counts them.
    pub(crate) fn operations(&self) -> u64 {
        match self {
            Self::Execute(execute) | Self::Transact(_, Within::Execute(execute)) => {
                execute.operations.len().max(1) as u64
            }
            _ => 1,
        }
    }

    /// How it deals with its database.
    pub(crate) fn access(&self) -> Access {
        match self {
            Self::Execute(execute) if execute::writes(execute) => Access::Write,
            Self::CreateCollection(_) | Self::DeleteCollection(_) => Access::Write,
            // Steps of a transaction take effect in their order.
            Self::Transact(_, Within::Execute(execute)) if execute::writes(execute) => {
                Access::Write
            }
            Self::Commit(..) | Self::Transact(_, Within::Rollback) => Access::Write,
            Self::Transact(..)
            | Self::Begin(_)
            | Self::Execute(_)
            | Self::Scan(..)
            | Self::Count(_)
            | Self::ListCollections
            | Self::Statistics { .. } => Access::Read,
        }
    }
}

impl Task {
    /// What it weighs against the work of other databases, in bytes moved.
    pub(crate) fn cost(&self, shared: &Shared) -> u64 {
        match &self.question {
            Question::Execute(execute) | Question::Transact(_, Within::Execute(execute)) => {
                let payload = execute
                    .operations
                    .iter()
                    .map(|operation| OPERATION_COST + operation.action.payload_bytes() as u64);
                payload.sum()
            }
            Question::Scan(scan, _) | Question::Transact(_, Within::Scan(scan)) => {
                scan::limit(scan, shared).bytes as u64
            }
            Question::Count(_)
            | Question::Begin(_)
            | Question::Transact(..)
            | Question::Commit(..)
            | Question::CreateCollection(_)
            | Question::DeleteCollection(_)
            | Question::ListCollections
            | Question::Statistics { .. } => OPERATION_COST,
        }
    }

    /// As [`begin`](Self::begin); a panic becomes the answer of this request and nobody else's.
    pub(crate) fn begin_isolated(self, shared: &Shared) -> Begun {
        catch_unwind(AssertUnwindSafe(|| self.begin(shared)))
            .unwrap_or_else(|_| Begun::answered(Err(abandoned())))
    }

    /// Runs the task: a read to its end, a write to where it has queued for its commit. Blocks for
    /// the disk where a read does, or where the database has to be opened again.
    fn begin(self, shared: &Shared) -> Begun {
        match shared.engine.database(self.database) {
            Ok(database) => self.begin_on(&database, shared),
            Err(error) => Begun::answered(Err(error)),
        }
    }

    fn begin_on(self, database: &Arc<LogicalDb>, shared: &Shared) -> Begun {
        match self.question {
            Question::Execute(execute) => {
                execute::begin(database, execute, self.is_alone, shared.codec.frame_limit())
            }
            Question::Scan(scan, cursors) => {
                Begun::answered(scan::page(database, scan, &cursors, shared))
            }
            Question::Count(collection) => {
                Begun::answered(database.count(&collection).map(Reply::Count))
            }
            Question::Begin(isolation) => {
                Begun::answered(transact::begin(database, isolation, &self.transactions))
            }
            Question::Transact(handle, within) => {
                let answer = within.answer(handle, self.database, &self.transactions, shared);
                Begun::answered(answer)
            }
            Question::Commit(handle, key) => {
                let begun = transact::commit(database, handle, key, &self.transactions);
                begun.unwrap_or_else(|error| Begun::answered(Err(error)))
            }
            Question::CreateCollection(name) => collections::create(database, name),
            Question::DeleteCollection(name) => collections::delete(database, name),
            Question::ListCollections => Begun::answered(collections::list(database)),
            Question::Statistics { sees_the_server } => {
                let figures = statistics::of_database(database, shared, sees_the_server);
                Begun::answered(Ok(figures))
            }
        }
    }
}

impl Within {
    fn answer(
        self,
        handle: TransactionHandle,
        database: DatabaseId,
        transactions: &Transactions,
        shared: &Shared,
    ) -> Answer {
        match self {
            Self::Execute(execute) => {
                let frame_limit = shared.codec.frame_limit();
                transact::execute(handle, execute, transactions, frame_limit)
            }
            Self::Scan(scan) => {
                let limit = scan::limit(&scan, shared);
                transact::scan(handle, &scan, limit, transactions)
            }
            Self::Count(collection) => transact::count(handle, database, &collection, transactions),
            Self::Rollback => {
                // One that is over already needs no rollback.
                drop(transactions.take(handle, database));
                Ok(Reply::RolledBack)
            }
        }
    }
}

impl Begun {
    pub(crate) const fn answered(answer: Answer) -> Self {
        Self {
            awaited: Awaited::ready(answer),
            lead: None,
        }
    }
}
