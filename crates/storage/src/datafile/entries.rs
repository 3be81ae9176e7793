//! Going through the footer of a data file.

use docdb_types::CollectionId;

use super::footer::{BlockCursor, FooterEntry};
use super::reader::{DataFile, FooterSource, block_length};
use super::window::Window;
use crate::{IndexKey, StorageError};

/// The entries of a footer in key order. After an error nothing more comes.
pub struct Entries<'f, K> {
    file: &'f DataFile,
    window: Window<'f>,
    /// The block that `cursor` goes through, as (position, length).
    block: (u64, u64),
    cursor: Option<BlockCursor>,
    /// Where the next record must begin.
    expected_offset: u64,
    last: Option<(CollectionId, K)>,
    is_done: bool,
}

impl<'f, K: IndexKey> Entries<'f, K> {
    pub(super) fn new(file: &'f DataFile) -> Self {
        let (start, end) = match &file.footer {
            FooterSource::File(section) => (section.offset, section.end()),
            FooterSource::Rebuilt(bytes) => (0, bytes.len() as u64),
        };
        Self {
            file,
            window: match &file.footer {
                FooterSource::File(_) => Window::new(&*file.file, &file.path, end),
                FooterSource::Rebuilt(bytes) => Window::over(bytes, &file.path),
            },
            block: (start, 0),
            cursor: None,
            expected_offset: file.records.offset,
            last: None,
            is_done: false,
        }
    }

    fn advance(&mut self) -> Result<Option<FooterEntry<K>>, StorageError> {
        if self.cursor.as_ref().is_none_or(BlockCursor::is_at_end) && !self.open_next_block()? {
            return Ok(None);
        }
        let (position, length) = self.block;
        let file = self.file;
        let damaged = |what| file.corrupt(position, what);
        let Some(block) = self.window.get(position, length)? else {
            return Err(damaged("footer block: length"));
        };
        let Some(cursor) = &mut self.cursor else {
            return Ok(None);
        };
        let entry = cursor.next::<K>(block).map_err(damaged)?;
        self.expected_offset = cursor.offset();
        if self.expected_offset > file.records.end() {
            return Err(damaged("footer block: record beyond the records"));
        }
        Ok(Some(entry))
    }

    /// Whether there is another block.
    fn open_next_block(&mut self) -> Result<bool, StorageError> {
        let position = self.block.0 + self.block.1;
        let damaged = |what| self.file.corrupt(position, what);
        if position >= self.window.end() {
            // A footer rebuilt around damage has gaps.
            let is_whole = self.expected_offset == self.file.records.end();
            return match self.file.footer {
                FooterSource::File(_) if !is_whole => Err(damaged("footer: records are missing")),
                _ => Ok(false),
            };
        }
        let end = self.window.end();
        let length = block_length(&mut self.window, position, end)?;
        let Some(block) = self.window.get(position, length)? else {
            return Err(damaged("footer block: length"));
        };
        let cursor = BlockCursor::open(self.file.seed, position, block).map_err(damaged)?;
        let is_expected = match self.file.footer {
            FooterSource::File(_) => cursor.offset() == self.expected_offset,
            FooterSource::Rebuilt(_) => cursor.offset() >= self.expected_offset,
        };
        if !is_expected {
            return Err(damaged("footer block: offset"));
        }
        self.cursor = Some(cursor);
        self.block = (position, length);
        Ok(true)
    }

    /// Checks the order over the borders of blocks.
    fn check_order(&mut self, entry: &FooterEntry<K>) -> Result<(), StorageError> {
        let is_larger = self
            .last
            .as_ref()
            .is_none_or(|(collection, key)| (*collection, key) < (entry.collection, &entry.key));
        if !is_larger {
            return Err(self
                .file
                .corrupt(self.block.0, "footer block: order of keys"));
        }
        match &mut self.last {
            Some((collection, key)) => {
                *collection = entry.collection;
                key.clone_from(&entry.key);
            }
            None => self.last = Some((entry.collection, entry.key.clone())),
        }
        Ok(())
    }
}

impl<K: IndexKey> Iterator for Entries<'_, K> {
    type Item = Result<FooterEntry<K>, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let entry = match self.advance() {
            Ok(Some(entry)) => self.check_order(&entry).map(|()| entry),
            Ok(None) => {
                self.is_done = true;
                return None;
            }
            Err(error) => Err(error),
        };
        self.is_done = entry.is_err();
        Some(entry)
    }
}
