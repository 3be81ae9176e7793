//! The tokens of JSON: white space, strings, numbers, literals.
//!
//! A position is the slice of the text from there on. Each function takes the slice at its token
//! and returns the slice behind it; slices need neither bounds nor overflow checks to advance.

use super::error::JsonReason;

/// A refusal at the position `at`.
pub(super) struct Refusal<'a> {
    pub(super) at: &'a [u8],
    pub(super) reason: JsonReason,
}

/// Refuses at `at`: for `reason`, or because the text ends there.
#[cold]
pub(super) fn refuse<T>(at: &[u8], reason: JsonReason) -> Result<T, Refusal<'_>> {
    let reason = if at.is_empty() {
        JsonReason::UnexpectedEnd
    } else {
        reason
    };
    Err(Refusal { at, reason })
}

#[inline(always)]
pub(super) fn skip_whitespace(mut rest: &[u8]) -> &[u8] {
    while let [b' ' | b'\n' | b'\r' | b'\t', tail @ ..] = rest {
        rest = tail;
    }
    rest
}

const LOW_BITS: u64 = u64::from_ne_bytes([0x01; 8]);
const HIGH_BITS: u64 = u64::from_ne_bytes([0x80; 8]);

/// Marks the high bit of every byte of `word` that is zero. Above a marked byte others may be
/// marked wrongly, because the subtraction borrows; the lowest mark is always right.
/// Source: Warren, Hacker's Delight, 6-1.
#[inline]
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(LOW_BITS) & !word & HIGH_BITS
}

/// The index of the first byte that does not stand for itself in a string: a quote, a backslash
/// or a control character.
#[inline(always)]
fn special(chunk: [u8; 8]) -> Option<usize> {
    let word = u64::from_le_bytes(chunk);
    let quote = zero_bytes(word ^ (LOW_BITS * b'"' as u64));
    let backslash = zero_bytes(word ^ (LOW_BITS * b'\\' as u64));
    let control = word.wrapping_sub(LOW_BITS * 0x20) & !word & HIGH_BITS;
    let found = quote | backslash | control;
    (found != 0).then(|| (found.trailing_zeros() / 8) as usize)
}

#[inline(always)]
fn is_special(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < 0x20)
}

/// Skips what stands for itself in a string: the result begins with a quote, a backslash or a
/// control character, or is empty.
#[inline(always)]
pub(super) fn skip_plain(rest: &[u8]) -> &[u8] {
    // Most strings end within the first words; the vector loop is for those that do not.
    let mut rest = rest;
    for _ in 0..2 {
        let Some((chunk, tail)) = rest.split_first_chunk() else {
            break;
        };
        if let Some(plain) = special(*chunk) {
            return rest.get(plain..).unwrap_or_default();
        }
        rest = tail;
    }
    skip_long_plain(rest)
}

#[inline(never)]
fn skip_long_plain(mut rest: &[u8]) -> &[u8] {
    while let Some((chunk, tail)) = rest.split_first_chunk::<32>() {
        // Without a way out in between, so that the compiler compares many bytes at once.
        if chunk
            .iter()
            .fold(0, |found, byte| found | u8::from(is_special(*byte)))
            != 0
        {
            break;
        }
        rest = tail;
    }
    while let Some((chunk, tail)) = rest.split_first_chunk() {
        if let Some(plain) = special(*chunk) {
            return rest.get(plain..).unwrap_or_default();
        }
        rest = tail;
    }
    let plain = rest.iter().take_while(|byte| !is_special(**byte)).count();
    rest.get(plain..).unwrap_or_default()
}

/// Scans a string whose opening quote lies just before `rest`. Returns what follows the closing
/// quote, and whether the body contains escapes.
#[inline(always)]
pub(super) fn string(rest: &[u8]) -> Result<(&[u8], bool), Refusal<'_>> {
    match skip_plain(rest) {
        [b'"', tail @ ..] => Ok((tail, false)),
        special => Ok((escaped_string(special)?, true)),
    }
}

/// Goes on with a string where [`skip_plain`] stopped.
#[inline(never)]
fn escaped_string(mut rest: &[u8]) -> Result<&[u8], Refusal<'_>> {
    loop {
        match rest {
            [b'"', tail @ ..] => return Ok(tail),
            [b'\\', tail @ ..] => rest = skip_plain(escape(tail)?),
            _ => return refuse(rest, JsonReason::ControlCharacter),
        }
    }
}

/// Scans what follows the backslash of an escape, for a surrogate pair the other half as well.
fn escape(rest: &[u8]) -> Result<&[u8], Refusal<'_>> {
    let digits = match rest {
        [
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
            tail @ ..,
        ] => return Ok(tail),
        [b'u', digits @ ..] => digits,
        _ => return refuse(rest, JsonReason::InvalidEscape),
    };
    match code_unit(digits)? {
        (0xD800..=0xDBFF, [] | [b'\\']) => refuse(&[], JsonReason::UnexpectedEnd),
        (0xD800..=0xDBFF, [b'\\', b'u', low @ ..]) => match code_unit(low)? {
            (0xDC00..=0xDFFF, tail) => Ok(tail),
            _ => refuse(rest, JsonReason::LoneSurrogate),
        },
        (0xD800..=0xDFFF, _) => refuse(rest, JsonReason::LoneSurrogate),
        (_, tail) => Ok(tail),
    }
}

/// Scans the four hexadecimal digits of a `\u` escape.
fn code_unit(mut rest: &[u8]) -> Result<(u16, &[u8]), Refusal<'_>> {
    let mut unit = 0;
    for _ in 0..4 {
        let Some((digit, tail)) = rest.split_first() else {
            return refuse(rest, JsonReason::UnexpectedEnd);
        };
        let Some(value) = hex_digit(*digit) else {
            return refuse(rest, JsonReason::InvalidEscape);
        };
        unit = unit << 4 | u16::from(value);
        rest = tail;
    }
    Ok((unit, rest))
}

pub(super) fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Scans a number.
#[inline]
pub(super) fn number(rest: &[u8]) -> Result<&[u8], Refusal<'_>> {
    let unsigned = rest.strip_prefix(b"-").unwrap_or(rest);
    let mut rest = match unsigned {
        [b'0', b'0'..=b'9', ..] => return refuse(unsigned, JsonReason::LeadingZero),
        _ => digits(unsigned)?,
    };
    if let [b'.', fraction @ ..] = rest {
        rest = digits(fraction)?;
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        rest = match exponent {
            [b'+' | b'-', unsigned @ ..] => digits(unsigned)?,
            _ => digits(exponent)?,
        };
    }
    Ok(rest)
}

/// Scans one digit or more.
#[inline]
fn digits(rest: &[u8]) -> Result<&[u8], Refusal<'_>> {
    let [b'0'..=b'9', tail @ ..] = rest else {
        return refuse(rest, JsonReason::ExpectedDigit);
    };
    let mut rest = tail;
    while let [b'0'..=b'9', tail @ ..] = rest {
        rest = tail;
    }
    Ok(rest)
}

/// Scans `true`, `false` or `null`.
#[inline]
pub(super) fn literal(rest: &[u8]) -> Result<&[u8], Refusal<'_>> {
    match rest {
        [b't', b'r', b'u', b'e', tail @ ..]
        | [b'n', b'u', b'l', b'l', tail @ ..]
        | [b'f', b'a', b'l', b's', b'e', tail @ ..] => Ok(tail),
        _ => {
            let cut_off = [b"true".as_slice(), b"false", b"null"]
                .into_iter()
                .any(|whole| whole.starts_with(rest));
            refuse(if cut_off { &[] } else { rest }, JsonReason::ExpectedValue)
        }
    }
}
