//! Which blocks a data file has, which of them make a stripe, and where their parity stands.

use super::header::HEADER_BYTES;

/// Length of a block, in bytes.
pub(crate) const BLOCK_BYTES: usize = 4096;
/// Data blocks of a stripe.
pub(crate) const STRIPE_BLOCKS: u64 = 16;
/// Checksums on one page of the table, behind the checksum of the page.
pub(super) const SUMS_PER_PAGE: u64 = 511;
/// Bytes of a checksum.
pub(super) const SUM_BYTES: u64 = 8;

/// How much parity data files get: so many parity blocks for every sixteen blocks of data, and as
/// many damaged blocks of a stripe can be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parity(u8);

impl Parity {
    /// No parity: no file of it is written.
    pub const NONE: Self = Self(0);
    /// Two blocks for every sixteen: 12.5 % of the data.
    pub const DEFAULT: Self = Self(2);

    /// The parity that takes the share of `percent` nearest to a multiple of 6.25 %: one block in
    /// sixteen at least unless `percent` is 0, and as many blocks as there are data at most.
    #[must_use]
    pub const fn from_percent(percent: u64) -> Self {
        if percent == 0 {
            return Self::NONE;
        }
        let percent = if percent > 100 { 100 } else { percent };
        let blocks = (percent * STRIPE_BLOCKS + 50) / 100;
        Self(if blocks == 0 { 1 } else { blocks as u8 })
    }

    /// The parity of `blocks` for every sixteen; `None` above sixteen.
    #[must_use]
    pub const fn from_blocks(blocks: u32) -> Option<Self> {
        if blocks as u64 <= STRIPE_BLOCKS {
            Some(Self(blocks as u8))
        } else {
            None
        }
    }

    /// Parity blocks for every sixteen data blocks.
    #[must_use]
    pub const fn blocks(self) -> u32 {
        self.0 as u32
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl Default for Parity {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The blocks of one data file. Blocks are numbered from 0: those of the data file, then those of
/// the parity.
///
/// Stripe `s` of `n` stripes has the data blocks `s`, `n + s`, `2n + s` and so on; those behind the
/// end of the file count as zeros. Its parity blocks follow the same step. So `2n` blocks in a row
/// are never more than two of one stripe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) file_bytes: u64,
    pub(crate) parity: Parity,
}

impl Geometry {
    pub(crate) const fn data_blocks(&self) -> u64 {
        self.file_bytes.div_ceil(BLOCK_BYTES as u64)
    }

    pub(crate) const fn stripes(&self) -> u64 {
        self.data_blocks().div_ceil(STRIPE_BLOCKS)
    }

    pub(crate) const fn parity_blocks(&self) -> u64 {
        self.stripes() * self.parity.blocks() as u64
    }

    pub(crate) const fn blocks(&self) -> u64 {
        self.data_blocks() + self.parity_blocks()
    }

    /// The stripe of a block.
    pub(crate) const fn stripe_of(&self, block: u64) -> u64 {
        let stripes = self.stripes();
        if block < self.data_blocks() {
            block % stripes
        } else {
            (block - self.data_blocks()) % stripes
        }
    }

    /// Data block `member` of a stripe; `None` where the file ends in front of it.
    pub(crate) const fn data_block(&self, stripe: u64, member: u64) -> Option<u64> {
        let block = member * self.stripes() + stripe;
        if block < self.data_blocks() {
            Some(block)
        } else {
            None
        }
    }

    /// Parity block `member` of a stripe.
    pub(crate) const fn parity_block(&self, stripe: u64, member: u64) -> u64 {
        self.data_blocks() + member * self.stripes() + stripe
    }

    pub(super) const fn pages(&self) -> u64 {
        self.blocks().div_ceil(SUMS_PER_PAGE)
    }

    /// Blocks whose checksums are on a page.
    pub(super) const fn page_blocks(&self, page: u64) -> u64 {
        let behind = self.blocks() - page * SUMS_PER_PAGE;
        if behind < SUMS_PER_PAGE {
            behind
        } else {
            SUMS_PER_PAGE
        }
    }

    /// Position of a page in the table.
    pub(super) const fn page_offset(page: u64) -> u64 {
        page * (SUMS_PER_PAGE + 1) * SUM_BYTES
    }

    pub(super) const fn table_bytes(&self) -> u64 {
        (self.blocks() + self.pages()) * SUM_BYTES
    }

    /// Where the two copies of the table begin.
    pub(super) const fn tables(&self) -> [u64; 2] {
        let first = HEADER_BYTES as u64;
        [first, self.parity_offset() + self.parity_bytes()]
    }

    /// Where the parity blocks begin.
    pub(super) const fn parity_offset(&self) -> u64 {
        HEADER_BYTES as u64 + self.table_bytes()
    }

    const fn parity_bytes(&self) -> u64 {
        self.parity_blocks() * BLOCK_BYTES as u64
    }

    /// Where a parity block stands.
    pub(super) const fn offset_of_parity(&self, block: u64) -> u64 {
        self.parity_offset() + (block - self.data_blocks()) * BLOCK_BYTES as u64
    }

    /// Length of the whole file of parity.
    pub(crate) const fn sidecar_bytes(&self) -> u64 {
        2 * (HEADER_BYTES as u64 + self.table_bytes()) + self.parity_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geometry(blocks: u64) -> Geometry {
        Geometry {
            file_bytes: blocks * BLOCK_BYTES as u64 - 1,
            parity: Parity::DEFAULT,
        }
    }

    #[test]
    fn a_percentage_becomes_the_nearest_sixteenth() {
        for (percent, blocks) in [
            (0, 0),
            (1, 1),
            (6, 1),
            (9, 1),
            (10, 2),
            (12, 2),
            (15, 2),
            (16, 3),
            (25, 4),
            (50, 8),
            (100, 16),
            (u64::MAX, 16),
        ] {
            assert_eq!(
                Parity::from_percent(percent).blocks(),
                blocks,
                "{percent} %"
            );
        }
        assert_eq!(Parity::from_percent(12), Parity::DEFAULT);
    }

    #[test]
    fn every_block_is_in_one_stripe_and_its_members_are_far_apart() {
        for blocks in [1, 2, 15, 16, 17, 160, 511, 1000] {
            let geometry = geometry(blocks);
            assert_eq!(geometry.data_blocks(), blocks);
            let mut seen = vec![0; geometry.blocks() as usize];
            for stripe in 0..geometry.stripes() {
                let data =
                    (0..STRIPE_BLOCKS).filter_map(|member| geometry.data_block(stripe, member));
                let parity = (0..2).map(|member| geometry.parity_block(stripe, member));
                let members: Vec<_> = data.collect();
                assert!(
                    members
                        .windows(2)
                        .all(|pair| pair[1] - pair[0] == geometry.stripes())
                );
                for block in members.into_iter().chain(parity) {
                    seen[block as usize] += 1;
                    assert_eq!(geometry.stripe_of(block), stripe);
                }
            }
            assert!(seen.iter().all(|count| *count == 1), "{blocks} blocks");
        }
    }

    #[test]
    fn the_parts_of_the_parity_file_follow_each_other() {
        for blocks in [1, 400, 455, 456, 10_000] {
            let geometry = geometry(blocks);
            let [first, second] = geometry.tables();
            let last = geometry.blocks() - 1;
            assert_eq!(first, HEADER_BYTES as u64);
            assert_eq!(first + geometry.table_bytes(), geometry.parity_offset());
            assert_eq!(geometry.offset_of_parity(last) + BLOCK_BYTES as u64, second);
            assert_eq!(
                second + geometry.table_bytes() + HEADER_BYTES as u64,
                geometry.sidecar_bytes()
            );
            let listed: u64 = (0..geometry.pages())
                .map(|page| geometry.page_blocks(page))
                .sum();
            assert_eq!(listed, geometry.blocks());
        }
    }
}
