//! The bodies of strings: what lies between the quotes, and what it means.

use super::scan::{hex_digit, skip_plain};
use std::borrow::Cow;

/// The bytes that the body of a string stands for, one after the other.
///
/// Ends at the closing quote or with the body. The body must have been [checked](super::check);
/// of another one, an escape that is none ends the bytes.
#[derive(Debug, Clone)]
pub struct Unescaped<'a> {
    rest: &'a [u8],
    /// UTF-8 of an escaped character; the bytes that are still to come begin at `next`.
    character: [u8; 4],
    next: u8,
    len: u8,
}

impl<'a> Unescaped<'a> {
    /// Reads `body`, which begins behind the opening quote.
    #[must_use]
    pub fn new(body: &'a [u8]) -> Self {
        Self {
            rest: body,
            character: [0; 4],
            next: 0,
            len: 0,
        }
    }

    fn escape(&mut self) -> Option<char> {
        let (kind, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(match kind {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'"' | b'\\' | b'/' => char::from(*kind),
            b'u' => {
                let unit = self.code_unit()?;
                if !(0xD800..0xDC00).contains(&unit) {
                    return char::from_u32(unit);
                }
                self.rest = self.rest.strip_prefix(br"\u")?;
                let low = self.code_unit()?.checked_sub(0xDC00)?;
                char::from_u32(0x10000 + ((unit - 0xD800) << 10 | low & 0x3FF))?
            }
            _ => return None,
        })
    }

    fn code_unit(&mut self) -> Option<u32> {
        let (digits, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        digits.iter().try_fold(0, |unit, digit| {
            Some(unit << 4 | u32::from(hex_digit(*digit)?))
        })
    }
}

impl Iterator for Unescaped<'_> {
    type Item = u8;

    #[inline]
    fn next(&mut self) -> Option<u8> {
        if self.next < self.len {
            let byte = self.character.get(usize::from(self.next)).copied();
            self.next += 1;
            return byte;
        }
        match self.rest {
            [] | [b'"', ..] => None,
            [b'\\', rest @ ..] => {
                self.rest = rest;
                let Some(character) = self.escape() else {
                    self.rest = &[];
                    return None;
                };
                self.len = character.encode_utf8(&mut self.character).len() as u8;
                self.next = 1;
                let [first, ..] = self.character;
                Some(first)
            }
            [byte, rest @ ..] => {
                self.rest = rest;
                Some(*byte)
            }
        }
    }
}

/// The bytes that the `body` of a checked string stands for; `body` itself where it holds no
/// escapes.
#[must_use]
pub fn unescape(body: &[u8]) -> Cow<'_, [u8]> {
    if !body.contains(&b'\\') {
        return Cow::Borrowed(body);
    }
    let mut bytes = Vec::with_capacity(body.len());
    unescape_into(body, &mut bytes);
    Cow::Owned(bytes)
}

/// Appends to `bytes` what the `body` of a checked string stands for.
pub(super) fn unescape_into(body: &[u8], bytes: &mut Vec<u8>) {
    bytes.extend(Unescaped::new(body));
}

/// Appends `text` to `json` as a string in quotes. Only what must be escaped is.
pub fn push_string(json: &mut Vec<u8>, text: &str) {
    json.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let special = skip_plain(rest);
        let plain = rest.len() - special.len();
        json.extend_from_slice(rest.get(..plain).unwrap_or_default());
        let Some((byte, tail)) = special.split_first() else {
            break;
        };
        match byte {
            b'"' | b'\\' => json.extend_from_slice(&[b'\\', *byte]),
            b'\n' => json.extend_from_slice(br"\n"),
            b'\r' => json.extend_from_slice(br"\r"),
            b'\t' => json.extend_from_slice(br"\t"),
            _ => {
                let digit = |nibble| {
                    if nibble < 10 {
                        b'0' + nibble
                    } else {
                        b'a' + nibble - 10
                    }
                };
                json.extend_from_slice(br"\u00");
                json.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
            }
        }
        rest = tail;
    }
    json.push(b'"');
}
