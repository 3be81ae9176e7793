use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use docdb_client::{
    ClientOptions, Command, Connection, CreateMode, Endpoint, Execute, Reply, RequestId, Response,
};
use docdb_types::{
    Action, Change, Code, CollectionName, DatabaseId, DatabaseName, DocumentId, Error, Operation,
    Outcome,
};
use tokio::time::sleep_until;

use crate::document::{Composer, Origin};
use crate::halt::Halt;
use crate::operation::OperationKind;
use crate::random::Random;
use crate::record::{LatencySample, Reservoir, StageRecord};
use crate::shift::{Pace, Shift};

/// A server that cannot be reached for so long is lost.
const RECONNECT_PATIENCE: Duration = Duration::from_secs(5);
const FIRST_DELAY: Duration = Duration::from_millis(10);
const LONGEST_DELAY: Duration = Duration::from_secs(1);
/// Wrong answers that a worker describes; all are counted.
const DESCRIBED_ANSWERS: usize = 3;

/// What a worker needs to know from the beginning.
#[derive(Debug)]
pub(crate) struct Assignment {
    pub(crate) endpoint: Endpoint,
    pub(crate) database: DatabaseName,
    pub(crate) document_count: u64,
    pub(crate) shifts: Vec<Shift>,
    pub(crate) stages: usize,
    pub(crate) batch: usize,
    pub(crate) pipeline: usize,
    pub(crate) composer: Composer,
    pub(crate) random: Random,
    /// Operations that are left for all workers; `None`: no end.
    pub(crate) budget: Option<Arc<AtomicU64>>,
    pub(crate) reservoir: Option<Reservoir>,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) halt: Arc<Halt>,
}

/// Figures of a worker that can be looked at while it runs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Pulse {
    pub(crate) operations: AtomicU64,
    pub(crate) failures: AtomicU64,
}

/// One connection and who drives it.
#[derive(Debug)]
pub(crate) struct Worker {
    assignment: Assignment,
    connection: Connection,
    database: DatabaseId,
    waiting: Vec<Sent>,
    /// Lists of operations that are answered, to be used again.
    spare: Vec<Vec<Asked>>,
    stages: Vec<StageRecord>,
    wrong: Vec<String>,
    lost: bool,
    begun: Instant,
    last_answer: Option<Instant>,
}

/// What a worker leaves behind.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) stages: Vec<StageRecord>,
    pub(crate) samples: Vec<LatencySample>,
    pub(crate) wrong: Vec<String>,
    pub(crate) last_answer: Option<Instant>,
    /// Whether it gave up because the server was gone.
    pub(crate) lost: bool,
    /// Whether it was cut off with requests unanswered.
    pub(crate) unanswered: bool,
}

/// A request without an answer.
#[derive(Debug)]
struct Sent {
    id: RequestId,
    stage: usize,
    /// From when its latency counts.
    due: Instant,
    operations: Vec<Asked>,
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    kind: OperationKind,
    id: DocumentId,
}

/// Why a stretch of work ended.
enum Stretch {
    Done,
    Broken(Error),
}

/// Connects and opens the database.
pub(crate) async fn connect(
    endpoint: &Endpoint,
    database: &DatabaseName,
) -> Result<(Connection, DatabaseId), Error> {
    let options = ClientOptions {
        name: env!("CARGO_PKG_NAME").to_owned(),
        ..ClientOptions::default()
    };
    let mut connection = Connection::connect(endpoint, &options).await?;
    let open = Command::OpenDatabase {
        name: database.clone(),
        create: CreateMode::IfMissing,
    };
    match connection.call(open).await? {
        Reply::DatabaseOpened(opened) => Ok((connection, opened.id)),
        _ => Err(Error::new(
            Code::Network,
            "the answer to opening a database is none",
        )),
    }
}

impl Worker {
    pub(crate) async fn new(assignment: Assignment) -> Result<Self, Error> {
        let (connection, database) = connect(&assignment.endpoint, &assignment.database).await?;
        let stages = vec![StageRecord::default(); assignment.stages];
        Ok(Self {
            assignment,
            connection,
            database,
            waiting: Vec::new(),
            spare: Vec::new(),
            stages,
            wrong: Vec::new(),
            lost: false,
            begun: Instant::now(),
            last_answer: None,
        })
    }

    /// Does all the shifts. Safe to drop: what is unanswered then is counted by
    /// [`finish`](Self::finish).
    pub(crate) async fn work(&mut self, begun: Instant) {
        self.begun = begun;
        let shifts = std::mem::take(&mut self.assignment.shifts);
        let over = begun + shifts.last().map_or(Duration::ZERO, |shift| shift.end);
        for shift in &shifts {
            let mut pace = shift.pace.map(|pace| Beat::new(begun + shift.start, pace));
            while let Stretch::Broken(error) = self.shift(shift, &mut pace).await {
                self.give_up_waiting(error.code());
                if !self.reconnect(over).await {
                    return;
                }
            }
            if let Some(pace) = pace {
                let end = self.last_moment(begun + shift.end);
                let missed = pace.due_before(end) * self.assignment.batch as u64;
                if let Some(stage) = self.stages.get_mut(shift.stage) {
                    stage.never_sent += missed;
                }
            }
        }
    }

    /// The end of a shift, or now if the run was stopped or ran out of operations before it.
    fn last_moment(&self, end: Instant) -> Instant {
        let over = self.assignment.halt.is_stopped() || self.budget_is_spent();
        if over { self.begun } else { end }
    }

    pub(crate) fn finish(mut self) -> Finished {
        let unanswered = !self.waiting.is_empty();
        self.give_up_waiting(Code::Timeout);
        Finished {
            stages: self.stages,
            samples: self
                .assignment
                .reservoir
                .map(Reservoir::into_samples)
                .unwrap_or_default(),
            wrong: self.wrong,
            last_answer: self.last_answer,
            lost: self.lost,
            unanswered,
        }
    }

    async fn shift(&mut self, shift: &Shift, pace: &mut Option<Beat>) -> Stretch {
        match self.try_shift(shift, pace).await {
            Ok(()) => Stretch::Done,
            Err(error) => Stretch::Broken(error),
        }
    }

    async fn try_shift(&mut self, shift: &Shift, pace: &mut Option<Beat>) -> Result<(), Error> {
        let start = self.begun + shift.start;
        let end = self.begun + shift.end;
        self.sleep(start).await;
        loop {
            let now = Instant::now();
            let mut open = now < end && !self.assignment.halt.is_stopped();
            while open && self.waiting.len() < self.assignment.pipeline {
                let due = match pace {
                    None => now,
                    Some(beat) if beat.next <= now => beat.next,
                    Some(_) => break,
                };
                let count = self.claim();
                if count == 0 {
                    open = false;
                    break;
                }
                if let Some(beat) = pace {
                    beat.advance();
                }
                self.send(shift, count, due, now)?;
            }
            self.connection.flush().await?;
            let next = pace.as_ref().map(|beat| beat.next.min(end));
            if self.waiting.is_empty() {
                match next {
                    Some(next) if open && now < end => {
                        self.sleep(next).await;
                        continue;
                    }
                    _ => return Ok(()),
                }
            }
            let free = open && self.waiting.len() < self.assignment.pipeline;
            let response = match next {
                Some(next) if free => tokio::select! {
                    biased;
                    response = self.connection.receive() => response?,
                    () = sleep_until(next.into()) => continue,
                },
                _ => self.connection.receive().await?,
            };
            let now = Instant::now();
            self.take(response, now);
            while let Some(response) = received(&mut self.connection).await {
                self.take(response?, now);
            }
        }
    }

    /// Sleeps, unless the run is stopped.
    async fn sleep(&self, until: Instant) {
        if until > Instant::now() {
            tokio::select! {
                () = sleep_until(until.into()) => {}
                () = self.assignment.halt.stopped() => {}
            }
        }
    }

    /// Takes the operations of one request out of the budget: 0 when it is spent.
    fn claim(&self) -> usize {
        let batch = self.assignment.batch;
        let Some(budget) = &self.assignment.budget else {
            return batch;
        };
        let taken = |left: u64| left.saturating_sub(batch as u64);
        let left = budget
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                Some(taken(left))
            })
            .unwrap_or(0);
        usize::try_from(left - taken(left)).unwrap_or(batch)
    }

    fn budget_is_spent(&self) -> bool {
        let budget = &self.assignment.budget;
        budget
            .as_ref()
            .is_some_and(|budget| budget.load(Ordering::Relaxed) == 0)
    }

    fn send(
        &mut self,
        shift: &Shift,
        count: usize,
        due: Instant,
        now: Instant,
    ) -> Result<(), Error> {
        let span = (shift.end - shift.start).as_secs_f64();
        let elapsed = now.saturating_duration_since(self.begun + shift.start);
        let progress = (elapsed.as_secs_f64() / span).clamp(0.0, 1.0);
        let mut asked = self.spare.pop().unwrap_or_default();
        let mut operations = Vec::with_capacity(count);
        for _ in 0..count {
            let kind = shift.mix.pick(progress, self.assignment.random.unit());
            let number = 1 + self.assignment.random.below(self.assignment.document_count);
            let id = DocumentId::new(number).unwrap_or(DocumentId::MIN);
            asked.push(Asked { kind, id });
            operations.push(Operation {
                collection: CollectionName::DEFAULT,
                action: self.action(kind, id),
            });
        }
        let command = Command::Execute(Execute::new(self.database, false, operations));
        match self.connection.send(command) {
            Ok(id) => {
                self.waiting.push(Sent {
                    id,
                    stage: shift.stage,
                    due,
                    operations: asked,
                });
                Ok(())
            }
            Err(error) => {
                self.count_failed(shift.stage, &asked, error.code());
                Err(error)
            }
        }
    }

    fn action(&mut self, kind: OperationKind, id: DocumentId) -> Action {
        let composer = &mut self.assignment.composer;
        match kind {
            OperationKind::Create => Action::Create {
                id: Some(id),
                document: composer.compose(id),
            },
            OperationKind::Read => Action::Read { id },
            OperationKind::Update => Action::Update {
                id,
                document: composer.compose(id),
                expected: None,
            },
            OperationKind::Delete => Action::Delete { id, expected: None },
        }
    }

    /// Counts an answer.
    fn take(&mut self, response: Response, now: Instant) {
        self.last_answer = Some(now);
        let Some(place) = self
            .waiting
            .iter()
            .position(|sent| Some(sent.id) == response.id)
        else {
            self.describe(|| "an answer to a request that was never sent".to_owned());
            return;
        };
        let mut sent = self.waiting.remove(place);
        match response.result {
            Ok(Reply::Results(results)) if results.len() == sent.operations.len() => {
                let latency = now.saturating_duration_since(sent.due);
                for (asked, result) in sent.operations.iter().zip(results) {
                    self.count(sent.stage, *asked, result, latency, now);
                }
            }
            Ok(_) => {
                for asked in &sent.operations {
                    self.tally(sent.stage, asked.kind, |record| record.tally.wrong += 1);
                }
                self.describe(|| {
                    format!(
                        "an answer that does not belong to a request of {} operations",
                        sent.operations.len()
                    )
                });
            }
            Err(error) => self.count_failed(sent.stage, &sent.operations, error.code()),
        }
        sent.operations.clear();
        self.spare.push(sent.operations);
    }

    fn count(
        &mut self,
        stage: usize,
        asked: Asked,
        result: Result<Outcome, Error>,
        latency: Duration,
        now: Instant,
    ) {
        let ending = match &result {
            Ok(outcome) => judge(asked, outcome, self.assignment.composer.forms()),
            Err(error) => match (asked.kind, error.code()) {
                (OperationKind::Create, Code::DocExists) => Verdict::Exists,
                (
                    OperationKind::Read | OperationKind::Update | OperationKind::Delete,
                    Code::DocNotFound,
                ) => Verdict::NotFound,
                (_, code) => return self.count_failed(stage, &[asked], code),
            },
        };
        if ending == Verdict::Wrong {
            self.tally(stage, asked.kind, |record| record.tally.wrong += 1);
            let failures = &self.assignment.pulse.failures;
            failures.fetch_add(1, Ordering::Relaxed);
            self.describe(|| {
                format!(
                    "{} of document {}: {result:?}",
                    asked.kind.as_str(),
                    asked.id
                )
            });
            return;
        }
        self.tally(stage, asked.kind, |record| {
            let tally = &mut record.tally;
            match ending {
                Verdict::Exists => tally.exists += 1,
                Verdict::NotFound => tally.not_found += 1,
                Verdict::OtherRun => {
                    tally.ok += 1;
                    tally.other_run += 1;
                }
                Verdict::Ok | Verdict::Wrong => tally.ok += 1,
            }
            record.latency.record(latency);
        });
        let operations = &self.assignment.pulse.operations;
        // Nobody else adds to it, so that adding needs no locked instruction.
        operations.store(operations.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        if let Some(reservoir) = &mut self.assignment.reservoir {
            reservoir.offer(LatencySample {
                kind: asked.kind,
                latency,
                at: now.saturating_duration_since(self.begun),
            });
        }
    }

    fn tally(
        &mut self,
        stage: usize,
        kind: OperationKind,
        change: impl FnOnce(&mut crate::record::KindRecord),
    ) {
        if let Some(stage) = self.stages.get_mut(stage) {
            change(stage.kinds.get_mut(kind));
        }
    }

    fn count_failed(&mut self, stage: usize, operations: &[Asked], code: Code) {
        for asked in operations {
            self.tally(stage, asked.kind, |record| {
                if code == Code::QueueFull {
                    record.tally.refused += 1;
                } else {
                    record.tally.fail(code, 1);
                }
            });
        }
        let failures = &self.assignment.pulse.failures;
        failures.fetch_add(operations.len() as u64, Ordering::Relaxed);
    }

    fn give_up_waiting(&mut self, code: Code) {
        for sent in std::mem::take(&mut self.waiting) {
            self.count_failed(sent.stage, &sent.operations, code);
        }
    }

    fn describe(&mut self, text: impl FnOnce() -> String) {
        if self.wrong.len() < DESCRIBED_ANSWERS {
            let text = format!("{}: {}", self.assignment.database, text());
            self.wrong.push(text);
        }
    }

    /// Connects anew; `false` when the run is over or the server is lost.
    async fn reconnect(&mut self, end: Instant) -> bool {
        let mut delay = FIRST_DELAY;
        let patience = Instant::now() + RECONNECT_PATIENCE;
        while Instant::now() < end && !self.assignment.halt.is_stopped() {
            match connect(&self.assignment.endpoint, &self.assignment.database).await {
                Ok((connection, database)) => {
                    self.connection = connection;
                    self.database = database;
                    return true;
                }
                Err(_) if Instant::now() > patience => {
                    self.lost = true;
                    return false;
                }
                Err(_) => {
                    self.sleep(Instant::now() + delay).await;
                    delay = (delay * 2).min(LONGEST_DELAY);
                }
            }
        }
        self.lost = true;
        false
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ok,
    OtherRun,
    NotFound,
    Exists,
    Wrong,
}

/// Whether a success is one of what was asked.
fn judge(asked: Asked, outcome: &Outcome, forms: &crate::document::Forms) -> Verdict {
    if outcome.id != asked.id {
        return Verdict::Wrong;
    }
    let wanted = match asked.kind {
        OperationKind::Create => Change::Created,
        OperationKind::Read => Change::Read,
        OperationKind::Update => Change::Replaced,
        OperationKind::Delete => Change::Deleted,
    };
    if outcome.change != wanted {
        return Verdict::Wrong;
    }
    match (&outcome.document, asked.kind) {
        (Some(text), OperationKind::Read) => match forms.origin(asked.id, text) {
            Origin::ThisRun => Verdict::Ok,
            Origin::OtherRun => Verdict::OtherRun,
            Origin::Unknown => Verdict::Wrong,
        },
        (None, OperationKind::Read) => Verdict::Wrong,
        _ => Verdict::Ok,
    }
}

/// An answer that has arrived already, if there is one.
async fn received(connection: &mut Connection) -> Option<Result<Response, Error>> {
    let mut receiving = pin!(connection.receive());
    poll_fn(|context| match receiving.as_mut().poll(context) {
        Poll::Ready(response) => Poll::Ready(Some(response)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// When the next request of a worker is due.
#[derive(Debug)]
struct Beat {
    next: Instant,
    every: Duration,
}

impl Beat {
    fn new(start: Instant, pace: Pace) -> Self {
        Self {
            next: start.checked_add(pace.first).unwrap_or(start),
            every: pace.every,
        }
    }

    fn advance(&mut self) {
        // An interval beyond all clocks: no request is due again in this run.
        let never = Duration::from_secs(u32::MAX.into());
        self.next = self
            .next
            .checked_add(self.every)
            .unwrap_or(self.next + never);
    }

    /// Requests that were due before a moment and have not been sent.
    fn due_before(&self, end: Instant) -> u64 {
        let late = end.saturating_duration_since(self.next).as_nanos();
        u64::try_from(late.div_ceil(self.every.as_nanos().max(1))).unwrap_or(u64::MAX)
    }
}
