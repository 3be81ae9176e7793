//! Zeros written ahead of the end of the active segment.
//!
//! A sync of a file that became longer has its new length to record beside its bytes; inside zeros
//! that were written before there is nothing to record but the bytes.

use docdb_vfs::File;

use crate::WalOptions;

/// Zeros written ahead at first; doubled each time up to
/// [`preallocate_bytes`](WalOptions::preallocate_bytes), so that a small log stays small.
const FIRST_BYTES: u64 = 64 * 1024;
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// How far zeros are written ahead.
#[derive(Debug)]
pub(crate) struct Preallocation {
    /// How many next time; 0 when none.
    next_bytes: u64,
    most_bytes: u64,
    segment_bytes: u64,
}

impl Preallocation {
    pub(crate) fn new(options: &WalOptions) -> Self {
        Self {
            next_bytes: FIRST_BYTES.min(options.preallocate_bytes),
            most_bytes: options.preallocate_bytes,
            segment_bytes: options.segment_bytes,
        }
    }

    /// Writes zeros behind a segment of `length` bytes and returns the length of the file then.
    pub(crate) fn extend(&mut self, file: &dyn File, length: u64) -> u64 {
        let target = length
            .saturating_add(self.next_bytes)
            .min(self.segment_bytes);
        let mut at = length;
        while at < target {
            let chunk = (target - at).min(ZEROS.len() as u64) as usize;
            match file.write_at(ZEROS.get(..chunk).unwrap_or_default(), at) {
                Ok(written) if written > 0 => at += written as u64,
                // The zeros only save time: where there is no room for them the commit is as good.
                _ => {
                    self.next_bytes = 0;
                    return at;
                }
            }
        }
        self.next_bytes = self.next_bytes.saturating_mul(2).min(self.most_bytes);
        at
    }
}
