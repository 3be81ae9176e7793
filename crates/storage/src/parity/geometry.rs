//! Which blocks a data file has, which of them make a stripe, and where their parity stands.

use super::header::HEADER_BYTES;

/// Length of a block, in bytes.
pub(crate) const BLOCK_BYTES: usize = 4096;
/// Data blocks of a stripe, where nothing else is said.
pub(super) const STRIPE_BLOCKS: u64 = 16;
/// Most data blocks of a stripe: all of them are read to restore one.
const MAX_STRIPE_BLOCKS: u64 = 100;
/// Checksums on one page of the table, behind the checksum of the page.
pub(super) const SUMS_PER_PAGE: u64 = 511;
/// Bytes of a checksum.
pub(super) const SUM_BYTES: u64 = 8;

/// How much parity data files get: so many parity blocks for so many blocks of data, and as many
/// damaged blocks of a stripe can be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parity {
    data: u8,
    parity: u8,
}

/// Hundredths of a percent by which parity in stripes of sixteen, and in others, may miss what it
/// should take: a stripe that is not full adds a little.
const TOLERANCE: (u64, u64) = (95, 75);

impl Parity {
    /// No parity: no file of it is written.
    pub const NONE: Self = Self {
        data: STRIPE_BLOCKS as u8,
        parity: 0,
    };
    /// Two blocks for every sixteen: 12.5 % of the data.
    pub const DEFAULT: Self = Self {
        data: STRIPE_BLOCKS as u8,
        parity: 2,
    };

    /// The parity of a file that takes, with its checksums, `percent` of the data file to within one
    /// point, in the smallest stripes of sixteen blocks and up that do; above 100 as 100.
    #[must_use]
    pub const fn from_percent(percent: u64) -> Self {
        if percent == 0 {
            return Self::NONE;
        }
        let wanted = 100 * if percent > 100 { 100 } else { percent };
        let mut data = STRIPE_BLOCKS;
        while data < MAX_STRIPE_BLOCKS {
            let tolerance = if data == STRIPE_BLOCKS {
                TOLERANCE.0
            } else {
                TOLERANCE.1
            };
            // The nearest, and one less: checksums come on top.
            let mut parity = (wanted * data).div_ceil(10_000);
            while parity > 0 {
                let shape = Self {
                    data: data as u8,
                    parity: parity as u8,
                };
                let taken = shape.hundredths();
                if taken.abs_diff(wanted) <= tolerance {
                    return shape;
                }
                if taken < wanted {
                    break;
                }
                parity -= 1;
            }
            data += 1;
        }
        Self {
            data: MAX_STRIPE_BLOCKS as u8,
            parity: percent as u8,
        }
    }

    /// What a file of it takes of a long data file, with both tables of checksums, in hundredths of
    /// a percent.
    const fn hundredths(self) -> u64 {
        let (data, parity) = (self.data as u64, self.parity as u64);
        let sums = 2 * SUM_BYTES * (data + parity) * 10_000 / (BLOCK_BYTES as u64 * data);
        parity * 10_000 / data + sums
    }

    /// The parity of `parity` blocks for every `data` blocks; `None` for stripes that there are not,
    /// and for more parity than data.
    #[must_use]
    pub const fn from_shape(data: u32, parity: u32) -> Option<Self> {
        if data >= 1 && data as u64 <= MAX_STRIPE_BLOCKS && parity <= data {
            Some(Self {
                data: data as u8,
                parity: parity as u8,
            })
        } else {
            None
        }
    }

    /// Data blocks of a stripe.
    #[must_use]
    pub const fn data_blocks(self) -> u32 {
        self.data as u32
    }

    /// Parity blocks of a stripe.
    #[must_use]
    pub const fn blocks(self) -> u32 {
        self.parity as u32
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.parity == 0
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
        self.data_blocks()
            .div_ceil(self.parity.data_blocks() as u64)
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
    fn parity_takes_the_percentage_that_was_asked_for_to_within_one_point() {
        for percent in 0..=100 {
            let parity = Parity::from_percent(percent);
            let geometry = Geometry {
                file_bytes: 64 << 20,
                parity,
            };
            let taken = if parity.is_none() {
                0.0
            } else {
                geometry.sidecar_bytes() as f64 * 100.0 / geometry.file_bytes as f64
            };
            let missed = (taken - percent as f64).abs();
            assert!(missed <= 1.0, "{percent} %: {taken}, {parity:?}");
        }
        for (percent, shape) in [
            (0, (16, 0)),
            (5, (19, 1)),
            (6, (16, 1)),
            (12, (16, 2)),
            (25, (16, 4)),
            (50, (16, 8)),
            (100, (16, 16)),
            (u64::MAX, (16, 16)),
        ] {
            let parity = Parity::from_percent(percent);
            assert_eq!((parity.data_blocks(), parity.blocks()), shape, "{percent}");
        }
        assert_eq!(Parity::from_percent(12), Parity::DEFAULT);
    }

    #[test]
    fn every_block_is_in_one_stripe_and_its_members_are_far_apart() {
        let lengths = [1, 2, 15, 16, 17, 160, 511, 1000];
        let shapes = [Parity::DEFAULT, Parity::from_percent(5)];
        for (blocks, parity) in lengths.into_iter().flat_map(|n| shapes.map(|it| (n, it))) {
            let geometry = Geometry {
                parity,
                ..geometry(blocks)
            };
            assert_eq!(geometry.data_blocks(), blocks);
            let mut seen = vec![0; geometry.blocks() as usize];
            for stripe in 0..geometry.stripes() {
                let data = (0..u64::from(parity.data_blocks()))
                    .filter_map(|member| geometry.data_block(stripe, member));
                let parity = (0..u64::from(parity.blocks()))
                    .map(|member| geometry.parity_block(stripe, member));
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
            let is_once = seen.iter().all(|count| *count == 1);
            assert!(is_once, "{blocks} blocks, {parity:?}");
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
