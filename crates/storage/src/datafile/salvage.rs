//! Opening a data file whose frame is damaged: every record explains itself.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use docdb_vfs::File;

use super::footer::FooterBuilder;
use super::identity::{FileIdentity, HEADER_BYTES};
use super::metadata::{self, DataFileContent, DataFileMetadata};
use super::reader::{
    DataFile, FooterSource, check_identity, file_length, open_file, read_header, read_metadata,
    read_sections, read_trailer,
};
use super::section::Section;
use super::walk::{Found, Gaps, record_at};
use super::window::Window;
use crate::checksum::FileSeed;
use crate::{DataFileNumber, StorageError, StorageHome};

/// A data file that was opened by going through its records.
#[derive(Debug)]
pub struct Salvage {
    /// The file, with a footer rebuilt in memory from every record that verifies.
    pub file: DataFile,
    /// Where no record verifies although records were there, as byte ranges, ascending. Empty when
    /// only header, footer, metadata or trailer are damaged.
    ///
    /// Which documents were there is not known: as long as this is not empty, a document that is
    /// not found, or found in an older file, may be one of them.
    pub lost: Vec<Range<u64>>,
}

/// What a scan of the records gathers.
struct Scan {
    footer: FooterBuilder,
    content: DataFileContent,
    metadata: Option<DataFileMetadata>,
    gaps: Gaps,
    end: u64,
}

impl DataFile {
    /// Opens the data file `number` by going through its records, whatever is left of the rest.
    /// Slow: reads the whole file. The file is not changed; compaction writes what was found to a
    /// new one.
    ///
    /// # Errors
    /// [`StorageError::Missing`], [`StorageError::Io`]; [`StorageError::Corrupt`] when neither the
    /// header nor the trailer says which file it is, [`StorageError::Misplaced`],
    /// [`StorageError::Foreign`], [`StorageError::NewerFormat`],
    /// [`StorageError::UnknownFeatures`].
    pub fn salvage(home: &StorageHome, number: DataFileNumber) -> Result<Salvage, StorageError> {
        let path = home.data_file_path(number);
        let file = open_file(home, &path)?;
        let file_bytes = file_length(&*file, &path)?;
        let trailer = read_trailer(&*file, &path, file_bytes)
            .ok()
            .filter(|trailer| trailer.file_bytes == file_bytes);
        let identity = match (read_header(&*file, &path), &trailer) {
            (Ok(identity), _) => identity,
            (Err(StorageError::Corrupt { .. }), Some(trailer)) => trailer.identity,
            (Err(error), _) => return Err(error),
        };
        check_identity(home, number, &path, &identity)?;
        let seed = identity.seed();
        let sections = trailer
            .filter(|trailer| trailer.identity == identity)
            .and_then(|trailer| read_sections(&*file, &path, &trailer).ok());
        let end = sections.map_or(file_bytes, |sections| sections.records.end());
        let mut scan = Scan::run(&*file, &path, seed, end, sections.is_some())?;
        if let Some(sections) = sections {
            scan.metadata = [sections.metadata, sections.metadata_again]
                .into_iter()
                .find_map(|section| read_metadata(&*file, &path, seed, section).ok())
                .map(|(metadata, _)| metadata);
        }
        Ok(scan.into_salvage(home, file, &path, identity, file_bytes))
    }
}

impl Scan {
    /// Goes through the bytes in front of `end`. Unless it `is_certain` that the records reach to
    /// there, the metadata section that follows them is looked for too, and bytes behind the last
    /// record count as lost only when no metadata section is found.
    fn run(
        file: &dyn File,
        path: &Path,
        seed: FileSeed,
        end: u64,
        is_certain: bool,
    ) -> Result<Self, StorageError> {
        let mut window = Window::new(file, path, end);
        let mut scan = Self {
            footer: FooterBuilder::default(),
            content: DataFileContent::default(),
            metadata: None,
            gaps: Gaps::default(),
            end,
        };
        let mut offset = HEADER_BYTES as u64;
        while offset < end {
            if let Found::Record(record, checksum, next) = record_at(&mut window, seed, offset)? {
                scan.footer.push(&record, checksum, offset);
                scan.content.add(&record, next - offset);
                offset = next;
                continue;
            }
            if !is_certain && let Some(metadata) = metadata_at(&mut window, seed, offset)? {
                scan.metadata = Some(metadata);
                scan.end = offset;
                break;
            }
            offset = scan.gaps.note(offset);
        }
        Ok(scan)
    }

    fn into_salvage(
        self,
        home: &StorageHome,
        file: Arc<dyn File>,
        path: &Path,
        identity: FileIdentity,
        file_bytes: u64,
    ) -> Salvage {
        let seed = identity.seed();
        let offset = HEADER_BYTES as u64;
        let file = DataFile {
            vfs: Arc::clone(&home.host.files),
            file,
            path: path.to_owned(),
            identity,
            seed,
            file_bytes,
            records: Section {
                offset,
                bytes: self.end.saturating_sub(offset),
            },
            footer: FooterSource::Rebuilt(self.footer.finish(seed, 0)),
            content: self.content,
            metadata: self.metadata,
            is_retired: AtomicBool::new(false),
        };
        Salvage {
            file,
            lost: self.gaps.into_ranges(),
        }
    }
}

/// The metadata section at `offset`, if one verifies there.
fn metadata_at(
    window: &mut Window<'_>,
    seed: FileSeed,
    offset: u64,
) -> Result<Option<DataFileMetadata>, StorageError> {
    let Some(length) = window.get(offset, 12)?.and_then(metadata::length) else {
        return Ok(None);
    };
    let Some(bytes) = window.get(offset, length)? else {
        return Ok(None);
    };
    Ok(metadata::decode(seed, offset, bytes)
        .ok()
        .map(|(metadata, _)| metadata))
}
