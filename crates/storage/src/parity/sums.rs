//! Checksums of blocks: XXH3, 64 bits, seeded with the salt of the data file and the place.
//!
//! ```text
//! page of the table, at most 4096 bytes
//!  0  checksum of everything behind it u64
//!  8  checksums of up to 511 blocks u64, in their order
//! ```

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::geometry::{BLOCK_BYTES, SUM_BYTES};
use crate::bytes::ByteReader;

/// Sets the places of pages apart from those of blocks.
const PAGE_BIT: u64 = 1 << 63;

/// The checksum of a whole block; the last one of a file is filled up with zeros.
pub(super) fn block_sum(salt: u64, block: u64, bytes: &[u8]) -> u64 {
    xxh3_64_with_seed(bytes, salt ^ block)
}

/// The checksums of a data file's blocks, computed while its bytes pass by.
#[derive(Debug)]
pub(crate) struct SumBuilder {
    salt: u64,
    sums: Vec<u64>,
    /// The beginning of the block that is not complete.
    open: Vec<u8>,
}

impl SumBuilder {
    pub(crate) fn new(salt: u64) -> Self {
        Self {
            salt,
            sums: Vec::new(),
            open: Vec::with_capacity(BLOCK_BYTES),
        }
    }

    /// Takes the bytes that come next in the file.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.open.is_empty()
                && let Some((block, rest)) = bytes.split_first_chunk::<BLOCK_BYTES>()
            {
                self.close(block);
                bytes = rest;
                continue;
            }
            let part = bytes.len().min(BLOCK_BYTES - self.open.len());
            let (part, rest) = bytes.split_at(part);
            self.open.extend(part);
            bytes = rest;
            if self.open.len() == BLOCK_BYTES {
                let block = std::mem::take(&mut self.open);
                self.close(&block);
                self.open = block;
                self.open.clear();
            }
        }
    }

    fn close(&mut self, block: &[u8]) {
        let sum = block_sum(self.salt, self.sums.len() as u64, block);
        self.sums.push(sum);
    }

    /// The checksums of all blocks.
    pub(crate) fn finish(mut self) -> Vec<u64> {
        if !self.open.is_empty() {
            let mut block = std::mem::take(&mut self.open);
            block.resize(BLOCK_BYTES, 0);
            self.close(&block);
        }
        self.sums
    }
}

/// A page of the table.
pub(super) fn encode_page(salt: u64, page: u64, sums: &[u64]) -> Vec<u8> {
    let listed: Vec<u8> = sums.iter().flat_map(|sum| sum.to_le_bytes()).collect();
    let checksum = xxh3_64_with_seed(&listed, salt ^ (PAGE_BIT | page));
    [&checksum.to_le_bytes()[..], &listed].concat()
}

/// The checksums of a page that verifies.
pub(super) fn decode_page(salt: u64, page: u64, bytes: &[u8]) -> Option<Vec<u64>> {
    let mut reader = ByteReader::new(bytes);
    let checksum = reader.u64()?;
    if xxh3_64_with_seed(reader.rest(), salt ^ (PAGE_BIT | page)) != checksum {
        return None;
    }
    let mut sums = Vec::with_capacity(reader.rest().len() / SUM_BYTES as usize);
    while let Some(sum) = reader.u64() {
        sums.push(sum);
    }
    Some(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_sums() {
        let block = [0x5a; BLOCK_BYTES];
        assert_eq!(block_sum(0x1122_3344_5566_7788, 3, &block), GOLDEN[0]);
        let page = encode_page(0x1122_3344_5566_7788, 1, &[1, 2]);
        assert_eq!(page[..8], GOLDEN[1].to_le_bytes());
        assert_eq!(page[8..], [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    }

    const GOLDEN: [u64; 2] = [0x6077_9532_2904_2b30, 0xcd0c_d671_f930_27a7];

    #[test]
    fn the_pieces_in_which_bytes_come_make_no_difference() {
        let bytes: Vec<u8> = (0..5 * BLOCK_BYTES as u32 + 77)
            .map(|n| (n * 7) as u8)
            .collect();
        let mut whole = SumBuilder::new(9);
        whole.push(&bytes);
        let whole = whole.finish();
        assert_eq!(whole.len(), 6);
        for piece in [1, 13, 4095, 4096, 4097, 9000] {
            let mut pieces = SumBuilder::new(9);
            bytes.chunks(piece).for_each(|piece| pieces.push(piece));
            assert_eq!(pieces.finish(), whole, "pieces of {piece}");
        }
    }

    #[test]
    fn a_block_verifies_only_in_its_file_and_place_and_a_page_only_whole() {
        let block = [1; BLOCK_BYTES];
        assert_ne!(block_sum(1, 0, &block), block_sum(2, 0, &block));
        assert_ne!(block_sum(1, 0, &block), block_sum(1, 1, &block));
        let page = encode_page(1, 0, &[5, 6, 7]);
        assert_eq!(decode_page(1, 0, &page), Some(vec![5, 6, 7]));
        assert_eq!(decode_page(1, 1, &page), None);
        assert_eq!(decode_page(1, 0, &page[..24]), None);
        for bit in 0..page.len() * 8 {
            let mut flipped = page.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode_page(1, 0, &flipped), None, "bit {bit}");
        }
    }
}
