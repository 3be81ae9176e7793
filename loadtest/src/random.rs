/// A small deterministic generator (SplitMix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom
/// Number Generators", 2014). One seed yields one sequence, on every machine.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: u64,
}

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// Spreads the bits of a number over all 64: the finalizer of SplitMix64.
pub(crate) const fn scatter(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The generator of one stream among many of the same seed.
    pub(crate) const fn stream(seed: u64, number: u64) -> Self {
        Self::new(scatter(seed) ^ scatter(number.wrapping_add(1).wrapping_mul(GOLDEN_GAMMA)))
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_GAMMA);
        scatter(self.state)
    }

    /// Uniform in `0..bound`; 0 for a bound of 0.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        // The bias of the multiplication is below `bound` / 2^64.
        ((self.next() as u128 * bound as u128) >> 64) as u64
    }

    /// Uniform in `0.0..1.0`.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit the mantissa")]
    pub(crate) const fn unit(&mut self) -> f64 {
        const SCALE: f64 = 1.0 / (1_u64 << 53) as f64;
        (self.next() >> 11) as f64 * SCALE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_yields_one_sequence_and_two_streams_differ() {
        let sequence = |mut random: Random| -> Vec<u64> { (0..8).map(|_| random.next()).collect() };
        assert_eq!(
            sequence(Random::stream(7, 3)),
            sequence(Random::stream(7, 3))
        );
        assert_ne!(
            sequence(Random::stream(7, 3)),
            sequence(Random::stream(7, 4))
        );
        assert_ne!(
            sequence(Random::stream(7, 3)),
            sequence(Random::stream(8, 3))
        );
    }

    #[test]
    fn numbers_stay_in_their_range_and_reach_all_of_it() {
        let mut random = Random::new(1);
        let mut seen = [false; 10];
        for _ in 0..1000 {
            seen[random.below(10) as usize] = true;
            assert!((0.0..1.0).contains(&random.unit()));
        }
        assert_eq!(seen, [true; 10]);
        assert_eq!(random.below(0), 0);
    }
}
