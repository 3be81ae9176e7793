use std::sync::Arc;

use docdb_types::{
    Change, Code, CollectionName, DocumentId, Error, IdempotencyKey, Operation, Outcome, Version,
};

use super::ticket::{Heir, Promise};
use crate::transaction::Prepared;

/// Whether the operations of a request stand alone or together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Atomicity {
    /// Each operation is a transaction of its own; a refused one does not touch the others.
    #[default]
    Each,
    /// All operations are one transaction: all happen, or none does.
    All,
}

/// A list of operations, run in order.
#[derive(Debug, Clone)]
pub struct Request {
    /// The operations, in order.
    pub operations: Vec<Operation>,
    /// Whether they stand together.
    pub atomicity: Atomicity,
    /// Whether a write may be refused at once, from what is durable, without queueing behind other
    /// writes. Right whenever the caller has no unanswered write in flight on this database: the
    /// refusal could not have depended on one.
    pub may_refuse_early: bool,
    /// Most bytes of text that its answers may carry together. A read whose text does not fit any
    /// more is not done and answers `FrameTooLarge`: a request of a few bytes that names large
    /// documents many times would otherwise have all of it in memory at once.
    pub answer_bytes: usize,
    /// Under which it happens once, however often it is sent. Such a request holds writes only, and
    /// is one operation or [`Atomicity::All`]; another is refused with `UnknownOperation`.
    pub key: Option<IdempotencyKey>,
}

/// Bytes of text from which on a request counts what it reads against the caps of memory.
const LARGE_ANSWER_BYTES: usize = 64 * 1024;

/// What is left of the [`Request::answer_bytes`], and what was taken of it.
#[derive(Debug)]
pub(crate) struct TextRoom {
    left: usize,
    taken: usize,
}

impl TextRoom {
    /// Room for whatever there is.
    pub(crate) const fn unbounded() -> Self {
        Self::new(usize::MAX)
    }

    pub(crate) const fn new(bytes: usize) -> Self {
        Self {
            left: bytes,
            taken: 0,
        }
    }

    /// Takes the room of one text.
    ///
    /// # Errors
    /// `FrameTooLarge`; a smaller text may still fit.
    pub(crate) fn take(&mut self, text_bytes: usize) -> Result<(), Error> {
        match self.left.checked_sub(text_bytes) {
            Some(left) => {
                self.left = left;
                self.taken += text_bytes;
                Ok(())
            }
            None => Err(Error::new(
                Code::FrameTooLarge,
                format!(
                    "a text of {text_bytes} bytes, and room for {} in the answer",
                    self.left
                ),
            )),
        }
    }

    /// Whether the texts are more than a request may have without being counted.
    pub(crate) const fn is_large(&self) -> bool {
        self.taken > LARGE_ANSWER_BYTES
    }
}

impl Request {
    /// A request of operations that stand alone, by a caller with nothing else in flight.
    #[must_use]
    pub const fn of(operations: Vec<Operation>) -> Self {
        Self {
            operations,
            atomicity: Atomicity::Each,
            may_refuse_early: true,
            answer_bytes: usize::MAX,
            key: None,
        }
    }

    /// Checks that a request with a key is one that can be answered again as it was.
    ///
    /// # Errors
    /// `UnknownOperation`.
    pub(crate) fn check_key(&self) -> Result<(), Error> {
        let is_whole = self.atomicity == Atomicity::All || self.operations.len() == 1;
        let writes_only = self.operations.iter().all(|one| one.action.is_write());
        if self.key.is_none() || (is_whole && writes_only) {
            return Ok(());
        }
        Err(Error::new(
            Code::UnknownOperation,
            "an idempotency key is for one write, or for writes that stand together",
        ))
    }

    pub(crate) fn payload_bytes(&self) -> u64 {
        self.operations
            .iter()
            .map(|operation| operation.action.payload_bytes() as u64)
            .sum()
    }

    pub(crate) fn writes(&self) -> bool {
        self.operations
            .iter()
            .any(|operation| operation.action.is_write())
    }

    /// The operation of a request that is a single write.
    pub(crate) fn single_write(&self) -> Option<&Operation> {
        match self.operations.as_slice() {
            [operation] if operation.action.is_write() => Some(operation),
            _ => None,
        }
    }
}

/// One answer for each operation of a [`Request`], in order.
pub type Answers = Vec<Result<Outcome, Error>>;

/// What queues for the committer.
#[derive(Debug)]
pub(crate) enum Work {
    Operations {
        request: Request,
        promise: Promise<Answers>,
    },
    CreateCollection {
        name: CollectionName,
        promise: Promise<Result<(), Error>>,
    },
    Transaction {
        /// `None` where only the key can tell what became of it.
        prepared: Option<Prepared>,
        key: Option<IdempotencyKey>,
        promise: Promise<Result<Version, Error>>,
    },
    DeleteCollection {
        name: CollectionName,
        promise: Promise<Result<(), Error>>,
    },
}

impl Work {
    /// Who can commit instead of whoever leads.
    pub(crate) fn heir(&self) -> Option<Arc<dyn Heir>> {
        match self {
            Self::Operations { promise, .. } => promise.heir(),
            Self::Transaction { promise, .. } => promise.heir(),
            Self::CreateCollection { promise, .. } | Self::DeleteCollection { promise, .. } => {
                promise.heir()
            }
        }
    }

    pub(crate) fn payload_bytes(&self) -> u64 {
        match self {
            Self::Operations { request, .. } => request.payload_bytes(),
            // A transaction holds its place with its bytes.
            Self::Transaction { .. }
            | Self::CreateCollection { .. }
            | Self::DeleteCollection { .. } => 0,
        }
    }
}

/// Answers that say something which is only true once the batch is durable.
#[derive(Debug)]
pub(crate) enum Waiting {
    Operations(Gathered),
    Transaction {
        promise: Promise<Result<Version, Error>>,
        answer: Result<Version, Error>,
    },
}

impl Waiting {
    /// Answers, now that the batch is durable or has failed.
    pub(crate) fn keep(self, failure: Option<&Error>) {
        match self {
            Self::Operations(mut gathered) => {
                gathered.conclude(failure);
                gathered.keep();
            }
            Self::Transaction { promise, answer } => {
                promise.keep(failure.map_or(answer, |error| Err(error.clone())));
            }
        }
    }
}

/// The answers of a request while its batch is being gathered.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) promise: Promise<Answers>,
    pub(crate) answers: Answers,
    /// Which answers say something that is only true once the batch is durable.
    resting: Vec<usize>,
}

impl Gathered {
    pub(crate) fn new(promise: Promise<Answers>, operations: usize) -> Self {
        Self {
            promise,
            answers: Vec::with_capacity(operations),
            resting: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, answer: Result<Outcome, Error>, rests_on_batch: bool) {
        if rests_on_batch {
            self.resting.push(self.answers.len());
        }
        self.answers.push(answer);
    }

    /// What became of each document, of answers that are all of writes that succeeded.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = (DocumentId, Change)> {
        let outcomes = self
            .answers
            .iter()
            .filter_map(|answer| answer.as_ref().ok());
        outcomes.map(|outcome| (outcome.id, outcome.change))
    }

    /// Whether every answer so far holds whatever becomes of the batch.
    pub(crate) fn is_settled(&self) -> bool {
        self.resting.is_empty()
    }

    /// What rested on the batch holds now that it is durable, or is an error where it failed.
    pub(crate) fn conclude(&mut self, failure: Option<&Error>) {
        for position in self.resting.drain(..) {
            if let (Some(error), Some(answer)) = (failure, self.answers.get_mut(position)) {
                *answer = Err(error.clone());
            }
        }
    }

    /// Answers every operation of a transaction with the error of the one that was refused.
    pub(crate) fn refuse_whole(
        &mut self,
        refused: usize,
        error: Error,
        operations: usize,
        rests_on_batch: bool,
    ) {
        let error = error.at_step(u32::try_from(refused).unwrap_or(u32::MAX));
        self.answers.clear();
        self.answers.resize(operations, Err(error));
        self.resting.clear();
        if rests_on_batch {
            self.resting.extend(0..operations);
        }
    }

    pub(crate) fn keep(self) {
        self.promise.keep(self.answers);
    }
}

/// The fallback of every promise: the work was taken up and its end was never seen.
pub(crate) fn abandoned() -> Error {
    Error::new(
        docdb_types::Code::Internal,
        "the commit ended without an answer",
    )
    .with_effect(docdb_types::Effect::Unknown)
}

/// The answers of a request that nobody finished.
pub(crate) fn abandoned_answers(owed: usize) -> Answers {
    vec![Err(abandoned()); owed]
}
