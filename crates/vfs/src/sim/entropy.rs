//! Randomness that is a function of its seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Entropy;

/// Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (SplitMix64).
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// The SplitMix64 output function.
pub(super) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Random numbers that a seed determines. Clones draw from one sequence.
#[derive(Debug, Clone)]
pub struct SimEntropy(Arc<AtomicU64>);

impl SimEntropy {
    /// The sequence of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(mix(seed))))
    }
}

impl Entropy for SimEntropy {
    fn next_u64(&self) -> u64 {
        mix(self
            .0
            .fetch_add(GAMMA, Ordering::SeqCst)
            .wrapping_add(GAMMA))
    }
}

/// The choices of the simulation itself.
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mix(self.0)
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// A length below `bound`; 0 when `bound` is 0.
    pub(super) fn length_below(&mut self, bound: usize) -> usize {
        // The remainder is below a `usize`.
        self.below(bound as u64) as usize
    }

    pub(super) fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }

    /// True `in_16` times of 16.
    pub(super) fn odds(&mut self, in_16: u64) -> bool {
        self.below(16) < in_16
    }
}
