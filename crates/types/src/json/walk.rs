//! Finds the members and elements of a text that has been checked.
//!
//! Positions are byte ranges of the text, so that whoever edits a document can leave every byte
//! alone that an edit does not name. Text that has not been [checked](super::check) gives
//! meaningless ranges within its bounds, nothing worse.

use super::limits::JsonKind;
use super::scan::{skip_plain, skip_whitespace};
use std::ops::Range;

/// A value with the white space around it left out.
///
/// Returns its kind and its range in `text`; `None` where `text` holds no value.
#[must_use]
pub fn value(text: &[u8]) -> Option<(JsonKind, Range<usize>)> {
    let rest = skip_whitespace(text);
    let kind = JsonKind::of_first_byte(*rest.first()?)?;
    let behind = rest
        .iter()
        .rev()
        .take_while(|byte| is_whitespace(**byte))
        .count();
    Some((kind, text.len() - rest.len()..text.len() - behind))
}

fn is_whitespace(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// Containers shorter than this are no landmarks: reading them again costs little.
const LANDMARK_BYTES: usize = 4096;

/// Where the large objects and arrays of a text begin and end, so that whoever opens one after the
/// other, from outside inwards, reads each byte about once and not once for every level.
#[derive(Debug, Clone, Default)]
pub struct Landmarks {
    /// Ranges in the text, in the order of their beginnings.
    containers: Vec<(u32, u32)>,
}

impl Landmarks {
    /// Finds the landmarks of `text`, of at most 4 GiB, in one pass.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        let mut containers = Vec::new();
        let mut open = Vec::new();
        let mut rest = text;
        while let [byte, tail @ ..] = rest {
            let offset = text.len() - rest.len();
            rest = tail;
            match byte {
                b'"' => rest = skip_string(tail),
                b'{' | b'[' => open.push(offset as u32),
                b'}' | b']' => {
                    let start = open.pop().unwrap_or_default();
                    if offset - start as usize >= LANDMARK_BYTES {
                        containers.push((start, offset as u32 + 1));
                    }
                }
                _ => {}
            }
        }
        containers.sort_unstable();
        Self { containers }
    }

    /// The landmarks that begin at `offset` or behind it.
    fn from(&self, offset: usize) -> &[(u32, u32)] {
        let before = self
            .containers
            .partition_point(|(start, _)| (*start as usize) < offset);
        self.containers.get(before..).unwrap_or_default()
    }
}

/// The items of one object or array in their order: members as `"name":value`, elements as values.
#[derive(Debug, Clone)]
pub struct Items<'a> {
    text: &'a [u8],
    rest: &'a [u8],
    closed: bool,
    /// Where `text` begins in the text of the landmarks.
    base: usize,
    landmarks: &'a [(u32, u32)],
    skipped: usize,
}

/// The items of the object or array that is `text`, without white space around it.
#[must_use]
pub fn items(text: &[u8]) -> Items<'_> {
    let rest = text.get(1..).unwrap_or_default();
    let empty = matches!(skip_whitespace(rest), [b']' | b'}', ..] | []);
    Items {
        text,
        rest,
        closed: empty,
        base: 0,
        landmarks: &[],
        skipped: 0,
    }
}

/// As [`items`], of a `text` that begins at `base` of the text that `landmarks` are of.
#[must_use]
pub fn items_between<'a>(text: &'a [u8], base: usize, landmarks: &'a Landmarks) -> Items<'a> {
    Items {
        base,
        landmarks: landmarks.from(base + 1),
        ..items(text)
    }
}

impl Items<'_> {
    /// Where the next item begins; once all have been read, where the white space before the
    /// closing bracket begins.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    /// Bytes that landmarks have spared reading.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// Skips the container that begins at [`Items::offset`], if it is a landmark.
    #[inline]
    fn skip_landmark(&mut self) -> bool {
        let Some(((start, end), _)) = self.landmarks.split_first() else {
            return false;
        };
        if *start as usize != self.base + self.offset() {
            return false;
        }
        let len = (*end - *start) as usize;
        self.rest = self.rest.get(len..).unwrap_or_default();
        self.skipped += len;
        let inside = self.landmarks.partition_point(|(start, _)| start < end);
        self.landmarks = self.landmarks.get(inside..).unwrap_or_default();
        true
    }
}

impl Iterator for Items<'_> {
    type Item = Range<usize>;

    /// The range of the next item, from the comma or bracket before it to the comma behind it,
    /// with the white space in between; the last one ends with its value.
    fn next(&mut self) -> Option<Range<usize>> {
        if self.closed {
            return None;
        }
        let start = self.offset();
        let mut depth = 0u32;
        // The white space before the closing bracket belongs to none of the items.
        let mut value_end = self.rest;
        while let [byte, tail @ ..] = self.rest {
            match byte {
                b'"' => {
                    self.rest = skip_string(tail);
                    value_end = self.rest;
                    continue;
                }
                b'{' | b'[' => {
                    if self.skip_landmark() {
                        value_end = self.rest;
                        continue;
                    }
                    depth += 1;
                }
                b'}' | b']' if depth == 0 => break,
                b'}' | b']' => depth -= 1,
                b',' if depth == 0 => {
                    let end = self.offset();
                    self.rest = tail;
                    return Some(start..end);
                }
                b' ' | b'\n' | b'\r' | b'\t' => {
                    self.rest = tail;
                    continue;
                }
                _ => {}
            }
            self.rest = tail;
            value_end = tail;
        }
        self.closed = true;
        self.rest = value_end;
        Some(start..self.offset())
    }
}

/// Skips a string whose opening quote lies just before `rest`.
fn skip_string(mut rest: &[u8]) -> &[u8] {
    loop {
        match skip_plain(rest) {
            [b'"', tail @ ..] => return tail,
            [b'\\', _, tail @ ..] | [_, tail @ ..] => rest = tail,
            [] => return &[],
        }
    }
}

/// The parts of a member `"name":value` of an object, as ranges of the member's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The name between its quotes, escapes as they are.
    pub name: Range<usize>,
    /// The value without the white space around it.
    pub value: Range<usize>,
    /// Kind of the value.
    pub kind: JsonKind,
}

/// The parts of the member that is `text`; `None` where it is not a member.
#[must_use]
pub fn member(text: &[u8]) -> Option<Member> {
    let body = skip_whitespace(text).strip_prefix(b"\"")?;
    let tail = skip_string(body);
    let start = text.len() - body.len();
    let colon = skip_whitespace(tail).strip_prefix(b":")?;
    let (kind, range) = value(colon)?;
    let at = text.len() - colon.len();
    Some(Member {
        name: start..(text.len() - tail.len()).saturating_sub(1).max(start),
        value: at + range.start..at + range.end,
        kind,
    })
}
