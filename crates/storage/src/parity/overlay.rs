//! A damaged data file as it was: every block that is read is verified, and restored where it is
//! not what was written.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use docdb_vfs::File;
use parking_lot::Mutex;

use super::geometry::{BLOCK_BYTES, Geometry};
use super::sidecar::Sidecar;

/// What had to be done about the blocks of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RestoredBlocks {
    /// Blocks that parity supplied.
    pub(crate) restored: u64,
    /// Blocks that are damaged and that parity does not restore: their bytes are handed out as they
    /// stand.
    pub(crate) beyond: u64,
}

/// A data file seen through its parity. Nothing is ever written: not to the damaged file, not to
/// the parity.
pub(crate) struct Overlay {
    data: Arc<dyn File>,
    sidecar: Sidecar,
    restored: AtomicU64,
    beyond: AtomicU64,
    /// The run of blocks that was restored last, and the number of the first: what stands in them is
    /// read piece by piece.
    pub(super) last: Mutex<(u64, Vec<Vec<u8>>)>,
}

impl Overlay {
    pub(crate) fn new(data: Arc<dyn File>, sidecar: Sidecar) -> Self {
        Self {
            data,
            sidecar,
            restored: AtomicU64::new(0),
            beyond: AtomicU64::new(0),
            last: Mutex::default(),
        }
    }

    pub(crate) const fn sidecar(&self) -> &Sidecar {
        &self.sidecar
    }

    /// What reads have met so far.
    pub(crate) fn met(&self) -> RestoredBlocks {
        RestoredBlocks {
            restored: self.restored.load(Ordering::Relaxed),
            beyond: self.beyond.load(Ordering::Relaxed),
        }
    }

    pub(super) const fn geometry(&self) -> &Geometry {
        self.sidecar.geometry()
    }

    /// A data block as it stands in the file, filled up with zeros behind the end of the file that
    /// was written. The error is that of the system, or `UnexpectedEof`.
    pub(super) fn raw(&self, block: u64) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; BLOCK_BYTES];
        let start = block * BLOCK_BYTES as u64;
        let length = (self.geometry().file_bytes - start).min(BLOCK_BYTES as u64);
        let part = buffer.get_mut(..length as usize).unwrap_or_default();
        self.data.read_exact_at(part, start)?;
        Ok(buffer)
    }

    /// The file as it stands.
    pub(crate) fn underneath(&self) -> Arc<dyn File> {
        Arc::clone(&self.data)
    }

    /// Whether a data block is known not to be what was written.
    pub(crate) fn contradicts(&self, block: u64) -> bool {
        self.raw(block).map_or(true, |bytes| {
            self.sidecar.verifies(block, &bytes) == Some(false)
        })
    }

    /// The damaged ones of `count` data blocks from `first` on, and how many of them parity has.
    pub(crate) fn damaged_blocks(&self, first: u64, count: u64) -> (Vec<u64>, RestoredBlocks) {
        let end = (first + count).min(self.geometry().data_blocks());
        let mut damaged = Vec::new();
        let mut buffer = vec![0; (end.saturating_sub(first) as usize) * BLOCK_BYTES];
        let start = first * BLOCK_BYTES as u64;
        let stored = self.geometry().file_bytes.saturating_sub(start);
        let part = stored.min(buffer.len() as u64) as usize;
        let is_read = self
            .data
            .read_exact_at(buffer.get_mut(..part).unwrap_or_default(), start)
            .is_ok();
        for (block, bytes) in (first..end).zip(buffer.chunks_exact(BLOCK_BYTES)) {
            let is_damaged = if is_read {
                self.sidecar.verifies(block, bytes) == Some(false)
            } else {
                self.contradicts(block)
            };
            if is_damaged {
                damaged.push(block);
            }
        }
        let restored = self.restore(&damaged).iter().flatten().count() as u64;
        let met = RestoredBlocks {
            restored,
            beyond: damaged.len() as u64 - restored,
        };
        (damaged, met)
    }

    /// Reads as [`File::read_at`], and says what had to be done for it.
    pub(crate) fn read_verified(
        &self,
        buf: &mut [u8],
        offset: u64,
    ) -> io::Result<(usize, RestoredBlocks)> {
        let mut met = RestoredBlocks::default();
        let end = offset
            .saturating_add(buf.len() as u64)
            .min(self.geometry().file_bytes);
        let Some(length) = end.checked_sub(offset).filter(|length| *length > 0) else {
            return Ok((0, met));
        };
        let block_bytes = BLOCK_BYTES as u64;
        let (first, last) = (offset / block_bytes, (end - 1) / block_bytes);
        let mut blocks = vec![0; ((last - first + 1) * block_bytes) as usize];
        let stored = (self.geometry().file_bytes - first * block_bytes).min(blocks.len() as u64);
        let part = blocks.get_mut(..stored as usize).unwrap_or_default();
        let is_read = self.data.read_exact_at(part, first * block_bytes).is_ok();
        let mut damaged = Vec::new();
        let mut unreadable = BTreeMap::new();
        for (block, bytes) in (first..).zip(blocks.chunks_exact_mut(BLOCK_BYTES)) {
            if !is_read {
                // One block that cannot be read does not make its neighbours unreadable.
                match self.raw(block) {
                    Ok(raw) => bytes.copy_from_slice(&raw),
                    Err(error) => {
                        unreadable.insert(block, error);
                    }
                }
            }
            // A block whose checksum is lost is handed out as it stands: what it is a part of
            // verifies itself.
            if unreadable.contains_key(&block) || self.sidecar.verifies(block, bytes) == Some(false)
            {
                damaged.push(block);
            }
        }
        for (block, restored) in damaged.iter().zip(self.restore(&damaged)) {
            let at = ((block - first) * block_bytes) as usize;
            match (restored, unreadable.remove(block)) {
                (Some(restored), _) => {
                    met.restored += 1;
                    if let Some(bytes) = blocks.get_mut(at..at + BLOCK_BYTES) {
                        bytes.copy_from_slice(&restored);
                    }
                }
                (None, Some(error)) => {
                    self.count(&met);
                    return Err(error);
                }
                (None, None) => met.beyond += 1,
            }
        }
        self.count(&met);
        let from = (offset - first * block_bytes) as usize;
        let found = blocks.get(from..from + length as usize);
        if let (Some(to), Some(found)) = (buf.get_mut(..length as usize), found) {
            to.copy_from_slice(found);
        }
        Ok((length as usize, met))
    }

    fn count(&self, met: &RestoredBlocks) {
        self.restored.fetch_add(met.restored, Ordering::Relaxed);
        self.beyond.fetch_add(met.beyond, Ordering::Relaxed);
    }
}

fn read_only<T>() -> io::Result<T> {
    Err(io::ErrorKind::ReadOnlyFilesystem.into())
}

impl File for Overlay {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.read_verified(buf, offset).map(|(read, _)| read)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
        read_only()
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        read_only()
    }

    /// The length that the file had when it was written.
    fn length(&self) -> io::Result<u64> {
        Ok(self.geometry().file_bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        read_only()
    }

    fn sync_all(&self) -> io::Result<()> {
        read_only()
    }

    fn drop_cache(&self) -> io::Result<()> {
        self.data.drop_cache()
    }
}
