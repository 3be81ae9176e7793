//! What a worker sends, and what it makes of the answers.

use std::sync::atomic::Ordering;
use std::time::Instant;

use docdb_client::{CursorId, Page, Reply, RequestId, Response};
use docdb_types::{Action, Code, Error, Outcome, PatchStep};

use crate::document::PATCHED_PATH;
use crate::ledger::Seen;
use crate::operation::OperationKind;
use crate::record::LatencySample;
use crate::shift::Shift;
use crate::source::{Planned, Source};
use crate::verdict::{Act, Asked, Verdict, judge, judge_page};
use crate::worker::{Form, Sent, Worker};

/// Wrong answers that a worker describes; all are counted.
const DESCRIBED_ANSWERS: usize = 3;

/// When and where a request belongs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    stage: usize,
    warm_up: bool,
    due: Instant,
}

impl Sent {
    pub(crate) const fn place(&self) -> Place {
        Place {
            stage: self.stage,
            warm_up: self.warm_up,
            due: self.due,
        }
    }
}

impl Worker {
    /// Sends the operations that are next; `false` when none are left.
    pub(crate) fn send_next(
        &mut self,
        shift: &Shift,
        due: Instant,
        now: Instant,
    ) -> Result<bool, Error> {
        let place = Place {
            stage: shift.stage,
            warm_up: shift.warm_up,
            due,
        };
        let planned = match &mut self.assignment.source {
            Source::Recorded(requests) => match requests.next() {
                None => return Ok(false),
                Some(request) => request.operations,
            },
            Source::Drawn(_) => Vec::new(),
        };
        if self.is_woken()
            && let Some(stage) = self.stages.get_mut(shift.stage)
        {
            stage.lateness.record(now.saturating_duration_since(due));
        }
        if !planned.is_empty() {
            self.send(place, &planned, now)?;
            return Ok(true);
        }
        let count = self.claim(shift);
        let elapsed = now.saturating_duration_since(self.begun + shift.start);
        let mut batch = Vec::with_capacity(count);
        for _ in 0..count {
            let mark = batch.len();
            if let Source::Drawn(drawing) = &mut self.assignment.source {
                drawing.draw(shift, elapsed, &mut batch);
            }
            if batch
                .get(mark)
                .is_some_and(|first| !first.kind.is_batched())
            {
                let alone = batch.split_off(mark);
                self.send(place, &alone, now)?;
            }
        }
        if !batch.is_empty() {
            self.send(place, &batch, now)?;
        }
        Ok(count > 0)
    }

    /// Takes the operations of one request out of the budget: 0 when it is spent.
    fn claim(&self, shift: &Shift) -> usize {
        let batch = self.assignment.batch;
        let Some(budget) = self.assignment.budget.as_ref().filter(|_| !shift.warm_up) else {
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

    /// Sends operations that belong together.
    fn send(&mut self, place: Place, planned: &[Planned], now: Instant) -> Result<(), Error> {
        if let Some(trace) = &mut self.assignment.trace {
            trace.write(place.due.saturating_duration_since(self.begun), planned);
        }
        let Some(first) = planned.first() else {
            return Ok(());
        };
        let form = match first.kind {
            OperationKind::Scan => Form::Scan {
                from: first.id,
                limit: first.size,
            },
            OperationKind::Modify => Form::Fetch,
            OperationKind::Transaction => return self.begin_transaction(place, planned, now),
            _ => Form::Batch,
        };
        let mut asked = self.spare.pop().unwrap_or_default();
        let mut actions = Vec::with_capacity(planned.len());
        for planned in planned {
            let act = match planned.kind {
                OperationKind::Create => Act::Create,
                OperationKind::Update => Act::Update,
                OperationKind::Delete => Act::Delete,
                OperationKind::Patch => Act::Patch,
                OperationKind::Read
                | OperationKind::Scan
                | OperationKind::Modify
                | OperationKind::Transaction => Act::Read,
            };
            let (one, action) = self.prepare(*planned, act);
            asked.push(one);
            actions.push(action);
        }
        let sent = match form {
            Form::Scan { from, limit } => self.link.scan(from, limit),
            _ => self.link.execute(actions),
        };
        self.note(sent, place, form, asked, now)
    }

    fn prepare(&mut self, planned: Planned, act: Act) -> (Asked, Action) {
        let Planned { kind, id, size } = planned;
        let composer = &mut self.assignment.composer;
        let size = size as usize;
        let (action, stamp) = match act {
            Act::Read => (Action::Read { id }, None),
            Act::Delete => (Action::Delete { id, expected: None }, None),
            Act::Create => {
                let (document, stamp) = composer.compose(id, size);
                let id = Some(id);
                (Action::Create { id, document }, Some(stamp))
            }
            Act::Update => {
                let (document, stamp) = composer.compose(id, size);
                let expected = None;
                let update = Action::Update {
                    id,
                    document,
                    expected,
                };
                (update, Some(stamp))
            }
            Act::Upsert => {
                let (document, stamp) = composer.compose(id, size);
                (Action::Upsert { id, document }, Some(stamp))
            }
            Act::Patch => {
                let (value, stamp) = composer.mark(id);
                let step = PatchStep::Set {
                    path: PATCHED_PATH.to_owned(),
                    value: value.to_vec(),
                };
                let patch = Action::Patch {
                    id,
                    steps: vec![step],
                    expected: None,
                };
                (patch, Some(stamp))
            }
        };
        let asked = Asked {
            kind,
            id,
            act,
            size: planned.size,
            stamp,
            noted: self.assignment.ledger.send(id, act.is_write()),
        };
        (asked, action)
    }

    /// Remembers a request until it is answered.
    pub(crate) fn note(
        &mut self,
        sent: Result<RequestId, Error>,
        place: Place,
        form: Form,
        asked: Vec<Asked>,
        now: Instant,
    ) -> Result<(), Error> {
        let Place {
            stage,
            warm_up,
            due,
        } = place;
        let of = |id| Sent {
            id,
            stage,
            warm_up,
            due,
            sent: now,
            form,
            asked,
        };
        match sent {
            Ok(id) => {
                self.waiting.push(of(id));
                Ok(())
            }
            Err(error) => {
                self.fail(&of(RequestId::MIN), &error);
                Err(error)
            }
        }
    }

    /// Counts an answer, and goes on with what it is the first half of.
    pub(crate) fn take(&mut self, response: Response, now: Instant) -> Result<(), Error> {
        self.last_answer = Some(now);
        let is_its = |sent: &Sent| Some(sent.id) == response.id;
        let Some(place) = self.waiting.iter().position(is_its) else {
            self.describe("an answer to a request that was never sent");
            if let Some(stage) = self.stages.first_mut() {
                stage.kinds.get_mut(OperationKind::Read).tally.wrong += 1;
            }
            return Ok(());
        };
        let sent = self.waiting.remove(place);
        match (response.result, sent.form) {
            (Ok(Reply::Results(results)), Form::Batch | Form::Store)
                if results.len() == sent.asked.len() =>
            {
                let place = sent.place();
                for (asked, result) in sent.asked.iter().zip(&results) {
                    let verdict = self.judge(asked, result);
                    self.count(place, asked, verdict, now);
                }
            }
            (Ok(Reply::Results(results)), Form::Fetch) if results.len() == 1 => {
                self.modify(&sent, &results, now)?;
            }
            (Ok(reply), Form::Begin | Form::Work { .. } | Form::Commit) => {
                return self.go_on(sent, reply, now);
            }
            (Ok(Reply::Page(page)), Form::Scan { from, limit }) => {
                let (forms, ledger) = (self.assignment.composer.forms(), &self.assignment.ledger);
                let verdict = judge_page(from, limit, &page, forms, ledger);
                if let Some(asked) = sent.asked.first() {
                    self.count(sent.place(), asked, verdict, now);
                }
                self.close(&sent, &page, now)?;
            }
            (Ok(_), Form::Close) => {}
            (Ok(_), form) => self.count_misfit(&sent, form, now),
            (Err(error), _) => {
                self.fail(&sent, &error);
            }
        }
        self.reuse(sent);
        Ok(())
    }

    /// Keeps the list of a request that is answered, for another one.
    pub(crate) fn reuse(&mut self, mut sent: Sent) {
        sent.asked.clear();
        self.spare.push(sent.asked);
    }

    /// Counts an answer that does not belong to its request.
    pub(crate) fn count_misfit(&mut self, sent: &Sent, form: Form, now: Instant) {
        let text = format!("an answer that does not belong to its request: {form:?}");
        self.doubt(sent);
        for asked in counted(sent) {
            self.count(sent.place(), asked, Verdict::Wrong(text.clone()), now);
        }
    }

    /// Nobody knows what became of the writes of a request.
    fn doubt(&self, sent: &Sent) {
        for asked in &sent.asked {
            let seen = if asked.act.is_write() {
                Seen::Doubt
            } else {
                Seen::Refused
            };
            self.learn(asked, seen);
        }
    }

    fn judge(&self, asked: &Asked, result: &Result<Outcome, Error>) -> Verdict {
        let (forms, ledger) = (self.assignment.composer.forms(), &self.assignment.ledger);
        let verdict = judge(asked, result, forms, ledger);
        if asked.act == Act::Create {
            self.assignment.ids.inserted(asked.id);
        }
        verdict
    }

    /// Tells the ledger about an operation that has no result of its own.
    fn learn(&self, asked: &Asked, seen: Seen) {
        if asked.act == Act::Create {
            self.assignment.ids.inserted(asked.id);
        }
        // What was not answered contradicts nothing.
        let _ = self
            .assignment
            .ledger
            .answer(asked.id, asked.act.is_write(), asked.noted, seen);
    }

    /// Sends the second half of a read-modify-write, if the first found a document.
    fn modify(
        &mut self,
        sent: &Sent,
        results: &[Result<Outcome, Error>],
        now: Instant,
    ) -> Result<(), Error> {
        let (Some(asked), Some(result)) = (sent.asked.first(), results.first()) else {
            return Ok(());
        };
        let verdict = self.judge(asked, result);
        if !matches!(verdict, Verdict::Ok | Verdict::OtherRun) {
            self.count(sent.place(), asked, verdict, now);
            return Ok(());
        }
        let planned = Planned {
            kind: asked.kind,
            id: asked.id,
            size: asked.size,
        };
        let (asked, action) = self.prepare(planned, Act::Update);
        let id = self.link.execute([action]);
        self.note(id, sent.place(), Form::Store, vec![asked], now)
    }

    fn close(&mut self, sent: &Sent, page: &Page, now: Instant) -> Result<(), Error> {
        let Some(cursor): Option<CursorId> = page.cursor else {
            return Ok(());
        };
        let id = self.link.close_cursor(cursor);
        self.note(id, sent.place(), Form::Close, Vec::new(), now)
    }

    pub(crate) fn count(&mut self, place: Place, asked: &Asked, verdict: Verdict, now: Instant) {
        let latency = now.saturating_duration_since(place.due);
        let Some(stage) = self.stages.get_mut(place.stage) else {
            return;
        };
        let record = stage.kinds.get_mut(asked.kind);
        let tally = &mut record.tally;
        match verdict {
            Verdict::Ok => tally.ok += 1,
            Verdict::OtherRun => {
                tally.ok += 1;
                tally.other_run += 1;
            }
            Verdict::NotFound => tally.not_found += 1,
            Verdict::Exists => tally.exists += 1,
            Verdict::Failed(Code::TxnConflict) => tally.conflicts += 1,
            Verdict::Failed(code) => return self.count_failed(place, asked.kind, code, now),
            Verdict::Wrong(text) => {
                tally.wrong += 1;
                let text = format!("{} of document {}: {text}", asked.kind.as_str(), asked.id);
                self.describe(&text);
                return self.count_failure(asked.kind, now);
            }
        }
        record.latency.record(latency);
        self.recorder.record(asked.kind, latency, now);
        let operations = &self.assignment.pulse.operations;
        // Nobody else adds to it, so that adding needs no locked instruction.
        operations.store(operations.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        if let Some(reservoir) = self
            .assignment
            .reservoir
            .as_mut()
            .filter(|_| !place.warm_up)
        {
            reservoir.offer(LatencySample {
                kind: asked.kind,
                latency,
                at: now.saturating_duration_since(self.begun),
            });
        }
    }

    fn count_failed(&mut self, place: Place, kind: OperationKind, code: Code, now: Instant) {
        if let Some(stage) = self.stages.get_mut(place.stage) {
            let tally = &mut stage.kinds.get_mut(kind).tally;
            if code == Code::QueueFull {
                tally.refused += 1;
            } else {
                tally.fail(code, 1);
            }
        }
        self.count_failure(kind, now);
    }

    fn count_failure(&mut self, kind: OperationKind, now: Instant) {
        self.recorder.fail(kind, now);
        self.assignment
            .pulse
            .failures
            .fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that failed as a whole, or whose answer says so.
    fn fail(&mut self, sent: &Sent, error: &Error) {
        let now = Instant::now();
        for asked in &sent.asked {
            let is_applied = error.effect() != docdb_types::Effect::NotApplied;
            let seen = if asked.act.is_write() && is_applied {
                Seen::Doubt
            } else {
                Seen::Refused
            };
            self.learn(asked, seen);
        }
        for asked in counted(sent) {
            let verdict = Verdict::Failed(error.code());
            self.count(sent.place(), asked, verdict, now);
        }
    }

    /// Counts a request whose answer never comes.
    pub(crate) fn lose(&mut self, sent: Sent, code: Code) {
        let now = Instant::now();
        self.doubt(&sent);
        for asked in counted(&sent) {
            let is_interrupted = self.assignment.is_interrupted && code != Code::Timeout;
            let Some(stage) = self.stages.get_mut(sent.stage) else {
                return;
            };
            let tally = &mut stage.kinds.get_mut(asked.kind).tally;
            if is_interrupted {
                tally.interrupted += 1;
            } else if code == Code::Timeout {
                tally.unanswered += 1;
                self.count_failure(asked.kind, now);
            } else {
                tally.fail(code, 1);
                self.count_failure(asked.kind, now);
            }
        }
    }

    fn describe(&mut self, text: &str) {
        if self.wrong.len() < DESCRIBED_ANSWERS {
            let text = format!("{}: {text}", self.assignment.database);
            self.wrong.push(text);
        }
    }
}

/// What a request counts for.
fn counted(sent: &Sent) -> &[Asked] {
    match sent.form {
        Form::Batch => &sent.asked,
        _ => sent.asked.get(..1).unwrap_or(&sent.asked),
    }
}
