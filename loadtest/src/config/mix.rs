use std::fmt;

use crate::operation::{OperationKind, PerKind};

/// How many of a hundred operations are of which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix(pub PerKind<u32>);

/// A mix that changes linearly from one to another, or stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MixShift {
    /// At the beginning.
    pub start: Mix,
    /// At the end.
    pub end: Mix,
}

impl Mix {
    /// The mix of these kinds, and of no others.
    #[must_use]
    pub fn of(percent: &[(OperationKind, u32)]) -> Self {
        let mut mix = PerKind::default();
        for (kind, percent) in percent {
            *mix.get_mut(*kind) = *percent;
        }
        Self(mix)
    }

    /// The mix that is used when none is chosen.
    #[must_use]
    pub fn usual() -> Self {
        Self::of(&[
            (OperationKind::Read, 40),
            (OperationKind::Create, 30),
            (OperationKind::Update, 20),
            (OperationKind::Delete, 10),
        ])
    }

    /// How many of a hundred are of a kind.
    #[must_use]
    pub const fn percent(&self, kind: OperationKind) -> u32 {
        *self.0.get(kind)
    }

    /// The sum, which must be 100.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.iter().map(|(_, percent)| u64::from(*percent)).sum()
    }
}

impl fmt::Display for Mix {
    /// The kinds that it has, as in `60 % read, 40 % update`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds: Vec<_> = self.0.iter().filter(|(_, percent)| **percent > 0).collect();
        kinds.sort_by_key(|(_, percent)| std::cmp::Reverse(**percent));
        for (place, (kind, percent)) in kinds.into_iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(formatter, "{comma}{percent} % {}", kind.as_str())?;
        }
        Ok(())
    }
}

impl MixShift {
    /// A mix that stays.
    #[must_use]
    pub const fn constant(mix: Mix) -> Self {
        Self {
            start: mix,
            end: mix,
        }
    }

    /// The kind that `chance`, uniform in 0 to 1, picks after the share `progress` of the time.
    #[must_use]
    pub fn pick(&self, progress: f64, chance: f64) -> OperationKind {
        let mut left = chance * 100.0;
        let mut last = OperationKind::Read;
        for ((kind, start), (_, end)) in self.start.0.iter().zip(self.end.0.iter()) {
            let (start, end) = (f64::from(*start), f64::from(*end));
            let percent = start + (end - start) * progress;
            if percent > 0.0 {
                // Only rounding reaches past the last kind that the mix has.
                last = kind;
            }
            if left < percent {
                return kind;
            }
            left -= percent;
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn shares(shift: MixShift, progress: f64) -> PerKind<f64> {
        let mut random = Random::new(3);
        let mut counts = PerKind::default();
        for _ in 0..100_000 {
            *counts.get_mut(shift.pick(progress, random.unit())) += 0.001;
        }
        counts
    }

    #[test]
    fn kinds_come_in_the_shares_of_the_mix() {
        let mix = Mix::of(&[
            (OperationKind::Read, 40),
            (OperationKind::Create, 25),
            (OperationKind::Delete, 10),
            (OperationKind::Patch, 10),
            (OperationKind::Transaction, 15),
        ]);
        let found = shares(MixShift::constant(mix), 0.5);
        for (kind, found) in found.iter() {
            let wanted = f64::from(mix.percent(kind));
            assert!((found - wanted).abs() < 1.0, "{kind:?}: {found}");
        }
    }

    #[test]
    fn a_transition_is_linear() {
        let shift = MixShift {
            start: Mix::of(&[(OperationKind::Read, 100)]),
            end: Mix::of(&[(OperationKind::Create, 100)]),
        };
        for (progress, wanted) in [(0.0, 0.0), (0.25, 25.0), (0.5, 50.0), (1.0, 100.0)] {
            let found = shares(shift, progress);
            let (create, read) = (
                found.get(OperationKind::Create),
                found.get(OperationKind::Read),
            );
            assert!((create - wanted).abs() < 1.0, "{create} not {wanted}");
            assert!((read - (100.0 - wanted)).abs() < 1.0);
        }
    }

    #[test]
    fn a_mix_reads_from_the_most_to_the_least() {
        assert_eq!(
            Mix::usual().to_string(),
            "40 % read, 30 % create, 20 % update, 10 % delete"
        );
    }
}
