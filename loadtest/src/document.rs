use std::ops::Range;
use std::sync::Arc;

use bytes::BytesMut;
use docdb_types::{Document, DocumentId};

use crate::random::{Random, scatter};

/// All bodies of a size together take at most this, so that they stay in a cache.
const POOL_BYTES: usize = 256 * 1024;
const MOST_BODIES: usize = 256;
const FEWEST_BODIES: usize = 4;

// A document is `{"tag":"rrrrrrrrwwwwcccccccciiiiiiiiiissssssss","pad":"…"}`: the run, the worker,
// the worker's count, the id and a checksum, in hexadecimal, and a random text that fills it up.
const OPENING: &[u8] = b"{\"tag\":\"";
const MIDDLE: &[u8] = b"\",\"pad\":\"";
const CLOSING: &[u8] = b"\"}";
const TAG_BYTES: usize = 38;
const RUN: Range<usize> = 0..8;
const WRITER: Range<usize> = 8..12;
const COUNT: Range<usize> = 12..20;
const ID: Range<usize> = 20..30;
const SUM: Range<usize> = 30..38;

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

/// Everything that documents of one size and one run have in common. Workers share it.
#[derive(Debug)]
pub(crate) struct Forms {
    run: u32,
    bodies: Vec<Body>,
}

#[derive(Debug)]
struct Body {
    text: Vec<u8>,
    digest: u64,
}

/// What a document that was read turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Written by this run, for this id, and whole.
    ThisRun,
    /// Written by another run of the load generator, for this id, and whole.
    OtherRun,
    /// Anything else.
    Unknown,
}

impl Forms {
    /// Bodies for documents of exactly `document_bytes`, at least [`MIN_DOCUMENT_BYTES`].
    pub(crate) fn new(run: u32, seed: u64, document_bytes: usize) -> Self {
        let length = document_bytes.saturating_sub(MIN_DOCUMENT_BYTES);
        let count = (POOL_BYTES / document_bytes.max(1)).clamp(FEWEST_BODIES, MOST_BODIES);
        let mut random = Random::new(seed);
        let bodies = (0..count)
            .map(|_| {
                let text = random_text(&mut random, length);
                let digest = digest(&text);
                Body { text, digest }
            })
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
        let tag = Tag::decode(tag)?;
        if tag.id != id.get() {
            return None;
        }
        let form = self.body(tag.count)?;
        if tag.run == self.run && body == form.text {
            return (tag.sum == tag.checksum(form.digest)).then_some(Origin::ThisRun);
        }
        // Documents of this run have the bodies of this run.
        (tag.run != self.run && tag.sum == tag.checksum(digest(body))).then_some(Origin::OtherRun)
    }
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

    /// The next document for an id.
    pub(crate) fn compose(&mut self, id: DocumentId) -> Document {
        self.count = self.count.wrapping_add(1);
        let (text, digest): (&[u8], u64) = match self.forms.body(self.count) {
            Some(body) => (&body.text, body.digest),
            None => (&[], digest(&[])),
        };
        let tag = Tag {
            run: self.forms.run,
            writer: self.writer,
            count: self.count,
            id: id.get(),
            sum: 0,
        };
        let tag = Tag {
            sum: tag.checksum(digest),
            ..tag
        };
        // The room of documents that have been sent is used again.
        self.buffer.reserve(MIN_DOCUMENT_BYTES + text.len());
        self.buffer.extend_from_slice(OPENING);
        self.buffer.extend_from_slice(&tag.encode());
        self.buffer.extend_from_slice(MIDDLE);
        self.buffer.extend_from_slice(text);
        self.buffer.extend_from_slice(CLOSING);
        // Valid JSON by construction: the tag is hexadecimal and the body of the alphabet.
        Document::from_verified(self.buffer.split().freeze())
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
    let mixed = words.iter().fold(text.len() as u64, |mixed, word| {
        scatter(mixed ^ u64::from_le_bytes(*word))
    });
    rest.iter()
        .fold(mixed, |mixed, byte| scatter(mixed ^ u64::from(*byte)))
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

    #[test]
    fn documents_are_valid_json_of_exactly_the_size_asked_for() {
        for bytes in [MIN_DOCUMENT_BYTES, 64, 100, 1024, 70_000, 1_000_000] {
            let mut composer = composer(1, 2, bytes);
            for number in [1, 255, MAX_DOCUMENT_COUNT] {
                let document = composer.compose(id(number));
                assert_eq!(document.len(), bytes);
                Document::new(document.into_bytes(), &Limits::DEFAULT).unwrap();
            }
        }
    }

    #[test]
    fn no_two_documents_of_a_worker_are_equal() {
        let mut composer = composer(1, 2, 64);
        let documents: std::collections::HashSet<_> = (0..1000)
            .map(|_| composer.compose(id(1)).into_bytes())
            .collect();
        assert_eq!(documents.len(), 1000);
    }

    #[test]
    fn a_document_is_recognised_under_its_own_id_only() {
        let mut composer = composer(1, 2, 256);
        let document = composer.compose(id(7));
        let forms = composer.forms();
        assert_eq!(forms.origin(id(7), document.as_bytes()), Origin::ThisRun);
        assert_eq!(forms.origin(id(8), document.as_bytes()), Origin::Unknown);
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let mut composer = composer(1, 2, 128);
        let document = composer.compose(id(7));
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
            let before = composer(9, seed, bytes).compose(id(7));
            assert_eq!(now.origin(id(7), before.as_bytes()), Origin::OtherRun);
            let mut damaged = before.as_bytes().to_vec();
            damaged[300] ^= 1;
            assert_eq!(now.origin(id(7), &damaged), Origin::Unknown);
        }
    }
}
