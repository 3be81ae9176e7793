//! Who may run: the rules of admission, as a single-threaded value.
//!
//! The ledger decides; [`shared`](crate::shared) adds the lock and the threads. What it dispatches
//! stands in a list until a worker comes for it, and already counts as running: a place is given
//! in the moment it becomes free, so nobody can slip in between.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use docdb_types::DatabaseId;

use crate::admission::Refusal;
use crate::options::{Places, SchedulerOptions};
use crate::queue::{FairQueue, Flow, FlowId, Pick};
use crate::stats::{DatabaseStats, SchedulerStats, WaitTimes};

#[cfg(test)]
mod tests;

/// What runs, what waits, and what there is room for.
#[derive(Debug)]
pub(crate) struct Ledger<T> {
    queue: FairQueue<Waiting<T>>,
    dispatched: VecDeque<(FlowId, Waiting<T>)>,
    places: Places,
    admitted_inline: u64,
    admitted_queued: u64,
    finished: u64,
    refused_queue_full: u64,
    waits: WaitTimes,
}

/// A job in a queue, or dispatched and not begun.
#[derive(Debug)]
struct Waiting<T> {
    job: T,
    since: Instant,
}

/// The answer to a job that was brought.
#[derive(Debug)]
pub(crate) enum Verdict<T> {
    /// It runs now, where it is, and counts until [`Ledger::finish`].
    Inline(FlowId, T),
    /// It waits.
    Queued,
    /// It has to be handed back.
    Refused(T, Refusal),
}

impl<T> Ledger<T> {
    pub(crate) fn new(options: &SchedulerOptions) -> Self {
        Self {
            queue: FairQueue::new(options.quantum, options.queue_depth),
            dispatched: VecDeque::new(),
            places: options.places(),
            admitted_inline: 0,
            admitted_queued: 0,
            finished: 0,
            refused_queue_full: 0,
            waits: WaitTimes::default(),
        }
    }

    /// Judges a job. After an answer of `Queued`, [`dispatch`](Self::dispatch) is due.
    pub(crate) fn admit(&mut self, database: DatabaseId, cost: u64, job: T) -> Verdict<T> {
        let id = self.queue.enter(database);
        if self.may_run_inline(id) {
            self.queue.begin(id);
            self.admitted_inline += 1;
            return Verdict::Inline(id, job);
        }
        match self.queue.push(
            id,
            cost,
            Waiting {
                job,
                since: Instant::now(),
            },
        ) {
            Ok(()) => {
                self.admitted_queued += 1;
                Verdict::Queued
            }
            Err(Waiting { job, .. }) => {
                self.refused_queue_full += 1;
                let depth = self.queue.flow(id).queued();
                Verdict::Refused(job, Refusal::QueueFull { depth })
            }
        }
    }

    /// Gives the free places to waiting jobs.
    ///
    /// INVARIANT: afterwards no waiting job may have a place that is free. Due after every change.
    pub(crate) fn dispatch(&mut self) {
        while self.queue.queued() > 0 && self.queue.running() < self.places.hard() {
            let pick = if self.queue.starved() > 0 {
                Pick::Starved
            } else if self.has_further_place() {
                Pick::Any
            } else {
                break;
            };
            match self.queue.pop(pick) {
                Some(next) => self.dispatched.push_back(next),
                None => break,
            }
        }
    }

    /// Takes the dispatched job that has waited longest for its worker.
    pub(crate) fn begin(&mut self) -> Option<(FlowId, T)> {
        let (id, Waiting { job, since }) = self.dispatched.pop_front()?;
        let wait = since.elapsed();
        self.queue.flow_mut(id).waits.record(wait);
        self.waits.record(wait);
        Some((id, job))
    }

    /// Takes back the place of a job that ran. [`dispatch`](Self::dispatch) is due.
    pub(crate) fn finish(&mut self, id: FlowId) {
        self.queue.finish(id);
        self.finished += 1;
    }

    /// Jobs dispatched that no worker has begun.
    pub(crate) fn dispatched(&self) -> usize {
        self.dispatched.len()
    }

    /// Whether no job waits for a place or a worker.
    pub(crate) fn is_drained(&self) -> bool {
        self.queue.queued() == 0 && self.dispatched.is_empty()
    }

    /// Whether nothing waits and nothing runs.
    pub(crate) fn is_quiet(&self) -> bool {
        self.queue.queued() == 0 && self.queue.running() == 0
    }

    /// Takes back every job that has not begun, each database's in the order of admission.
    pub(crate) fn take_all(&mut self) -> Vec<T> {
        let mut waiting = Vec::with_capacity(self.dispatched.len() + self.queue.queued());
        for (id, dispatched) in std::mem::take(&mut self.dispatched) {
            self.queue.finish(id);
            waiting.push(dispatched);
        }
        waiting.append(&mut self.queue.take_all());
        waiting.into_iter().map(|waiting| waiting.job).collect()
    }

    /// Forgets a database as soon as nothing of it waits or runs.
    pub(crate) fn forget(&mut self, database: DatabaseId) {
        self.queue.forget(database);
    }

    /// The figures that the ledger keeps; the rest are at their defaults.
    pub(crate) fn stats(&self) -> SchedulerStats {
        let now = Instant::now();
        let mut databases: Vec<_> = self
            .queue
            .databases()
            .map(|flow| database_stats(flow, now))
            .collect();
        databases.sort_unstable_by_key(|stats| stats.database.get());
        SchedulerStats {
            databases,
            queued: self.queue.queued(),
            running: self.queue.running(),
            target: self.places.target(self.active()),
            admitted_inline: self.admitted_inline,
            admitted_queued: self.admitted_queued,
            finished: self.finished,
            refused_queue_full: self.refused_queue_full,
            waits: self.waits,
            ..SchedulerStats::default()
        }
    }

    /// A job may run where it is if it takes the first place of its database, or a further one
    /// that is free, and does not overtake one of its database that a worker is coming for.
    ///
    /// INVARIANT: after [`dispatch`](Self::dispatch) a job that waits means that its database has
    /// a place already and no further one is free, so whoever gets one here passes nobody.
    fn may_run_inline(&self, id: FlowId) -> bool {
        self.queue.running() < self.places.hard()
            && (self.queue.flow(id).running == 0
                || (self.has_further_place()
                    && self
                        .dispatched
                        .iter()
                        .all(|(dispatched, _)| *dispatched != id)))
    }

    fn has_further_place(&self) -> bool {
        self.queue.running() - self.queue.busy() < self.places.further(self.active())
    }

    /// Databases with work running or waiting.
    fn active(&self) -> usize {
        self.queue.busy() + self.queue.starved()
    }
}

fn database_stats<T>(flow: &Flow<Waiting<T>>, now: Instant) -> DatabaseStats {
    DatabaseStats {
        database: flow.database,
        queued: flow.queued(),
        running: flow.running,
        oldest_wait: flow.head().map_or(Duration::ZERO, |head| {
            now.saturating_duration_since(head.since)
        }),
        refused_queue_full: flow.refused,
        waits: flow.waits,
    }
}
