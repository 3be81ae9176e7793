//! What is stored: JSON objects with random texts, so that nothing compresses and nothing is equal.

/// Texts that differ; a document is one of them.
const POOL: usize = 4096;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The texts of all documents.
#[derive(Debug)]
pub(crate) struct Documents(Vec<Vec<u8>>);

impl Documents {
    pub(crate) fn new(bytes: usize) -> Self {
        let mut random = Random::new(1);
        Self((0..POOL).map(|_| document(&mut random, bytes)).collect())
    }

    /// The text for the `number`th write.
    pub(crate) fn text(&self, number: u64) -> &[u8] {
        let place = usize::try_from(number).unwrap_or(0) % self.0.len().max(1);
        self.0.get(place).map_or(&[], Vec::as_slice)
    }
}

fn document(random: &mut Random, bytes: usize) -> Vec<u8> {
    let head = format!(
        r#"{{"number":{},"flag":true,"price":{}.5,"tags":["a","b"],"text":""#,
        random.below(1_000_000),
        random.below(1000)
    );
    let mut text = head.into_bytes();
    while text.len() + 2 < bytes {
        let index = usize::try_from(random.below(64)).unwrap_or(0);
        text.push(ALPHABET.get(index).copied().unwrap_or(b'A'));
    }
    text.extend_from_slice(b"\"}");
    text
}

/// SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`, which is above 0 (Lemire, "Fast Random Integer Generation in an Interval",
    /// 2019, without the correction of its bias).
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        u64::try_from((u128::from(self.next()) * u128::from(end)) >> 64).unwrap_or(0)
    }
}
