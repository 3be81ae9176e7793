//! The bytes that a tree refers to.

use docdb_types::patch::PatchError;
use std::ops::Range;

/// A range of the [`Texts`] of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    pub(super) const EMPTY: Self = Self { start: 0, end: 0 };

    /// The part of this span that is `range` of its text.
    pub(super) fn part(self, range: Range<usize>) -> Self {
        let at = |offset: usize| self.start.saturating_add(offset as u32).min(self.end);
        let end = at(range.end);
        Self {
            start: at(range.start).min(end),
            end,
        }
    }

    /// Where it begins.
    pub(super) fn offset(self) -> usize {
        self.start as usize
    }

    pub(super) fn len(self) -> usize {
        (self.end - self.start) as usize
    }
}

/// The document and, behind it, what the patch brings: one row of bytes in which spans lie.
pub(super) struct Texts<'a> {
    document: &'a [u8],
    added: Vec<u8>,
}

impl<'a> Texts<'a> {
    /// Takes a document of at most `u32::MAX` bytes.
    pub(super) fn new(document: &'a [u8]) -> Self {
        Self {
            document,
            added: Vec::new(),
        }
    }

    pub(super) fn document(&self) -> Span {
        Span {
            start: 0,
            end: self.document.len() as u32,
        }
    }

    /// Whether the span lies in the document.
    pub(super) fn in_document(&self, span: Span) -> bool {
        span.offset() < self.document.len()
    }

    /// Length of all texts in bytes.
    pub(super) fn len(&self) -> usize {
        self.document.len() + self.added.len()
    }

    pub(super) fn get(&self, span: Span) -> &[u8] {
        let (start, end) = (span.start as usize, span.end as usize);
        let added = self.document.len();
        if self.in_document(span) {
            self.document.get(start..end).unwrap_or_default()
        } else {
            self.added
                .get(start - added..end - added)
                .unwrap_or_default()
        }
    }

    /// Adds what `write` appends.
    pub(super) fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<Span, PatchError> {
        let position = |texts: &Self| u32::try_from(texts.len());
        let too_large = |_| PatchError::TooLarge {
            limit: u32::MAX as usize,
        };
        let start = position(self).map_err(too_large)?;
        write(&mut self.added);
        let end = position(self).map_err(too_large)?;
        Ok(Span { start, end })
    }
}
