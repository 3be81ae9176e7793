//! Finds a name that occurs twice in one object.
//!
//! The names of all open objects lie on one stack, those of the innermost on top. When an object
//! closes, the digests of its names are sorted; only where two are equal are the names themselves
//! sorted. No choice of names makes that slower than `n log n`.

use super::escape::unescape_into;

/// Scratch beyond this many entries or bytes is given back after a check.
const KEPT_SCRATCH: usize = 4096;

/// Where a name of an open object lies.
#[derive(Clone, Copy)]
struct Name {
    /// Where the name begins in the text, behind its quote.
    offset: u32,
    /// Where the unescaped name begins: in the text, or in the unescaped names.
    start: u32,
    /// Length of the unescaped name, and in the top bit whether it lies in the unescaped names.
    len: u32,
}

const UNESCAPED: u32 = 1 << 31;

/// The names of the open objects of one text.
#[derive(Default)]
pub(super) struct Keys {
    /// Of each name a cheap digest; different digests mean different names.
    digests: Vec<u64>,
    names: Vec<Name>,
    /// Unescaped forms of the names that were written with escapes.
    unescaped: Vec<u8>,
}

/// Which names of the stack belong to one open object: those from here on.
#[derive(Clone, Copy)]
pub(super) struct ObjectKeys(u32);

impl Keys {
    /// Forgets all names, and gives back what an unusual text has made the scratch grow to.
    pub(super) fn clear(&mut self) {
        self.digests.clear();
        self.names.clear();
        self.unescaped.clear();
        if self.names.capacity().max(self.unescaped.capacity()) > KEPT_SCRATCH {
            self.digests.shrink_to(KEPT_SCRATCH);
            self.names.shrink_to(KEPT_SCRATCH);
            self.unescaped.shrink_to(KEPT_SCRATCH);
        }
    }

    #[inline]
    pub(super) fn open(&self) -> ObjectKeys {
        ObjectKeys(self.digests.len() as u32)
    }

    /// Adds the name `body` that stands at `offset` of the text.
    #[inline]
    pub(super) fn push(&mut self, body: &[u8], offset: usize) {
        let (offset, len) = (offset as u32, body.len() as u32);
        self.digests.push(digest(body));
        self.names.push(Name {
            offset,
            start: offset,
            len,
        });
    }

    /// As [`Keys::push`], of a name written with escapes.
    #[cold]
    pub(super) fn push_escaped(&mut self, body: &[u8], offset: usize) {
        let start = self.unescaped.len();
        unescape_into(body, &mut self.unescaped);
        let name = self.unescaped.get(start..).unwrap_or_default();
        let (offset, start, len) = (offset as u32, start as u32, name.len() as u32 | UNESCAPED);
        self.digests.push(digest(name));
        self.names.push(Name { offset, start, len });
    }

    /// Takes the names of the innermost object off the stack. Returns the offset of one that
    /// occurs a second time.
    #[inline]
    pub(super) fn close(&mut self, text: &[u8], object: ObjectKeys) -> Option<usize> {
        let first = object.0 as usize;
        let digests = self.digests.get_mut(first..).unwrap_or_default();
        digests.sort_unstable();
        let repeated = if digests.array_windows().any(|[a, b]| a == b) {
            self.repeated(text, first)
        } else {
            None
        };
        self.digests.truncate(first);
        self.names.truncate(first);
        repeated
    }

    /// Sorts the names from `first` on, of which two or more have the same digest.
    #[cold]
    fn repeated(&mut self, text: &[u8], first: usize) -> Option<usize> {
        let bytes = |name: &Name| bytes(text, &self.unescaped, *name);
        let names = self.names.get_mut(first..)?;
        names.sort_unstable_by(|a, b| bytes(a).cmp(bytes(b)));
        let [a, b] = names.array_windows().find(|[a, b]| bytes(a) == bytes(b))?;
        Some(a.offset.max(b.offset) as usize)
    }
}

/// The unescaped name.
fn bytes<'a>(text: &'a [u8], unescaped: &'a [u8], name: Name) -> &'a [u8] {
    let source = if name.len & UNESCAPED == 0 {
        text
    } else {
        unescaped
    };
    let (start, len) = (name.start as usize, (name.len & !UNESCAPED) as usize);
    source.get(start..start + len).unwrap_or_default()
}

/// Length, first and last bytes of a name: what names of one object differ in most often. Short
/// names of one length have different digests.
#[inline(always)]
fn digest(name: &[u8]) -> u64 {
    let (head, tail) = match (name.first_chunk(), name.last_chunk()) {
        (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => match (name.first_chunk(), name.last_chunk()) {
            (Some(head), Some(tail)) => (
                u32::from_le_bytes(*head).into(),
                u32::from_le_bytes(*tail).into(),
            ),
            _ => match name {
                [a, b, c] => (u64::from_le_bytes([*a, *b, *c, 0, 0, 0, 0, 0]), 0),
                [a, b] => (u64::from_le_bytes([*a, *b, 0, 0, 0, 0, 0, 0]), 0),
                [a] => (u64::from(*a), 0),
                _ => (0, 0),
            },
        },
    };
    (head ^ (name.len() as u64) << 32).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ tail.rotate_left(32)
}
