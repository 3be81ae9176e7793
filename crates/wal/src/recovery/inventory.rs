//! The files of a log and their headers.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use docdb_types::DatabaseUid;
use docdb_vfs::{EntryKind, File, OpenMode, Vfs};

use crate::WalError;
use crate::error::{Corruption, file_name, io_error};
use crate::format::{SEGMENT_HEADER_BYTES, SegmentHeader, SegmentHeaderFault};
use crate::names::{LogFile, LogNames};
use crate::scan::{READ_ATTEMPTS, read_with_retries};

/// A file that has the name of a segment.
#[derive(Debug)]
pub(super) struct FoundSegment {
    pub(super) kind: LogFile,
    /// The number in its name; for the active segment the one in its header, or the next one.
    pub(super) number: u64,
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn File>,
    pub(super) length: u64,
    pub(super) header: Result<SegmentHeader, Corruption>,
}

/// The files of a log, in its order.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    pub(super) segments: Vec<FoundSegment>,
}

impl Inventory {
    /// Finds the segments and reads their headers. Changes nothing.
    ///
    /// # Errors
    /// [`WalError::Io`] when the directory cannot be listed or a file not be opened;
    /// [`WalError::Unsupported`] when a segment was written by a newer version.
    pub(super) fn take(
        files: &dyn Vfs,
        names: &LogNames,
        uid: DatabaseUid,
        drop_cache: bool,
    ) -> Result<Self, WalError> {
        let entries = match files.list_prefixed(names.directory(), names.prefix()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(io_error("list", names.directory(), source)),
        };
        let mut kinds: Vec<LogFile> = entries
            .into_iter()
            .filter(|entry| entry.kind == EntryKind::File)
            .filter_map(|entry| names.parse(entry.name.to_str()?))
            .filter(|kind| *kind != LogFile::Prepared)
            .collect();
        kinds.sort_unstable();

        let mut inventory = Self::default();
        for kind in kinds {
            let last = inventory.segments.last().map_or(0, |found| found.number);
            // One that is gone since the directory was read is missing like any other.
            if let Some(found) = FoundSegment::open(files, names, kind, last + 1, drop_cache)? {
                inventory.segments.push(found.checked(uid, last));
            }
        }
        Ok(inventory)
    }
}

impl FoundSegment {
    fn open(
        files: &dyn Vfs,
        names: &LogNames,
        kind: LogFile,
        next_number: u64,
        drop_cache: bool,
    ) -> Result<Option<Self>, WalError> {
        let path = names.path(kind);
        let failed = |source| io_error("open", &path, source);
        let file = match files.open(&path, OpenMode::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failed)?,
        };
        let length = file.length().map_err(failed)?;
        if drop_cache {
            file.drop_cache().map_err(failed)?;
        }
        let name = file_name(&path);
        let header = read_header(&*file, &name)?;
        let number = match (kind, &header) {
            (LogFile::Sealed(number), _) => number,
            (_, Ok(header)) => header.number,
            _ => next_number,
        };
        Ok(Some(Self {
            kind,
            number,
            name,
            path,
            file,
            length,
            header,
        }))
    }

    /// Refuses a header that is whole and belongs elsewhere.
    fn checked(mut self, uid: DatabaseUid, last_number: u64) -> Self {
        self.header = self.header.and_then(|header| {
            if header.uid != uid {
                Err(Corruption::ForeignSegment)
            } else if header.number != self.number || header.number <= last_number {
                Err(Corruption::MisnamedSegment)
            } else {
                Ok(header)
            }
        });
        if self.kind == LogFile::Active && self.header.is_err() {
            self.number = last_number + 1;
        }
        self
    }

    pub(super) fn is_active(&self) -> bool {
        self.kind == LogFile::Active
    }
}

fn read_header(file: &dyn File, name: &str) -> Result<Result<SegmentHeader, Corruption>, WalError> {
    let mut bytes = [0; SEGMENT_HEADER_BYTES];
    let Ok(read) = read_with_retries(file, &mut bytes, 0, READ_ATTEMPTS) else {
        return Ok(Err(Corruption::Unreadable));
    };
    if read < bytes.len() {
        return Ok(Err(Corruption::SegmentHeader));
    }
    let unsupported = |offset, what| {
        Err(WalError::Unsupported {
            file: name.to_owned(),
            offset,
            what,
        })
    };
    match SegmentHeader::decode(&bytes) {
        Ok(header) => Ok(Ok(header)),
        Err(SegmentHeaderFault::Damaged) => Ok(Err(Corruption::SegmentHeader)),
        Err(SegmentHeaderFault::UnsupportedVersion(version)) => {
            unsupported(8, format!("format version {version}"))
        }
        Err(SegmentHeaderFault::UnsupportedFeatures(flags)) => {
            unsupported(12, format!("features {flags:#x}"))
        }
    }
}
