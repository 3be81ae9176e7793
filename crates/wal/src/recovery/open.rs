//! Opening a log, and only looking at it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use docdb_vfs::{Host, OpenMode, Vfs, create_dir_durable};

use super::inventory::{FoundSegment, Inventory};
use super::report::{LogState, Recovered, Recovery};
use super::walk::{Walk, Walked, batches_at_most};
use crate::error::{file_name, io_error};
use crate::format::SegmentHeader;
use crate::names::{LogFile, LogNames};
use crate::rotation::{create_active, remove_if_there};
use crate::segment::{Segment, Segments, UnreadableFile};
use crate::writer::{Active, EMPTY_SEGMENT_BYTES, Link, Mode};
use crate::{Covered, Wal, WalError, WalIdentity, WalOptions};

impl Wal {
    /// Opens the log of a database, or creates it when there is none, and hands every record of
    /// every batch at or behind `covered` to `visit`, in the order of the log.
    ///
    /// What `visit` is handed before an error or a crash is handed to it again by the next open:
    /// opening twice is the same as opening once. The disk is changed only after the last record.
    ///
    /// A log that lost durable batches opens **read-only**, with not one byte on the disk changed:
    /// what stands in front of the damage and behind it is handed over, the report names what is
    /// lost, and [`LogState::known_from`] from where on nothing is. When the loss is
    /// [accepted](WalOptions::accept_loss) the log is writable; the damaged files stay. The loss
    /// counts until a checkpoint covers it: the caller makes that checkpoint before it acknowledges
    /// any write.
    ///
    /// A log that is there and cannot be written for want of space or rights opens read-only too.
    ///
    /// # Durability
    /// On success every batch that was handed over is durable, and so are the names of the files: a
    /// crash right behind it finds the same log.
    ///
    /// # Errors
    /// [`WalError::Unsupported`] when a file was written by a newer version, [`WalError::Io`] when
    /// files cannot be listed, opened or changed, [`WalError::Sync`] when a sync fails,
    /// [`WalError::OutOfMemory`], [`WalError::TooLarge`] when `covered` is out of reach, and the error
    /// of `visit`.
    pub fn open(
        host: &Host,
        identity: &WalIdentity,
        options: &WalOptions,
        covered: Covered,
        visit: &mut dyn FnMut(Recovered<'_>) -> Result<(), WalError>,
    ) -> Result<(Self, Recovery), WalError> {
        let names = LogNames::new(&options.directory, &identity.name);
        let inventory = Inventory::take(
            &*host.files,
            &names,
            identity.uid,
            options.drop_cache_before_read,
        )?;
        let walked = Walk::new(&names, covered, visit).run(&inventory)?;

        let shared = Arc::new(Segments::default());
        for (found, length) in inventory.segments.iter().zip(&walked.lengths) {
            match found.header {
                Ok(header) => shared.insert(Arc::new(Segment::new(
                    found.name.clone(),
                    header,
                    Arc::clone(&found.file),
                    !found.is_active(),
                    *length,
                ))),
                Err(_) => shared.add_unreadable(UnreadableFile {
                    number: found.number,
                    path: found.path.clone(),
                    bytes: found.length,
                }),
            }
        }
        let end = walked.recovery.end.max(walked.first_end());
        shared.set_end(end);
        shared.set_durable(end);

        let mut wal = Self {
            host: host.clone(),
            names,
            uid: identity.uid,
            options: options.clone(),
            shared,
            mode: Mode::ReadOnly {
                reason: "durable batches are lost".to_owned(),
            },
        };
        let refused = matches!(walked.recovery.state, LogState::Corrupt(_)) && !options.accept_loss;
        if refused {
            settle_found(&inventory)?;
        } else {
            wal.mode = match wal.continue_behind(&inventory, &walked, covered) {
                Ok(active) => Mode::Writable(active),
                Err(error) if !inventory.segments.is_empty() && keeps_from_writing(&error) => {
                    Mode::ReadOnly {
                        reason: error.to_string(),
                    }
                }
                Err(error) => return Err(error),
            };
        }
        Ok((wal, walked.recovery))
    }

    /// Makes what was found durable, cuts what was torn, and starts a new segment where the active
    /// one cannot be continued.
    fn continue_behind(
        &mut self,
        inventory: &Inventory,
        walked: &Walked,
        covered: Covered,
    ) -> Result<Active, WalError> {
        let active = match inventory.segments.last() {
            Some(found) if walked.last.appendable => self.reopen_active(found, walked)?,
            last => self.renew_active(last, walked, covered)?,
        };
        self.shared.insert(Arc::clone(&active.segment));
        self.shared.set_end(active.end());
        self.shared.set_durable(active.end());
        Ok(active)
    }

    fn reopen_active(&self, found: &FoundSegment, walked: &Walked) -> Result<Active, WalError> {
        let files = &*self.host.files;
        let failed = |source| io_error("open", &found.path, source);
        let file = files
            .open(&found.path, OpenMode::ReadWrite)
            .map_err(failed)?;
        let header = found.header.map_err(|what| WalError::Corrupt {
            file: found.name.clone(),
            offset: 0,
            what,
        })?;
        let length = walked.lengths.last().copied().unwrap_or_default();
        let mut allocated = found.length;
        if matches!(walked.recovery.state, LogState::TornTail { .. }) {
            // ORDER: the cut is durable before anything is appended and before a newer segment can
            // exist, because behind those the same bytes would be corruption.
            file.set_len(length)
                .map_err(|source| io_error("cut", &found.path, source))?;
            allocated = length;
        }
        // The bytes that were read may be in the cache only, of a process that was killed before
        // its sync; and so may be the names.
        file.sync_data().map_err(|source| WalError::Sync {
            file: found.name.clone(),
            source,
        })?;
        let prepared = self.names.path(LogFile::Prepared);
        remove_if_there(files, &prepared)
            .map_err(|source| io_error("remove", &prepared, source))?;
        sync_dir(files, self.names.directory())?;

        let segment = Segment::new(found.name.clone(), header, file, false, length);
        let link = walked.last.link.unwrap_or_default();
        Ok(Active::new(
            Arc::new(segment),
            allocated,
            link,
            walked.last.transaction,
            &self.options,
        ))
    }

    /// Starts a new segment behind everything that is or may have been in the log.
    fn renew_active(
        &self,
        last: Option<&FoundSegment>,
        walked: &Walked,
        covered: Covered,
    ) -> Result<Active, WalError> {
        let files = &*self.host.files;
        if last.is_none() {
            create_dir_durable(files, self.names.directory())
                .map_err(|source| io_error("create", self.names.directory(), source))?;
        }
        let header = self.successor(last, walked, covered);
        if let Some(found) = last
            && found.is_active()
            && found.number < header.number
        {
            self.seal_as_it_is(found)?;
        }
        let file = create_active(files, &self.names, &header)?;
        let link = Link {
            sequence: header.previous_sequence,
            checksum: header.previous_checksum,
        };
        let name = self.names.name(LogFile::Active);
        let segment = Segment::new(name, header, file, false, EMPTY_SEGMENT_BYTES);
        Ok(Active::new(
            Arc::new(segment),
            EMPTY_SEGMENT_BYTES,
            link,
            walked.last.transaction,
            &self.options,
        ))
    }

    /// The header of the segment behind `last`.
    fn successor(
        &self,
        last: Option<&FoundSegment>,
        walked: &Walked,
        covered: Covered,
    ) -> SegmentHeader {
        let tail = &walked.last;
        let kept = last.filter(|found| !found.is_remains(walked));
        let mut base = tail.end.max(covered.lsn);
        let (mut sequence, mut checksum) = (tail.sequence, 0);
        let remains = usize::from(last.is_some() && kept.is_none());
        let mut previous_bytes = walked
            .lengths
            .iter()
            .rev()
            .nth(remains)
            .copied()
            .unwrap_or(0);
        if let LogState::Corrupt(_) = walked.recovery.state {
            // Whatever the damaged file holds stays in it, and its positions stay its own.
            let kept_bytes = kept.map_or(0, |found| found.length);
            base = base.max(tail.end.plus(kept_bytes));
            previous_bytes = previous_bytes.max(kept_bytes);
        }
        match tail.link {
            Some(link) => (sequence, checksum) = (link.sequence, link.checksum),
            // Sequences that lost batches may have had are not used again.
            None => sequence += batches_at_most(base.since(walked.recovery.end)),
        }
        SegmentHeader {
            uid: self.uid,
            number: match last {
                Some(found) if kept.is_none() => found.number,
                Some(found) => found.number + 1,
                None => 1,
            },
            base: base.aligned(),
            salt: self.host.entropy.next_u64(),
            previous_bytes,
            previous_sequence: sequence,
            previous_transaction: walked.last.transaction,
            previous_checksum: checksum,
        }
    }

    /// Gives the active segment its sealed name without touching its bytes, durably.
    fn seal_as_it_is(&self, found: &FoundSegment) -> Result<(), WalError> {
        let sealed = self.names.path(LogFile::Sealed(found.number));
        let files = &*self.host.files;
        let failed = |source| io_error("seal", &found.path, source);
        if files.exists(&sealed).map_err(failed)? {
            return Err(failed(io::ErrorKind::AlreadyExists.into()));
        }
        files.rename(&found.path, &sealed).map_err(failed)?;
        sync_dir(files, self.names.directory())?;
        match found.header {
            Ok(header) => {
                let name = self.names.name(LogFile::Sealed(found.number));
                let length = self
                    .shared
                    .find(header.base)
                    .map_or(found.length, |segment| segment.length());
                self.shared.insert(Arc::new(Segment::new(
                    name,
                    header,
                    Arc::clone(&found.file),
                    true,
                    length,
                )));
            }
            Err(_) => self.shared.rename_unreadable(found.number, sealed),
        }
        Ok(())
    }
}

impl FoundSegment {
    /// Whether it is what is left of a segment that never came to be, which the next one replaces.
    fn is_remains(&self, walked: &Walked) -> bool {
        self.is_active()
            && self.header.is_err()
            && !matches!(walked.recovery.state, LogState::Corrupt(_))
    }
}

impl Walked {
    /// The end of a log that handed nothing over.
    fn first_end(&self) -> crate::Lsn {
        match &self.recovery.state {
            LogState::Corrupt(damage) => damage.first().map_or(self.last.end, |first| first.from),
            _ => self.last.end,
        }
    }
}

/// Makes durable what was read of a log that is not continued: it may be in the cache only, of a
/// process that was killed before its sync, and is shown to readers. Changes no byte.
fn settle_found(inventory: &Inventory) -> Result<(), WalError> {
    let Some(found) = inventory.segments.last().filter(|found| found.is_active()) else {
        return Ok(());
    };
    found.file.sync_data().map_err(|source| WalError::Sync {
        file: found.name.clone(),
        source,
    })
}

/// Whether the log can be read and not written: a full or read-only file system.
fn keeps_from_writing(error: &WalError) -> bool {
    match error {
        WalError::Full { .. } => true,
        WalError::Io { source, .. } => matches!(
            source.kind(),
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied
        ),
        _ => false,
    }
}

fn sync_dir(files: &dyn Vfs, directory: &Path) -> Result<(), WalError> {
    files.sync_dir(directory).map_err(|source| WalError::Sync {
        file: file_name(directory),
        source,
    })
}

/// Reads the log of a database as [`Wal::open`] does, and changes nothing: every record that it
/// would hand over goes to `visit`, and the report says what it would find.
///
/// # Errors
/// As for [`Wal::open`], as far as reading goes.
pub fn inspect(
    files: &dyn Vfs,
    identity: &WalIdentity,
    directory: &Path,
    covered: Covered,
    visit: &mut dyn FnMut(Recovered<'_>) -> Result<(), WalError>,
) -> Result<Recovery, WalError> {
    let names = LogNames::new(directory, &identity.name);
    let inventory = Inventory::take(files, &names, identity.uid, false)?;
    let walked = Walk::new(&names, covered, visit).run(&inventory)?;
    Ok(walked.recovery)
}
