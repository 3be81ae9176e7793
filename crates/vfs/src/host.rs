//! File system, clock and randomness together.

use std::sync::Arc;

use crate::{Clock, Entropy, RealClock, RealEntropy, RealVfs, Vfs};

/// What docdb needs of the machine below it, in one value that is cheap to clone.
#[derive(Debug, Clone)]
pub struct Host {
    /// Where bytes are kept.
    pub files: Arc<dyn Vfs>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where ids and salts come from.
    pub entropy: Arc<dyn Entropy>,
}

impl Host {
    /// The machine this process runs on.
    #[must_use]
    pub fn real() -> Self {
        Self {
            files: Arc::new(RealVfs::new()),
            clock: Arc::new(RealClock::new()),
            entropy: Arc::new(RealEntropy::new()),
        }
    }
}
