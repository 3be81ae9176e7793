//! Finds a name that occurs twice in one object.
//!
//! The names of all open objects lie on one stack, those of the innermost on top. A small object
//! compares each name with its predecessors, and mostly not even that: a 64-bit filter knows that
//! the name is new. A large object is sorted when it closes, which a hostile choice of names
//! cannot make slower than `n log n`; no hash is relied upon.

use super::escape::unescape_into;

/// Objects up to this many members compare each name with all before it.
const PAIRWISE_MEMBERS: usize = 32;

/// Scratch beyond this many entries or bytes is given back after a check.
const KEPT_SCRATCH: usize = 4096;

/// One name of an open object.
#[derive(Clone, Copy)]
struct Key {
    /// Cheap digest of the unescaped name; different digests mean different names.
    digest: u32,
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
    stack: Vec<Key>,
    /// Unescaped forms of the names that were written with escapes.
    unescaped: Vec<u8>,
}

/// Which names of the stack belong to one open object.
#[derive(Clone, Copy)]
pub(super) struct ObjectKeys {
    first: usize,
    filter: u64,
}

impl Keys {
    pub(super) fn clear(&mut self) {
        self.stack.clear();
        self.unescaped.clear();
    }

    /// Gives back what an unusual text has made the scratch grow to.
    pub(super) fn release(&mut self) {
        self.clear();
        self.stack.shrink_to(KEPT_SCRATCH);
        self.unescaped.shrink_to(KEPT_SCRATCH);
    }

    pub(super) fn open(&self) -> ObjectKeys {
        ObjectKeys {
            first: self.stack.len(),
            filter: 0,
        }
    }

    /// Adds the name `body` that stands at `offset` of `text`. Returns whether it may be new;
    /// whether it is, an object of many members knows when it closes.
    #[inline]
    pub(super) fn insert(
        &mut self,
        text: &[u8],
        object: &mut ObjectKeys,
        body: &[u8],
        offset: usize,
        escaped: bool,
    ) -> bool {
        let key = if escaped {
            self.unescape(body, offset)
        } else {
            plain(body, offset)
        };
        let bit = 1 << (key.digest & 63);
        if object.filter & bit != 0 && self.occurs(text, object, key) {
            return false;
        }
        object.filter |= bit;
        self.stack.push(key);
        true
    }

    #[cold]
    fn unescape(&mut self, body: &[u8], offset: usize) -> Key {
        let start = self.unescaped.len();
        unescape_into(body, &mut self.unescaped);
        let name = self.unescaped.get(start..).unwrap_or_default();
        let len = name.len() as u32 | UNESCAPED;
        Key {
            digest: digest(name),
            offset: offset as u32,
            start: start as u32,
            len,
        }
    }

    /// Whether a small object holds the name of `key` already.
    fn occurs(&self, text: &[u8], object: &ObjectKeys, key: Key) -> bool {
        let earlier = self.stack.get(object.first..).unwrap_or_default();
        earlier.len() < PAIRWISE_MEMBERS
            && earlier.iter().any(|other| {
                other.digest == key.digest
                    && name(text, &self.unescaped, *other) == name(text, &self.unescaped, key)
            })
    }

    /// Takes the names of the innermost object off the stack. Returns the offset of one that
    /// occurs a second time.
    #[inline]
    pub(super) fn close(&mut self, text: &[u8], object: ObjectKeys) -> Option<usize> {
        let repeated = if self.stack.len() - object.first > PAIRWISE_MEMBERS {
            self.repeated(text, object)
        } else {
            None
        };
        self.stack.truncate(object.first);
        repeated
    }

    #[cold]
    fn repeated(&mut self, text: &[u8], object: ObjectKeys) -> Option<usize> {
        let unescaped = &self.unescaped;
        let keys = self.stack.get_mut(object.first..)?;
        keys.sort_unstable_by(|a, b| {
            let names = || name(text, unescaped, *a).cmp(name(text, unescaped, *b));
            a.digest.cmp(&b.digest).then_with(names)
        });
        let same = |pair: &[Key; 2]| {
            let [a, b] = pair;
            a.digest == b.digest && name(text, unescaped, *a) == name(text, unescaped, *b)
        };
        let [a, b] = keys.array_windows().find(|pair| same(pair))?;
        Some(a.offset.max(b.offset) as usize)
    }
}

fn plain(body: &[u8], offset: usize) -> Key {
    let offset = offset as u32;
    Key {
        digest: digest(body),
        offset,
        start: offset,
        len: body.len() as u32,
    }
}

fn name<'a>(text: &'a [u8], unescaped: &'a [u8], key: Key) -> &'a [u8] {
    let source = if key.len & UNESCAPED == 0 {
        text
    } else {
        unescaped
    };
    let (start, len) = (key.start as usize, (key.len & !UNESCAPED) as usize);
    source.get(start..start + len).unwrap_or_default()
}

/// Mixes length, first and last bytes of a name: what names of one object differ in most often.
#[inline]
fn digest(name: &[u8]) -> u32 {
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
    let mixed =
        (head ^ tail.rotate_left(29) ^ name.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as u32
}
