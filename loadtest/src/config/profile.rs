use std::time::Duration;

use super::{FilePhase, Mix, MixShift};

/// A part of a run with a name and its own load.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// When it begins, from the beginning of the run.
    pub start: Duration,
    /// How long it lasts.
    pub duration: Duration,
    /// Whether it only warms up: what happens in it is not measured.
    pub warm_up: bool,
    /// Workers in all; `None`: those of the databases.
    pub workers: Option<usize>,
    /// Its mix; `None`: that of the run.
    pub mix: Option<MixShift>,
    /// Operations per second in all; `None`: that of the run.
    pub rate: Option<f64>,
}

impl Phase {
    /// When it ends, from the beginning of the run.
    #[must_use]
    pub fn end(&self) -> Duration {
        self.start.saturating_add(self.duration)
    }

    /// Phases as a file has them, all of them later by `offset`. One without a beginning follows the
    /// one before it.
    pub(super) fn of_file(phases: &[FilePhase], offset: Duration) -> Vec<Self> {
        let mut end = offset;
        phases
            .iter()
            .map(|phase| {
                let phase = Self {
                    name: phase.name.clone(),
                    start: phase
                        .start_time
                        .map_or(end, |start| offset.saturating_add(start.0)),
                    duration: phase.duration.0,
                    warm_up: phase.warmup,
                    workers: phase.workers,
                    mix: phase
                        .crud
                        .map(|crud| MixShift::constant(crud.into()))
                        .or_else(|| {
                            phase.crud_transition.map(|transition| MixShift {
                                start: transition.start.into(),
                                end: transition.end.into(),
                            })
                        }),
                    rate: phase.operation_rate.filter(|rate| *rate > 0.0),
                };
                end = phase.end();
                phase
            })
            .collect()
    }
}

/// A stretch of the run during which the load is described by one set of figures: a phase, or what
/// lies between phases.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// The phase, by its place in the profile; `None` between phases.
    pub phase: Option<usize>,
    /// When it begins, from the beginning of the run.
    pub start: Duration,
    /// When it ends, from the beginning of the run.
    pub end: Duration,
    /// Whether it lies before what is measured.
    pub warm_up: bool,
    /// Workers of each database.
    pub workers: Vec<usize>,
    /// The mix of each database.
    pub mixes: Vec<MixShift>,
    /// Operations per second in all; `None`: as fast as answers come.
    pub rate: Option<f64>,
}

/// What databases do where no phase says otherwise.
pub(super) struct Base<'a> {
    /// Workers and the own mix of each database.
    pub(super) databases: Vec<(usize, Option<Mix>)>,
    pub(super) mix: Mix,
    pub(super) rate: Option<f64>,
    pub(super) phases: &'a [Phase],
    /// What is measured begins here.
    pub(super) measured_from: Duration,
    pub(super) end: Duration,
}

impl Base<'_> {
    /// Cuts the run into stages, without gaps.
    pub(super) fn stages(&self) -> Vec<Stage> {
        let mut stages = Vec::new();
        let mut reached = Duration::ZERO;
        for (place, phase) in self.phases.iter().enumerate() {
            let start = phase.start.min(self.end);
            let end = phase.end().min(self.end);
            self.fill(&mut stages, reached, start);
            if start < end {
                stages.push(self.stage(Some((place, phase)), start, end));
            }
            reached = end;
        }
        self.fill(&mut stages, reached, self.end);
        stages
    }

    /// What lies between phases, cut where measuring begins.
    fn fill(&self, stages: &mut Vec<Stage>, start: Duration, end: Duration) {
        let cut = self.measured_from.clamp(start, end.max(start));
        for (start, end) in [(start, cut), (cut, end)] {
            if start < end {
                stages.push(self.stage(None, start, end));
            }
        }
    }

    fn stage(&self, phase: Option<(usize, &Phase)>, start: Duration, end: Duration) -> Stage {
        let (place, phase) = phase.unzip();
        let count = self.databases.len().max(1);
        let dealt = phase.and_then(|phase| phase.workers);
        let workers = self.databases.iter().enumerate().map(|(index, (own, _))| {
            dealt.map_or(*own, |all| all / count + usize::from(index < all % count))
        });
        let mix = phase
            .and_then(|phase| phase.mix)
            .unwrap_or(MixShift::constant(self.mix));
        let mixes = self
            .databases
            .iter()
            .map(|(_, own)| own.map_or(mix, MixShift::constant));
        Stage {
            phase: place,
            start,
            end,
            warm_up: end <= self.measured_from,
            workers: workers.collect(),
            mixes: mixes.collect(),
            rate: phase.and_then(|phase| phase.rate).or(self.rate),
        }
    }
}
