//! Writing a file of parity.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use docdb_vfs::{File, OpenMode, publish_open};

use super::geometry::{BLOCK_BYTES, Geometry, Parity, SUMS_PER_PAGE};
use super::header::{HEADER_BYTES, ParityHeader};
use super::stripe::StripeEncoder;
use super::sums::{block_sum, encode_page};
use crate::datafile::FileIdentity;
use crate::error::FileAction;
use crate::names::temporary_path;
use crate::{StorageError, StorageHome};

/// Data blocks of neighbouring stripes that are computed together, about: a megabyte at a time.
const RUN_BLOCKS: u64 = 256;

/// A data file that is to get its parity.
pub(crate) struct ParityJob<'a> {
    pub(crate) home: &'a StorageHome,
    pub(crate) identity: &'a FileIdentity,
    /// The data file, complete.
    pub(crate) data: &'a dyn File,
    /// For errors: where the data file is.
    pub(crate) data_path: &'a Path,
    pub(crate) file_bytes: u64,
    /// Not none.
    pub(crate) parity: Parity,
    /// The checksums of its blocks, computed from what was meant to be written.
    pub(crate) sums: Vec<u64>,
}

/// Computes the parity of a data file and publishes it. The data file is read back once, a megabyte
/// at a time, and every block of it compared with its checksum. `go_on` is asked before each of
/// them, with the bytes read so far.
///
/// # Durability
/// On success the file of parity survives a power cut whole; it replaces one of the same number.
///
/// # Errors
/// [`StorageError::Corrupt`] when a block of the data file is not what was written,
/// [`StorageError::Stopped`], [`StorageError::Io`]. Nothing is left behind.
pub(crate) fn encode(
    job: ParityJob<'_>,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<(), StorageError> {
    let vfs = &*job.home.host.files;
    let target = job.home.parity_path(job.identity.number);
    let temporary = temporary_path(&target);
    match vfs.remove(&temporary) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(StorageError::io(FileAction::Remove, &temporary, error));
        }
        _ => {}
    }
    let file = vfs
        .open(&temporary, OpenMode::CreateStreamed)
        .map_err(|source| StorageError::io(FileAction::Open, &temporary, source))?;
    let geometry = Geometry {
        file_bytes: job.file_bytes,
        parity: job.parity,
    };
    let mut writing = Writing {
        file: Arc::clone(&file),
        path: temporary.clone(),
        geometry,
        parity_sums: vec![0; geometry.parity_blocks() as usize],
    };
    let written = writing.write(&job, go_on).and_then(|()| {
        publish_open(vfs, &*file, &temporary, &target)
            .map_err(|source| StorageError::io(FileAction::Publish, &target, source))
    });
    if written.is_err() {
        // The failure is the answer; a leftover that cannot be removed is removed by the next open.
        let _ = vfs.remove(&temporary);
    }
    written
}

struct Writing {
    file: Arc<dyn File>,
    path: PathBuf,
    geometry: Geometry,
    parity_sums: Vec<u64>,
}

impl Writing {
    fn write(
        &mut self,
        job: &ParityJob<'_>,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), StorageError> {
        let stripes = self.geometry.stripes();
        let together = (RUN_BLOCKS / self.members()).max(1);
        let mut encoder = StripeEncoder::new(self.geometry.parity);
        let mut data = Vec::new();
        let mut stripe = 0;
        let mut read = 0;
        while stripe < stripes {
            if !go_on(read) {
                return Err(StorageError::Stopped);
            }
            let run = together.min(stripes - stripe);
            read += self.load(job, stripe, run, &mut data)?;
            let mut parity = Vec::with_capacity(self.geometry.parity.blocks() as usize);
            encoder
                .encode(&data, run as usize * BLOCK_BYTES, |_, bytes| {
                    parity.push(bytes.to_vec());
                })
                .map_err(|_| {
                    // Only a shape that the code does not know: it knows some ten thousand members.
                    StorageError::corrupt(job.data_path, 0, "parity: cannot be computed")
                })?;
            for (member, bytes) in (0..).zip(parity) {
                self.put(job, self.geometry.parity_block(stripe, member), &bytes)?;
            }
            stripe += run;
        }
        self.finish(job)
    }

    /// Data blocks of a stripe.
    fn members(&self) -> u64 {
        u64::from(self.geometry.parity.data_blocks())
    }

    /// Reads the blocks of `run` stripes from `stripe` on, member by member, behind the end of the
    /// file zeros. Returns how many bytes were read.
    fn load(
        &self,
        job: &ParityJob<'_>,
        stripe: u64,
        run: u64,
        data: &mut Vec<u8>,
    ) -> Result<u64, StorageError> {
        let run_bytes = run as usize * BLOCK_BYTES;
        data.clear();
        data.resize(run_bytes * self.members() as usize, 0);
        let mut total = 0;
        for (member, bytes) in (0..self.members()).zip(data.chunks_exact_mut(run_bytes)) {
            let first = member * self.geometry.stripes() + stripe;
            let offset = first * BLOCK_BYTES as u64;
            let behind = job.file_bytes.saturating_sub(offset).min(run_bytes as u64);
            let part = bytes.get_mut(..behind as usize).unwrap_or_default();
            job.data
                .read_exact_at(part, offset)
                .map_err(|source| StorageError::io(FileAction::Read, job.data_path, source))?;
            total += behind;
            let blocks = self.geometry.data_blocks();
            for (block, bytes) in (first..blocks).zip(bytes.chunks_exact(BLOCK_BYTES)) {
                let sum = block_sum(job.identity.salt, block, bytes);
                // INVARIANT: parity is never computed from what is not what was written.
                if job.sums.get(block as usize) != Some(&sum) {
                    let at = block * BLOCK_BYTES as u64;
                    let what = "block: not what was written";
                    return Err(StorageError::corrupt(job.data_path, at, what));
                }
            }
        }
        Ok(total)
    }

    /// Writes a run of parity blocks that begins with the block `first`.
    fn put(&mut self, job: &ParityJob<'_>, first: u64, run: &[u8]) -> Result<(), StorageError> {
        for (block, bytes) in (first..).zip(run.chunks_exact(BLOCK_BYTES)) {
            let place = (block - self.geometry.data_blocks()) as usize;
            if let Some(sum) = self.parity_sums.get_mut(place) {
                *sum = block_sum(job.identity.salt, block, bytes);
            }
        }
        self.write_at(run, self.geometry.offset_of_parity(first))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), StorageError> {
        self.file
            .write_all_at(bytes, offset)
            .map_err(|source| StorageError::io(FileAction::Write, &self.path, source))
    }

    /// Writes both headers and both tables.
    fn finish(&mut self, job: &ParityJob<'_>) -> Result<(), StorageError> {
        let parity_sums = std::mem::take(&mut self.parity_sums);
        let mut sums = job.sums.iter().chain(&parity_sums).copied();
        for page in 0..self.geometry.pages() {
            let listed: Vec<u64> = sums.by_ref().take(SUMS_PER_PAGE as usize).collect();
            let bytes = encode_page(job.identity.salt, page, &listed);
            for table in self.geometry.tables() {
                self.write_at(&bytes, table + Geometry::page_offset(page))?;
            }
        }
        let header = ParityHeader::new(job.identity, self.geometry).encode();
        let last = self.geometry.sidecar_bytes() - HEADER_BYTES as u64;
        self.write_at(&header, 0)?;
        self.write_at(&header, last)
    }
}
