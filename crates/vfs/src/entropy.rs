//! Randomness as docdb sees it.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Draws random numbers for ids, salts and jitter; not for secrets.
pub trait Entropy: Send + Sync + 'static {
    /// The next 64 random bits.
    fn next_u64(&self) -> u64;

    /// The next 128 random bits.
    fn next_u128(&self) -> u128 {
        (u128::from(self.next_u64()) << 64) | u128::from(self.next_u64())
    }
}

impl fmt::Debug for dyn Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy")
    }
}

/// Randomness seeded by the operating system.
///
/// A keyed pseudo-random function (SipHash) in counter mode; the standard library takes the
/// 128-bit key from the system. It cannot fail and costs no system call per number.
#[derive(Debug)]
pub struct RealEntropy {
    key: RandomState,
    drawn: AtomicU64,
}

impl RealEntropy {
    /// A source with a key of its own.
    #[must_use]
    pub fn new() -> Self {
        Self {
            key: RandomState::new(),
            drawn: AtomicU64::new(0),
        }
    }
}

impl Default for RealEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for RealEntropy {
    fn next_u64(&self) -> u64 {
        self.key
            .hash_one(self.drawn.fetch_add(1, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn numbers_and_sources_differ() {
        let (a, b) = (RealEntropy::new(), RealEntropy::new());
        let drawn: BTreeSet<u128> = (0..1000)
            .flat_map(|_| [a.next_u128(), b.next_u128()])
            .collect();
        assert_eq!(drawn.len(), 2000);
    }
}
