//! Opening a data file whose frame is damaged: every record explains itself.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use docdb_vfs::File;

use super::footer::{FooterBuilder, FooterEntry};
use super::identity::{FileIdentity, HEADER_BYTES};
use super::metadata::{self, DataFileContent, DataFileMetadata};
use super::opening::overlay;
use super::reader::{
    DataFile, FooterSource, check_identity, file_length, open_file, read_header, read_metadata,
    read_sections, read_trailer,
};
use super::section::{Section, Sections};
use super::walk::{Found, Gaps, record_at};
use super::window::Window;
use super::witness::Witness;
use crate::checksum::FileSeed;
use crate::parity::Overlay;
use crate::{DataFileNumber, StorageError, StorageHome};

/// A data file that was opened by going through its records.
#[derive(Debug)]
pub struct Salvage {
    /// The file, with a footer put together in memory from what is left of the one in the file and
    /// from every record that verifies.
    pub file: DataFile,
    /// Where records were of which nothing is left, neither the record nor the footer's word of
    /// it, as byte ranges, ascending. Empty unless both are damaged in the same place.
    ///
    /// Which documents were there is not known: as long as this is not empty, a document that is
    /// not found, or found in an older file, may be one of them.
    pub lost: Vec<Range<u64>>,
}

/// What is known of the file before its records are gone through.
struct Remains {
    path: PathBuf,
    file: Arc<dyn File>,
    overlay: Option<Arc<Overlay>>,
    file_bytes: u64,
    identity: FileIdentity,
    seed: FileSeed,
    /// `None` when trailer or section table are damaged.
    sections: Option<Sections>,
}

impl DataFile {
    /// Opens the data file `number` by going through its records, whatever is left of the rest, and
    /// through its parity, if it has any. Slow: reads the whole file. The file is not changed; compaction writes what was found to a
    /// new one.
    ///
    /// # Errors
    /// [`StorageError::Missing`], [`StorageError::Io`]; [`StorageError::Corrupt`] when neither the
    /// header nor the trailer says which file it is, [`StorageError::Misplaced`],
    /// [`StorageError::Foreign`], [`StorageError::NewerFormat`],
    /// [`StorageError::UnknownFeatures`].
    pub fn salvage(home: &StorageHome, number: DataFileNumber) -> Result<Salvage, StorageError> {
        let remains = Remains::of(home, number)?;
        let mut scan = Scan::of(&remains)?;
        if let Some(sections) = &remains.sections {
            scan.metadata = [sections.metadata, sections.metadata_again]
                .into_iter()
                .find_map(|section| {
                    read_metadata(&*remains.file, &remains.path, remains.seed, section).ok()
                })
                .map(|(metadata, _)| metadata);
        }
        Ok(scan.into_salvage(home, remains))
    }
}

impl Remains {
    fn of(home: &StorageHome, number: DataFileNumber) -> Result<Self, StorageError> {
        let path = home.data_file_path(number);
        let file = open_file(home, &path)?;
        let overlay = overlay(home, number, &path, &file);
        let file = match &overlay {
            Some(overlay) => Arc::clone(overlay) as Arc<dyn File>,
            None => file,
        };
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
        let sections = trailer
            .filter(|trailer| trailer.identity == identity)
            .and_then(|trailer| read_sections(&*file, &path, &trailer).ok());
        let seed = identity.seed();
        Ok(Self {
            path,
            file,
            overlay,
            file_bytes,
            identity,
            seed,
            sections,
        })
    }

    /// The intact blocks of the footer.
    fn witness(&self) -> Result<Witness, StorageError> {
        let (from, end) = match &self.sections {
            Some(sections) => (sections.footer.offset, sections.footer.end()),
            None => (HEADER_BYTES as u64, self.file_bytes),
        };
        Witness::find(
            &mut Window::new(&*self.file, &self.path, end),
            self.seed,
            from,
        )
    }
}

/// What going through the records gathers.
struct Scan {
    footer: FooterBuilder,
    content: DataFileContent,
    metadata: Option<DataFileMetadata>,
    gaps: Gaps,
    end: u64,
}

impl Scan {
    /// Goes through the records. Where they end is known from the section table, or from finding
    /// the metadata that follows them; with neither, everything behind the last record counts as
    /// lost.
    fn of(remains: &Remains) -> Result<Self, StorageError> {
        let witness = remains.witness()?;
        let sections = remains.sections;
        let end = sections.map_or(remains.file_bytes, |sections| sections.records.end());
        let mut window = Window::new(&*remains.file, &remains.path, end);
        let mut scan = Self {
            footer: FooterBuilder::default(),
            content: DataFileContent::default(),
            metadata: None,
            gaps: Gaps::default(),
            end,
        };
        let mut offset = HEADER_BYTES as u64;
        while offset < end {
            let witnessed = witness.visit(remains.seed, offset, |entry| scan.add(entry));
            offset = if let Some(next) = witnessed {
                next
            } else if let Found::Record(record, checksum, next) =
                record_at(&mut window, remains.seed, offset)?
            {
                scan.add(&record.outline(checksum, offset));
                next
            } else {
                if sections.is_none()
                    && let Some(found) = metadata_at(&mut window, remains.seed, offset)?
                {
                    scan.metadata = Some(found);
                    scan.end = offset;
                    break;
                }
                scan.gaps.note(offset)
            };
        }
        Ok(scan)
    }

    fn add(&mut self, entry: &FooterEntry<&[u8]>) {
        self.footer.push(entry);
        self.content.add(entry);
    }

    fn into_salvage(self, home: &StorageHome, remains: Remains) -> Salvage {
        let offset = HEADER_BYTES as u64;
        let bytes = self.end.saturating_sub(offset);
        let lost = self.gaps.into_ranges();
        let file = DataFile {
            home: home.clone(),
            raw: remains
                .overlay
                .as_ref()
                .map_or_else(|| Arc::clone(&remains.file), |overlay| overlay.underneath()),
            file: remains.file,
            overlay: remains.overlay,
            path: remains.path,
            identity: remains.identity,
            seed: remains.seed,
            file_bytes: remains.file_bytes,
            records: Section { offset, bytes },
            footer: FooterSource::Rebuilt(self.footer.finish(remains.seed, 0)),
            content: self.content,
            metadata: self.metadata,
            unnamed: lost.clone(),
            is_retired: AtomicBool::new(false),
        };
        Salvage { file, lost }
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
    let found = metadata::decode(seed, offset, bytes);
    Ok(found.ok().map(|(metadata, _)| metadata))
}
