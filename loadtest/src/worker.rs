use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use docdb_client::{RequestId, TransactionHandle};
use docdb_types::{Code, DatabaseName, DocumentId, Error, Version};

use crate::document::Composer;
use crate::halt::Halt;
use crate::ids::Ids;
use crate::ledger::Ledger;
use crate::link::Link;
use crate::pacer::Pacer;
use crate::peer::Address;
use crate::record::{LatencySample, Reservoir, StageRecord};
use crate::series::Recorder;
use crate::shift::Shift;
use crate::source::{Beat, Source};
use crate::trace::TraceWriter;
use crate::verdict::Asked;

const FIRST_DELAY: Duration = Duration::from_millis(10);
const LONGEST_DELAY: Duration = Duration::from_millis(200);

/// What a worker needs to know from the beginning.
#[derive(Debug)]
pub(crate) struct Assignment {
    pub(crate) address: Address,
    pub(crate) database: DatabaseName,
    pub(crate) shifts: Vec<Shift>,
    pub(crate) stages: usize,
    pub(crate) batch: usize,
    pub(crate) pipeline: usize,
    pub(crate) composer: Composer,
    pub(crate) source: Source,
    pub(crate) ids: Arc<Ids>,
    pub(crate) ledger: Arc<Ledger>,
    /// Operations that are left for all workers; `None`: no end.
    pub(crate) budget: Option<Arc<AtomicU64>>,
    pub(crate) reservoir: Option<Reservoir>,
    pub(crate) trace: Option<TraceWriter>,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) pacer: Arc<Pacer>,
    pub(crate) halt: Arc<Halt>,
    pub(crate) answer_patience: Duration,
    pub(crate) server_patience: Duration,
    /// Whether the run kills its server, so that broken connections are expected.
    pub(crate) is_interrupted: bool,
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
    pub(crate) assignment: Assignment,
    pub(crate) link: Link,
    pub(crate) waiting: Vec<Sent>,
    /// Lists of operations that are answered, to be used again.
    pub(crate) spare: Vec<Vec<Asked>>,
    pub(crate) stages: Vec<StageRecord>,
    pub(crate) recorder: Recorder,
    pub(crate) wrong: Vec<String>,
    pub(crate) begun: Instant,
    pub(crate) last_answer: Option<Instant>,
    /// Rings now and then, for answers that are overdue to be noticed.
    watch: Pin<Box<tokio::time::Sleep>>,
    /// Whether it has just been woken for a request that is due.
    is_woken: bool,
    is_lost: bool,
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
    /// Why its part of a trace is not written.
    pub(crate) trace_failed: Option<std::io::Error>,
}

/// A request without an answer.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) id: RequestId,
    pub(crate) stage: usize,
    pub(crate) warm_up: bool,
    /// From when its latency counts.
    pub(crate) due: Instant,
    pub(crate) sent: Instant,
    pub(crate) form: Form,
    pub(crate) asked: Vec<Asked>,
}

/// What kind of request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Operations that are counted one by one.
    Batch,
    /// The beginning of a transaction.
    Begin,
    /// What a transaction does, which sees this snapshot.
    Work {
        transaction: TransactionHandle,
        snapshot: Version,
    },
    /// The end of a transaction, which makes it happen.
    Commit,
    /// The first half of a read-modify-write.
    Fetch,
    /// The second half.
    Store,
    /// A page of documents.
    Scan { from: DocumentId, limit: u32 },
    /// The end of a scan or of a transaction that failed: not counted.
    Close,
}

/// When the next request may leave.
enum Due {
    /// Now; it was due at this moment.
    At(Instant),
    Later(Instant),
    Never,
}

impl Worker {
    pub(crate) async fn new(assignment: Assignment, recorder: Recorder) -> Result<Self, Error> {
        let link = Link::connect(&assignment.address, &assignment.database).await?;
        let stages = vec![StageRecord::default(); assignment.stages];
        let watch = Box::pin(tokio::time::sleep(assignment.answer_patience));
        Ok(Self {
            assignment,
            link,
            waiting: Vec::new(),
            spare: Vec::new(),
            stages,
            recorder,
            wrong: Vec::new(),
            begun: Instant::now(),
            last_answer: None,
            watch,
            is_woken: false,
            is_lost: false,
        })
    }

    /// Does all the shifts. Safe to drop: what is unanswered then is counted by
    /// [`finish`](Self::finish).
    pub(crate) async fn work(&mut self, begun: Instant) {
        self.begun = begun;
        self.recorder.begin(begun);
        let shifts = std::mem::take(&mut self.assignment.shifts);
        let over = begun + shifts.last().map_or(Duration::ZERO, |shift| shift.end);
        for shift in &shifts {
            let mut beat = shift.pace.map(|pace| {
                let start = begun + shift.start;
                Beat {
                    next: start.checked_add(pace.first).unwrap_or(start),
                    every: pace.every,
                }
            });
            while let Err(error) = self.shift(shift, &mut beat).await {
                self.give_up_waiting(error.code());
                if !self.reconnect(over).await {
                    return;
                }
            }
            self.recorder.hand_over();
            let missed = match (&self.assignment.source, beat) {
                (Source::Recorded(requests), _) => {
                    let left = requests.as_slice().iter();
                    left.map(|request| request.operations.len() as u64).sum()
                }
                (Source::Drawn(_), Some(beat)) => {
                    let end = self.last_moment(begun + shift.end);
                    beat.due_before(end) * self.assignment.batch as u64
                }
                (Source::Drawn(_), None) => 0,
            };
            if let Some(stage) = self.stages.get_mut(shift.stage) {
                stage.never_sent += missed;
            }
        }
    }

    /// The end of a shift, or the beginning if the run was stopped or ran out of operations.
    fn last_moment(&self, end: Instant) -> Instant {
        let over = self.assignment.halt.is_stopped() || self.budget_is_spent();
        if over { self.begun } else { end }
    }

    pub(crate) fn finish(mut self) -> Finished {
        for sent in std::mem::take(&mut self.waiting) {
            self.lose(sent, Code::Timeout);
        }
        self.recorder.hand_over();
        let trace_failed = self.assignment.trace.as_mut().and_then(|trace| {
            trace.hand_over();
            trace.failed.take()
        });
        Finished {
            stages: self.stages,
            samples: self
                .assignment
                .reservoir
                .map(Reservoir::into_samples)
                .unwrap_or_default(),
            wrong: self.wrong,
            last_answer: self.last_answer,
            lost: self.is_lost,
            trace_failed,
        }
    }

    async fn shift(&mut self, shift: &Shift, beat: &mut Option<Beat>) -> Result<(), Error> {
        let start = self.begun + shift.start;
        let end = self.begun + shift.end;
        self.sleep(start).await;
        loop {
            let now = Instant::now();
            let mut is_open = now < end && !self.assignment.halt.is_stopped();
            let mut next = None;
            while is_open && self.waiting.len() < self.assignment.pipeline {
                match self.due(beat.as_ref(), now) {
                    Due::At(due) => {
                        is_open = self.send_next(shift, due, now)?;
                        if is_open && let Some(beat) = beat {
                            beat.advance();
                        }
                    }
                    Due::Later(moment) => {
                        next = Some(moment.min(end));
                        break;
                    }
                    Due::Never => is_open = false,
                }
            }
            self.is_woken = false;
            self.link.flush().await?;
            let next = next.filter(|_| is_open);
            if self.waiting.is_empty() {
                let Some(next) = next else {
                    return Ok(());
                };
                self.sleep(next).await;
                self.is_woken = true;
                continue;
            }
            let response = tokio::select! {
                biased;
                response = self.link.receive() => response?,
                () = self.assignment.pacer.until(next.unwrap_or(now)), if next.is_some() => {
                    self.is_woken = true;
                    continue;
                }
                () = &mut self.watch => {
                    self.look_for_overdue()?;
                    continue;
                }
            };
            let now = Instant::now();
            self.take(response, now)?;
            while !self.waiting.is_empty()
                && let Some(response) = self.link.received().await
            {
                self.take(response?, now)?;
            }
        }
    }

    fn due(&self, beat: Option<&Beat>, now: Instant) -> Due {
        let moment = match (&self.assignment.source, beat) {
            (Source::Recorded(requests), _) => match requests.as_slice().first() {
                None => return Due::Never,
                Some(request) if request.at.is_zero() => now,
                Some(request) => self.begun + request.at,
            },
            (Source::Drawn(_), Some(beat)) => beat.next,
            (Source::Drawn(_), None) => now,
        };
        if moment <= now {
            Due::At(moment)
        } else {
            Due::Later(moment)
        }
    }

    /// Whether the request that leaves now had nothing to wait for but its moment.
    pub(crate) const fn is_woken(&self) -> bool {
        self.is_woken
    }

    /// Sleeps, unless the run is stopped.
    async fn sleep(&self, until: Instant) {
        if until > Instant::now() {
            tokio::select! {
                () = self.assignment.pacer.until(until) => {}
                () = self.assignment.halt.stopped() => {}
            }
        }
    }

    fn budget_is_spent(&self) -> bool {
        let budget = &self.assignment.budget;
        budget
            .as_ref()
            .is_some_and(|budget| budget.load(Ordering::Relaxed) == 0)
    }

    /// Gives up the connection when an answer is overdue.
    fn look_for_overdue(&mut self) -> Result<(), Error> {
        let patience = self.assignment.answer_patience;
        let again = tokio::time::Instant::now() + patience / 8;
        self.watch.as_mut().reset(again);
        let now = Instant::now();
        let is_overdue = |sent: &Sent| now.saturating_duration_since(sent.sent) > patience;
        let mut is_any = false;
        while let Some(place) = self.waiting.iter().position(is_overdue) {
            let sent = self.waiting.swap_remove(place);
            self.lose(sent, Code::Timeout);
            is_any = true;
        }
        if is_any {
            return Err(Error::new(Code::Network, "an answer is overdue"));
        }
        Ok(())
    }

    fn give_up_waiting(&mut self, code: Code) {
        let code = if code == Code::Timeout {
            Code::Network
        } else {
            code
        };
        for sent in std::mem::take(&mut self.waiting) {
            self.lose(sent, code);
        }
        self.recorder.hand_over();
    }

    /// Connects anew; `false` when the run is over or the server is lost.
    async fn reconnect(&mut self, end: Instant) -> bool {
        let mut delay = FIRST_DELAY;
        let patience = Instant::now() + self.assignment.server_patience;
        while Instant::now() < end && !self.assignment.halt.is_stopped() {
            match Link::connect(&self.assignment.address, &self.assignment.database).await {
                Ok(link) => {
                    self.link = link;
                    return true;
                }
                Err(_) if Instant::now() > patience => break,
                Err(_) => {
                    self.sleep(Instant::now() + delay).await;
                    delay = (delay * 2).min(LONGEST_DELAY);
                }
            }
        }
        // A server that was killed on purpose may be on its way back at the end.
        self.is_lost = !self.assignment.is_interrupted || Instant::now() < end;
        false
    }
}
