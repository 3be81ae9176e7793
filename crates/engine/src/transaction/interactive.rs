use std::collections::BTreeMap;
use std::sync::Arc;

use docdb_types::{
    Code, CollectionName, DocumentId, Error, IdempotencyKey, Isolation, Operation, Version,
};

use super::ground::{TransactionGround, Workspace};
use super::reads::ReadSet;
use super::{Prepared, WriteSet};
use crate::Submitted;
use crate::commit::{Answers, Atomicity, Evaluation, TextRoom};
use crate::database::{LogicalDb, Page, ScanLimit, Snapshot};

/// Operations that see one moment and happen together: all of them at the commit, or none.
///
/// Reads see the snapshot that was taken at the beginning, and above it what the transaction wrote
/// itself. Nothing is written, and nobody waits, before the commit. Dropping it rolls it back.
///
/// What it wrote has no version before the commit: such outcomes answer version 0.
#[derive(Debug)]
pub struct Transaction {
    // ORDER: dropped before the database that it belongs to.
    snapshot: Snapshot,
    workspace: Workspace,
    /// Operations and pages so far.
    operations: usize,
}

impl LogicalDb {
    /// Begins a transaction on what is durable now (in `interval` and `none` mode: on what is
    /// acknowledged).
    ///
    /// # Errors
    /// `TooManyTxns`, `DbNotActive`.
    pub fn begin(self: &Arc<Self>, isolation: Isolation) -> Result<Transaction, Error> {
        self.health.check_readable()?;
        let place = self.transactions.enter(&self.options.transactions)?;
        Ok(Transaction {
            snapshot: self.snapshot(),
            workspace: Workspace {
                database: Arc::clone(self),
                isolation,
                names: BTreeMap::new(),
                reads: ReadSet::default(),
                writes: WriteSet::default(),
                place,
            },
            operations: 0,
        })
    }
}

impl Transaction {
    /// The database that it belongs to.
    #[must_use]
    pub const fn database(&self) -> &Arc<LogicalDb> {
        &self.workspace.database
    }

    /// Its isolation.
    #[must_use]
    pub const fn isolation(&self) -> Isolation {
        self.workspace.isolation
    }

    /// The newest transaction that it sees.
    #[must_use]
    pub const fn snapshot_version(&self) -> Version {
        self.snapshot.version()
    }

    /// Runs operations in order. A refused one leaves the transaction as it was before it, or, with
    /// [`Atomicity::All`], as it was before all of them; either way it goes on.
    ///
    /// The texts of the answers take `answer_bytes` together, see
    /// [`Request::answer_bytes`](crate::Request::answer_bytes).
    ///
    /// # Errors
    /// Each operation has an answer of its own. `TxnExpired`, `TooManyOps` and `PayloadTooLarge`
    /// where the transaction passes its limits, `MemoryLimit` where the database does.
    pub fn execute(
        &mut self,
        operations: &[Operation],
        atomicity: Atomicity,
        answer_bytes: usize,
    ) -> Answers {
        let held = self
            .count(operations.len())
            .and_then(|()| self.snapshot.held(&self.workspace.database));
        let held = match held {
            Ok(held) => held,
            Err(error) => return vec![Err(error); operations.len()],
        };
        let mut room = TextRoom::new(answer_bytes);
        let mut answers = Answers::with_capacity(operations.len());
        for (position, operation) in operations.iter().enumerate() {
            let mut ground = TransactionGround {
                workspace: &mut self.workspace,
                held: &held,
            };
            let mut evaluation = Evaluation {
                ground: &mut ground,
                room: &mut room,
            };
            let answer = evaluation.evaluate(operation);
            match (atomicity, answer) {
                (Atomicity::Each, answer) => {
                    self.workspace.writes.keep();
                    answers.push(answer);
                }
                (Atomicity::All, Ok(outcome)) => answers.push(Ok(outcome)),
                (Atomicity::All, Err(error)) => {
                    self.workspace.writes.undo();
                    let step = u32::try_from(position).unwrap_or(u32::MAX);
                    return vec![Err(error.at_step(step)); operations.len()];
                }
            }
        }
        self.workspace.writes.keep();
        answers
    }

    /// Reads documents in the order of their ids, from `from` on, with what the transaction wrote.
    ///
    /// # Errors
    /// As [`LogicalDb::scan`]; `TxnExpired` and `TooManyOps` where the transaction passes its
    /// limits.
    pub fn scan(
        &mut self,
        collection: &CollectionName,
        from: Option<DocumentId>,
        limit: ScanLimit,
    ) -> Result<Page, Error> {
        self.count(1)?;
        let held = self.snapshot.held(&self.workspace.database)?;
        let id = self.workspace.resolve(&held, collection)?;
        let from = from.unwrap_or(DocumentId::MIN);
        let page = self
            .workspace
            .database
            .page(id, from, limit, &held, &self.workspace.writes)
            .map_err(|error| error.in_collection(collection))?;
        let end = page.next.and_then(|next| DocumentId::new(next.get() - 1));
        let end = if page.next.is_some() {
            end.unwrap_or(DocumentId::MIN)
        } else {
            DocumentId::MAX
        };
        self.workspace.note_range(id, from, end);
        Ok(page)
    }

    /// Live documents of a collection, with what the transaction wrote. As a read of all of them.
    ///
    /// # Errors
    /// `CollectionNotFound`; `TxnExpired` and `TooManyOps` where the transaction passes its limits.
    pub fn count_documents(&mut self, collection: &CollectionName) -> Result<u64, Error> {
        self.count(1)?;
        let held = self.snapshot.held(&self.workspace.database)?;
        let id = self.workspace.resolve(&held, collection)?;
        let count = self
            .workspace
            .database
            .count_at(id, &held, &self.workspace.writes)?;
        self.workspace
            .note_range(id, DocumentId::MIN, DocumentId::MAX);
        Ok(count)
    }

    /// Hands the transaction to the committer, which checks it and makes it happen. One that wrote
    /// nothing is answered at once: it cannot conflict.
    ///
    /// Under a key it happens once: should the answer be lost,
    /// [`LogicalDb::submit_committed`] tells what became of it, also after a crash.
    ///
    /// The ticket answers the version of everything that was written (of a transaction that only
    /// read: the one it saw), or
    ///
    /// # Errors
    /// `TxnConflict` naming what was changed meanwhile, `TxnExpired`, `MemoryLimit`, or why nothing
    /// can be written. The transaction is over either way.
    ///
    /// # Durability
    /// As [`LogicalDb::submit`].
    pub fn submit_commit(self, key: Option<IdempotencyKey>) -> Submitted<Result<Version, Error>> {
        let Self {
            snapshot,
            workspace,
            ..
        } = self;
        let database = Arc::clone(&workspace.database);
        let prepared = match Prepared::new(&snapshot, workspace) {
            Ok(Some(prepared)) => prepared,
            Ok(None) => {
                database.transactions.note_read();
                return Submitted::answered(Ok(snapshot.version()));
            }
            Err(error) => return Submitted::answered(Err(error)),
        };
        database.submit_transaction(Some(prepared), key)
    }

    /// Commits and waits.
    ///
    /// # Errors
    /// As [`submit_commit`](Self::submit_commit).
    pub fn commit(self) -> Result<Version, Error> {
        self.submit_commit(None).wait()
    }

    /// Ends the transaction without a trace.
    pub fn rollback(self) {
        drop(self);
    }

    fn count(&mut self, operations: usize) -> Result<(), Error> {
        self.workspace.database.health.check_readable()?;
        let after = self.operations.saturating_add(operations);
        let limit = self.workspace.database.options.transactions.operations;
        if after > limit {
            let text = format!("{after} operations in one transaction, at most {limit}");
            return Err(Error::new(Code::TooManyOps, text));
        }
        if self.workspace.isolation == Isolation::Serializable {
            let growth = ReadSet::READ_BYTES * operations as u64;
            self.workspace.database.check_growth(growth)?;
        }
        self.operations = after;
        Ok(())
    }
}
