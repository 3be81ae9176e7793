//! Whole numbers in as many bytes as they need: LEB128, and zigzag for signed ones.

/// Longest encoding: ten groups of seven bits.
pub(crate) const MAX_VARINT_BYTES: usize = 10;

/// Appends `value` in groups of seven bits, lowest first; a set high bit says that more follow.
pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The number at the beginning of `bytes`, and what follows it. `None` when the bytes end inside
/// it, when it does not fit in 64 bits, and when it is longer than it need be.
#[inline]
pub(crate) fn split(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    if *first < 0x80 {
        return Some((u64::from(*first), rest));
    }
    split_long(u64::from(first & 0x7f), rest)
}

fn split_long(mut value: u64, mut bytes: &[u8]) -> Option<(u64, &[u8])> {
    for group in 1..MAX_VARINT_BYTES {
        let (byte, rest) = bytes.split_first()?;
        bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if group == MAX_VARINT_BYTES - 1 && bits > 1 {
            return None;
        }
        value |= bits << (7 * group);
        if *byte < 0x80 {
            // A last group of zero could have been left out.
            return (*byte != 0).then_some((value, bytes));
        }
    }
    None
}

/// A signed number as an unsigned one that is small when the magnitude is.
pub(crate) const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// The inverse of [`zigzag`].
pub(crate) const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden_bytes() {
        for (value, bytes) in [
            (0, &[0][..]),
            (127, &[127]),
            (128, &[0x80, 1]),
            (300, &[0xac, 2]),
            (u64::MAX, &[255, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
        ] {
            let mut out = Vec::new();
            put(&mut out, value);
            assert_eq!(out, bytes);
        }
    }

    #[test]
    fn endless_overflowing_and_padded_numbers_are_refused() {
        assert_eq!(split(&[]), None);
        assert_eq!(split(&[0x80]), None);
        assert_eq!(split(&[0x80, 0]), None);
        assert_eq!(split(&[0xff; 20]), None);
        assert_eq!(
            split(&[255, 255, 255, 255, 255, 255, 255, 255, 255, 2]),
            None
        );
    }

    proptest! {
        #[test]
        fn every_number_survives(value: u64, signed: i64, behind: Vec<u8>) {
            let mut out = Vec::new();
            put(&mut out, value);
            prop_assert!(out.len() <= MAX_VARINT_BYTES);
            out.extend(&behind);
            prop_assert_eq!(split(&out), Some((value, behind.as_slice())));
            prop_assert_eq!(unzigzag(zigzag(signed)), signed);
        }

        #[test]
        fn any_bytes_are_a_number_or_none(bytes: Vec<u8>) {
            if let Some((value, rest)) = split(&bytes) {
                let mut out = Vec::new();
                put(&mut out, value);
                out.extend(rest);
                prop_assert_eq!(out, bytes);
            }
        }
    }
}
