use std::time::Duration;

use docdb_types::Code;

use crate::latency::Latency;
use crate::operation::{OperationKind, PerKind};

/// How the operations of one kind ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Succeeded.
    pub ok: u64,
    /// Found no live document, which a mix of random ids expects.
    pub not_found: u64,
    /// Found a live document where one was to be created, which a mix of random ids expects.
    pub exists: u64,
    /// Reads, counted in [`ok`](Self::ok) too, of a document that another run had written.
    pub other_run: u64,
    /// Transactions that another write came between, which a mix of random ids expects.
    pub conflicts: u64,
    /// Refused because a queue was full.
    pub refused: u64,
    /// Answered with something that cannot be true.
    pub wrong: u64,
    /// Not answered in time, and so never.
    pub unanswered: u64,
    /// Cut off because the run killed the server: expected, and no operations.
    pub interrupted: u64,
    /// Failed, by code.
    pub errors: Vec<(Code, u64)>,
}

impl Tally {
    /// Operations that count as such: they succeeded, or ended as the mix expects.
    #[must_use]
    pub const fn operations(&self) -> u64 {
        self.ok + self.expected()
    }

    /// Those that ended as the mix expects, without success.
    #[must_use]
    pub const fn expected(&self) -> u64 {
        self.not_found + self.exists + self.conflicts
    }

    /// Those that failed, refusals, wrong and lost answers aside.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.errors.iter().map(|(_, count)| count).sum()
    }

    /// Everything that was asked and should have been an operation.
    #[must_use]
    pub fn uncounted(&self) -> u64 {
        self.failed() + self.refused + self.wrong + self.unanswered
    }

    /// Counts failures of a code.
    pub fn fail(&mut self, code: Code, count: u64) {
        match self.errors.iter_mut().find(|(known, _)| *known == code) {
            Some((_, known)) => *known += count,
            None => self.errors.push((code, count)),
        }
    }

    fn merge(&mut self, other: &Self) {
        self.ok += other.ok;
        self.not_found += other.not_found;
        self.exists += other.exists;
        self.other_run += other.other_run;
        self.conflicts += other.conflicts;
        self.refused += other.refused;
        self.wrong += other.wrong;
        self.unanswered += other.unanswered;
        self.interrupted += other.interrupted;
        for (code, count) in &other.errors {
            self.fail(*code, *count);
        }
    }
}

/// What was measured of one kind of operation.
#[derive(Debug, Clone, Default)]
pub struct KindRecord {
    /// How they ended.
    pub tally: Tally,
    /// How long those took that count as operations.
    pub latency: Latency,
}

impl KindRecord {
    /// Adds all of another record.
    pub fn merge(&mut self, other: &Self) {
        self.tally.merge(&other.tally);
        self.latency.merge(&other.latency);
    }
}

/// What was measured during one stage.
#[derive(Debug, Clone, Default)]
pub struct StageRecord {
    /// By kind.
    pub kinds: PerKind<KindRecord>,
    /// Operations that were due and never sent, because earlier ones were not answered in time.
    pub never_sent: u64,
    /// At a rate: how much later than due requests left whose worker had nothing else to wait for.
    /// This part of their latency is the generator's own.
    pub lateness: Latency,
}

impl StageRecord {
    /// Adds all of another record.
    pub fn merge(&mut self, other: &Self) {
        for kind in OperationKind::ALL {
            self.kinds.get_mut(kind).merge(other.kinds.get(kind));
        }
        self.never_sent += other.never_sent;
        self.lateness.merge(&other.lateness);
    }

    /// The sum of a figure over all kinds.
    pub fn sum(&self, figure: impl Fn(&Tally) -> u64) -> u64 {
        self.kinds
            .iter()
            .map(|(_, record)| figure(&record.tally))
            .sum()
    }

    /// All kinds as one.
    #[must_use]
    pub fn all(&self) -> KindRecord {
        let mut all = KindRecord::default();
        for (_, record) in self.kinds.iter() {
            all.merge(record);
        }
        all
    }
}

/// One operation, for the file of samples.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LatencySample {
    pub(crate) kind: OperationKind,
    pub(crate) latency: Duration,
    /// When it was answered, from the beginning of the run.
    pub(crate) at: Duration,
}

/// A bounded random choice among all operations of a worker, each as likely as any other
/// (Algorithm R: Vitter, "Random Sampling with a Reservoir", 1985).
#[derive(Debug)]
pub(crate) struct Reservoir {
    room: usize,
    seen: u64,
    samples: Vec<LatencySample>,
    random: crate::random::Random,
}

impl Reservoir {
    pub(crate) const fn new(room: usize, random: crate::random::Random) -> Self {
        Self {
            room,
            seen: 0,
            samples: Vec::new(),
            random,
        }
    }

    pub(crate) fn offer(&mut self, sample: LatencySample) {
        self.seen += 1;
        if self.samples.len() < self.room {
            self.samples.push(sample);
        } else if self.room > 0 {
            let place = usize::try_from(self.random.below(self.seen)).unwrap_or(usize::MAX);
            if let Some(old) = self.samples.get_mut(place) {
                *old = sample;
            }
        }
    }

    pub(crate) fn into_samples(self) -> Vec<LatencySample> {
        self.samples
    }
}
