//! Parity for a data file that has none, or whose parity is damaged.

use std::path::Path;

use docdb_vfs::File;

use super::reader::DataFile;
use super::window::read_error;
use crate::parity::{BLOCK_BYTES, ParityJob, SidecarDamage, SumBuilder, encode};
use crate::{IndexKey, Parity, StorageError};

/// Bytes that are read at a time.
const PIECE_BYTES: u64 = 64 * BLOCK_BYTES as u64;

impl DataFile {
    /// Computes the parity of the file anew and replaces what there is of it, whole or not at all.
    /// The data file is not touched, and every byte of it has to verify: parity of damaged bytes
    /// would say that they are right.
    ///
    /// `go_on` is asked now and then, with the bytes read so far.
    ///
    /// # Durability
    /// On success the new parity survives a power cut; after an error, and after a power cut during
    /// the call, the old or the new one is found.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when anything of the data file is damaged: it has to be rewritten
    /// ([`Merge::run_healing`](crate::Merge::run_healing)). [`StorageError::Stopped`] when `go_on`
    /// stopped it. [`StorageError::Io`].
    pub fn encode_parity<K: IndexKey>(
        &self,
        parity: Parity,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), StorageError> {
        if self.overlay.is_some() || self.is_salvaged() {
            return Err(self.corrupt(0, "file: damaged, parity of it would be wrong"));
        }
        if parity.is_none() {
            return Ok(());
        }
        // ORDER: the checksums before the verification, the parity behind it: bytes that change in
        // between do not have the checksums any more.
        let sums = block_sums(
            &*self.file,
            &self.path,
            self.file_bytes,
            self.identity.salt,
            go_on,
        )?;
        self.verify_whole::<K>(go_on)?;
        let job = ParityJob {
            home: &self.home,
            identity: &self.identity,
            data: &*self.file,
            data_path: &self.path,
            file_bytes: self.file_bytes,
            parity,
            sums,
        };
        encode(job, go_on)
    }

    /// Verifies every byte: against the checksums of the parity that is there, as far as it is, and
    /// against those of the structures in the file.
    fn verify_whole<K: IndexKey>(
        &self,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), StorageError> {
        match self.overlay() {
            Ok(overlay) => {
                let blocks = overlay.sidecar().geometry().data_blocks();
                for block in 0..blocks {
                    if overlay.contradicts(block) {
                        let at = block * BLOCK_BYTES as u64;
                        return Err(self.corrupt(at, "block: not what was written"));
                    }
                }
            }
            Err(
                SidecarDamage::Absent | SidecarDamage::OfAnotherFile | SidecarDamage::Unusable(_),
            ) => {}
        }
        Self::open_over(&self.home, self.identity.number, self.file.clone(), None)?;
        let mut is_stopped = false;
        let verification = self.verify_while::<K>(|bytes| {
            is_stopped = !go_on(bytes);
            !is_stopped
        })?;
        if is_stopped {
            return Err(StorageError::Stopped);
        }
        match verification.damaged.into_iter().next() {
            Some(damaged) => Err(damaged.error),
            None => Ok(()),
        }
    }
}

fn block_sums(
    file: &dyn File,
    path: &Path,
    file_bytes: u64,
    salt: u64,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<Vec<u64>, StorageError> {
    let mut sums = SumBuilder::new(salt);
    let mut piece = Vec::new();
    let mut at = 0;
    while at < file_bytes {
        if !go_on(at) {
            return Err(StorageError::Stopped);
        }
        piece.resize(PIECE_BYTES.min(file_bytes - at) as usize, 0);
        file.read_exact_at(&mut piece, at)
            .map_err(|source| read_error(path, at, source))?;
        sums.push(&piece);
        at += piece.len() as u64;
    }
    Ok(sums.finish())
}
