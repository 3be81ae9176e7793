//! Opening a data file in whatever state it is: as it stands, through its parity, or by salvage.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use docdb_vfs::File;

use super::reader::{DataFile, file_length, open_file, read_header, read_trailer};
use crate::error::FileAction;
use crate::parity::{Overlay, Sidecar, SidecarDamage};
use crate::{DataFileNumber, StorageError, StorageHome};

/// A data file, and what was wrong with it.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub file: DataFile,
    /// Why it could not be opened as it stands; `None` when it could.
    pub damage: Option<StorageError>,
    /// Where records were lost that nobody can name: see [`Salvage::lost`](crate::Salvage::lost).
    pub lost: Vec<Range<u64>>,
}

impl DataFile {
    /// Opens the data file `number` at its best: as it stands; where its frame is damaged, through
    /// its parity; where that does not suffice, by [`salvage`](Self::salvage) of what parity leaves
    /// damaged. Nothing is written.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`salvage`](Self::salvage).
    pub fn open_at_best(
        home: &StorageHome,
        number: DataFileNumber,
    ) -> Result<Opened, StorageError> {
        let damage = match Self::open(home, number) {
            Ok(file) => {
                return Ok(Opened {
                    file,
                    damage: None,
                    lost: Vec::new(),
                });
            }
            Err(
                error @ (StorageError::Corrupt { .. }
                | StorageError::Io {
                    action: FileAction::Read,
                    ..
                }),
            ) => error,
            Err(error) => return Err(error),
        };
        match Self::open_restored(home, number) {
            Ok(file) => Ok(Opened {
                file,
                damage: Some(damage),
                lost: Vec::new(),
            }),
            Err(StorageError::Corrupt { .. } | StorageError::Io { .. }) => {
                let salvage = match Self::salvage(home, number) {
                    // What the system cannot read is not taken for what is not there.
                    Err(StorageError::Corrupt { .. }) if !damage.is_corruption() => {
                        return Err(damage);
                    }
                    salvage => salvage?,
                };
                Ok(Opened {
                    file: salvage.file,
                    damage: Some(damage),
                    lost: salvage.lost,
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Opens the data file `number` through its parity: every block that is read is verified, and
    /// restored where it is damaged. Header, section table, metadata and footer are as they were
    /// written, or the file is not opened.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when there is no parity of the file, or more is damaged than it
    /// restores; otherwise as [`open`](Self::open).
    pub fn open_restored(home: &StorageHome, number: DataFileNumber) -> Result<Self, StorageError> {
        let path = home.data_file_path(number);
        let file = open_file(home, &path)?;
        let Some(overlay) = overlay(home, number, &path, &file) else {
            return Err(StorageError::corrupt(&path, 0, "file: has no parity"));
        };
        Self::open_over(
            home,
            number,
            Arc::clone(&overlay) as Arc<dyn File>,
            Some(overlay),
        )
    }

    /// The file seen through its parity.
    pub(crate) fn overlay(&self) -> Result<Arc<Overlay>, SidecarDamage> {
        if let Some(overlay) = &self.overlay {
            return Ok(Arc::clone(overlay));
        }
        let sidecar = Sidecar::open(&self.home, self.identity.number, Some(self.identity.salt))?;
        if sidecar.geometry().file_bytes != self.file_bytes {
            let error = self.corrupt(0, "parity: of a file of another length");
            return Err(SidecarDamage::Unusable(error));
        }
        Ok(Arc::new(Overlay::new(Arc::clone(&self.raw), sidecar)))
    }

    /// Whether the file was opened through its parity, because it could not be as it stands. Every
    /// read verifies whole blocks then.
    #[must_use]
    pub const fn is_restored(&self) -> bool {
        self.overlay.is_some()
    }

    /// Bytes of the parity that stands beside the file; 0 when there is none.
    #[must_use]
    pub fn parity_bytes(&self) -> u64 {
        self.overlay()
            .map_or(0, |overlay| overlay.sidecar().geometry().sidecar_bytes())
    }
}

/// A data file whose frame is damaged, seen through its parity; `None` when there is no parity of
/// it. Where the file still says which one it is, its parity has to say the same.
pub(super) fn overlay(
    home: &StorageHome,
    number: DataFileNumber,
    path: &Path,
    file: &Arc<dyn File>,
) -> Option<Arc<Overlay>> {
    let trailer = || {
        let length = file_length(&**file, path).ok()?;
        let trailer = read_trailer(&**file, path, length).ok()?;
        Some(trailer.identity)
    };
    let identity = read_header(&**file, path).ok().or_else(trailer);
    let salt = identity.map(|identity| identity.salt);
    let sidecar = Sidecar::open(home, number, salt).ok()?;
    // One of the two may have been cut off. Where neither is as long as the parity says, its header
    // is believed as little as the rest.
    let stands = file_length(&**file, path).ok();
    let is_plausible = stands == Some(sidecar.geometry().file_bytes) || sidecar.has_its_length();
    is_plausible.then(|| Arc::new(Overlay::new(Arc::clone(file), sidecar)))
}
