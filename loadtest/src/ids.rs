use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use docdb_types::DocumentId;

use crate::config::{Inserts, KeyDistribution};
use crate::random::{Random, scatter};

/// Draws the ids of one database. Its workers share it.
#[derive(Debug)]
pub(crate) struct Ids {
    keys: KeyDistribution,
    inserts: Inserts,
    zipf: Option<Zipf>,
    /// What [`KeyDistribution::Sequential`] asks for next.
    cursor: AtomicU64,
    /// The newest id that was given to an insert.
    given: AtomicU64,
    /// Up to here every insert has been answered: what may be asked for.
    newest: AtomicU64,
    /// Inserts behind that that have been answered.
    ahead: Mutex<BTreeSet<u64>>,
}

impl Ids {
    /// Draws from 1 to `count`, at least 1, and what is inserted behind it.
    pub(crate) fn new(keys: KeyDistribution, inserts: Inserts, count: u64) -> Self {
        let zipf = match keys {
            KeyDistribution::Zipfian { skew } | KeyDistribution::Latest { skew } => {
                Some(Zipf::new(skew))
            }
            _ => None,
        };
        Self {
            keys,
            inserts,
            zipf,
            cursor: AtomicU64::new(0),
            given: AtomicU64::new(count),
            newest: AtomicU64::new(count),
            ahead: Mutex::default(),
        }
    }

    /// The id of an operation that expects a document.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of ids below 2^53, at least one"
    )]
    pub(crate) fn draw(&self, random: &mut Random) -> DocumentId {
        let count = self.newest.load(Ordering::Relaxed).max(1);
        let rank = |random: &mut Random| {
            let zipf = self.zipf.as_ref();
            zipf.map_or(0, |zipf| zipf.rank(count, random.unit()))
        };
        let place = match self.keys {
            KeyDistribution::Uniform => random.below(count),
            // The hash of a rank, as in YCSB's `ScrambledZipfianGenerator`: some share an id.
            KeyDistribution::Zipfian { .. } => scatter(rank(random) + 1) % count,
            KeyDistribution::Latest { .. } => count - 1 - rank(random),
            KeyDistribution::Sequential => self.cursor.fetch_add(1, Ordering::Relaxed) % count,
            KeyDistribution::HotSet { ids, operations } => {
                let hot = ((count as f64 * ids / 100.0).ceil() as u64).clamp(1, count);
                if hot == count || random.unit() * 100.0 < operations {
                    random.below(hot)
                } else {
                    hot + random.below(count - hot)
                }
            }
        };
        DocumentId::new(place + 1).unwrap_or(DocumentId::MIN)
    }

    /// The id of a create.
    pub(crate) fn insert(&self, random: &mut Random) -> DocumentId {
        match self.inserts {
            Inserts::Drawn => self.draw(random),
            Inserts::New => {
                let id = self.given.fetch_add(1, Ordering::Relaxed) + 1;
                DocumentId::new(id).unwrap_or(DocumentId::MIN)
            }
        }
    }

    /// Says that the create of an id has been answered, one way or another: it may be asked for
    /// when all before it have been.
    pub(crate) fn inserted(&self, id: DocumentId) {
        if self.inserts == Inserts::Drawn {
            return;
        }
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let mut newest = self.newest.load(Ordering::Relaxed);
        if id.get() > newest {
            ahead.insert(id.get());
        }
        while ahead.remove(&(newest + 1)) {
            newest += 1;
        }
        self.newest.store(newest, Ordering::Relaxed);
    }
}

/// Ranks of which the `k`th, counted from 1, has a frequency proportional to 1 / `k`^skew (Gray and
/// others, "Quickly Generating Billion-Record Synthetic Databases", 1994, as in YCSB).
#[derive(Debug)]
struct Zipf {
    skew: f64,
    /// The sums of the first 1 / `k`^skew.
    sums: Vec<f64>,
}

/// Sums up to here are added up; beyond it an integral is as good.
const SUMMED: u32 = 1024;

impl Zipf {
    fn new(skew: f64) -> Self {
        let mut sum = 0.0;
        let sums = (1..=SUMMED)
            .map(|k| {
                sum += f64::from(k).powf(-skew);
                sum
            })
            .collect();
        Self { skew, sums }
    }

    /// The sum of 1 / `k`^skew for `k` from 1 to `count`.
    #[expect(clippy::cast_precision_loss, reason = "counts of ids below 2^53")]
    fn sum(&self, count: u64) -> f64 {
        let place = usize::try_from(count.saturating_sub(1)).unwrap_or(usize::MAX);
        if let Some(sum) = self.sums.get(place) {
            return *sum;
        }
        let power = 1.0 - self.skew;
        let below = |end: f64| (end + 0.5).powf(power) / power;
        let summed = self.sums.last().copied().unwrap_or(0.0);
        summed + below(count as f64) - below(f64::from(SUMMED))
    }

    /// The rank, from 0, that `chance`, uniform in 0 to 1, picks among `count`.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts of ids below 2^53"
    )]
    fn rank(&self, count: u64, chance: f64) -> u64 {
        let sum = self.sum(count);
        let first_two = 1.0 + 0.5_f64.powf(self.skew);
        let reached = chance * sum;
        if count < 2 || reached < 1.0 {
            return 0;
        }
        if reached < first_two || count == 2 {
            return 1;
        }
        let all = count as f64;
        let eta = (1.0 - (2.0 / all).powf(1.0 - self.skew)) / (1.0 - first_two / sum);
        let rank = all * (eta * chance - eta + 1.0).powf(1.0 / (1.0 - self.skew));
        (rank as u64).min(count - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: u32 = 200_000;

    /// How often each id was drawn, from the most frequent to the least, in shares of all draws; and
    /// the most frequent id.
    fn shares(ids: &Ids) -> (Vec<f64>, u64) {
        let mut random = Random::new(5);
        let mut counts = std::collections::HashMap::<u64, u32>::new();
        for _ in 0..DRAWS {
            *counts.entry(ids.draw(&mut random).get()).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let share = |(_, count): &(u64, u32)| f64::from(*count) / f64::from(DRAWS);
        (counts.iter().map(share).collect(), counts[0].0)
    }

    fn ids(keys: &str, count: u64) -> Ids {
        Ids::new(keys.parse().unwrap(), Inserts::New, count)
    }

    #[test]
    fn uniform_ids_are_equally_frequent() {
        let (shares, _) = shares(&ids("uniform", 100));
        assert_eq!(shares.len(), 100);
        assert!(shares[0] < 0.0115 && shares[99] > 0.0085, "{shares:?}");
    }

    #[test]
    fn zipfian_ids_have_the_frequencies_of_the_formula() {
        let (shares, first) = shares(&ids("latest:0.99", 1000));
        assert_eq!(first, 1000, "the newest is the most frequent");
        let sum: f64 = (1..=1000).map(|k| f64::from(k).powf(-0.99)).sum();
        for k in [1, 2] {
            let wanted = f64::from(k).powf(-0.99) / sum;
            let found = shares[k as usize - 1];
            assert!((found / wanted - 1.0).abs() < 0.03, "{k}: {found} {wanted}");
        }
        let tenth: f64 = shares.iter().take(100).sum();
        let wanted: f64 = (1..=100).map(|k| f64::from(k).powf(-0.99)).sum::<f64>() / sum;
        assert!((tenth / wanted - 1.0).abs() < 0.05, "{tenth} {wanted}");
    }

    #[test]
    fn zipfian_ids_are_scattered_and_as_frequent_as_the_latest() {
        let (scattered, first) = shares(&ids("zipfian:0.99", 1000));
        let (latest, _) = shares(&ids("latest:0.99", 1000));
        assert!(first > 1 && first < 1000, "{first}");
        assert!((scattered[0] / latest[0] - 1.0).abs() < 0.1);
    }

    #[test]
    fn sums_beyond_what_is_added_up_are_those_of_the_series() {
        let zipf = Zipf::new(0.7);
        let sum: f64 = (1..=100_000).map(|k| f64::from(k).powf(-0.7)).sum();
        assert!((zipf.sum(100_000) / sum - 1.0).abs() < 1e-6);
    }

    #[test]
    fn sequential_ids_come_one_after_the_other_and_again() {
        let ids = ids("sequential", 3);
        let mut random = Random::new(1);
        let drawn: Vec<_> = (0..7).map(|_| ids.draw(&mut random).get()).collect();
        assert_eq!(drawn, [1, 2, 3, 1, 2, 3, 1]);
    }

    #[test]
    fn a_hot_set_gets_its_share() {
        let ids = ids("hotset:10:90", 1000);
        let mut random = Random::new(5);
        let hot = (0..DRAWS).filter(|_| ids.draw(&mut random).get() <= 100);
        let share = hot.count() as f64 / f64::from(DRAWS);
        assert!((share - 0.9).abs() < 0.01, "{share}");
    }

    #[test]
    fn inserts_are_asked_for_when_all_before_them_are_answered() {
        let ids = ids("latest", 10);
        let mut random = Random::new(5);
        let [first, second] = [0, 1].map(|_| ids.insert(&mut random));
        assert_eq!((first.get(), second.get()), (11, 12));
        let newest = |random: &mut Random| (0..2000).map(|_| ids.draw(random).get()).max();
        ids.inserted(second);
        assert_eq!(newest(&mut random), Some(10));
        ids.inserted(first);
        assert_eq!(newest(&mut random), Some(12));
    }
}
