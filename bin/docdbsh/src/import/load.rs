//! Sends documents in batches, several under way at a time.

use std::collections::VecDeque;
use std::io::Write as _;
use std::time::Duration;

use docdb_client::Database;
use docdb_types::{Code, Effect, Error, Operation, Outcome};
use indicatif::ProgressBar;
use tokio::task::{JoinHandle, spawn};
use tokio::time::sleep;

use super::Target;
use super::source::Source;
use crate::answer::{Answer, Record};
use crate::failure::Failure;
use crate::request::ImportRequest;

/// Most documents in a request.
const BATCH_DOCUMENTS: usize = 500;
/// Most bytes of documents in a request that holds more than one.
const BATCH_BYTES: usize = 1024 * 1024;
/// Requests that are under way at a time.
const BATCHES_UNDER_WAY: usize = 4;
/// Refusals that the answer carries. Any further ones go to standard error as they happen.
const ANSWERED_REFUSALS: usize = 1000;
/// How often a batch is sent again while the queue of the database is full, beyond what the client
/// does by itself.
const QUEUE_PATIENCE: u32 = 60;

type Results = Result<Vec<Result<Outcome, Error>>, Error>;

/// An import under way.
pub(super) struct Load<'a> {
    target: &'a Target<'a>,
    under_way: VecDeque<(Vec<u64>, JoinHandle<Results>)>,
    most_under_way: usize,
    places: Vec<u64>,
    operations: Vec<Operation>,
    bytes: usize,
    imported: u64,
    refused: u64,
    refusals: Vec<Record>,
    unit: &'static str,
    bar: ProgressBar,
}

impl<'a> Load<'a> {
    pub(super) fn new(target: &'a Target<'a>, request: &ImportRequest, bar: ProgressBar) -> Self {
        Self {
            target,
            under_way: VecDeque::new(),
            // ORDER: a batch that is sent again arrives behind those sent after it. Where a later
            // document replaces an earlier one of the same id, only one batch may be under way.
            most_under_way: if request.upsert { 1 } else { BATCHES_UNDER_WAY },
            places: Vec::new(),
            operations: Vec::new(),
            bytes: 0,
            imported: 0,
            refused: 0,
            refusals: Vec::new(),
            unit: "",
            bar,
        }
    }

    /// Stores everything that the source holds, and counts.
    ///
    /// # Errors
    /// What keeps all further documents from being stored. Its message says how many were.
    pub(super) async fn run(mut self, mut source: Source<'_>) -> Result<Answer, Failure> {
        self.unit = source.unit();
        let mut end = self.take_all(&mut source).await;
        if !self.operations.is_empty() {
            self.send();
        }
        while !self.under_way.is_empty() {
            let settled = self.settle_oldest().await;
            end = end.and(settled.map_err(Failure::from));
        }
        self.bar.finish_and_clear();
        match end {
            Ok(()) => Ok(self.answer()),
            Err(failure) => Err(self.cut_short(&failure.error).into()),
        }
    }

    async fn take_all(&mut self, source: &mut Source<'_>) -> Result<(), Failure> {
        while let Some(item) = source.next()? {
            match item.action {
                Ok(action) => {
                    if !self.has_room_for(action.payload_bytes()) {
                        self.send();
                        self.bar.set_position(source.consumed());
                        while self.under_way.len() >= self.most_under_way {
                            self.settle_oldest().await?;
                        }
                    }
                    self.bytes += action.payload_bytes();
                    self.places.push(item.place);
                    self.operations.push(Operation {
                        collection: self.target.collection.clone(),
                        action,
                    });
                }
                Err(error) => self.refuse(item.place, &error),
            }
        }
        Ok(())
    }

    /// Whether a document of this length goes into the batch. The first one always does: alone, the
    /// largest document is not larger than a request may be.
    const fn has_room_for(&self, bytes: usize) -> bool {
        self.operations.is_empty()
            || self.operations.len() < BATCH_DOCUMENTS && self.bytes + bytes <= BATCH_BYTES
    }

    fn send(&mut self) {
        let operations = std::mem::take(&mut self.operations);
        let places = std::mem::take(&mut self.places);
        self.bytes = 0;
        let database = self.target.database.clone();
        let batch = spawn(async move { execute(&database, operations).await });
        self.under_way.push_back((places, batch));
    }

    /// Waits for the batch that was sent first.
    async fn settle_oldest(&mut self) -> Result<(), Error> {
        let Some((places, batch)) = self.under_way.pop_front() else {
            return Ok(());
        };
        let results = batch.await.unwrap_or_else(|error| {
            let error = Error::new(Code::Internal, error.to_string());
            Err(error.with_effect(Effect::Unknown))
        })?;
        let mut end = Ok(());
        for (place, result) in places.into_iter().zip(results) {
            match result {
                Ok(_) => self.imported += 1,
                Err(error) => {
                    self.refuse(place, &error);
                    if !concerns_one_document(&error) {
                        end = Err(error);
                    }
                }
            }
        }
        self.bar.set_message(format!("{} imported", self.imported));
        end
    }

    fn refuse(&mut self, place: u64, error: &Error) {
        self.refused += 1;
        let code = error.code().as_str();
        if self.refusals.len() < ANSWERED_REFUSALS {
            self.refusals.push(
                Record::new()
                    .with(self.unit, place)
                    .with("code", code)
                    .with("message", error.to_string()),
            );
        } else {
            let unit = self.unit;
            self.bar.suspend(|| {
                // Where nobody takes it, the count in the answer still tells.
                let _ = writeln!(
                    std::io::stderr(),
                    "{unit}={place} code={code} message={error}"
                );
            });
        }
    }

    fn answer(self) -> Answer {
        let complete = self.refused == 0;
        let record = Record::new()
            .with("imported", self.imported)
            .with("refused", self.refused)
            .with("refusals", (!complete).then_some(self.refusals));
        if complete {
            Answer::Record(record)
        } else {
            Answer::Partly(record)
        }
    }

    fn cut_short(&self, error: &Error) -> Error {
        let (imported, refused) = (self.imported, self.refused);
        let message = format!("{error}; before that, {imported} imported and {refused} refused");
        Error::new(error.code(), message).with_effect(error.effect())
    }
}

/// Whether the next document may fare better.
const fn concerns_one_document(error: &Error) -> bool {
    matches!(error.effect(), Effect::NotApplied)
        && matches!(
            error.code(),
            Code::InvalidJson
                | Code::DocExists
                | Code::DocNotFound
                | Code::VersionMismatch
                | Code::PayloadTooLarge
                | Code::MemoryLimit
                | Code::CorruptRecord
                | Code::CrcMismatch
        )
}

/// Runs a batch, and again while the queue is full.
async fn execute(database: &Database, operations: Vec<Operation>) -> Results {
    let mut pause = Duration::from_millis(50);
    for _ in 0..QUEUE_PATIENCE {
        match database.execute(operations.clone(), false).await {
            Err(error) if error.code() == Code::QueueFull => {
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
            // A batch that is refused whole refuses each of its documents.
            Err(error) if concerns_one_document(&error) => {
                return Ok(operations.iter().map(|_| Err(error.clone())).collect());
            }
            result => return result,
        }
    }
    let waited = "the queue of the database stayed full";
    Err(Error::new(Code::QueueFull, waited))
}
