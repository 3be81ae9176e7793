//! The grammar of JSON over the tokens, without recursion.

use super::error::{JsonError, JsonReason};
use super::keys::{Keys, ObjectKeys};
use super::limits::{JsonKind, JsonLimits};
use super::scan::{self, Refusal, refuse, skip_whitespace};
use std::cell::RefCell;

/// What is known about a text that has been accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Kind of the outermost value.
    pub kind: JsonKind,
    /// Deepest nesting: 0 for a scalar, 1 for `[]`.
    pub depth: u16,
}

/// Checks that `text` is one JSON value within `limits`; see the [module](super) for the rules.
///
/// The scratch it needs is kept per thread, so that no call but the first ones allocates.
///
/// # Errors
/// [`JsonError`] with the position and the reason of the first refusal met. A text that is not
/// UTF-8 is refused for that, whatever else is wrong with it.
pub fn check(text: &[u8], limits: JsonLimits) -> Result<Checked, JsonError> {
    thread_local! {
        static CHECKER: RefCell<Checker> = RefCell::default();
    }
    CHECKER.with_borrow_mut(|checker| checker.check(text, limits))
}

/// A checker with scratch of its own, for whoever checks many texts in one place.
#[derive(Default)]
pub struct Checker {
    enclosing: Vec<Container>,
    keys: Keys,
}

/// What a value stands in.
#[derive(Clone, Copy)]
enum Container {
    Text,
    Array,
    Object(ObjectKeys),
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl Checker {
    /// Does what [`check`] does.
    ///
    /// # Errors
    /// As [`check`].
    pub fn check(&mut self, text: &[u8], limits: JsonLimits) -> Result<Checked, JsonError> {
        let refused = |offset, reason| Err(JsonError { offset, reason });
        let limit = limits.bytes();
        if text.len() > limit {
            return refused(limit, JsonReason::TooLarge { limit });
        }
        if text.starts_with(BYTE_ORDER_MARK) {
            return refused(0, JsonReason::ByteOrderMark);
        }
        if let Err(invalid) = std::str::from_utf8(text) {
            return refused(invalid.valid_up_to(), JsonReason::InvalidUtf8);
        }
        let checked = self.grammar(text, limits.depth());
        self.enclosing.clear();
        self.keys.clear();
        checked.or_else(|Refusal { at, reason }| refused(text.len() - at.len(), reason))
    }

    fn grammar<'a>(&mut self, text: &'a [u8], limit: u16) -> Result<Checked, Refusal<'a>> {
        let mut rest = skip_whitespace(text);
        let kind = match rest.first() {
            None => {
                return Err(Refusal {
                    at: rest,
                    reason: JsonReason::Empty,
                });
            }
            Some(first) => JsonKind::of_first_byte(*first),
        };
        let Some(kind) = kind else {
            return refuse(rest, JsonReason::ExpectedValue);
        };
        let mut container = Container::Text;
        let mut depth = 0;
        // Each turn begins at an item of its container, and ends at the next one.
        'item: loop {
            if matches!(container, Container::Object(_)) {
                rest = self.member_name(text, rest)?;
            }
            match rest {
                [b'"', body @ ..] => (rest, _) = scan::string(body)?,
                [b'-' | b'0'..=b'9', ..] => rest = scan::number(rest)?,
                [open @ (b'{' | b'['), inside @ ..] => {
                    self.enclosing.push(container);
                    if self.enclosing.len() > usize::from(limit) {
                        return refuse(rest, JsonReason::TooDeep { limit });
                    }
                    depth = depth.max(self.enclosing.len());
                    rest = skip_whitespace(inside);
                    container = match open {
                        b'{' => Container::Object(self.keys.open()),
                        _ => Container::Array,
                    };
                    if !matches!(rest, [b'}' | b']', ..]) {
                        continue 'item;
                    }
                }
                _ => rest = scan::literal(rest)?,
            }
            // Behind a value, or at the end of an empty container.
            loop {
                rest = skip_whitespace(rest);
                match (container, rest) {
                    (Container::Array | Container::Object(_), [b',', tail @ ..]) => {
                        rest = skip_whitespace(tail);
                        continue 'item;
                    }
                    (Container::Array, [b']', tail @ ..]) => rest = tail,
                    (Container::Object(keys), [b'}', tail @ ..]) => {
                        if let Some(offset) = self.keys.close(text, keys) {
                            let at = text.get(offset..).unwrap_or_default();
                            return refuse(at, JsonReason::DuplicateKey);
                        }
                        rest = tail;
                    }
                    (Container::Text, []) => {
                        return Ok(Checked {
                            kind,
                            depth: depth as u16,
                        });
                    }
                    (Container::Text, _) => return refuse(rest, JsonReason::TrailingBytes),
                    (Container::Array, _) => {
                        return refuse(rest, JsonReason::ExpectedCommaOrBracket);
                    }
                    (Container::Object(_), _) => {
                        return refuse(rest, JsonReason::ExpectedCommaOrBrace);
                    }
                }
                container = self.enclosing.pop().unwrap_or(Container::Text);
            }
        }
    }

    /// Scans a member's name, its colon and the white space around them.
    #[inline(always)]
    fn member_name<'a>(&mut self, text: &'a [u8], rest: &'a [u8]) -> Result<&'a [u8], Refusal<'a>> {
        let [b'"', body @ ..] = rest else {
            return refuse(rest, JsonReason::ExpectedKey);
        };
        let (tail, escaped) = scan::string(body)?;
        let name = body.get(..body.len() - tail.len() - 1).unwrap_or_default();
        let offset = text.len() - body.len();
        if escaped {
            self.keys.push_escaped(name, offset);
        } else {
            self.keys.push(name, offset);
        }
        match skip_whitespace(tail) {
            [b':', tail @ ..] => Ok(skip_whitespace(tail)),
            tail => refuse(tail, JsonReason::ExpectedColon),
        }
    }
}
