//! JSON Pointer, RFC 6901.

use docdb_types::patch::{PatchError, PathFault};
use std::borrow::Cow;

/// A path into a document.
pub(super) struct Pointer<'a> {
    pub(super) text: &'a str,
    pub(super) segments: Vec<Cow<'a, str>>,
}

impl<'a> Pointer<'a> {
    /// Reads a path of at most `limit` segments: what lies in a document is never deeper.
    pub(super) fn parse(text: &'a str, limit: u16) -> Result<Self, PathFault> {
        let Some(rest) = text.strip_prefix('/') else {
            let segments = Vec::new();
            return if text.is_empty() {
                Ok(Self { text, segments })
            } else {
                Err(PathFault::NoSlash)
            };
        };
        let mut segments = Vec::new();
        for segment in rest.split('/') {
            if segments.len() >= usize::from(limit) {
                return Err(PathFault::TooDeep { limit });
            }
            segments.push(unescape(segment)?);
        }
        Ok(Self { text, segments })
    }

    /// The last segment and those before it; `None` for the whole document.
    pub(super) fn split(&self) -> Option<(&str, &[Cow<'a, str>])> {
        self.segments
            .split_last()
            .map(|(last, parents)| (&**last, parents))
    }

    /// Whether `other` lies inside what this path names.
    pub(super) fn encloses(&self, other: &Self) -> bool {
        self.segments.len() < other.segments.len() && other.segments.starts_with(&self.segments)
    }
}

fn unescape(segment: &str) -> Result<Cow<'_, str>, PathFault> {
    let mut parts = segment.split('~');
    let first = parts.next().unwrap_or_default();
    if first.len() == segment.len() {
        return Ok(Cow::Borrowed(segment));
    }
    let mut name = String::from(first);
    for part in parts {
        let (escaped, rest) = match part.as_bytes().first() {
            Some(b'0') => ('~', part.get(1..)),
            Some(b'1') => ('/', part.get(1..)),
            _ => return Err(PathFault::Tilde),
        };
        name.push(escaped);
        name.push_str(rest.unwrap_or_default());
    }
    Ok(Cow::Owned(name))
}

/// The position in an array of `len` elements that a segment names; `-` is the one behind the
/// last. The position may lie beyond the array.
pub(super) fn index(segment: &str, len: usize) -> Result<usize, PathFault> {
    if segment == "-" {
        return Ok(len);
    }
    let digits = segment.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || segment.is_empty() || (segment.len() > 1 && segment.starts_with('0')) {
        return Err(PathFault::NotAnIndex {
            segment: PatchError::abridge(segment),
        });
    }
    Ok(segment.parse().unwrap_or(usize::MAX))
}
