//! Blocks out of the other blocks of their stripes.

use super::geometry::BLOCK_BYTES;
use super::overlay::Overlay;
use super::stripe::KnownBlocks;

/// Most neighbouring blocks that are restored together: a solution costs about as much for many as
/// for one, and holds as many blocks of each of the others in memory.
const RUN_BLOCKS: u64 = 32;

impl Overlay {
    /// The bytes of damaged data blocks, which are given in ascending order, as far as parity has
    /// them.
    ///
    /// INVARIANT: every answer has the checksum of the block, which stands in the file of parity: a
    /// block that was computed from anything damaged does not get out.
    pub(super) fn restore(&self, damaged: &[u64]) -> Vec<Option<Vec<u8>>> {
        let mut restored = Vec::with_capacity(damaged.len());
        let mut rest = damaged;
        while let Some((first, behind)) = rest.split_first() {
            if let Some(bytes) = self.remembered(*first) {
                restored.push(Some(bytes));
                rest = behind;
                continue;
            }
            let run = self.run_of(*first, rest);
            if run > 1
                && let Some(blocks) = self.solve(*first, run as u64)
            {
                restored.extend(blocks.into_iter().map(Some));
                rest = rest.get(run..).unwrap_or_default();
            } else {
                // Neighbours in other places of their stripes may be damaged as well.
                let alone = self.solve(*first, 1).and_then(|mut blocks| blocks.pop());
                restored.push(alone);
                rest = behind;
            }
        }
        restored
    }

    fn remembered(&self, block: u64) -> Option<Vec<u8>> {
        let (first, blocks) = &*self.last.lock();
        let place = block.checked_sub(*first)?;
        blocks.get(usize::try_from(place).ok()?).cloned()
    }

    /// How many of `damaged` follow each other from `first` on in the same places of neighbouring
    /// stripes.
    fn run_of(&self, first: u64, damaged: &[u64]) -> usize {
        let stripes = self.geometry().stripes();
        let behind = (first / stripes + 1) * stripes;
        let end = behind.min(first + RUN_BLOCKS);
        let follows = |(block, expected): &(&u64, u64)| *block == expected;
        damaged.iter().zip(first..end).take_while(follows).count()
    }

    /// The blocks of a run, if parity has all of them, and nothing else is damaged beyond it.
    fn solve(&self, first: u64, count: u64) -> Option<Vec<Vec<u8>>> {
        let geometry = self.geometry();
        let (stripe, place) = (geometry.stripe_of(first), first / geometry.stripes());
        let data = (0..u64::from(geometry.parity.data_blocks())).map(|member| {
            if member == place {
                return None;
            }
            self.run(count, |neighbour| {
                match geometry.data_block(stripe + neighbour, member) {
                    None => Some(vec![0; BLOCK_BYTES]),
                    Some(block) => {
                        let bytes = self.raw(block).ok()?;
                        (self.sidecar().verifies(block, &bytes) != Some(false)).then_some(bytes)
                    }
                }
            })
        });
        let data = data.collect();
        let parity = (0..u64::from(geometry.parity.blocks())).map(|member| {
            self.run(count, |neighbour| {
                let block = geometry.parity_block(stripe + neighbour, member);
                self.sidecar().parity_block(block)
            })
        });
        let parity = parity.collect();
        let solved = KnownBlocks { data, parity }.solve(count as usize * BLOCK_BYTES)?;
        let (_, run) = solved.into_iter().find(|(at, _)| *at as u64 == place)?;
        let blocks: Vec<_> = (first..)
            .zip(run.chunks_exact(BLOCK_BYTES))
            .map(|(block, bytes)| {
                (self.sidecar().verifies(block, bytes) == Some(true)).then(|| bytes.to_vec())
            })
            .collect::<Option<_>>()?;
        *self.last.lock() = (first, blocks.clone());
        Some(blocks)
    }

    /// One member of neighbouring stripes, if it is known in all of them.
    fn run(&self, count: u64, block: impl Fn(u64) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
        let blocks: Option<Vec<_>> = (0..count).map(block).collect();
        Some(blocks?.concat())
    }
}
