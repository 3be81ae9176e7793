//! How much of a difference between two measurements is noise.

use crate::random::Random;

/// Fewer steps than this say nothing about noise.
const FEWEST_STEPS: usize = 8;
const RESAMPLES: usize = 2000;
/// Of single runs, smaller differences than this are never called one: runs differ by more from one
/// to the next than within themselves.
const LEAST_OF_SINGLE_RUNS: f64 = 0.05;

/// A figure of one run.
#[derive(Debug, Clone)]
pub(super) struct Level {
    /// Of the whole run.
    pub(super) whole: f64,
    /// Of its steps.
    pub(super) steps: Vec<f64>,
}

/// How one side stands to the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ratio {
    /// The other side in terms of the first.
    pub(super) middle: f64,
    /// 95 of 100 such ratios lie above this and below `high`; of repeated runs, all do.
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) verdict: Verdict,
}

/// What a ratio means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The other side is greater, beyond noise.
    Greater,
    /// The other side is smaller, beyond noise.
    Smaller,
    /// No difference that stands out of the noise.
    Same,
    /// Too little was measured to tell.
    Unknown,
}

/// Compares two sides, of one run or several; `None` where one of them has no figure.
pub(super) fn compare(base: &[Level], other: &[Level]) -> Option<Ratio> {
    if base.len() > 1 && other.len() > 1 {
        compare_runs(base, other)
    } else {
        compare_steps(base, other)
    }
    .filter(|ratio| ratio.middle.is_finite())
}

/// The level of a side in a comparison with another one: the mean of its runs where both sides are
/// repeated, that of its steps otherwise; where it has none, that of its runs again.
pub(super) fn middle(side: &[Level], other: &[Level]) -> f64 {
    let runs: Vec<_> = side.iter().map(|run| run.whole).collect();
    let steps: Vec<_> = side.iter().flat_map(|run| &run.steps).copied().collect();
    let is_repeated = side.len() > 1 && other.len() > 1;
    let of_steps = mean(&steps).filter(|_| !is_repeated);
    of_steps.or_else(|| mean(&runs)).unwrap_or(0.0)
}

fn compare_runs(base: &[Level], other: &[Level]) -> Option<Ratio> {
    let levels = |side: &[Level]| side.iter().map(|run| run.whole).collect::<Vec<_>>();
    let (bases, others) = (levels(base), levels(other));
    let least = |levels: &[f64]| levels.iter().copied().fold(f64::MAX, f64::min);
    let most = |levels: &[f64]| levels.iter().copied().fold(f64::MIN, f64::max);
    let (low, high) = (least(&others) / most(&bases), most(&others) / least(&bases));
    Some(Ratio {
        middle: mean(&others)? / mean(&bases)?,
        low,
        high,
        verdict: match (low > 1.0, high < 1.0) {
            (true, _) => Verdict::Greater,
            (_, true) => Verdict::Smaller,
            _ => Verdict::Same,
        },
    })
}

fn compare_steps(base: &[Level], other: &[Level]) -> Option<Ratio> {
    let steps = |side: &[Level]| {
        let steps = side.iter().flat_map(|run| &run.steps);
        steps.copied().collect::<Vec<_>>()
    };
    let (base, other) = (steps(base), steps(other));
    let middle = mean(&other)? / mean(&base)?;
    let (low, high) = bootstrap(&base, &other);
    let is_enough = base.len().min(other.len()) >= FEWEST_STEPS;
    let is_large = (middle - 1.0).abs() >= LEAST_OF_SINGLE_RUNS;
    let verdict = match (is_enough, is_large) {
        (false, _) => Verdict::Unknown,
        (true, true) if low > 1.0 => Verdict::Greater,
        (true, true) if high < 1.0 => Verdict::Smaller,
        _ => Verdict::Same,
    };
    Some(Ratio {
        middle,
        low,
        high,
        verdict,
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts of steps")]
fn mean(values: &[f64]) -> Option<f64> {
    let count = values.len() as f64;
    (count > 0.0).then(|| values.iter().sum::<f64>() / count)
}

/// The interval in which 95 of 100 ratios of the means of resampled steps lie. Steps that follow
/// each other resemble each other, and so are drawn in blocks (Künsch, "The Jackknife and the
/// Bootstrap for General Stationary Observations", 1989).
fn bootstrap(base: &[f64], other: &[f64]) -> (f64, f64) {
    let mut random = Random::new(1);
    let mut ratios: Vec<f64> = (0..RESAMPLES)
        .map(|_| resampled(other, &mut random) / resampled(base, &mut random))
        .filter(|ratio| ratio.is_finite())
        .collect();
    ratios.sort_by(f64::total_cmp);
    let at = |place: usize| ratios.get(place).copied().unwrap_or(f64::NAN);
    (at(ratios.len() * 25 / 1000), at(ratios.len() * 975 / 1000))
}

/// The mean of as many steps, drawn in blocks.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of steps"
)]
fn resampled(steps: &[f64], random: &mut Random) -> f64 {
    // The usual length: the cube root of their number.
    let block = (steps.len() as f64).cbrt().ceil() as usize;
    let mut sum = 0.0;
    let mut count = 0;
    while count < steps.len() {
        let start = random.below(steps.len() as u64) as usize;
        let drawn = steps.iter().cycle().skip(start).take(block);
        for step in drawn.take(steps.len() - count) {
            sum += step;
            count += 1;
        }
    }
    sum / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps around a level, each off by up to a share of it.
    fn run(seed: u64, level: f64, noise: f64) -> Level {
        let mut random = Random::new(seed);
        let step = |_| level * (1.0 + noise * (2.0 * random.unit() - 1.0));
        let steps: Vec<_> = (0..60).map(step).collect();
        Level {
            whole: mean(&steps).unwrap(),
            steps,
        }
    }

    #[test]
    fn a_difference_beyond_noise_is_told_with_its_size() {
        let (base, other) = ([run(1, 100.0, 0.1)], [run(2, 120.0, 0.1)]);
        let ratio = compare(&base, &other).unwrap();
        assert_eq!(ratio.verdict, Verdict::Greater);
        assert!(ratio.low < 1.2 && 1.2 < ratio.high, "{ratio:?}");
        assert!(ratio.high - ratio.low < 0.1, "{ratio:?}");
        let ratio = compare(&other, &base).unwrap();
        assert_eq!(ratio.verdict, Verdict::Smaller);
    }

    #[test]
    fn noise_is_no_difference() {
        let mut called = 0;
        for seed in 0..40 {
            let base = [run(seed, 100.0, 0.8)];
            let other = [run(100 + seed, 100.0, 0.8)];
            let ratio = compare(&base, &other).unwrap();
            called += u32::from(ratio.verdict != Verdict::Same);
            assert!(ratio.low < ratio.middle && ratio.middle < ratio.high);
        }
        assert!(called <= 4, "{called} of 40");
        let ratio = compare(&[run(1, 100.0, 0.01)], &[run(2, 104.0, 0.01)]).unwrap();
        assert_eq!(
            ratio.verdict,
            Verdict::Same,
            "single runs differ by that much"
        );
    }

    #[test]
    fn repeated_runs_differ_when_they_do_not_overlap() {
        let runs = |levels: [f64; 3]| levels.map(|level| run(1, level, 0.01));
        let base = runs([100.0, 101.0, 99.0]);
        let ratio = compare(&base, &runs([104.0, 103.0, 105.0])).unwrap();
        assert_eq!(ratio.verdict, Verdict::Greater);
        let ratio = compare(&base, &runs([104.0, 99.5, 105.0])).unwrap();
        assert_eq!(ratio.verdict, Verdict::Same);
    }

    #[test]
    fn short_and_empty_runs_say_nothing() {
        let level = |steps: &[f64]| Level {
            whole: 1.0,
            steps: steps.to_vec(),
        };
        let short = [level(&[1.0, 2.0])];
        assert_eq!(compare(&short, &short).unwrap().verdict, Verdict::Unknown);
        assert_eq!(compare(&[], &short), None);
        assert_eq!(compare(&[level(&[])], &short), None);
        assert_eq!(compare(&[level(&[0.0; 9])], &short), None);
    }
}
