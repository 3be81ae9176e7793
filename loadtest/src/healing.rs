//! Healings that a database made during a run: differences of what it counts since it was opened.

use std::time::Duration;

use docdb_client::HealingStatistics;

/// What a database healed between two looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Healed {
    /// When it was noticed, from the beginning of the run.
    pub at: Duration,
    /// Healings that a read or a command asked for.
    pub on_demand: u64,
    /// Healings that the scrub made.
    pub background: u64,
    /// Documents that were written anew.
    pub documents: u64,
    /// How long the healings took together.
    pub took: Duration,
}

impl Healed {
    /// Healings.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.on_demand.saturating_add(self.background)
    }

    /// What asked for them.
    #[must_use]
    pub const fn trigger(&self) -> &'static str {
        match (self.on_demand, self.background) {
            (_, 0) => "on_demand",
            (0, _) => "background",
            _ => "both",
        }
    }
}

/// The counts of a database over a run.
#[derive(Debug, Default)]
pub(crate) struct HealingTrack {
    pub(crate) first: Option<HealingStatistics>,
    pub(crate) last: Option<HealingStatistics>,
    pub(crate) healed: Vec<Healed>,
}

impl HealingTrack {
    /// Takes the counts of a look.
    pub(crate) fn look(&mut self, at: Duration, counts: HealingStatistics) {
        if let Some(last) = &self.last {
            let healed = between(at, last, &counts);
            if healed.events() > 0 {
                self.healed.push(healed);
            }
        }
        self.first.get_or_insert_with(|| counts.clone());
        self.last = Some(counts);
    }
}

fn between(at: Duration, before: &HealingStatistics, now: &HealingStatistics) -> Healed {
    let events = |counts: &HealingStatistics| counts.on_demand.saturating_add(counts.background);
    // A database that was opened again counts from zero.
    let nothing = HealingStatistics::default();
    let before = if events(now) < events(before) {
        &nothing
    } else {
        before
    };
    let grown = |count: fn(&HealingStatistics) -> u64| count(now).saturating_sub(count(before));
    Healed {
        at,
        on_demand: grown(|counts| counts.on_demand),
        background: grown(|counts| counts.background),
        documents: grown(|counts| counts.healed_documents),
        took: Duration::from_micros(grown(|counts| counts.healing_us)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(on_demand: u64, background: u64) -> HealingStatistics {
        let events = on_demand + background;
        HealingStatistics {
            on_demand,
            background,
            healed_documents: 10 * events,
            healing_us: 100 * events,
            ..HealingStatistics::default()
        }
    }

    #[test]
    fn every_healing_between_two_looks_counts_also_after_a_new_start() {
        let mut track = HealingTrack::default();
        let looks = [(5, 5), (5, 5), (8, 5), (8, 6), (10, 7), (0, 1)];
        for (second, (on_demand, background)) in (0..).zip(looks) {
            track.look(Duration::from_secs(second), counts(on_demand, background));
        }
        let healed: Vec<_> = track
            .healed
            .iter()
            .map(|healed| (healed.at.as_secs(), healed.events(), healed.trigger()))
            .collect();
        let expected = [
            (2, 3, "on_demand"),
            (3, 1, "background"),
            (4, 3, "both"),
            (5, 1, "background"),
        ];
        assert_eq!(healed, expected);
        assert!(track.healed.iter().all(|healed| {
            healed.documents == 10 * healed.events()
                && healed.took == Duration::from_micros(100 * healed.events())
        }));
    }
}
