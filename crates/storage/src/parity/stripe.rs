//! The arithmetic of a stripe: Reed–Solomon as Leopard-RS defines it over GF(2¹⁶), its data blocks
//! and the parity behind them.

use reed_solomon_simd::{Error, ReedSolomonDecoder, ReedSolomonEncoder};

use super::geometry::Parity;

/// Computes parity. Neighbouring stripes are computed together: the arithmetic goes byte by byte,
/// so that runs of blocks take the place of blocks.
pub(super) struct StripeEncoder {
    parity: Parity,
    encoder: Option<ReedSolomonEncoder>,
}

impl StripeEncoder {
    pub(super) const fn new(parity: Parity) -> Self {
        Self {
            parity,
            encoder: None,
        }
    }

    /// Computes the parity of the runs of `run_bytes` each that stand in `data`, a multiple
    /// of the block length, and hands over the runs of parity in their order.
    pub(super) fn encode(
        &mut self,
        data: &[u8],
        run_bytes: usize,
        mut take: impl FnMut(usize, &[u8]),
    ) -> Result<(), Error> {
        let members = self.parity.data_blocks() as usize;
        let parity = self.parity.blocks() as usize;
        let mut encoder = match self.encoder.take() {
            Some(mut encoder) => {
                encoder.reset(members, parity, run_bytes)?;
                encoder
            }
            None => ReedSolomonEncoder::new(members, parity, run_bytes)?,
        };
        for run in data.chunks_exact(run_bytes) {
            encoder.add_original_shard(run)?;
        }
        for (member, run) in encoder.encode()?.recovery_iter().enumerate() {
            take(member, run);
        }
        self.encoder = Some(encoder);
        Ok(())
    }
}

/// The blocks of a stripe that are known, or runs of blocks of neighbouring stripes: data, then
/// parity.
pub(super) struct KnownBlocks {
    pub(super) data: Vec<Option<Vec<u8>>>,
    pub(super) parity: Vec<Option<Vec<u8>>>,
}

impl KnownBlocks {
    /// Data blocks that are missing.
    pub(super) fn missing(&self) -> usize {
        self.data.iter().filter(|block| block.is_none()).count()
    }

    /// Computes the missing runs of data, each `run_bytes` long, by their place in the stripe; `None`
    /// when more are missing than there is parity. Whether they are right is the caller's to check.
    pub(super) fn solve(&self, run_bytes: usize) -> Option<Vec<(usize, Vec<u8>)>> {
        let known_parity = self.parity.iter().flatten().count();
        if self.missing() > known_parity {
            return None;
        }
        let mut decoder =
            ReedSolomonDecoder::new(self.data.len(), self.parity.len(), run_bytes).ok()?;
        for (place, block) in self.data.iter().enumerate() {
            if let Some(block) = block {
                decoder.add_original_shard(place, block).ok()?;
            }
        }
        for (place, block) in self.parity.iter().enumerate() {
            if let Some(block) = block {
                decoder.add_recovery_shard(place, block).ok()?;
            }
        }
        let solved = decoder.decode().ok()?;
        let missing = self
            .data
            .iter()
            .enumerate()
            .filter(|(_, block)| block.is_none());
        missing
            .map(|(place, _)| Some((place, solved.restored_original(place)?.to_vec())))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::geometry::{BLOCK_BYTES, STRIPE_BLOCKS};
    use super::*;

    fn block(number: u64) -> Vec<u8> {
        (0..BLOCK_BYTES as u64)
            .map(|at| (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (at % 56)) as u8 ^ at as u8)
            .collect()
    }

    fn parity_of(runs: &[u8], run_bytes: usize, parity: Parity) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        StripeEncoder::new(parity)
            .encode(runs, run_bytes, |_, run| found.push(run.to_vec()))
            .unwrap();
        found
    }

    #[test]
    fn golden_parity() {
        let data: Vec<u8> = (0..STRIPE_BLOCKS).flat_map(block).collect();
        let parity = parity_of(&data, BLOCK_BYTES, Parity::DEFAULT);
        let sums: Vec<u32> = parity
            .iter()
            .map(|block| crate::checksum::plain(&[block]))
            .collect();
        assert_eq!(sums, GOLDEN);
    }

    const GOLDEN: [u32; 2] = [0x1d44_cead, 0xa9f7_8208];

    #[test]
    fn a_run_of_stripes_has_the_parity_of_each_stripe_alone() {
        let runs: Vec<u8> = (0..STRIPE_BLOCKS * 3).flat_map(block).collect();
        let together = parity_of(&runs, 3 * BLOCK_BYTES, Parity::DEFAULT);
        for stripe in 0..3 {
            let alone: Vec<u8> = (0..STRIPE_BLOCKS)
                .flat_map(|member| block(member * 3 + stripe))
                .collect();
            for (member, expected) in parity_of(&alone, BLOCK_BYTES, Parity::DEFAULT)
                .iter()
                .enumerate()
            {
                let at = stripe as usize * BLOCK_BYTES;
                assert_eq!(&together[member][at..at + BLOCK_BYTES], expected);
            }
        }
    }

    #[test]
    fn every_loss_of_as_many_blocks_as_there_is_parity_is_solved_and_no_more() {
        let data: Vec<Vec<u8>> = (0..STRIPE_BLOCKS).map(block).collect();
        let parity = parity_of(&data.concat(), BLOCK_BYTES, Parity::DEFAULT);
        for first in 0..18 {
            for second in first..18 {
                let keep = |place: usize, block: &Vec<u8>| {
                    (place != first && place != second).then(|| block.clone())
                };
                let known = KnownBlocks {
                    data: data.iter().enumerate().map(|(n, b)| keep(n, b)).collect(),
                    parity: parity
                        .iter()
                        .enumerate()
                        .map(|(n, b)| keep(16 + n, b))
                        .collect(),
                };
                for (place, solved) in known.solve(BLOCK_BYTES).unwrap() {
                    assert_eq!(solved, data[place], "without {first} and {second}");
                }
            }
        }
        let known = KnownBlocks {
            data: data
                .into_iter()
                .enumerate()
                .map(|(n, b)| (n > 2).then_some(b))
                .collect(),
            parity: parity.into_iter().map(Some).collect(),
        };
        assert!(known.solve(BLOCK_BYTES).is_none());
    }
}
