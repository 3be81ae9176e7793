use std::time::{Duration, SystemTime};

use docdb_client::{DatabaseStatistics, HealingStatistics, ServerHello};
use docdb_types::DatabaseName;

use crate::ceiling::Ceiling;
use crate::healing::Healed;
use crate::monitor::{Sample, ServerSample};
use crate::process::ProcessFigures;
use crate::record::{LatencySample, StageRecord, Tally};
use crate::series::Step;
use crate::verification::Verification;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As planned.
    Complete,
    /// It was stopped before its end.
    Stopped,
    /// Workers lost the server.
    Lost,
}

/// Everything that a run found out.
#[derive(Debug)]
pub struct Measured {
    /// When it began.
    pub started_at: SystemTime,
    /// From where measuring began to the last answer.
    pub elapsed: Duration,
    /// How it ended.
    pub ending: Ending,
    /// Workers that gave up because the server was gone.
    pub lost_workers: usize,
    /// By database, as planned.
    pub databases: Vec<DatabaseMeasured>,
    /// How long the steps of the databases are.
    pub step: Duration,
    /// Some of the wrong answers, in words.
    pub wrong_answers: Vec<String>,
    /// What the server says about itself, where it is docdb.
    pub server: Option<ServerHello>,
    /// What was seen of the server as a whole.
    pub server_samples: Vec<ServerSample>,
    /// When the run killed its server.
    pub kills: Vec<Kill>,
    /// What reading everything once more at the end has shown.
    pub verification: Option<Verification>,
    /// What the generator can make.
    pub ceiling: Option<Ceiling>,
}

/// One end of the server that the run made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kill {
    /// From the beginning of the run.
    pub at: Duration,
    /// How long nobody listened.
    pub away: Duration,
}

/// What was found out about one database.
#[derive(Debug)]
pub struct DatabaseMeasured {
    /// Its name.
    pub name: DatabaseName,
    /// By stage of the plan.
    pub stages: Vec<StageRecord>,
    /// All stages together, the warm-up aside.
    pub total: StageRecord,
    /// By step from the beginning of the run, the warm-up among them.
    pub steps: Vec<Step>,
    /// What the server told about it.
    pub log: Vec<Sample>,
    /// What it healed meanwhile.
    pub healed: Vec<Healed>,
    /// What it counted of healing before the run and at its end.
    pub healing: Option<(HealingStatistics, HealingStatistics)>,
    /// What the server measured of it before the run.
    pub first: Option<DatabaseStatistics>,
    /// What the server measured of it at the end.
    pub last: Option<DatabaseStatistics>,
    pub(crate) samples: Vec<LatencySample>,
}

impl Measured {
    /// The sum of a figure over all databases and kinds.
    pub fn sum(&self, figure: impl Fn(&Tally) -> u64) -> u64 {
        let of_database = |database: &DatabaseMeasured| database.total.sum(&figure);
        self.databases.iter().map(of_database).sum()
    }

    /// All databases together.
    #[must_use]
    pub fn total(&self) -> StageRecord {
        let mut total = StageRecord::default();
        for database in &self.databases {
            total.merge(&database.total);
        }
        total
    }

    /// Why the run is a failure, in words: wrong or lost answers, also in the warm-up, nothing but
    /// errors, an early end, or something acknowledged that is gone. Empty when it is none.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let in_all = |figure: fn(&Tally) -> u64| {
            let databases = self.databases.iter();
            let stages = databases.flat_map(|database| &database.stages);
            stages.map(|stage| stage.sum(figure)).sum::<u64>()
        };
        let mut failures = Vec::new();
        let mut check = |holds: bool, text: String| {
            if !holds {
                failures.push(text);
            }
        };
        let wrong = in_all(|tally| tally.wrong);
        check(wrong == 0, format!("{wrong} wrong answers"));
        let unanswered = in_all(|tally| tally.unanswered);
        check(unanswered == 0, format!("{unanswered} answers never came"));
        let operations = self.sum(Tally::operations);
        check(
            operations > 0 || self.sum(Tally::uncounted) == 0,
            "nothing but errors".to_owned(),
        );
        check(
            self.ending == Ending::Complete,
            match self.ending {
                Ending::Lost => format!("{} workers lost the server", self.lost_workers),
                _ => "stopped before the end".to_owned(),
            },
        );
        if let Some(verification) = &self.verification {
            let Verification {
                contradictions,
                unread,
                ..
            } = verification;
            check(
                *contradictions == 0,
                format!("{contradictions} documents are not as they were acknowledged"),
            );
            check(
                *unread == 0,
                format!("{unread} documents could not be read again"),
            );
        }
        failures
    }

    /// Whether the run is a failure.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        !self.failures().is_empty()
    }

    /// How many processors the server kept busy, and how many bytes of memory it had at the end;
    /// `None` where the system does not tell.
    #[must_use]
    pub fn server_load(&self) -> Option<(f64, u64)> {
        let mut busy = Duration::ZERO;
        let mut span = Duration::ZERO;
        let mut last: Option<(Duration, ProcessFigures)> = None;
        for sample in &self.server_samples {
            let Some(figures) = sample.process else {
                continue;
            };
            if let Some((at, before)) = last {
                // A server that was started anew counts from 0.
                busy += figures.cpu.checked_sub(before.cpu).unwrap_or(figures.cpu);
                span += sample.at.saturating_sub(at);
            }
            last = Some((sample.at, figures));
        }
        let processors = busy.as_secs_f64() / span.as_secs_f64();
        let (_, figures) = last?;
        processors
            .is_finite()
            .then_some((processors, figures.resident_bytes))
    }

    /// Processor time from the moment `from` of the run to its end, of the server and of the
    /// generator, in seconds; `None` where the system does not tell.
    #[must_use]
    pub fn processor_seconds(&self, from: Duration) -> (Option<f64>, Option<f64>) {
        let between = |figures: fn(&ServerSample) -> Option<ProcessFigures>| {
            let mut samples = self.server_samples.iter().filter(|s| s.at >= from);
            let first = figures(samples.next()?)?;
            let last = figures(samples.next_back()?)?;
            Some(last.cpu.saturating_sub(first.cpu).as_secs_f64())
        };
        (
            between(|sample| sample.process),
            between(|sample| sample.generator),
        )
    }

    /// How many times what was measured the generator's own work allows.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    pub fn headroom(&self) -> Option<f64> {
        let measured = self.sum(Tally::operations) as f64 / self.elapsed.as_secs_f64();
        let headroom = self.ceiling?.own / measured;
        headroom.is_finite().then_some(headroom)
    }
}
