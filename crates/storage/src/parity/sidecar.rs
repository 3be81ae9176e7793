//! An open file of parity.

use std::io;
use std::sync::Arc;

use docdb_vfs::{File, OpenMode};
use parking_lot::Mutex;

use super::geometry::{BLOCK_BYTES, Geometry, SUM_BYTES, SUMS_PER_PAGE};
use super::header::{HEADER_BYTES, ParityHeader};
use super::sums::{block_sum, decode_page};
use crate::error::FileAction;
use crate::{DataFileNumber, StorageError, StorageHome};

/// Why there is no parity to be had.
#[derive(Debug)]
pub(crate) enum SidecarDamage {
    /// There is no file.
    Absent,
    /// It was computed from another data file that had the number once.
    OfAnotherFile,
    /// It cannot be read, or neither of its headers verifies.
    Unusable(StorageError),
}

/// A page of checksums, and which one it is.
type KnownPage = (u64, Option<Arc<[u64]>>);

/// The parity of one data file, open for reading by any number of threads.
pub(crate) struct Sidecar {
    file: Arc<dyn File>,
    header: ParityHeader,
    /// The page that was asked for last: neighbours are on it.
    page: Mutex<Option<KnownPage>>,
}

impl Sidecar {
    /// Opens the parity of the data file `number`, which has the salt `salt` where that is known.
    pub(crate) fn open(
        home: &StorageHome,
        number: DataFileNumber,
        salt: Option<u64>,
    ) -> Result<Self, SidecarDamage> {
        let path = home.parity_path(number);
        let failed =
            |source| SidecarDamage::Unusable(StorageError::io(FileAction::Read, &path, source));
        let file = match home.host.files.open(&path, OpenMode::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(SidecarDamage::Absent);
            }
            opened => opened.map_err(failed)?,
        };
        let last = file
            .length()
            .map_err(failed)?
            .saturating_sub(HEADER_BYTES as u64);
        let headers: Vec<_> = [0, last]
            .into_iter()
            .filter_map(|at| read_header(&*file, at))
            .collect();
        if headers.is_empty() {
            let what = "parity: neither header verifies";
            return Err(SidecarDamage::Unusable(StorageError::corrupt(
                &path, 0, what,
            )));
        }
        let is_its = |header: &&ParityHeader| {
            header.uid == home.uid
                && header.number == number
                && salt.is_none_or(|salt| salt == header.salt)
        };
        // INVARIANT: parity is believed of the very file it was computed from only: an earlier
        // file of the same number had another salt.
        let header = *headers
            .iter()
            .find(is_its)
            .ok_or(SidecarDamage::OfAnotherFile)?;
        Ok(Self {
            file,
            header,
            page: Mutex::new(None),
        })
    }

    pub(crate) const fn geometry(&self) -> &Geometry {
        &self.header.geometry
    }

    /// Whether the file is as long as its header makes it: of a header that was made up, it is not.
    pub(crate) fn has_its_length(&self) -> bool {
        self.file.length().ok() == Some(self.geometry().sidecar_bytes())
    }

    /// Whether `bytes` are the block; `None` when neither copy of its checksum verifies.
    pub(crate) fn verifies(&self, block: u64, bytes: &[u8]) -> Option<bool> {
        let sum = self.sum(block)?;
        Some(block_sum(self.header.salt, block, bytes) == sum)
    }

    fn sum(&self, block: u64) -> Option<u64> {
        let (page, place) = (block / SUMS_PER_PAGE, (block % SUMS_PER_PAGE) as usize);
        let mut known = self.page.lock();
        let sums = match &*known {
            Some((number, sums)) if *number == page => sums.clone(),
            _ => {
                let tables = self.geometry().tables();
                let found = tables
                    .into_iter()
                    .find_map(|table| self.page_at(table, page));
                let found: Option<Arc<[u64]>> = found.map(Arc::from);
                *known = Some((page, found.clone()));
                found
            }
        };
        sums?.get(place).copied()
    }

    /// A page in the copy of the table that begins at `table`.
    fn page_at(&self, table: u64, page: u64) -> Option<Vec<u64>> {
        if page >= self.geometry().pages() {
            return None;
        }
        let bytes = (self.geometry().page_blocks(page) + 1) * SUM_BYTES;
        let mut buffer = vec![0; bytes as usize];
        let offset = table + Geometry::page_offset(page);
        self.file.read_exact_at(&mut buffer, offset).ok()?;
        decode_page(self.header.salt, page, &buffer)
    }

    /// A parity block, unless it is known to be damaged.
    pub(crate) fn parity_block(&self, block: u64) -> Option<Vec<u8>> {
        let mut buffer = vec![0; BLOCK_BYTES];
        let offset = self.geometry().offset_of_parity(block);
        self.file.read_exact_at(&mut buffer, offset).ok()?;
        (self.verifies(block, &buffer) != Some(false)).then_some(buffer)
    }

    /// Whether a parity block stands in the file as it was written.
    pub(crate) fn is_whole(&self, block: u64) -> bool {
        self.parity_block(block)
            .is_some_and(|bytes| self.verifies(block, &bytes) == Some(true))
    }

    /// Pages of checksums, of both copies.
    pub(crate) const fn pages(&self) -> u64 {
        2 * self.geometry().pages()
    }

    /// Whether a page verifies, and how long it is; those of the second copy follow the first.
    pub(crate) fn check_page(&self, page: u64) -> (bool, u64) {
        let geometry = self.geometry();
        let [first, second] = geometry.tables();
        let (table, page) = match page.checked_sub(geometry.pages()) {
            Some(page) => (second, page),
            None => (first, page),
        };
        let bytes = (geometry.page_blocks(page) + 1) * SUM_BYTES;
        (self.page_at(table, page).is_some(), bytes)
    }

    /// How many of both headers and the length of the file are damaged.
    pub(crate) fn damaged_ends(&self) -> u64 {
        let last = self.geometry().sidecar_bytes() - HEADER_BYTES as u64;
        let headers = [0, last]
            .into_iter()
            .filter(|at| read_header(&*self.file, *at) != Some(self.header))
            .count() as u64;
        headers + u64::from(!self.has_its_length())
    }
}

fn read_header(file: &dyn File, at: u64) -> Option<ParityHeader> {
    let mut buffer = [0; HEADER_BYTES];
    file.read_exact_at(&mut buffer, at).ok()?;
    ParityHeader::decode(&buffer)
}
