use docdb_storage::IndexChange;
use docdb_types::{
    Change, Code, CollectionId, CollectionName, DocumentId, Effect, Error, FsyncMode,
    IdempotencyKey, Operation, Outcome, TransactionId, Version,
};
use docdb_wal::{Appended, RecordKind, RecordRef, Wal};

use super::batch::Batch;
use super::evaluate::Evaluation;
use super::ground::{BatchGround, Ground};
use super::keys::{KeyTable, Remembered, digest};
use super::request::{Answers, Atomicity, Gathered, Request, TextRoom, Waiting, Work};
use super::ticket::Promise;
use crate::database::LogicalDb;
use crate::transaction::Prepared;
use crate::trouble;

/// The one place where operations are checked and ordered, and the only writer of the log.
///
/// INVARIANT: whoever leads holds it for a whole step, so that between steps the index says exactly
/// what the log says.
#[derive(Debug)]
pub(crate) struct Committer {
    /// `None` once the database is closed.
    pub(crate) log: Option<Wal>,
    last_transaction: TransactionId,
    batch: Batch,
    changes: Vec<IndexChange<DocumentId>>,
    waiting: Vec<Waiting>,
    keys: KeyTable,
}

impl Committer {
    pub(crate) fn new(log: Wal, last_transaction: TransactionId, keys: KeyTable) -> Self {
        Self {
            log: Some(log),
            last_transaction,
            batch: Batch::default(),
            changes: Vec::new(),
            waiting: Vec::new(),
            keys,
        }
    }

    /// Forgets what a panic left half gathered; dropped promises answer for themselves.
    pub(crate) fn abandon(&mut self) {
        self.batch.clear();
        self.changes.clear();
        self.waiting.clear();
    }

    /// Performs what has queued, in order, and answers all of it.
    pub(crate) fn step(&mut self, database: &LogicalDb, works: impl Iterator<Item = Work>) {
        for work in works {
            match work {
                Work::Operations { request, promise } => self.gather(database, request, promise),
                Work::Transaction {
                    prepared,
                    key,
                    promise,
                } => self.gather_transaction(database, prepared, key, promise),
                Work::CreateCollection { name, promise } => {
                    self.flush(database);
                    promise.keep(self.create_collection(database, name));
                }
                Work::DeleteCollection { name, promise } => {
                    self.flush(database);
                    promise.keep(self.delete_collection(database, &name));
                }
            }
        }
        self.flush(database);
    }

    fn gather(&mut self, database: &LogicalDb, request: Request, promise: Promise<Answers>) {
        let mut gathered = Gathered::new(promise, request.operations.len());
        match (&request.key, request.atomicity) {
            (Some(key), _) => self.gather_once(database, &request, key, &mut gathered),
            (None, Atomicity::Each) => self.gather_each(database, &request, &mut gathered),
            (None, Atomicity::All) => self.gather_all(database, &request, &mut gathered),
        }
        if gathered.is_settled() {
            // Only what must wait for the disk waits.
            gathered.keep();
        } else {
            self.waiting.push(Waiting::Operations(gathered));
        }
    }

    /// What the request of a key was answered, or is going to be when the batch is durable.
    fn remembered(&self, key: &IdempotencyKey) -> Option<(&Remembered, bool)> {
        let staged = self.batch.remembered(key).map(|found| (found, true));
        staged.or_else(|| self.keys.get(key).map(|found| (found, false)))
    }

    /// Runs a request that happens once, or answers as it was answered before.
    fn gather_once(
        &mut self,
        database: &LogicalDb,
        request: &Request,
        key: &IdempotencyKey,
        gathered: &mut Gathered,
    ) {
        let digest = digest(&request.operations);
        if let Some((remembered, rests_on_batch)) = self.remembered(key) {
            let owed = request.operations.len();
            let answers = remembered.answers(digest);
            for answer in answers.unwrap_or_else(|error| vec![Err(error); owed]) {
                gathered.push(answer, rests_on_batch);
            }
            return;
        }
        self.gather_all(database, request, gathered);
    }

    fn gather_transaction(
        &mut self,
        database: &LogicalDb,
        prepared: Option<Prepared>,
        key: Option<IdempotencyKey>,
        promise: Promise<Result<Version, Error>>,
    ) {
        let known = key.as_ref().and_then(|key| self.remembered(key));
        if let Some((remembered, rests_on_batch)) = known {
            let answer = remembered.version();
            return self.answer_commit(promise, answer, rests_on_batch);
        }
        let Some(prepared) = prepared else {
            let reason = "the transaction is over, and no commit of this key is known";
            let answer = Err(Error::new(Code::TxnExpired, reason));
            return self.answer_commit(promise, answer, !self.batch.is_empty());
        };
        self.make_room(database, prepared.payload_bytes(), None);
        let transaction = self.last_transaction.next();
        let savepoint = self.batch.savepoint();
        let follows_writes = !self.batch.is_empty();
        let answer = database
            .health
            .check_writable()
            .and_then(|()| prepared.check(database, &self.batch.overlay))
            .and_then(|()| self.stage_all(database, &prepared, key.as_ref(), transaction));
        database.transactions.note_decision(&answer);
        let rests_on_batch = answer.is_ok() || follows_writes;
        if answer.is_ok() {
            self.batch.keep_transaction();
            self.last_transaction = transaction;
        } else {
            self.batch.undo_to(savepoint);
        }
        self.answer_commit(promise, answer, rests_on_batch);
    }

    fn answer_commit(
        &mut self,
        promise: Promise<Result<Version, Error>>,
        answer: Result<Version, Error>,
        rests_on_batch: bool,
    ) {
        if rests_on_batch {
            self.waiting.push(Waiting::Transaction { promise, answer });
        } else {
            promise.keep(answer);
        }
    }

    fn stage_all(
        &mut self,
        database: &LogicalDb,
        prepared: &Prepared,
        key: Option<&IdempotencyKey>,
        transaction: TransactionId,
    ) -> Result<Version, Error> {
        let mut ground = BatchGround {
            database,
            batch: &mut self.batch,
            transaction,
        };
        for (document_key, document) in &prepared.effects {
            ground.stage(*document_key, document.clone())?;
        }
        if let Some(key) = key {
            let remembered = Remembered::commit(transaction);
            self.batch.push_key(key, transaction, remembered)?;
        }
        Ok(transaction)
    }

    fn gather_each(&mut self, database: &LogicalDb, request: &Request, gathered: &mut Gathered) {
        let mut room = TextRoom::new(request.answer_bytes);
        for operation in &request.operations {
            self.make_room(
                database,
                operation.action.payload_bytes() as u64,
                Some(gathered),
            );
            let transaction = self.last_transaction.next();
            let savepoint = self.batch.savepoint();
            let evaluated = self.evaluate(database, transaction, &mut room, operation);
            if evaluated.wrote {
                self.batch.keep_transaction();
                self.last_transaction = transaction;
            } else {
                self.batch.undo_to(savepoint);
            }
            gathered.push(evaluated.answer, evaluated.rests_on_batch);
        }
    }

    fn gather_all(&mut self, database: &LogicalDb, request: &Request, gathered: &mut Gathered) {
        self.make_room(database, request.payload_bytes(), None);
        let transaction = self.last_transaction.next();
        let savepoint = self.batch.savepoint();
        let follows_writes = !self.batch.is_empty();
        let mut room = TextRoom::new(request.answer_bytes);
        for (position, operation) in request.operations.iter().enumerate() {
            let evaluated = self.evaluate(database, transaction, &mut room, operation);
            match evaluated.answer {
                Ok(outcome) => gathered.push(Ok(outcome), true),
                Err(error) => {
                    self.batch.undo_to(savepoint);
                    let owed = request.operations.len();
                    gathered.refuse_whole(position, error, owed, follows_writes);
                    return;
                }
            }
        }
        if let Some(key) = &request.key {
            let outcomes = gathered.outcomes();
            let digest = digest(&request.operations);
            let remembered = Remembered::operations(transaction, digest, outcomes);
            if let Err(error) = self.batch.push_key(key, transaction, remembered) {
                self.batch.undo_to(savepoint);
                let owed = request.operations.len();
                gathered.refuse_whole(0, error, owed, follows_writes);
                return;
            }
        }
        self.batch.keep_transaction();
        self.last_transaction = transaction;
    }

    fn evaluate(
        &mut self,
        database: &LogicalDb,
        transaction: TransactionId,
        room: &mut TextRoom,
        operation: &Operation,
    ) -> Evaluated {
        let sees_batch = operation.action.id().is_some_and(|id| {
            database
                .resolve(&operation.collection)
                .is_ok_and(|collection| self.batch.overlay.get((collection, id)).is_some())
        });
        let mut ground = BatchGround {
            database,
            batch: &mut self.batch,
            transaction,
        };
        let mut evaluation = Evaluation {
            ground: &mut ground,
            room,
        };
        let answer = evaluation.evaluate(operation);
        let wrote = answer
            .as_ref()
            .is_ok_and(|outcome| outcome.change != Change::Read);
        Evaluated {
            rests_on_batch: sees_batch || wrote,
            answer,
            wrote,
        }
    }

    /// Ends the batch where the next transaction would make it too large or is one too many.
    fn make_room(
        &mut self,
        database: &LogicalDb,
        next_bytes: u64,
        gathered: Option<&mut Gathered>,
    ) {
        let max_transactions = match database.options.fsync {
            FsyncMode::Always => 1,
            FsyncMode::Group | FsyncMode::Interval | FsyncMode::None => u64::MAX,
        };
        if self.batch.is_full(max_transactions, next_bytes) {
            let outcome = self.commit(database);
            if let Some(gathered) = gathered {
                gathered.conclude(outcome.as_ref().err());
            }
            self.answer(outcome.as_ref().err());
        }
    }

    /// Ends the batch and answers everything that waited for it.
    fn flush(&mut self, database: &LogicalDb) {
        let outcome = self.commit(database);
        self.answer(outcome.as_ref().err());
    }

    fn answer(&mut self, failure: Option<&Error>) {
        for waiting in self.waiting.drain(..) {
            waiting.keep(failure);
        }
    }

    /// Writes the batch, makes it durable as the mode says, and shows it.
    fn commit(&mut self, database: &LogicalDb) -> Result<(), Error> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let written = self.write(database);
        let transactions = self.batch.transactions();
        let shown = written.and_then(|appended| {
            database.count_committed(transactions);
            self.remember(database);
            // ORDER: only what is durable is shown (in the modes that acknowledge durable writes).
            self.changes.clear();
            self.changes.extend(
                self.batch
                    .changes
                    .iter()
                    .map(|change| change.placed(&appended)),
            );
            database.show(self.last_transaction, &self.changes)
        });
        self.batch.clear();
        shown
    }

    /// Knows the keys of the batch from now on.
    fn remember(&mut self, database: &LogicalDb) {
        if self.batch.keys.is_empty() {
            return;
        }
        for (key, remembered) in self.batch.keys.drain(..) {
            self.keys.add(key, remembered);
        }
        database.note_key_bytes(self.keys.bytes());
    }

    /// Writes all keys that are known to the end of the log, so that the log in front of it is not
    /// needed for them.
    ///
    /// # Errors
    /// Those of a commit.
    pub(crate) fn log_keys(&mut self, database: &LogicalDb) -> Result<(), Error> {
        let last = database.index.last_applied();
        for (key, remembered) in self.keys.iter() {
            self.batch.push_key(key, last, remembered.clone())?;
        }
        let written = if self.batch.builder.is_empty() {
            Ok(())
        } else {
            self.write(database).map(drop)
        };
        self.batch.clear();
        written
    }

    fn write(&mut self, database: &LogicalDb) -> Result<Appended, Error> {
        let log = self.log.as_mut().ok_or_else(closed)?;
        log.commit(&mut self.batch.builder).map_err(|error| {
            let error = trouble::of_log(error).in_database(&database.identity.name);
            if log.is_poisoned() {
                database.health.stop_writing(&error);
            }
            database.reserve.give_up_on(&error);
            error
        })
    }

    /// Syncs what was acknowledged without a sync.
    ///
    /// # Errors
    /// `FileSync`, and nothing is written any more.
    pub(crate) fn sync(&mut self, database: &LogicalDb) -> Result<(), Error> {
        let Some(log) = self.log.as_mut() else {
            return Ok(());
        };
        if log.durable() == log.end() {
            return Ok(());
        }
        log.sync().map_err(|error| {
            let error = trouble::of_log(error).in_database(&database.identity.name);
            database.health.stop_writing(&error);
            error
        })
    }

    fn create_collection(
        &mut self,
        database: &LogicalDb,
        name: CollectionName,
    ) -> Result<(), Error> {
        let code = Code::CollectionExists;
        if database.resolve(&name).is_ok() {
            return Err(Error::new(code, code.meaning()).in_collection(&name));
        }
        database.health.check_writable()?;
        database.check_memory(1)?;
        database.reserve.check_growth()?;
        database.check_disk_quota(0)?;
        let id = database.index.view().next_collection_id();
        let version = self.log_collection(database, RecordKind::CreateCollection, id, &name)?;
        let created = IndexChange::CreateCollection { id, name, version };
        database.show(version, &[created])
    }

    fn delete_collection(
        &mut self,
        database: &LogicalDb,
        name: &CollectionName,
    ) -> Result<(), Error> {
        if name.is_default() {
            return Err(Error::new(Code::InvalidName, "_default cannot be deleted"));
        }
        let id = database.resolve(name)?;
        if database.documents_in(id) > 0 {
            let code = Code::CollectionNotEmpty;
            return Err(Error::new(code, code.meaning()).in_collection(name));
        }
        database.health.check_writable()?;
        let version = self.log_collection(database, RecordKind::DropCollection, id, name)?;
        database.show(version, &[IndexChange::DropCollection { id, version }])
    }

    fn log_collection(
        &mut self,
        database: &LogicalDb,
        kind: RecordKind,
        collection: CollectionId,
        name: &CollectionName,
    ) -> Result<TransactionId, Error> {
        let transaction = self.last_transaction.next();
        let payload = name.as_str().as_bytes();
        self.batch
            .builder
            .push(RecordRef {
                kind,
                collection,
                transaction,
                key: &[],
                payload,
            })
            .map_err(trouble::of_log)?;
        let written = self.write(database);
        self.batch.clear();
        self.last_transaction = transaction;
        written.map(|_| transaction)
    }
}

/// The answer of an operation.
struct Evaluated {
    answer: Result<Outcome, Error>,
    /// Whether it depends on writes that are not durable.
    rests_on_batch: bool,
    /// Whether the batch carries something of it.
    wrote: bool,
}

pub(crate) fn closed() -> Error {
    Error::new(Code::DbNotActive, "the database is closed").with_effect(Effect::NotApplied)
}
