//! Writing a data file.

use std::path::PathBuf;
use std::sync::Arc;

use docdb_types::CollectionId;
use docdb_vfs::{File, OpenMode, publish_open};

use super::footer::FooterBuilder;
use super::identity::{FileIdentity, HEADER_BYTES, TRAILER_BYTES, Trailer};
use super::lost::{LoggedLoss, LostMark};
use super::metadata::{self, DataFileContent, DataFileMetadata, MAX_METADATA_BYTES};
use super::record::{Record, RecordKind, record_bytes};
use super::section::{Section, Sections};
use crate::checksum::{FileSeed, plain};
use crate::error::FileAction;
use crate::names::temporary_path;
use crate::parity::{Parity, ParityJob, SumBuilder, encode};
use crate::position::MAX_DATA_FILE_BYTES;
use crate::{DataFileNumber, DataFileRecord, StorageError, StorageHome};

/// Bytes that are gathered before they are written: whole blocks, which pass by the page cache.
const BUFFER_BYTES: usize = 256 * 1024;

/// Writes a data file, record by record, under a temporary name; [`finish`](Self::finish) makes it
/// durable and gives it its name.
///
/// Records are not kept in memory, only their footer, about ten bytes each, and a checksum of eight
/// bytes for each 4 KiB. Dropping the writer without finishing removes the temporary file.
#[derive(Debug)]
pub struct DataFileWriter {
    home: StorageHome,
    identity: FileIdentity,
    seed: FileSeed,
    temporary: PathBuf,
    target: PathBuf,
    file: Arc<dyn File>,
    buffer: Vec<u8>,
    /// Bytes written to the file; the buffer comes behind them.
    written: u64,
    last: Option<(CollectionId, Vec<u8>)>,
    footer: FooterBuilder,
    content: DataFileContent,
    parity: Parity,
    sums: SumBuilder,
    is_finished: bool,
}

impl DataFileWriter {
    /// Begins the data file `number`, which must not exist and gets `parity`. What is left of an
    /// earlier attempt is replaced.
    ///
    /// # Errors
    /// [`StorageError::Io`]: with `AlreadyExists` when the file exists.
    pub fn create(
        home: &StorageHome,
        number: DataFileNumber,
        parity: Parity,
    ) -> Result<Self, StorageError> {
        Self::begin(home, number, parity, false)
    }

    /// [`create`](Self::create) for a file that may hold records which are
    /// [`Lost`](crate::RecordKind::Lost): releases that do not know them refuse it.
    ///
    /// # Errors
    /// As for [`create`](Self::create).
    pub fn create_around_losses(
        home: &StorageHome,
        number: DataFileNumber,
        parity: Parity,
    ) -> Result<Self, StorageError> {
        Self::begin(home, number, parity, true)
    }

    pub(crate) fn begin(
        home: &StorageHome,
        number: DataFileNumber,
        parity: Parity,
        holds_lost: bool,
    ) -> Result<Self, StorageError> {
        let target = home.data_file_path(number);
        let temporary = temporary_path(&target);
        let vfs = &*home.host.files;
        let failed = |source| StorageError::io(FileAction::Open, &target, source);
        if vfs.exists(&target).map_err(failed)? {
            return Err(failed(std::io::ErrorKind::AlreadyExists.into()));
        }
        // Parity under the number is that of a file which was never finished.
        for leftover in [&temporary, &home.parity_path(number)] {
            match vfs.remove(leftover) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StorageError::io(FileAction::Remove, leftover, error));
                }
                _ => {}
            }
        }
        let file = vfs
            .open(&temporary, OpenMode::CreateStreamed)
            .map_err(|source| StorageError::io(FileAction::Open, &temporary, source))?;
        let identity = FileIdentity {
            uid: home.uid,
            number,
            salt: home.host.entropy.next_u64(),
            holds_lost,
        };
        let mut buffer = Vec::with_capacity(BUFFER_BYTES);
        buffer.extend(identity.encode_header());
        Ok(Self {
            home: home.clone(),
            identity,
            seed: identity.seed(),
            temporary,
            target,
            file,
            buffer,
            written: 0,
            last: None,
            footer: FooterBuilder::default(),
            content: DataFileContent::default(),
            parity,
            sums: SumBuilder::new(identity.salt),
            is_finished: false,
        })
    }

    /// The number of the file.
    #[must_use]
    pub const fn number(&self) -> DataFileNumber {
        self.identity.number
    }

    /// Bytes so far, without the footer.
    #[must_use]
    pub const fn length_bytes(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Whether no record has been pushed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    /// Appends a record, whose (collection, key) must be larger than every one before, and returns
    /// its offset in the file.
    ///
    /// # Errors
    /// [`StorageError::RecordOrder`], [`StorageError::TooLarge`]: the record was not taken, the
    /// writer goes on. [`StorageError::Io`]: the writer must be dropped.
    pub fn push(&mut self, record: &Record<'_>) -> Result<u64, StorageError> {
        record.check()?;
        let offset = self.length_bytes();
        let stored = record_bytes(record.key.len(), record.payload.len() as u32);
        if offset.saturating_add(stored) > MAX_DATA_FILE_BYTES {
            let (bytes, limit) = (offset.saturating_add(stored), MAX_DATA_FILE_BYTES);
            return Err(StorageError::TooLarge {
                what: "data file",
                bytes,
                limit,
            });
        }
        self.advance(record)?;
        let frame = record.frame(self.seed, offset);
        self.put(&frame.header)?;
        self.put(record.key)?;
        self.put(record.payload)?;
        self.put(frame.padding)?;
        let outline = record.outline(frame.checksum, offset);
        self.footer.push(&outline);
        self.content.add(&outline);
        Ok(offset)
    }

    /// Appends a record that stands for a document which the log has lost: reading it is
    /// [`StorageError::Lost`] until the document is written or deleted again.
    ///
    /// # Errors
    /// As for [`push`](Self::push).
    ///
    /// # Panics
    /// When the file was not begun with [`create_around_losses`](Self::create_around_losses).
    pub fn push_lost(&mut self, loss: &LoggedLoss<'_>) -> Result<u64, StorageError> {
        assert!(self.identity.holds_lost, "the file does not say so");
        let mark = LostMark::of_logged(loss).encode();
        self.push(&Record {
            collection: loss.collection,
            key: loss.key,
            transaction: loss.transaction,
            kind: RecordKind::Lost,
            payload: &mark,
        })
    }

    /// Checks the order and remembers the record as the last one.
    fn advance(&mut self, record: &Record<'_>) -> Result<(), StorageError> {
        match &mut self.last {
            Some((collection, key)) => {
                if (record.collection, record.key) <= (*collection, key.as_slice()) {
                    return Err(StorageError::RecordOrder {
                        collection: record.collection,
                    });
                }
                *collection = record.collection;
                key.clear();
                key.extend(record.key);
            }
            None => self.last = Some((record.collection, record.key.to_vec())),
        }
        Ok(())
    }

    fn put(&mut self, mut bytes: &[u8]) -> Result<(), StorageError> {
        while !bytes.is_empty() {
            let room = BUFFER_BYTES - self.buffer.len();
            let (now, later) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            self.buffer.extend(now);
            if self.buffer.len() == BUFFER_BYTES {
                self.flush()?;
            }
            bytes = later;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        self.file
            .write_all_at(&self.buffer, self.written)
            .map_err(|source| StorageError::io(FileAction::Write, &self.temporary, source))?;
        self.written += self.buffer.len() as u64;
        if !self.parity.is_none() {
            self.sums.push(&self.buffer);
        }
        self.buffer.clear();
        Ok(())
    }

    /// Writes metadata and footer, makes the file and its parity durable and gives them their names.
    ///
    /// # Durability
    /// On success the file survives a power cut whole, and so does its parity. A power cut during the call leaves the file
    /// whole or not at all under its name; until a manifest names it, it means nothing.
    ///
    /// # Errors
    /// [`StorageError::Io`], [`StorageError::TooLarge`] for too many collections,
    /// [`StorageError::Corrupt`] when the file cannot be read back as it was written. What was
    /// written is removed as far as possible.
    pub fn finish(mut self, metadata: &DataFileMetadata) -> Result<DataFileRecord, StorageError> {
        let records = self.section_since(HEADER_BYTES as u64);
        let first = metadata::encode(self.seed, records.end(), metadata, &self.content);
        if first.len() as u64 > MAX_METADATA_BYTES {
            let (bytes, limit) = (first.len() as u64, MAX_METADATA_BYTES);
            return Err(StorageError::TooLarge {
                what: "metadata",
                bytes,
                limit,
            });
        }
        self.put(&first)?;
        let metadata_section = self.section_since(records.end());
        let footer = std::mem::take(&mut self.footer).finish(self.seed, metadata_section.end());
        self.put(&footer)?;
        drop(footer);
        let footer = self.section_since(metadata_section.end());
        let second = metadata::encode(self.seed, footer.end(), metadata, &self.content);
        self.put(&second)?;
        let metadata_again = self.section_since(footer.end());
        let sections = Sections {
            records,
            metadata: metadata_section,
            footer,
            metadata_again,
        };
        self.put_end(&sections)?;
        self.flush()?;
        self.write_parity()?;
        self.publish()?;
        Ok(DataFileRecord {
            number: self.identity.number,
            salt: self.identity.salt,
            file_bytes: self.written,
            content: self.content,
        })
    }

    const fn section_since(&self, offset: u64) -> Section {
        Section {
            offset,
            bytes: self.length_bytes() - offset,
        }
    }

    fn put_end(&mut self, sections: &Sections) -> Result<(), StorageError> {
        let table_offset = self.length_bytes();
        let table = sections.encode();
        self.put(&table)?;
        let trailer = Trailer {
            identity: self.identity,
            file_bytes: self.length_bytes() + TRAILER_BYTES as u64,
            table_offset,
            table_bytes: table.len() as u32,
            table_checksum: plain(&[&table]),
        };
        self.put(&trailer.encode())
    }

    /// ORDER: the parity is durable before the data file has its name: a data file that is found
    /// has its parity beside it.
    fn write_parity(&mut self) -> Result<(), StorageError> {
        if self.parity.is_none() {
            return Ok(());
        }
        let sums = std::mem::replace(&mut self.sums, SumBuilder::new(0)).finish();
        let job = ParityJob {
            home: &self.home,
            identity: &self.identity,
            data: &*self.file,
            data_path: &self.target,
            file_bytes: self.written,
            parity: self.parity,
            sums,
        };
        encode(job, &mut |_| true)
    }

    fn publish(&mut self) -> Result<(), StorageError> {
        let vfs = &*self.home.host.files;
        let published = publish_open(vfs, &*self.file, &self.temporary, &self.target);
        if let Err(source) = published {
            // The name may be there already, and may not be durable: nobody shall find it.
            let _ = vfs.remove(&self.target);
            let _ = vfs.remove(&self.home.parity_path(self.identity.number));
            return Err(StorageError::io(FileAction::Publish, &self.target, source));
        }
        self.is_finished = true;
        Ok(())
    }
}

impl Drop for DataFileWriter {
    fn drop(&mut self) {
        if !self.is_finished {
            // A leftover that cannot be removed now is removed by the next open.
            let _ = self.home.host.files.remove(&self.temporary);
        }
    }
}
