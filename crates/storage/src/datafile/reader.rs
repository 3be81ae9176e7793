//! An open data file.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fmt, io};

use docdb_types::{CollectionId, TransactionId};
use docdb_vfs::{File, OpenMode, Rest};

use super::entries::Entries;
use super::footer::{BlockCursor, BlockHeader};
use super::identity::{FileIdentity, HEADER_BYTES, TRAILER_BYTES, Trailer};
use super::metadata::{self, DataFileContent, DataFileMetadata};
use super::record::{MAX_KEY_BYTES, RECORD_HEADER_BYTES, Record, RecordKind, record_bytes};
use super::section::{Section, Sections};
use super::window::{Window, read_error};
use crate::checksum::{FileSeed, plain};
use crate::error::FileAction;
use crate::parity::Overlay;
use crate::{DataFileNumber, DataFileRecord, IndexKey, StorageError, StorageHome};

/// Who a record must be to be the one that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordIdentity<'a> {
    /// The collection.
    pub collection: CollectionId,
    /// The key.
    pub key: &'a [u8],
    /// The transaction that wrote the version.
    pub transaction: TransactionId,
}

/// A data file, open for reading by any number of threads. It never changes.
pub struct DataFile {
    pub(super) home: StorageHome,
    /// What is read: the file as it stands, or as its parity restores it.
    pub(super) file: Arc<dyn File>,
    /// The file as it stands.
    pub(super) raw: Arc<dyn File>,
    /// The latter.
    pub(super) overlay: Option<Arc<Overlay>>,
    pub(super) path: PathBuf,
    pub(super) identity: FileIdentity,
    pub(super) seed: FileSeed,
    pub(super) file_bytes: u64,
    pub(super) records: Section,
    pub(super) footer: FooterSource,
    pub(super) content: DataFileContent,
    pub(super) metadata: Option<DataFileMetadata>,
    /// Where records were lost that nobody can name.
    pub(super) unnamed: Vec<Range<u64>>,
    pub(super) is_retired: AtomicBool,
}

/// Where the footer is.
pub(super) enum FooterSource {
    /// In the file.
    File(Section),
    /// In memory, because the one in the file is damaged: what a scan of the records found, sealed
    /// as if it stood at offset 0.
    Rebuilt(Vec<u8>),
}

impl DataFile {
    /// Opens the data file `number` and verifies everything but its records: header, trailer,
    /// section table, metadata, footer.
    ///
    /// # Errors
    /// [`StorageError::Missing`], [`StorageError::Io`]; [`StorageError::Corrupt`] when a part is
    /// damaged, [`StorageError::Misplaced`] when the file is another one than its name says,
    /// [`StorageError::Foreign`], [`StorageError::NewerFormat`],
    /// [`StorageError::UnknownFeatures`].
    pub fn open(home: &StorageHome, number: DataFileNumber) -> Result<Self, StorageError> {
        Self::open_at(home, number, home.data_file_path(number))
    }

    /// [`open`](Self::open) of a copy of the data file that is somewhere else.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_at(
        home: &StorageHome,
        number: DataFileNumber,
        path: PathBuf,
    ) -> Result<Self, StorageError> {
        let file = open_file(home, &path)?;
        Self::open_bytes(home, number, path, file, None)
    }

    /// Opens a data file whose bytes are those of `file`; `overlay` when they come through it.
    pub(super) fn open_over(
        home: &StorageHome,
        number: DataFileNumber,
        file: Arc<dyn File>,
        overlay: Option<Arc<Overlay>>,
    ) -> Result<Self, StorageError> {
        Self::open_bytes(home, number, home.data_file_path(number), file, overlay)
    }

    fn open_bytes(
        home: &StorageHome,
        number: DataFileNumber,
        path: PathBuf,
        file: Arc<dyn File>,
        overlay: Option<Arc<Overlay>>,
    ) -> Result<Self, StorageError> {
        let file_bytes = file_length(&*file, &path)?;
        let identity = read_header(&*file, &path)?;
        check_identity(home, number, &path, &identity)?;
        let trailer = read_trailer(&*file, &path, file_bytes)?;
        if trailer.identity != identity || trailer.file_bytes != file_bytes {
            let offset = file_bytes.saturating_sub(TRAILER_BYTES as u64);
            return Err(StorageError::corrupt(
                &path,
                offset,
                "trailer: not of this file",
            ));
        }
        let sections = read_sections(&*file, &path, &trailer)?;
        let seed = identity.seed();
        let (metadata, content) = read_metadata(&*file, &path, seed, sections.metadata)?;
        let again = read_metadata(&*file, &path, seed, sections.metadata_again)?;
        if again != (metadata.clone(), content) {
            let offset = sections.metadata_again.offset;
            return Err(StorageError::corrupt(
                &path,
                offset,
                "metadata: copies differ",
            ));
        }
        let opened = Self {
            home: home.clone(),
            raw: overlay
                .as_ref()
                .map_or_else(|| Arc::clone(&file), |overlay| overlay.underneath()),
            file,
            overlay,
            path,
            identity,
            seed,
            file_bytes,
            records: sections.records,
            footer: FooterSource::File(sections.footer),
            content,
            metadata: Some(metadata),
            unnamed: Vec::new(),
            is_retired: AtomicBool::new(false),
        };
        opened.verify_footer()?;
        Ok(opened)
    }

    /// Verifies the checksum of every block of the footer, and that the blocks describe the whole
    /// of the records without gaps.
    fn verify_footer(&self) -> Result<(), StorageError> {
        let FooterSource::File(section) = self.footer else {
            return Ok(());
        };
        let mut window = Window::new(&*self.file, &self.path, section.end());
        let mut position = section.offset;
        while position < section.end() {
            let length = block_length(&mut window, position, section.end());
            let block = length.and_then(|length| Ok((length, window.get(position, length)?)));
            let (length, Some(block)) = block? else {
                return Err(self.corrupt(position, "footer block: length"));
            };
            BlockCursor::open(self.seed, position, block)
                .map_err(|what| self.corrupt(position, what))?;
            position += length;
        }
        Ok(())
    }

    /// The number of the file.
    #[must_use]
    pub const fn number(&self) -> DataFileNumber {
        self.identity.number
    }

    /// The file as a manifest names it.
    #[must_use]
    pub const fn record(&self) -> DataFileRecord {
        DataFileRecord {
            number: self.identity.number,
            salt: self.identity.salt,
            file_bytes: self.file_bytes,
            content: self.content,
        }
    }

    /// What the file holds.
    #[must_use]
    pub const fn content(&self) -> &DataFileContent {
        &self.content
    }

    /// What the manifest said when the file was published; `None` in a salvaged file that has lost
    /// it.
    #[must_use]
    pub const fn metadata(&self) -> Option<&DataFileMetadata> {
        self.metadata.as_ref()
    }

    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Length of the file in bytes.
    #[must_use]
    pub const fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// Reads bytes of the file as they are, for a copy of it; returns how many, 0 at the end.
    ///
    /// # Errors
    /// The system's.
    pub fn read_bytes(&self, place: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(place, offset)
    }

    /// Whether the footer was rebuilt from the records, because the one in the file is damaged.
    #[must_use]
    pub const fn is_salvaged(&self) -> bool {
        matches!(self.footer, FooterSource::Rebuilt(_))
    }

    /// The entries of the footer, in key order.
    #[must_use]
    pub fn entries<K: IndexKey>(&self) -> Entries<'_, K> {
        Entries::new(self)
    }

    /// Reads and verifies the record at `offset`, whose payload is `payload_bytes` long, with one
    /// read of the file; returns the payload.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when the bytes are not the record that was asked for;
    /// [`StorageError::Lost`] when it is known to be lost; [`StorageError::Io`].
    pub fn read(
        &self,
        offset: u64,
        payload_bytes: u32,
        expected: &RecordIdentity<'_>,
    ) -> Result<Vec<u8>, StorageError> {
        self.read_from(&*self.file, offset, payload_bytes, expected)
    }

    /// [`read`](Self::read) from the bytes of `file`.
    pub(super) fn read_from(
        &self,
        file: &dyn File,
        offset: u64,
        payload_bytes: u32,
        expected: &RecordIdentity<'_>,
    ) -> Result<Vec<u8>, StorageError> {
        self.read_document(file, offset, payload_bytes, expected)
            .map_err(|error| match error {
                StorageError::Corrupt { .. } => self.lost_at(offset, expected).unwrap_or(error),
                error => error,
            })
    }

    fn read_document(
        &self,
        file: &dyn File,
        offset: u64,
        payload_bytes: u32,
        expected: &RecordIdentity<'_>,
    ) -> Result<Vec<u8>, StorageError> {
        let damaged = |what| self.corrupt(offset, what);
        if expected.key.len() > MAX_KEY_BYTES {
            return Err(damaged("record: key"));
        }
        let stored = record_bytes(expected.key.len(), payload_bytes);
        // Before anything is allocated: the index may be wrong, the file may not.
        let fits = offset >= self.records.offset
            && offset
                .checked_add(stored)
                .is_some_and(|end| end <= self.records.end());
        if !fits {
            return Err(damaged("record: beyond the records of the file"));
        }
        let mut bytes = vec![0; stored as usize];
        file.read_exact_at(&mut bytes, offset)
            .map_err(|source| read_error(&self.path, offset, source))?;
        let (record, _) = Record::decode(self.seed, offset, &bytes).map_err(damaged)?;
        let is_it = record.collection == expected.collection
            && record.key == expected.key
            && record.transaction == expected.transaction
            && record.kind == RecordKind::Document
            && record.payload.len() as u64 == u64::from(payload_bytes);
        if !is_it {
            return Err(damaged("record: another one than the index names"));
        }
        let payload_at = RECORD_HEADER_BYTES + expected.key.len();
        bytes.truncate(payload_at + payload_bytes as usize);
        bytes.drain(..payload_at);
        Ok(bytes)
    }

    pub(crate) const fn identity(&self) -> &FileIdentity {
        &self.identity
    }

    /// Refuses a file that has lost records which nobody can name.
    pub(crate) fn check_named(&self) -> Result<(), StorageError> {
        match self.unnamed.first() {
            Some(range) => {
                Err(self.corrupt(range.start, "file: records are lost that have no name"))
            }
            None => Ok(()),
        }
    }

    pub(super) fn corrupt(&self, offset: u64, what: &'static str) -> StorageError {
        StorageError::corrupt(&self.path, offset, what)
    }

    /// Lets the file be removed when nobody reads it any more.
    pub(crate) fn retire(&self) {
        self.is_retired.store(true, Ordering::Release);
    }

    /// Removes the file, which nobody else has, so that the syncs of others do not wait for it.
    ///
    /// No manifest names it: should it stay, or come back because its directory was not synced, the
    /// next open removes it.
    pub(crate) fn remove_gently(self, rest: Rest<'_>) {
        let vfs = &*self.home.host.files;
        for path in [&self.path, &self.home.parity_path(self.identity.number)] {
            let _ = vfs.remove_gently(path, rest);
        }
    }

    /// Has the file stay as it is for as long as it is open, also where another process has it as a
    /// part of a database and replaces it.
    ///
    /// # Errors
    /// [`StorageError::Io`], also where it is being removed.
    pub fn hold(&self) -> Result<(), StorageError> {
        let held = self.raw.hold();
        held.map_err(|source| StorageError::io(FileAction::Open, &self.path, source))
    }
}

impl Drop for DataFile {
    fn drop(&mut self) {
        if self.is_retired.load(Ordering::Acquire) {
            // No manifest names the file: should it stay, or come back because its directory was
            // not synced, the next open removes it.
            let vfs = &*self.home.host.files;
            let _ = vfs.remove(&self.path);
            let _ = vfs.remove(&self.home.parity_path(self.identity.number));
        }
    }
}

impl fmt::Debug for DataFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DataFile")
            .field("path", &self.path)
            .field("file_bytes", &self.file_bytes)
            .field("content", &self.content)
            .finish_non_exhaustive()
    }
}

/// The length of the footer block at `position`.
pub(super) fn block_length(
    window: &mut Window<'_>,
    position: u64,
    end: u64,
) -> Result<u64, StorageError> {
    let header_bytes = (super::footer::BLOCK_HEADER_BYTES as u64).min(end - position);
    let header = window
        .get(position, header_bytes)?
        .and_then(BlockHeader::decode);
    // A length of 0 is no block: whoever asks for it finds nothing that verifies.
    Ok(header.map_or(0, |header| header.block_bytes as u64))
}

pub(super) fn open_file(home: &StorageHome, path: &Path) -> Result<Arc<dyn File>, StorageError> {
    home.host
        .files
        .open(path, OpenMode::Read)
        .map_err(|source| {
            if source.kind() == std::io::ErrorKind::NotFound {
                StorageError::Missing {
                    path: path.to_owned(),
                }
            } else {
                StorageError::io(FileAction::Open, path, source)
            }
        })
}

pub(super) fn file_length(file: &dyn File, path: &Path) -> Result<u64, StorageError> {
    file.length()
        .map_err(|source| StorageError::io(FileAction::Read, path, source))
}

fn read(file: &dyn File, path: &Path, offset: u64, bytes: u64) -> Result<Vec<u8>, StorageError> {
    let mut buffer = vec![0; bytes as usize];
    file.read_exact_at(&mut buffer, offset)
        .map_err(|source| read_error(path, offset, source))?;
    Ok(buffer)
}

pub(super) fn read_header(file: &dyn File, path: &Path) -> Result<FileIdentity, StorageError> {
    let bytes = read(file, path, 0, HEADER_BYTES as u64)?;
    FileIdentity::decode_header(path, &bytes)
}

pub(super) fn read_trailer(
    file: &dyn File,
    path: &Path,
    file_bytes: u64,
) -> Result<Trailer, StorageError> {
    let Some(offset) = file_bytes.checked_sub(TRAILER_BYTES as u64) else {
        return Err(StorageError::corrupt(path, 0, "file: cut off"));
    };
    let bytes = read(file, path, offset, TRAILER_BYTES as u64)?;
    Trailer::decode(path, offset, &bytes)
}

pub(super) fn read_sections(
    file: &dyn File,
    path: &Path,
    trailer: &Trailer,
) -> Result<Sections, StorageError> {
    let damaged = |what| StorageError::corrupt(path, trailer.table_offset, what);
    let table_bytes = u64::from(trailer.table_bytes);
    let end = trailer.table_offset.checked_add(table_bytes);
    if end != trailer.file_bytes.checked_sub(TRAILER_BYTES as u64) {
        return Err(damaged("section table: length"));
    }
    let table = read(file, path, trailer.table_offset, table_bytes)?;
    if plain(&[&table]) != trailer.table_checksum {
        return Err(damaged("section table: checksum"));
    }
    Sections::decode(&table, trailer.table_offset).map_err(damaged)
}

pub(super) fn read_metadata(
    file: &dyn File,
    path: &Path,
    seed: FileSeed,
    section: Section,
) -> Result<(DataFileMetadata, DataFileContent), StorageError> {
    let damaged = |what| StorageError::corrupt(path, section.offset, what);
    if section.bytes > metadata::MAX_METADATA_BYTES {
        return Err(damaged("metadata: length"));
    }
    let bytes = read(file, path, section.offset, section.bytes)?;
    metadata::decode(seed, section.offset, &bytes).map_err(damaged)
}

/// Checks that the file is the one that its name says.
pub(super) fn check_identity(
    home: &StorageHome,
    number: DataFileNumber,
    path: &Path,
    identity: &FileIdentity,
) -> Result<(), StorageError> {
    let path = path.to_owned();
    if identity.uid != home.uid {
        return Err(StorageError::Foreign {
            path,
            expected: home.uid,
            found: identity.uid,
        });
    }
    if identity.number != number {
        return Err(StorageError::Misplaced {
            path,
            found: identity.number.get(),
        });
    }
    Ok(())
}
