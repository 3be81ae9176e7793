//! The bytes of a simulated file: pages that images share until one of them writes.

use std::ops::Range;
use std::sync::Arc;

/// Unit of sharing between images, and of the space that a file takes.
pub(super) const PAGE_BYTES: usize = 4096;

/// Longest file that is kept; a page table of 128 MiB.
pub(super) const MAX_LENGTH_BYTES: u64 = 1 << 36;

type Page = [u8; PAGE_BYTES];

/// Bytes of a file. Pages that were never written read as zeros and take no space.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    pages: Arc<Vec<Option<Arc<Page>>>>,
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
        (self.pages.iter().flatten().count() * PAGE_BYTES) as u64
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
        self.pages.get(number).and_then(Option::as_ref)
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
        let pages = Arc::make_mut(&mut self.pages);
        for span in spans(offset, bytes.len(), PAGE_BYTES) {
            if pages.len() <= span.unit {
                pages.resize(span.unit + 1, None);
            }
            let page = pages
                .get_mut(span.unit)
                .map(|page| Arc::make_mut(page.get_or_insert_with(|| Arc::new([0; PAGE_BYTES]))));
            if let (Some(page), Some(from)) = (page, bytes.get(span.at))
                && let Some(to) = page.get_mut(span.within)
            {
                to.copy_from_slice(from);
            }
        }
        if !bytes.is_empty() {
            self.length = self.length.max(offset + bytes.len() as u64);
        }
    }

    pub(super) fn set_len(&mut self, length: u64) {
        if length < self.length {
            let pages = Arc::make_mut(&mut self.pages);
            let kept = length as usize;
            pages.truncate(kept.div_ceil(PAGE_BYTES));
            // What is cut off must read as zeros when the file grows again.
            if let Some(Some(page)) = pages.get_mut(kept / PAGE_BYTES)
                && let Some(cut) = Arc::make_mut(page).get_mut(kept % PAGE_BYTES..)
            {
                cut.fill(0);
            }
        }
        self.length = length;
    }

    pub(super) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.length as usize];
        self.read(&mut bytes, 0);
        bytes
    }
}
