use std::sync::Arc;
use std::time::{Duration, Instant};

use docdb_types::DocumentId;

use crate::config::{Plan, SizeDistribution};
use crate::document::MIN_DOCUMENT_BYTES;
use crate::ids::Ids;
use crate::operation::OperationKind;
use crate::random::Random;
use crate::shift::Shift;
use crate::trace::Recorded;

/// One operation that is going to be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) kind: OperationKind,
    pub(crate) id: DocumentId,
    /// Bytes of its document, or most documents of a scan.
    pub(crate) size: u32,
}

/// Where the operations of one worker come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// They are drawn.
    Drawn(Drawing),
    /// They were recorded.
    Recorded(std::vec::IntoIter<Recorded>),
}

/// Draws operations.
#[derive(Debug)]
pub(crate) struct Drawing {
    ids: Arc<Ids>,
    random: Random,
    sizes: SizeDistribution,
    scan_length: u32,
    transaction_size: usize,
}

impl Drawing {
    pub(crate) const fn new(
        ids: Arc<Ids>,
        random: Random,
        plan: &Plan,
        sizes: SizeDistribution,
    ) -> Self {
        Self {
            ids,
            random,
            sizes,
            scan_length: plan.scan_length,
            transaction_size: plan.transaction_size,
        }
    }

    /// Draws one operation of a shift, `elapsed` after its beginning: one entry, or one per document
    /// of a transaction.
    pub(crate) fn draw(&mut self, shift: &Shift, elapsed: Duration, planned: &mut Vec<Planned>) {
        let span = (shift.end - shift.start).as_secs_f64();
        let progress = (elapsed.as_secs_f64() / span).clamp(0.0, 1.0);
        let kind = shift.mix.pick(progress, self.random.unit());
        if kind == OperationKind::Transaction {
            for _ in 0..self.transaction_size {
                planned.push(self.one(kind));
            }
        } else {
            planned.push(self.one(kind));
        }
    }

    fn one(&mut self, kind: OperationKind) -> Planned {
        let id = if kind == OperationKind::Create {
            self.ids.insert(&mut self.random)
        } else {
            self.ids.draw(&mut self.random)
        };
        let size = match kind {
            OperationKind::Scan => {
                let length = 1 + self.random.below(self.scan_length.into());
                u32::try_from(length).unwrap_or(u32::MAX)
            }
            OperationKind::Read | OperationKind::Delete | OperationKind::Patch => 0,
            _ => u32::try_from(self.size()).unwrap_or(u32::MAX),
        };
        Planned { kind, id, size }
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "sizes far below 2^53"
    )]
    fn size(&mut self) -> usize {
        match self.sizes {
            SizeDistribution::Fixed(size) => size,
            SizeDistribution::Uniform { low, high } => {
                low + self.random.below((high - low) as u64 + 1) as usize
            }
            SizeDistribution::LogNormal { median, sigma } => {
                // Box and Muller, "A Note on the Generation of Random Normal Deviates", 1958.
                let radius = (-2.0 * (1.0 - self.random.unit()).ln()).sqrt();
                let normal = radius * (std::f64::consts::TAU * self.random.unit()).cos();
                let size = median as f64 * (sigma * normal).exp();
                (size as usize).clamp(MIN_DOCUMENT_BYTES, self.sizes.largest())
            }
        }
    }
}

/// When the next request of a worker is due.
#[derive(Debug)]
pub(crate) struct Beat {
    pub(crate) next: Instant,
    pub(crate) every: Duration,
}

impl Beat {
    pub(crate) fn advance(&mut self) {
        // An interval beyond all clocks: no request is due again in this run.
        let never = Duration::from_secs(u32::MAX.into());
        self.next = self
            .next
            .checked_add(self.every)
            .unwrap_or(self.next + never);
    }

    /// Requests that were due before a moment and have not been sent.
    pub(crate) fn due_before(&self, end: Instant) -> u64 {
        let late = end.saturating_duration_since(self.next).as_nanos();
        u64::try_from(late.div_ceil(self.every.as_nanos().max(1))).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::{Arguments, Inserts, KeyDistribution};
    use crate::shift::shifts;

    fn sizes(text: &str) -> Vec<u32> {
        let plan = Plan::new(
            &Arguments::parse_from([
                "docdb-loadtest",
                "--write-percent",
                "100",
                "--read-percent",
                "0",
                "--update-percent",
                "0",
                "--delete-percent",
                "0",
            ]),
            None,
        )
        .unwrap();
        let ids = Ids::new(KeyDistribution::Uniform, Inserts::Drawn, 10);
        let sizes = text.parse().unwrap();
        let mut drawing = Drawing::new(Arc::new(ids), Random::new(9), &plan, sizes);
        let shift = &shifts(&plan, 0, 0)[0];
        let mut planned = Vec::new();
        for _ in 0..20_000 {
            drawing.draw(shift, Duration::ZERO, &mut planned);
        }
        let mut sizes: Vec<_> = planned.iter().map(|planned| planned.size).collect();
        sizes.sort_unstable();
        sizes
    }

    #[test]
    fn sizes_are_distributed_as_asked() {
        let fixed = sizes("512");
        assert!(fixed.iter().all(|size| *size == 512));

        let uniform = sizes("uniform:100-300");
        assert_eq!((uniform[0], uniform[19_999]), (100, 300));
        assert!(uniform[10_000].abs_diff(200) < 5, "{}", uniform[10_000]);

        let normal = sizes("lognormal:1000:0.5");
        assert!(normal[10_000].abs_diff(1000) < 25, "{}", normal[10_000]);
        // One standard deviation above the median: 1000 e^0.5 at 84.13 %.
        assert!(normal[16_826].abs_diff(1649) < 50, "{}", normal[16_826]);
        assert!(normal[19_999] <= 16_000);
    }
}
