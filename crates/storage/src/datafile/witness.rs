//! What the intact blocks of a damaged footer still say of the records.

use std::collections::BTreeMap;

use super::footer::{BlockCursor, FooterEntry};
use super::reader::block_length;
use super::window::Window;
use crate::checksum::FileSeed;
use crate::{IndexKey, StorageError};

/// Footer blocks that verify, by the offset of their first record.
#[derive(Debug, Default)]
pub(super) struct Witness(BTreeMap<u64, Block>);

#[derive(Debug)]
struct Block {
    position: u64,
    bytes: Vec<u8>,
}

/// A key as the bytes that it is in the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct RawKey(Vec<u8>);

impl IndexKey for RawKey {
    type Encoded = Vec<u8>;

    fn encode(&self) -> Vec<u8> {
        self.0.clone()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.to_vec()))
    }

    fn ordinal(&self) -> u64 {
        0
    }
}

impl Witness {
    /// Looks for blocks from `from` to the end of the window, at every place where one can be.
    pub(super) fn find(
        window: &mut Window<'_>,
        seed: FileSeed,
        from: u64,
    ) -> Result<Self, StorageError> {
        let mut blocks = BTreeMap::new();
        let mut position = from;
        while position < window.end() {
            let end = window.end();
            let length = block_length(window, position, end)?;
            let block = window
                .get(position, length)?
                .filter(|block| !block.is_empty());
            match block.map(|block| (block, BlockCursor::open(seed, position, block))) {
                Some((block, Ok(cursor))) => {
                    let bytes = block.to_vec();
                    blocks.insert(cursor.offset(), Block { position, bytes });
                    position += length;
                }
                _ => position = position.saturating_add(8),
            }
        }
        Ok(Self(blocks))
    }

    /// Calls `visit` with every record of the block that begins with the record at `offset`, if
    /// there is one; returns where its records end.
    pub(super) fn visit(
        &self,
        seed: FileSeed,
        offset: u64,
        mut visit: impl FnMut(&FooterEntry<&[u8]>),
    ) -> Option<u64> {
        let block = self.0.get(&offset)?;
        let mut cursor = BlockCursor::open(seed, block.position, &block.bytes).ok()?;
        while !cursor.is_at_end() {
            let entry = cursor.next::<RawKey>(&block.bytes).ok()?;
            visit(&FooterEntry {
                collection: entry.collection,
                key: &entry.key.0,
                transaction: entry.transaction,
                kind: entry.kind,
                payload_bytes: entry.payload_bytes,
                checksum: entry.checksum,
                offset: entry.offset,
            });
        }
        Some(cursor.offset())
    }
}
