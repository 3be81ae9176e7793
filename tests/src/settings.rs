//! How long a harness runs is said by variables of the environment.

use std::ops::Range;

/// A number from the environment, or what stands for it.
///
/// # Panics
/// Where it is set to something else.
#[must_use]
pub fn number_from(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// A range `FROM..TO` from the environment, or what stands for it.
///
/// # Panics
/// Where it is set to something else.
#[must_use]
pub fn range_from(name: &str, otherwise: Range<u64>) -> Range<u64> {
    let Ok(text) = std::env::var(name) else {
        return otherwise;
    };
    let (from, to) = text.split_once("..").expect("FROM..TO");
    from.parse().expect("a number")..to.parse().expect("a number")
}
