use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use docdb_types::{Document, DocumentId};

use crate::random::{Random, scatter};

/// All bodies of a size together take at most this, so that they stay in a cache.
const POOL_BYTES: usize = 256 * 1024;
const MOST_BODIES: usize = 256;
const FEWEST_BODIES: usize = 4;

// A document is `{"tag":"rrrrrrrrwwwwcccccccciiiiiiiiiissssssss","pad":"…"}`: the run, the worker,
// the worker's count, the id and a checksum, in hexadecimal, and a random text that fills it up. A
// patch adds `,"mark":"…"` to it or replaces that: a tag of its own.
const OPENING: &[u8] = b"{\"tag\":\"";
const MIDDLE: &[u8] = b"\",\"pad\":\"";
const MARK: &[u8] = b"\",\"mark\":\"";
const CLOSING: &[u8] = b"\"}";
const TAG_BYTES: usize = 38;
const RUN: Range<usize> = 0..8;
const WRITER: Range<usize> = 8..12;
const COUNT: Range<usize> = 12..20;
const ID: Range<usize> = 20..30;
const SUM: Range<usize> = 30..38;

/// The member that a patch sets.
pub(crate) const PATCHED_PATH: &str = "/mark";
/// What a mark has in place of the digest of a body.
const MARK_DIGEST: u64 = 0x6d61_726b;
/// What sets the stamp of a mark apart from that of a document.
const MARKED: u64 = 1 << 63;

/// The alphabet of bodies: 64 characters that JSON does not escape.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const HEXADECIMAL: &[u8; 16] = b"0123456789abcdef";

/// The smallest document that can be recognised, in bytes.
pub(crate) const MIN_DOCUMENT_BYTES: usize =
    OPENING.len() + TAG_BYTES + MIDDLE.len() + CLOSING.len();
/// Ids that a tag has room for.
pub(crate) const MAX_DOCUMENT_COUNT: u64 = (1 << 40) - 1;
/// Workers that a tag has room for.
pub(crate) const MAX_WRITERS: usize = u16::MAX as usize;

/// What tells the writes of a run apart: no two have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp(u64);

/// Everything that documents of one database and one run have in common. Workers share it.
#[derive(Debug)]
pub(crate) struct Forms {
    run: u32,
    bodies: Vec<Body>,
}

#[derive(Debug)]
struct Body {
    text: Vec<u8>,
    /// The digests of its beginnings, of every eight bytes more.
    digests: Vec<u64>,
}

/// What a document that was read turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Written by this run, for this id, and whole: by this write.
    ThisRun(Stamp),
    /// Written by another run of the load generator, for this id, and whole.
    OtherRun,
    /// Anything else.
    Unknown,
}

impl Body {
    fn new(text: Vec<u8>) -> Self {
        let (words, _) = text.as_chunks::<8>();
        let mut digest = 0;
        let mut digests = vec![digest];
        for word in words {
            digest = scatter(digest ^ u64::from_le_bytes(*word));
            digests.push(digest);
        }
        Self { text, digests }
    }

    /// Its first bytes, and their digest.
    fn beginning(&self, length: usize) -> Option<(&[u8], u64)> {
        let text = self.text.get(..length)?;
        let words = *self.digests.get(length / 8)?;
        let rest = text.get(length / 8 * 8..)?;
        Some((text, finish_digest(words, rest, length)))
    }
}

impl Forms {
    /// Bodies for documents of up to `largest_bytes`, at least [`MIN_DOCUMENT_BYTES`].
    pub(crate) fn new(run: u32, seed: u64, largest_bytes: usize) -> Self {
        let length = largest_bytes.saturating_sub(MIN_DOCUMENT_BYTES);
        let count = (POOL_BYTES / largest_bytes.max(1)).clamp(FEWEST_BODIES, MOST_BODIES);
        let mut random = Random::new(seed);
        let bodies = (0..count)
            .map(|_| Body::new(random_text(&mut random, length)))
            .collect();
        Self { run, bodies }
    }

    fn body(&self, count: u32) -> Option<&Body> {
        self.bodies.get(count as usize % self.bodies.len().max(1))
    }

    /// Says where a document comes from that was read under `id`.
    pub(crate) fn origin(&self, id: DocumentId, text: &[u8]) -> Origin {
        self.examine(id, text).unwrap_or(Origin::Unknown)
    }

    fn examine(&self, id: DocumentId, text: &[u8]) -> Option<Origin> {
        let (tag, rest) = text.strip_prefix(OPENING)?.split_at_checked(TAG_BYTES)?;
        let body = rest.strip_prefix(MIDDLE)?.strip_suffix(CLOSING)?;
        let (body, mark) = unmarked(body);
        let mark = match mark {
            None => None,
            Some(mark) => {
                let mark = Tag::decode(mark)?;
                (mark.id == id.get() && mark.sum == mark.checksum(MARK_DIGEST)).then_some(())?;
                Some(mark)
            }
        };
        let tag = Tag::decode(tag)?;
        if tag.id != id.get() {
            return None;
        }
        let is_ours = tag.run == self.run;
        let sum = if is_ours {
            // Documents of this run have the bodies of this run.
            let (text, digest) = self.body(tag.count)?.beginning(body.len())?;
            (text == body).then(|| tag.checksum(digest))?
        } else {
            tag.checksum(digest(body))
        };
        if sum != tag.sum {
            return None;
        }
        let newest = mark.unwrap_or(tag);
        Some(if newest.run == self.run {
            let marked = if mark.is_some() { MARKED } else { 0 };
            Origin::ThisRun(Stamp(newest.stamp().0 | marked))
        } else {
            Origin::OtherRun
        })
    }
}

/// The text of a body without a mark behind it, and the mark.
fn unmarked(body: &[u8]) -> (&[u8], Option<&[u8]>) {
    let split = || {
        let (rest, mark) = body.split_at_checked(body.len().checked_sub(TAG_BYTES)?)?;
        Some((rest.strip_suffix(MARK)?, mark))
    };
    split().map_or((body, None), |(body, mark)| (body, Some(mark)))
}

/// Writes the documents of one worker. No two are equal.
#[derive(Debug)]
pub(crate) struct Composer {
    forms: Arc<Forms>,
    writer: u16,
    count: u32,
    buffer: BytesMut,
}

impl Composer {
    pub(crate) fn new(forms: Arc<Forms>, writer: u16) -> Self {
        Self {
            forms,
            writer,
            count: 0,
            buffer: BytesMut::new(),
        }
    }

    pub(crate) fn forms(&self) -> &Forms {
        &self.forms
    }

    fn next_tag(&mut self, id: DocumentId) -> Tag {
        self.count = self.count.wrapping_add(1);
        Tag {
            run: self.forms.run,
            writer: self.writer,
            count: self.count,
            id: id.get(),
            sum: 0,
        }
    }

    /// The next document for an id, of so many bytes, within what the forms are made for.
    pub(crate) fn compose(&mut self, id: DocumentId, bytes: usize) -> (Document, Stamp) {
        let mut tag = self.next_tag(id);
        let length = bytes.saturating_sub(MIN_DOCUMENT_BYTES);
        let body = self.forms.body(tag.count);
        let (text, digest) = body
            .and_then(|body| body.beginning(length))
            .unwrap_or((&[], digest(&[])));
        tag.sum = tag.checksum(digest);
        // The room of documents that have been sent is used again.
        self.buffer.reserve(MIN_DOCUMENT_BYTES + text.len());
        self.buffer.extend_from_slice(OPENING);
        self.buffer.extend_from_slice(&tag.encode());
        self.buffer.extend_from_slice(MIDDLE);
        self.buffer.extend_from_slice(text);
        self.buffer.extend_from_slice(CLOSING);
        // Valid JSON by construction: the tag is hexadecimal and the body of the alphabet.
        let document = Document::from_verified(self.buffer.split().freeze());
        (document, tag.stamp())
    }

    /// The next value for the member at [`PATCHED_PATH`].
    pub(crate) fn mark(&mut self, id: DocumentId) -> (Bytes, Stamp) {
        let mut tag = self.next_tag(id);
        tag.sum = tag.checksum(MARK_DIGEST);
        self.buffer.reserve(TAG_BYTES + 2);
        self.buffer.extend_from_slice(b"\"");
        self.buffer.extend_from_slice(&tag.encode());
        self.buffer.extend_from_slice(b"\"");
        let stamp = Stamp(tag.stamp().0 | MARKED);
        (self.buffer.split().freeze(), stamp)
    }
}

#[derive(Debug, Clone, Copy)]
struct Tag {
    run: u32,
    writer: u16,
    count: u32,
    id: u64,
    sum: u32,
}

impl Tag {
    /// The checksum of everything else in the tag and of the body.
    #[expect(clippy::cast_possible_truncation, reason = "half of the bits are kept")]
    const fn checksum(&self, body: u64) -> u32 {
        let writer = ((self.run as u64) << 32) | ((self.writer as u64) << 16);
        let mixed = scatter(body ^ writer);
        let mixed = scatter(mixed ^ self.count as u64);
        scatter(mixed ^ self.id) as u32
    }

    const fn stamp(&self) -> Stamp {
        Stamp(((self.writer as u64) << 32) | self.count as u64)
    }

    fn encode(&self) -> [u8; TAG_BYTES] {
        let mut text = [0; TAG_BYTES];
        put_hexadecimal(&mut text, RUN, self.run.into());
        put_hexadecimal(&mut text, WRITER, self.writer.into());
        put_hexadecimal(&mut text, COUNT, self.count.into());
        put_hexadecimal(&mut text, ID, self.id);
        put_hexadecimal(&mut text, SUM, self.sum.into());
        text
    }

    fn decode(text: &[u8]) -> Option<Self> {
        let field = |range| text.get(range).and_then(hexadecimal);
        Some(Self {
            run: field(RUN)?.try_into().ok()?,
            writer: field(WRITER)?.try_into().ok()?,
            count: field(COUNT)?.try_into().ok()?,
            id: field(ID)?,
            sum: field(SUM)?.try_into().ok()?,
        })
    }
}

fn put_hexadecimal(text: &mut [u8; TAG_BYTES], range: Range<usize>, mut number: u64) {
    for place in text.get_mut(range).into_iter().flatten().rev() {
        *place = hexadecimal_digit(number);
        number >>= 4;
    }
}

fn hexadecimal_digit(number: u64) -> u8 {
    HEXADECIMAL
        .get((number & 0xf) as usize)
        .copied()
        .unwrap_or(b'0')
}

fn hexadecimal(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0, |number, character| {
        let digit = match character {
            b'0'..=b'9' => character - b'0',
            b'a'..=b'f' => character - b'a' + 10,
            _ => return None,
        };
        Some((number << 4) | u64::from(digit))
    })
}

fn random_text(random: &mut Random, length: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(length);
    while text.len() < length {
        let bits = random.next();
        let characters = (0..10).map(|place| (bits >> (6 * place)) as usize & 63);
        let missing = length - text.len();
        text.extend(
            characters
                .filter_map(|index| ALPHABET.get(index))
                .take(missing),
        );
    }
    text
}

/// A number that changes when any byte does.
fn digest(text: &[u8]) -> u64 {
    let (words, rest) = text.as_chunks::<8>();
    let mixed = words
        .iter()
        .fold(0, |mixed, word| scatter(mixed ^ u64::from_le_bytes(*word)));
    finish_digest(mixed, rest, text.len())
}

/// The digest of a text whose whole words have been mixed.
fn finish_digest(words: u64, rest: &[u8], length: usize) -> u64 {
    rest.iter()
        .fold(scatter(words ^ length as u64), |mixed, byte| {
            scatter(mixed ^ u64::from(*byte))
        })
}

#[cfg(test)]
mod tests {
    use docdb_types::Limits;

    use super::*;

    fn id(number: u64) -> DocumentId {
        DocumentId::new(number).unwrap()
    }

    fn composer(run: u32, seed: u64, bytes: usize) -> Composer {
        Composer::new(Arc::new(Forms::new(run, seed, bytes)), 3)
    }

    fn marked(document: &Document, mark: &Bytes) -> Vec<u8> {
        let text = document.as_bytes();
        [&text[..text.len() - 1], b",\"mark\":", mark, b"}"].concat()
    }

    #[test]
    fn documents_are_valid_json_of_exactly_the_size_asked_for() {
        let mut composer = composer(1, 2, 1_000_000);
        for bytes in [MIN_DOCUMENT_BYTES, 64, 100, 1024, 70_000, 1_000_000] {
            for number in [1, 255, MAX_DOCUMENT_COUNT] {
                let (document, stamp) = composer.compose(id(number), bytes);
                assert_eq!(document.len(), bytes);
                let origin = composer.forms().origin(id(number), document.as_bytes());
                assert_eq!(origin, Origin::ThisRun(stamp));
                Document::new(document.into_bytes(), &Limits::DEFAULT).unwrap();
            }
        }
    }

    #[test]
    fn no_two_documents_of_a_worker_are_equal() {
        let mut composer = composer(1, 2, 64);
        let documents: std::collections::HashSet<_> = (0..1000)
            .map(|_| composer.compose(id(1), 64).0.into_bytes())
            .collect();
        assert_eq!(documents.len(), 1000);
    }

    #[test]
    fn a_document_is_recognised_under_its_own_id_only() {
        let mut composer = composer(1, 2, 256);
        let (document, stamp) = composer.compose(id(7), 256);
        let forms = composer.forms();
        let text = document.as_bytes();
        assert_eq!(forms.origin(id(7), text), Origin::ThisRun(stamp));
        assert_eq!(forms.origin(id(8), text), Origin::Unknown);
    }

    #[test]
    fn a_patched_document_is_recognised_by_its_mark() {
        let mut composer = composer(1, 2, 256);
        let (document, _) = composer.compose(id(7), 200);
        let (mark, stamp) = composer.mark(id(7));
        let (of_another, _) = composer.mark(id(8));
        let forms = composer.forms();
        let text = marked(&document, &mark);
        Document::new(text.clone().into(), &Limits::DEFAULT).unwrap();
        assert_eq!(forms.origin(id(7), &text), Origin::ThisRun(stamp));
        let wrong = marked(&document, &of_another);
        assert_eq!(forms.origin(id(7), &wrong), Origin::Unknown);
        for position in 0..text.len() {
            let mut text = text.clone();
            text[position] ^= 1;
            assert_eq!(forms.origin(id(7), &text), Origin::Unknown, "{position}");
        }
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let mut composer = composer(1, 2, 128);
        let (document, _) = composer.compose(id(7), 121);
        for position in 0..document.len() {
            let mut text = document.as_bytes().to_vec();
            text[position] ^= 1;
            assert_eq!(
                composer.forms().origin(id(7), &text),
                Origin::Unknown,
                "byte {position}"
            );
        }
        let cut = &document.as_bytes()[..document.len() - 1];
        assert_eq!(composer.forms().origin(id(7), cut), Origin::Unknown);
        assert_eq!(composer.forms().origin(id(7), b""), Origin::Unknown);
        assert_eq!(composer.forms().origin(id(7), b"{}"), Origin::Unknown);
    }

    #[test]
    fn documents_of_another_run_are_told_apart_whatever_its_seed_and_size() {
        let now = Forms::new(1, 2, 1024);
        for (seed, bytes) in [(2, 1024), (5, 1024), (2, 400)] {
            let (before, _) = composer(9, seed, bytes).compose(id(7), bytes);
            assert_eq!(now.origin(id(7), before.as_bytes()), Origin::OtherRun);
            let mut damaged = before.as_bytes().to_vec();
            damaged[300] ^= 1;
            assert_eq!(now.origin(id(7), &damaged), Origin::Unknown);
        }
    }
}
