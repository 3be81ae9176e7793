use crate::Random;

/// A mutation of one of the inputs: a few bytes changed, inserted, removed, repeated, or taken from
/// another input.
#[must_use]
pub fn mutated(inputs: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let pick = |random: &mut Random| &inputs[random.below(inputs.len() as u64) as usize];
    let mut bytes = pick(random).clone();
    for _ in 0..1 + random.below(6) {
        let length = bytes.len().max(1) as u64;
        let at = (random.below(length) as usize).min(bytes.len());
        match random.below(9) {
            0 | 1 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
            2 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = random.next() as u8;
                }
            }
            3 => {
                let edge =
                    random.one_of(&[0, 1, u64::MAX, 1 << 31, 1 << 32, 1 << 62, u64::MAX - 7]);
                let width = random.one_of(&[2, 4, 8]);
                let aligned = at & !(width - 1);
                if let Some(field) = bytes.get_mut(aligned..aligned + width) {
                    field.copy_from_slice(&edge.to_le_bytes()[..width]);
                }
            }
            4 => bytes.truncate(at),
            5 => bytes.insert(at, random.next() as u8),
            6 => {
                let end = (at + random.below(32) as usize).min(bytes.len());
                bytes.drain(at..end);
            }
            7 => {
                let end = (at + random.below(64) as usize).min(bytes.len());
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            _ => {
                let other = pick(random);
                let from = random.below(other.len().max(1) as u64) as usize;
                let end = (from + random.below(128) as usize).min(other.len());
                let part = other.get(from..end).unwrap_or_default().to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
    bytes.truncate(64 * 1024);
    bytes
}
