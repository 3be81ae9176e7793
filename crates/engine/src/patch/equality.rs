//! Whether two values are the same in the sense of RFC 6902, section 4.6.

use super::number;
use super::tree::{ArrayId, Item, ObjectId, PlaceId, Tree, Value, kind};
use docdb_types::json::escape::{Unescaped, unescape};
use docdb_types::json::{JsonKind, walk};
use docdb_types::patch::PatchError;
use std::borrow::Cow;

impl Tree<'_> {
    /// Whether the value at `place` equals `expected`, a checked text without white space around
    /// it: numbers by their value, strings by their characters, objects in any order.
    pub(super) fn equals(&mut self, place: PlaceId, expected: &[u8]) -> Result<bool, PatchError> {
        let written = match self.value(place) {
            Value::Text(span) => span.len(),
            Value::Object(_) | Value::Array(_) => expected.len(),
        };
        self.charge(written.saturating_add(expected.len()))?;
        Ok(self.equal(View::of(self, self.value(place)), expected))
    }

    // The recursion is bounded by the depth of what is expected.
    fn equal(&self, value: View<'_>, expected: &[u8]) -> bool {
        let text = match value {
            View::Text(text) if text == expected => return true,
            View::Text(text) => text,
            View::Object(object) => {
                let object = self.object(object);
                let members = object
                    .members
                    .iter()
                    .flatten()
                    .map(|item| self.member_view(item));
                return kind(expected) == JsonKind::Object
                    && self.equal_members(members, object.len, expected);
            }
            View::Array(array) => {
                let elements = self.array(array).elements.iter();
                return kind(expected) == JsonKind::Array
                    && self.equal_elements(elements.map(|item| self.element_view(item)), expected);
            }
        };
        match (kind(text), kind(expected)) {
            (JsonKind::Object, JsonKind::Object) => {
                let members = walk::items(text).map(|range| written_member(text, range));
                let len = walk::items(text).count();
                self.equal_members(
                    members.map(|(name, value)| (name, View::Text(value))),
                    len,
                    expected,
                )
            }
            (JsonKind::Array, JsonKind::Array) => {
                let elements = walk::items(text).map(|range| View::Text(trimmed(text, range)));
                self.equal_elements(elements, expected)
            }
            (JsonKind::String, JsonKind::String) => characters(text).eq(characters(expected)),
            (JsonKind::Number, JsonKind::Number) => number::equal(text, expected),
            // Literals are written in one way only.
            _ => false,
        }
    }

    fn equal_elements<'v>(
        &self,
        mut values: impl Iterator<Item = View<'v>>,
        expected: &[u8],
    ) -> bool {
        let mut elements = walk::items(expected).map(|range| trimmed(expected, range));
        loop {
            match (values.next(), elements.next()) {
                (None, None) => return true,
                (Some(value), Some(element)) if self.equal(value, element) => {}
                _ => return false,
            }
        }
    }

    fn equal_members<'v>(
        &self,
        mut values: impl Iterator<Item = (Cow<'v, [u8]>, View<'v>)>,
        len: usize,
        expected: &[u8],
    ) -> bool {
        let members = walk::items(expected).map(|range| written_member(expected, range));
        let mut members: Vec<_> = members.collect();
        members.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        // Names occur once on either side, so that as many names, each found, are all of them.
        len == members.len()
            && values.all(|(name, value)| {
                let found = members.binary_search_by(|(other, _)| (**other).cmp(&*name));
                found
                    .ok()
                    .and_then(|found| members.get(found))
                    .is_some_and(|(_, member)| self.equal(value, member))
            })
    }

    fn member_view(&self, item: &Item) -> (Cow<'_, [u8]>, View<'_>) {
        let text = self.texts.get(item.text);
        let Some(place) = item.place else {
            let (name, value) = written_member(text, 0..text.len());
            return (name, View::Text(value));
        };
        // What stands before the value of a placed member is its name and a colon.
        let body = text
            .splitn(2, |byte| *byte == b'"')
            .nth(1)
            .unwrap_or_default();
        let len = body
            .iter()
            .rposition(|byte| *byte == b'"')
            .unwrap_or(body.len());
        (
            unescape(body.get(..len).unwrap_or_default()),
            View::of(self, self.value(place)),
        )
    }

    fn element_view(&self, item: &Item) -> View<'_> {
        match item.place {
            Some(place) => View::of(self, self.value(place)),
            None => {
                let text = self.texts.get(item.text);
                View::Text(trimmed(text, 0..text.len()))
            }
        }
    }
}

/// A value of a tree.
#[derive(Clone, Copy)]
enum View<'v> {
    Text(&'v [u8]),
    Object(ObjectId),
    Array(ArrayId),
}

impl<'v> View<'v> {
    fn of(tree: &'v Tree<'_>, value: Value) -> Self {
        match value {
            Value::Text(span) => Self::Text(tree.texts.get(span)),
            Value::Object(object) => Self::Object(object),
            Value::Array(array) => Self::Array(array),
        }
    }
}

fn trimmed(text: &[u8], range: std::ops::Range<usize>) -> &[u8] {
    let text = text.get(range).unwrap_or_default();
    walk::value(text)
        .and_then(|(_, range)| text.get(range))
        .unwrap_or_default()
}

/// Name and value of a member as it is written.
fn written_member(text: &[u8], range: std::ops::Range<usize>) -> (Cow<'_, [u8]>, &[u8]) {
    let text = text.get(range).unwrap_or_default();
    let Some(member) = walk::member(text) else {
        return (Cow::Borrowed(&[]), &[]);
    };
    let name = unescape(text.get(member.name).unwrap_or_default());
    (name, text.get(member.value).unwrap_or_default())
}

/// The characters of a string with its quotes.
fn characters(string: &[u8]) -> Unescaped<'_> {
    Unescaped::new(string.get(1..).unwrap_or_default())
}
