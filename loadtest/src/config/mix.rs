use crate::operation::OperationKind;

/// How many of a hundred operations are of which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mix {
    /// Reads.
    pub read: u32,
    /// Creates.
    pub write: u32,
    /// Updates.
    pub update: u32,
    /// Deletes.
    pub delete: u32,
}

/// A mix that changes linearly from one to another, or stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MixShift {
    /// At the beginning.
    pub start: Mix,
    /// At the end.
    pub end: Mix,
}

impl Mix {
    /// The mix that is used when none is chosen.
    pub const DEFAULT: Self = Self {
        read: 40,
        write: 30,
        update: 20,
        delete: 10,
    };

    /// The sum, which must be 100.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        self.read as u64 + self.write as u64 + self.update as u64 + self.delete as u64
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
        let between = |start: u32, end: u32| {
            f64::from(start) + (f64::from(end) - f64::from(start)) * progress
        };
        let mut left = chance * 100.0;
        for (kind, percent) in [
            (OperationKind::Read, between(self.start.read, self.end.read)),
            (
                OperationKind::Create,
                between(self.start.write, self.end.write),
            ),
            (
                OperationKind::Update,
                between(self.start.update, self.end.update),
            ),
        ] {
            if left < percent {
                return kind;
            }
            left -= percent;
        }
        // Only rounding reaches past the last kind that the mix has.
        if self.start.delete > 0 || self.end.delete > 0 {
            OperationKind::Delete
        } else {
            OperationKind::Read
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn shares(shift: MixShift, progress: f64) -> [f64; 4] {
        let mut random = Random::new(3);
        let mut counts = [0.0; 4];
        for _ in 0..100_000 {
            let kind = shift.pick(progress, random.unit());
            let place = OperationKind::ALL.iter().position(|k| *k == kind).unwrap();
            counts[place] += 0.001;
        }
        counts
    }

    #[test]
    fn kinds_come_in_the_shares_of_the_mix() {
        let [create, read, update, delete] = shares(MixShift::constant(Mix::DEFAULT), 0.5);
        for (found, wanted) in [(create, 30.0), (read, 40.0), (update, 20.0), (delete, 10.0)] {
            assert!((found - wanted).abs() < 1.0, "{found} instead of {wanted}");
        }
    }

    #[test]
    fn a_transition_is_linear() {
        let reads = Mix {
            read: 100,
            write: 0,
            update: 0,
            delete: 0,
        };
        let writes = Mix {
            read: 0,
            write: 100,
            update: 0,
            delete: 0,
        };
        let shift = MixShift {
            start: reads,
            end: writes,
        };
        for (progress, wanted) in [(0.0, 0.0), (0.25, 25.0), (0.5, 50.0), (1.0, 100.0)] {
            let [create, read, update, delete] = shares(shift, progress);
            assert!(
                (create - wanted).abs() < 1.0,
                "{create} instead of {wanted}"
            );
            assert!((read - (100.0 - wanted)).abs() < 1.0);
            assert_eq!((update, delete), (0.0, 0.0));
        }
    }
}
