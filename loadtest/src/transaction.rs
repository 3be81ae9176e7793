//! Transactions over several requests: begin, read and replace every document, commit.

use std::collections::HashSet;
use std::time::Instant;

use docdb_client::{Reply, TransactionHandle};
use docdb_types::{Action, Change, Error, Outcome, Version};

use crate::exchange::Place;
use crate::ledger::Seen;
use crate::source::Planned;
use crate::verdict::{Act, Asked, Verdict, judge_in_snapshot};
use crate::worker::{Form, Sent, Worker};

impl Worker {
    /// Sends the first of its requests.
    pub(crate) fn begin_transaction(
        &mut self,
        place: Place,
        planned: &[Planned],
        now: Instant,
    ) -> Result<(), Error> {
        let mut ids = HashSet::new();
        let mut asked = self.spare.pop().unwrap_or_default();
        let distinct = planned.iter().filter(|planned| ids.insert(planned.id));
        asked.extend(distinct.map(|planned| Asked {
            kind: planned.kind,
            id: planned.id,
            // Until the commit leaves it writes nothing.
            act: Act::Read,
            size: planned.size,
            stamp: None,
            noted: self.assignment.ledger.send(planned.id, false),
        }));
        let sent = self.link.begin();
        self.note(sent, place, Form::Begin, asked, now)
    }

    /// Goes on with the next of its requests.
    pub(crate) fn go_on(
        &mut self,
        mut sent: Sent,
        reply: Reply,
        now: Instant,
    ) -> Result<(), Error> {
        match (reply, sent.form) {
            (Reply::Begun(begun), Form::Begin) => {
                let mut actions = Vec::with_capacity(sent.asked.len() * 2);
                actions.extend(sent.asked.iter().map(|asked| Action::Read { id: asked.id }));
                for asked in &mut sent.asked {
                    let (id, size) = (asked.id, asked.size as usize);
                    let (document, stamp) = self.assignment.composer.compose(id, size);
                    asked.stamp = Some(stamp);
                    actions.push(Action::Upsert { id, document });
                }
                let form = Form::Work {
                    transaction: begun.handle,
                    snapshot: begun.snapshot_version,
                };
                let id = self.link.execute_in(begun.handle, actions);
                self.note(id, sent.place(), form, sent.asked, now)
            }
            (
                Reply::Results(results),
                Form::Work {
                    transaction,
                    snapshot,
                },
            ) if results.len() == sent.asked.len() * 2 => {
                match self.judge_work(&sent.asked, snapshot, &results) {
                    Verdict::Ok => self.commit(sent, transaction, now),
                    verdict => {
                        self.count_first(&sent, verdict, now);
                        let id = self.link.roll_back(transaction);
                        self.note(id, sent.place(), Form::Close, Vec::new(), now)
                    }
                }
            }
            (Reply::Committed(version), Form::Commit) => {
                let verdict = self.learn_commit(&sent.asked, version);
                self.count_first(&sent, verdict, now);
                self.reuse(sent);
                Ok(())
            }
            (_, form) => {
                self.count_misfit(&sent, form, now);
                Ok(())
            }
        }
    }

    fn commit(
        &mut self,
        mut sent: Sent,
        transaction: TransactionHandle,
        now: Instant,
    ) -> Result<(), Error> {
        for asked in &mut sent.asked {
            asked.act = Act::Upsert;
            asked.noted = self.assignment.ledger.send(asked.id, true);
        }
        let id = self.link.commit(transaction);
        self.note(id, sent.place(), Form::Commit, sent.asked, now)
    }

    /// Judges the reads, which come first, and then the writes.
    fn judge_work(
        &self,
        asked: &[Asked],
        snapshot: Version,
        results: &[Result<Outcome, Error>],
    ) -> Verdict {
        let (forms, ledger) = (self.assignment.composer.forms(), &self.assignment.ledger);
        let (reads, writes) = results.split_at(asked.len());
        for (asked, result) in asked.iter().zip(reads) {
            match judge_in_snapshot(asked, result, snapshot, forms, ledger) {
                Verdict::Ok | Verdict::OtherRun | Verdict::NotFound => {}
                verdict => return verdict,
            }
        }
        for (asked, result) in asked.iter().zip(writes) {
            match result {
                Ok(outcome)
                    if outcome.id == asked.id
                        && matches!(outcome.change, Change::Created | Change::Replaced) => {}
                Ok(outcome) => return Verdict::Wrong(format!("something else: {outcome:?}")),
                Err(error) => return Verdict::Failed(error.code()),
            }
        }
        Verdict::Ok
    }

    fn learn_commit(&self, asked: &[Asked], version: Version) -> Verdict {
        let version = version.get();
        let mut verdict = Verdict::Ok;
        for asked in asked {
            let seen = match asked.stamp {
                Some(stamp) => Seen::Written {
                    version,
                    stamp,
                    found: None,
                },
                None => Seen::Doubt,
            };
            let ledger = &self.assignment.ledger;
            if let Err(contradiction) = ledger.answer(asked.id, true, asked.noted, seen) {
                verdict = Verdict::Wrong(contradiction.to_string());
            }
        }
        verdict
    }

    /// Counts a transaction once, whatever it consists of.
    fn count_first(&mut self, sent: &Sent, verdict: Verdict, now: Instant) {
        if let Some(asked) = sent.asked.first() {
            self.count(sent.place(), asked, verdict, now);
        }
    }
}
