//! The bytes of a simulated file: pages that images share until one of them writes.

use std::ops::Range;
use std::sync::Arc;

/// Unit of sharing between images, and of the space that a file takes.
pub(super) const PAGE_BYTES: usize = 4096;

/// Longest file that is kept.
pub(super) const MAX_LENGTH_BYTES: u64 = 1 << 36;

/// Pages in a chunk, the unit of sharing of the page table.
const CHUNK_PAGES: usize = 64;

type Page = [u8; PAGE_BYTES];
type Chunk = [Option<Arc<Page>>; CHUNK_PAGES];

/// Bytes of a file. Pages that were never written read as zeros and take no space.
///
/// The first write after a clone copies one page, one chunk and the list of chunks: for a log of
/// 64 MiB some three hundred pointers.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    chunks: Arc<Vec<Option<Arc<Chunk>>>>,
    length: u64,
}

/// The part of a byte range that lies in one unit (a page, a sector).
pub(super) struct Span {
    /// Number of the unit.
    pub(super) unit: usize,
    /// Place inside the unit.
    pub(super) within: Range<usize>,
    /// Place inside the range.
    pub(super) at: Range<usize>,
}

/// Cuts `length` bytes at `offset` where units of `unit_bytes` meet.
pub(super) fn spans(offset: u64, length: usize, unit_bytes: usize) -> impl Iterator<Item = Span> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == length {
            return None;
        }
        // Offsets stay below `MAX_LENGTH_BYTES`.
        let position = offset as usize + done;
        let start = position % unit_bytes;
        let take = (unit_bytes - start).min(length - done);
        let span = Span {
            unit: position / unit_bytes,
            within: start..start + take,
            at: done..done + take,
        };
        done += take;
        Some(span)
    })
}

impl Content {
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Bytes of space that the file takes.
    pub(super) fn allocated(&self) -> u64 {
        let chunks = self.chunks.iter().flatten();
        let pages: usize = chunks.map(|chunk| chunk.iter().flatten().count()).sum();
        (pages * PAGE_BYTES) as u64
    }

    /// How many bytes of a write fit when `free_pages` more pages may be taken.
    pub(super) fn fitting(&self, offset: u64, length: usize, mut free_pages: u64) -> usize {
        for span in spans(offset, length, PAGE_BYTES) {
            if self.page(span.unit).is_none() {
                match free_pages.checked_sub(1) {
                    Some(left) => free_pages = left,
                    None => return span.at.start,
                }
            }
        }
        length
    }

    fn page(&self, number: usize) -> Option<&Arc<Page>> {
        let chunk = self.chunks.get(number / CHUNK_PAGES)?.as_ref()?;
        chunk.get(number % CHUNK_PAGES)?.as_ref()
    }

    /// The page in its own copy, created when missing.
    fn page_mut(&mut self, number: usize) -> Option<&mut Page> {
        let chunks = Arc::make_mut(&mut self.chunks);
        let chunk = number / CHUNK_PAGES;
        if chunks.len() <= chunk {
            chunks.resize(chunk + 1, None);
        }
        let chunk = chunks
            .get_mut(chunk)?
            .get_or_insert_with(|| Arc::new([const { None }; CHUNK_PAGES]));
        let page = Arc::make_mut(chunk)
            .get_mut(number % CHUNK_PAGES)?
            .get_or_insert_with(|| Arc::new([0; PAGE_BYTES]));
        Some(Arc::make_mut(page))
    }

    pub(super) fn read(&self, buf: &mut [u8], offset: u64) -> usize {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = buf.len().min(left);
        for span in spans(offset, length, PAGE_BYTES) {
            let Some(to) = buf.get_mut(span.at) else {
                break;
            };
            match self.page(span.unit).and_then(|page| page.get(span.within)) {
                Some(from) => to.copy_from_slice(from),
                None => to.fill(0),
            }
        }
        length
    }

    /// Writes all of `bytes`, extending the file as needed.
    pub(super) fn write(&mut self, bytes: &[u8], offset: u64) {
        for span in spans(offset, bytes.len(), PAGE_BYTES) {
            let to = self
                .page_mut(span.unit)
                .and_then(|page| page.get_mut(span.within));
            if let (Some(to), Some(from)) = (to, bytes.get(span.at)) {
                to.copy_from_slice(from);
            }
        }
        if !bytes.is_empty() {
            self.length = self.length.max(offset + bytes.len() as u64);
        }
    }

    pub(super) fn set_len(&mut self, length: u64) {
        if length < self.length {
            self.cut(length as usize);
        }
        self.length = length;
    }

    /// Forgets the bytes from `length` on, so that they read as zeros when the file grows again.
    fn cut(&mut self, length: usize) {
        let pages = length.div_ceil(PAGE_BYTES);
        let chunks = Arc::make_mut(&mut self.chunks);
        chunks.truncate(pages.div_ceil(CHUNK_PAGES));
        let kept = pages % CHUNK_PAGES;
        if kept != 0
            && let Some(Some(chunk)) = chunks.get_mut(pages / CHUNK_PAGES)
            && let Some(cut) = Arc::make_mut(chunk).get_mut(kept..)
        {
            cut.fill(None);
        }
        let last = length / PAGE_BYTES;
        if !length.is_multiple_of(PAGE_BYTES)
            && self.page(last).is_some()
            && let Some(page) = self.page_mut(last)
            && let Some(cut) = page.get_mut(length % PAGE_BYTES..)
        {
            cut.fill(0);
        }
    }

    pub(super) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.length as usize];
        self.read(&mut bytes, 0);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_the_bytes_written_across_pages_and_chunks() {
        let chunk = CHUNK_PAGES * PAGE_BYTES;
        let edges = [0, PAGE_BYTES, 2 * PAGE_BYTES, chunk, 2 * chunk];
        let mut content = Content::default();
        let mut expected: Vec<u8> = Vec::new();
        for round in 0..200_usize {
            let edge = edges[round % 5] + (round * 7) % 40;
            let before = content.clone();
            let unchanged = expected.clone();
            if round % 3 == 2 {
                content.set_len(edge as u64);
                expected.resize(edge, 0);
            } else {
                let bytes = vec![round as u8; (round * 977) % 9000 + 1];
                content.write(&bytes, edge as u64);
                let end = edge + bytes.len();
                expected.resize(expected.len().max(end), 0);
                expected[edge..end].copy_from_slice(&bytes);
            }
            assert!(content.to_vec() == expected, "round {round}");
            assert!(before.to_vec() == unchanged, "round {round}");
        }
        content.set_len(0);
        assert_eq!(content.allocated(), 0);
    }
}
