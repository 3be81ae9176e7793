//! How a write comes in: counted against the caps, refused early where that is certain, else queued
//! for the committer.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use docdb_storage::{Entry, IndexChange, Location, LogPosition};
use docdb_types::{
    Action, Code, CollectionName, DocumentId, Effect, Error, FsyncMode, IdempotencyKey, Operation,
    TransactionId, Version,
};
use docdb_wal::Appended;
use docdb_wal::group::Leadership;

use super::LogicalDb;
use crate::commit::{
    Answers, Committer, Lead, Request, StagedChange, Ticket, Waits, Woken, Work, abandoned,
    abandoned_answers, promise,
};
use crate::transaction::Prepared;

/// Memory that one more document takes in the index, in bytes, at most.
const INDEX_ENTRY_BYTES: u64 = 64;

/// Steps that who leads takes behind its own answer, where others are blocked who can go on. Each is
/// as long as a sync; to hand on costs a wake-up before the next one can begin.
const STEPS_FOR_OTHERS: usize = 4;

/// What became of a submitted request: its ticket, and maybe the duty to commit it.
#[derive(Debug)]
pub struct Submitted<T> {
    /// The claim to the answer.
    pub ticket: Ticket<T>,
    /// Handed to the caller when nobody commits on the database at present.
    pub lead: Option<Lead>,
}

impl<T> Submitted<T> {
    pub(crate) fn answered(answer: T) -> Self {
        Self {
            ticket: Ticket::ready(answer),
            lead: None,
        }
    }

    /// Takes the lead if it is there, and blocks until the answer is.
    ///
    /// Whoever leads commits a little for others behind its own answer, and then leaves the rest to one of
    /// them, if there is one that is blocked as well.
    pub fn wait(self) -> T {
        let Self {
            mut ticket,
            mut lead,
        } = self;
        loop {
            match ticket.poll_once() {
                Ok(answer) => {
                    serve_others(lead);
                    return answer;
                }
                Err(rest) => ticket = rest,
            }
            lead = match lead {
                Some(lead) => lead.step(),
                None => match ticket.wake_up() {
                    Woken::Answered(answer) => return answer,
                    Woken::Leads(lead, rest) => {
                        ticket = rest;
                        Some(lead)
                    }
                },
            };
        }
    }
}

/// Takes some steps and hands on what is left.
fn serve_others(mut lead: Option<Lead>) {
    for _ in 0..STEPS_FOR_OTHERS {
        lead = lead.and_then(Lead::step);
    }
    if let Some(lead) = lead {
        lead.hand_on();
    }
}

impl LogicalDb {
    /// Takes a request in. Reads are answered at once; writes wait for their commit, which the
    /// caller may be handed to perform.
    ///
    /// # Errors
    /// Each operation has an answer of its own. `MemoryLimit` refuses the whole request where its
    /// payload would pass a cap, `TooManyOps` and `PayloadTooLarge` where a limit is passed.
    ///
    /// # Durability
    /// Answers of writes come after their sync in `always` and `group` mode.
    pub fn submit(self: &Arc<Self>, request: Request) -> Submitted<Answers> {
        self.take_in(request, Waits::Anyhow)
    }

    /// As [`submit`](Self::submit), of a caller that waits in this way.
    pub(super) fn take_in(self: &Arc<Self>, request: Request, waits: Waits) -> Submitted<Answers> {
        let owed = request.operations.len();
        if let Err(error) = self.admit(&request) {
            return Submitted::answered(vec![Err(error); owed]);
        }
        if let Err(error) = request.check_key() {
            return Submitted::answered(vec![Err(error); owed]);
        }
        if !request.writes() {
            return Submitted::answered(self.read_all(&request));
        }
        if request.may_refuse_early
            && request.key.is_none()
            && let Some(operation) = request.single_write()
            && let Some(error) = self.refuse_early(operation)
        {
            return Submitted::answered(vec![Err(error)]);
        }
        let (promise, ticket) = promise(owed, abandoned_answers, waits);
        let lead = self.enqueue(Work::Operations { request, promise });
        Submitted { ticket, lead }
    }

    /// Queues the commit of a transaction.
    pub(crate) fn submit_transaction(
        self: &Arc<Self>,
        prepared: Option<Prepared>,
        key: Option<IdempotencyKey>,
    ) -> Submitted<Result<Version, Error>> {
        let (promise, ticket) = promise(1, |_| Err(abandoned()), Waits::Anyhow);
        let lead = self.enqueue(Work::Transaction {
            prepared,
            key,
            promise,
        });
        Submitted { ticket, lead }
    }

    /// Asks what became of the commit of a transaction that is over, by its key.
    ///
    /// # Errors
    /// The ticket answers `TxnExpired` where no commit of the key is known: it did not happen, or
    /// too long ago.
    pub fn submit_committed(
        self: &Arc<Self>,
        key: IdempotencyKey,
    ) -> Submitted<Result<Version, Error>> {
        self.submit_transaction(None, Some(key))
    }

    /// Queues the creation of a collection.
    ///
    /// # Errors
    /// The ticket answers `CollectionExists`, `MemoryLimit`, or why nothing can be written.
    pub fn submit_create_collection(
        self: &Arc<Self>,
        name: CollectionName,
    ) -> Submitted<Result<(), Error>> {
        let (promise, ticket) = promise(1, |_| Err(abandoned()), Waits::Anyhow);
        let lead = self.enqueue(Work::CreateCollection { name, promise });
        Submitted { ticket, lead }
    }

    /// Queues the deletion of an empty collection.
    ///
    /// # Errors
    /// The ticket answers `CollectionNotFound`, `CollectionNotEmpty`, `InvalidName` for `_default`,
    /// or why nothing can be written.
    pub fn submit_delete_collection(
        self: &Arc<Self>,
        name: CollectionName,
    ) -> Submitted<Result<(), Error>> {
        let (promise, ticket) = promise(1, |_| Err(abandoned()), Waits::Anyhow);
        let lead = self.enqueue(Work::DeleteCollection { name, promise });
        Submitted { ticket, lead }
    }

    fn enqueue(self: &Arc<Self>, work: Work) -> Option<Lead> {
        let bytes = work.payload_bytes();
        self.requested_bytes.fetch_add(bytes, Ordering::Relaxed);
        match self.queue.join(work) {
            Some(leadership) => Some(Lead::new(Arc::clone(self), leadership)),
            None => {
                self.gathering.arrive(|| self.queue.len());
                None
            }
        }
    }

    /// Performs one step as the leader. Returns the leadership when more has queued.
    pub(crate) fn step(&self, mut leadership: Leadership<Work>) -> Option<Leadership<Work>> {
        let most = self.options.max_batch_size;
        if self.options.fsync == FsyncMode::Group {
            self.gathering.hold(&leadership, most, &*self.clock);
        }
        let begun = self.clock.monotonic();
        let mut works = Vec::new();
        let taken = leadership.take(most, &mut works);
        let bytes: u64 = works.iter().map(Work::payload_bytes).sum();
        let guard = PanicGuard { database: self };
        let mut committer = self.committer.lock();
        committer.step(self, works.drain(..));
        self.signal_upkeep(&committer);
        drop(committer);
        std::mem::forget(guard);
        self.requested_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.publish_memory();
        self.signals.traffic().note_commit();
        let step = self.clock.monotonic().saturating_sub(begun);
        self.gathering.note_step(taken, step);
        leadership.finish()
    }

    /// Asks for what has become due by a step.
    fn signal_upkeep(&self, committer: &Committer) {
        let Some(log) = committer.log.as_ref() else {
            return;
        };
        if self.options.fsync == FsyncMode::Interval && log.durable() < log.end() {
            self.signals.want_sync();
        }
        let uncovered = log.end().get().saturating_sub(self.covering().get());
        if self
            .options
            .checkpoint_bytes
            .is_some_and(|bytes| uncovered >= bytes)
        {
            self.signals.want_checkpoint();
        }
    }

    fn admit(&self, request: &Request) -> Result<(), Error> {
        self.health.check_readable()?;
        let limits = &self.options.limits;
        let operations = request.operations.len();
        if operations > limits.request_operations {
            return Err(Error::new(
                Code::TooManyOps,
                format!(
                    "{operations} operations, at most {}",
                    limits.request_operations
                ),
            ));
        }
        let bytes = request.payload_bytes();
        if bytes as usize > limits.request_bytes {
            return Err(Error::new(
                Code::PayloadTooLarge,
                format!("{bytes} bytes of payload, at most {}", limits.request_bytes),
            ));
        }
        // A lone document is let in however small the cap: it waits for nothing else.
        if bytes == 0 || self.requested_bytes.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        self.check_growth(bytes)
    }

    /// A refusal that is certain from what is durable.
    fn refuse_early(&self, operation: &Operation) -> Option<Error> {
        let code = match operation.action {
            Action::Create { id: Some(_), .. } => Code::DocExists,
            Action::Update { .. }
            | Action::Delete { .. }
            | Action::Patch { .. }
            | Action::Merge { .. } => Code::DocNotFound,
            Action::Create { id: None, .. } | Action::Upsert { .. } | Action::Read { .. } => {
                return None;
            }
        };
        let id = operation.action.id()?;
        let collection = self.resolve(&operation.collection).ok()?;
        let found = self.index.get(collection, &id);
        let refused = match (code, found) {
            (Code::DocExists, Some(entry)) => {
                Error::new(code, code.meaning()).with_version(entry.version())
            }
            (Code::DocNotFound, None) => self.health.missing(),
            _ => return None,
        };
        self.health.check_writable().ok()?;
        Some(refused.in_collection(&operation.collection).on_document(id))
    }

    /// Shows a durable batch to readers: all of it at once.
    ///
    /// # Errors
    /// `Internal` where the index does not know what the committer knew; the database writes no
    /// more then.
    pub(crate) fn show(
        &self,
        last: TransactionId,
        changes: &[IndexChange<DocumentId>],
    ) -> Result<(), Error> {
        self.gathering.note_behind(self.queue.len());
        self.index.apply(last, changes).map_err(|error| {
            let error = Error::new(Code::Internal, format!("cannot show a commit: {error}"))
                .with_effect(Effect::Applied)
                .in_database(&self.identity.name);
            self.health.stop_writing(&error);
            error
        })
    }

    /// Whether so many further documents stay within the caps. An eighth of the cap is left to
    /// requests, so that documents can be replaced and deleted when no more can be created.
    ///
    /// # Errors
    /// `MemoryLimit`.
    pub(crate) fn check_memory(&self, documents: usize) -> Result<(), Error> {
        let bytes = INDEX_ENTRY_BYTES * documents as u64;
        self.check_growth(bytes + self.options.memory_bytes / 8)
    }

    /// Whether so many further bytes stay within the caps.
    ///
    /// # Errors
    /// `MemoryLimit`.
    pub(crate) fn check_growth(&self, bytes: u64) -> Result<(), Error> {
        let used = self.memory_bytes();
        if used + bytes > self.options.memory_bytes {
            return Err(Error::new(
                Code::MemoryLimit,
                format!(
                    "the database uses {used} bytes of {}",
                    self.options.memory_bytes
                ),
            ));
        }
        if !self.memory.admits(bytes) {
            return Err(Error::new(
                Code::MemoryLimit,
                "all databases together use their memory",
            ));
        }
        Ok(())
    }

    /// Memory in use, in bytes: the index with the versions kept for snapshots, the payload of
    /// requests that are queued or running, large texts on their way to callers, what open
    /// transactions wrote, and idempotency keys.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.owned_bytes() + self.texts.bytes()
    }

    /// The memory in use but for the texts, which publish themselves.
    fn owned_bytes(&self) -> u64 {
        self.index.view().bytes()
            + self.requested_bytes.load(Ordering::Relaxed)
            + self.transactions.bytes()
            + self.key_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn publish_memory(&self) {
        let owned = self.owned_bytes();
        self.memory.publish(owned);
        if owned + self.documents.bytes() > self.options.memory_bytes {
            self.documents.forget();
        }
    }
}

impl StagedChange {
    /// The change of the index, now that the batch has its place in the log.
    pub(crate) fn placed(&self, appended: &Appended) -> IndexChange<DocumentId> {
        let location = Location::Log(LogPosition::new(appended.lsn(self.record).get()));
        let entry = if self.is_tombstone {
            Entry::tombstone(self.version, location)
        } else {
            Entry::document(self.version, location, self.length)
        };
        IndexChange::Set {
            collection: self.collection,
            key: self.id,
            entry,
        }
    }
}

/// A panic in a commit poisons its database, not the process: nothing is written any more. What was
/// being gathered is answered as unknown, what has queued when the leadership is dropped.
struct PanicGuard<'a> {
    database: &'a LogicalDb,
}

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        let cause = Error::new(Code::Internal, "a commit panicked")
            .with_effect(Effect::Unknown)
            .in_database(&self.database.identity.name);
        self.database.health.stop_writing(&cause);
        self.database.committer.lock().abandon();
        self.database.requested_bytes.store(0, Ordering::Relaxed);
    }
}
