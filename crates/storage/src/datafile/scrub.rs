//! Going through a data file and its parity for damage that no read has met yet.

use std::iter::Peekable;
use std::ops::Range;
use std::sync::Arc;

use super::entries::Entries;
use super::reader::DataFile;
use super::record::record_bytes;
use super::record_reader::RecordReader;
use super::verify::DamagedRecord;
use crate::parity::{BLOCK_BYTES, HEADER_BYTES, Overlay, SidecarDamage};
use crate::{IndexKey, StorageError};

/// Blocks that are verified between two questions whether to go on: 256 KiB.
const SLICE_BLOCKS: u64 = 64;
const SLICE_BYTES: u64 = SLICE_BLOCKS * BLOCK_BYTES as u64;

/// In what state the parity of a data file is.
#[derive(Debug)]
#[non_exhaustive]
pub enum ParityHealth {
    /// There is none, or it is of another file.
    Absent,
    /// All of it that was looked at verifies.
    Whole,
    /// Parts of it are damaged.
    Damaged {
        /// How many: parity blocks, pages of checksums, headers.
        parts: u64,
    },
    /// It cannot be used at all.
    Unusable(StorageError),
}

/// What a scrub of a data file found.
#[derive(Debug)]
pub struct Scrub<K> {
    /// Where to go on; `None` when the end was reached.
    pub next: Option<u64>,
    /// Bytes that were looked at.
    pub bytes: u64,
    /// Records that were looked at.
    pub records: u64,
    /// The parity.
    pub parity: ParityHealth,
    /// Parts of the data file that are not what was written, by whole blocks; without parity, the
    /// records that do not verify.
    pub damaged_bytes: Vec<Range<u64>>,
    /// The records that are damaged, in the order of the file.
    pub damaged: Vec<DamagedRecord<K>>,
    /// What is wrong with header, metadata, footer, section table or trailer.
    pub frame: Option<StorageError>,
    /// Whether parity has everything that is damaged.
    pub is_restorable: bool,
}

impl<K> Scrub<K> {
    /// Whether the data file is what was written, as far as it was looked at.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.damaged_bytes.is_empty() && self.damaged.is_empty() && self.frame.is_none()
    }
}

impl DataFile {
    /// Verifies the file from byte `from` on: every block, record and structure of it, then every
    /// block of its parity. A scrub that was cut off goes on at [`Scrub::next`]. Nothing is written.
    ///
    /// `go_on` is asked about every 256 KiB, with the bytes that this call has looked at so far: a
    /// rate is kept there.
    ///
    /// # Errors
    /// None for damage, nor for what the disk does not read: both are in the answer.
    /// [`StorageError::Io`] when the system refuses otherwise.
    pub fn scrub<K: IndexKey>(
        &self,
        from: u64,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Scrub<K>, StorageError> {
        let (overlay, parity) = match self.overlay() {
            Ok(overlay) => (Some(overlay), ParityHealth::Whole),
            Err(SidecarDamage::Absent | SidecarDamage::OfAnotherFile) => {
                (None, ParityHealth::Absent)
            }
            Err(SidecarDamage::Unusable(error)) => (None, ParityHealth::Unusable(error)),
        };
        let mut scrub = Scrub {
            next: None,
            bytes: 0,
            records: 0,
            parity,
            damaged_bytes: Vec::new(),
            damaged: Vec::new(),
            frame: None,
            is_restorable: true,
        };
        let mut walk = Walk {
            file: self,
            overlay: overlay.as_deref(),
            entries: self.entries().peekable(),
            records: RecordReader::new(self),
            scrub: &mut scrub,
        };
        let mut at = from - from % SLICE_BYTES;
        while at < self.file_bytes {
            if !go_on(walk.scrub.bytes) {
                walk.scrub.next = Some(at);
                return Ok(scrub);
            }
            walk.slice(at);
            at += SLICE_BYTES;
        }
        if let Some(overlay) = &overlay {
            let base = self.file_bytes.next_multiple_of(SLICE_BYTES);
            let next = scrub_parity(overlay, from.saturating_sub(base), go_on, &mut scrub);
            scrub.next = next.map(|next| base + next);
        }
        if scrub.next.is_none() {
            self.scrub_frame(&mut scrub);
        }
        Ok(scrub)
    }

    /// Header, section table, metadata, footer and trailer, as if the file was opened now.
    fn scrub_frame<K>(&self, scrub: &mut Scrub<K>) {
        if let Err(error) = Self::open_over(
            &self.home,
            self.identity.number,
            Arc::clone(&self.raw),
            None,
        ) {
            scrub.frame = Some(error);
            // With parity, the damaged blocks have told whether it is.
            if matches!(
                scrub.parity,
                ParityHealth::Absent | ParityHealth::Unusable(_)
            ) {
                scrub.is_restorable = false;
            }
        }
    }
}

/// A scrub of the data file itself.
struct Walk<'f, 's, K: IndexKey> {
    file: &'f DataFile,
    overlay: Option<&'f Overlay>,
    entries: Peekable<Entries<'f, K>>,
    records: RecordReader<'f>,
    scrub: &'s mut Scrub<K>,
}

impl<K: IndexKey> Walk<'_, '_, K> {
    /// Verifies the blocks of the slice at `at`, and the records that begin in it.
    fn slice(&mut self, at: u64) {
        let end = (at + SLICE_BYTES).min(self.file.file_bytes);
        self.scrub.bytes += end - at;
        if let Some(overlay) = self.overlay {
            let (blocks, found) = overlay.damaged_blocks(at / BLOCK_BYTES as u64, SLICE_BLOCKS);
            self.scrub.is_restorable &= found.beyond == 0;
            for block in blocks {
                let start = block * BLOCK_BYTES as u64;
                let end = (start + BLOCK_BYTES as u64).min(self.file.file_bytes);
                self.note(start..end);
            }
        }
        while let Some(entry) = self
            .entries
            .next_if(|entry| entry.as_ref().map_or(true, |entry| entry.offset < end))
        {
            match entry {
                // Behind where an earlier scrub was cut off.
                Ok(entry) if entry.offset < at => {}
                Ok(entry) => self.record(entry),
                Err(error) => {
                    self.scrub.is_restorable &= self.overlay.is_some();
                    self.scrub.frame = Some(error);
                }
            }
        }
    }

    fn record(&mut self, entry: super::FooterEntry<K>) {
        self.scrub.records += 1;
        if let Err(error) = self.records.read(&entry) {
            let stored = record_bytes(entry.key.encode().as_ref().len(), entry.payload_bytes);
            let range = entry.offset..entry.offset + stored;
            let damaged = self.file.damaged(self.overlay, entry, error);
            if self.overlay.is_none() {
                self.scrub.is_restorable = false;
                self.note(range);
            }
            self.scrub.damaged.push(damaged);
        }
    }

    fn note(&mut self, range: Range<u64>) {
        match self.scrub.damaged_bytes.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.scrub.damaged_bytes.push(range),
        }
    }
}

/// Verifies the parity from byte `from` of it on; returns where to go on if it was cut off.
fn scrub_parity<K>(
    overlay: &Overlay,
    from: u64,
    go_on: &mut dyn FnMut(u64) -> bool,
    scrub: &mut Scrub<K>,
) -> Option<u64> {
    let sidecar = overlay.sidecar();
    let geometry = sidecar.geometry();
    let blocks = geometry.parity_blocks();
    let mut parts = 0;
    let mut place = from / BLOCK_BYTES as u64;
    let mut cut_off = None;
    while place < blocks + sidecar.pages() {
        if place.is_multiple_of(SLICE_BLOCKS) && !go_on(scrub.bytes) {
            cut_off = Some(place * BLOCK_BYTES as u64);
            break;
        }
        let (is_whole, bytes) = match place.checked_sub(blocks) {
            None => {
                let block = geometry.data_blocks() + place;
                (sidecar.is_whole(block), BLOCK_BYTES as u64)
            }
            Some(page) => sidecar.check_page(page),
        };
        parts += u64::from(!is_whole);
        scrub.bytes += bytes;
        place += 1;
    }
    if cut_off.is_none() {
        parts += sidecar.damaged_ends();
        scrub.bytes += 2 * HEADER_BYTES as u64;
    }
    if parts > 0 {
        scrub.parity = ParityHealth::Damaged { parts };
    }
    cut_off
}
