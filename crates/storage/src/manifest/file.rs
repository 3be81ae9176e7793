//! The file of the manifest: two copies, one behind the other, replaced together.

use docdb_types::DatabaseUid;
use docdb_vfs::{read_readable, write_whole};

use super::Manifest;
use super::codec::{COPY_ALIGNMENT, FORMAT_VERSION, Refusal, decode, encode};
use crate::error::FileAction;
use crate::{StorageError, StorageHome};

/// Longest file: two copies with some million collections.
const MAX_FILE_BYTES: u64 = 512 << 20;

/// A manifest as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedManifest {
    /// What it says.
    pub manifest: Manifest,
    /// Whether the file is anything but two good copies: storing the manifest again heals it.
    pub is_damaged: bool,
}

impl Manifest {
    /// Replaces the manifest of a database by this one.
    ///
    /// # Durability
    /// On success this manifest survives a power cut. After an error, and after a power cut during
    /// the call, the old or this one is found, each of them whole.
    ///
    /// # Errors
    /// [`StorageError::Io`]: which of the two a later open finds is not known.
    pub fn store(&self, home: &StorageHome) -> Result<(), StorageError> {
        let copy = encode(home.uid, self);
        let path = home.manifest_path();
        write_whole(&*home.host.files, &path, &copy.repeat(2))
            .map_err(|source| StorageError::io(FileAction::Publish, &path, source))
    }

    /// One copy, as it stands in the file of the database with this uid.
    #[must_use]
    pub fn to_bytes(&self, uid: DatabaseUid) -> Vec<u8> {
        encode(uid, self)
    }

    /// The manifest that [`to_bytes`](Self::to_bytes) has made these bytes of, and whose it is;
    /// `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<(DatabaseUid, Self)> {
        let (uid, manifest, length) = decode(bytes).ok()?;
        (length == bytes.len()).then_some((uid, manifest))
    }

    /// Loads the manifest of a database: either copy suffices.
    ///
    /// # Errors
    /// [`StorageError::Missing`]; [`StorageError::Corrupt`] when no copy verifies, and
    /// [`Manifest::rebuild`] is what can help; [`StorageError::NewerFormat`],
    /// [`StorageError::UnknownFeatures`], [`StorageError::Foreign`], [`StorageError::Io`]. Nothing
    /// is changed in any case.
    pub fn load(home: &StorageHome) -> Result<LoadedManifest, StorageError> {
        let path = home.manifest_path();
        let read = read_readable(&*home.host.files, &path, MAX_FILE_BYTES);
        let (bytes, unreadable) = read.map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => StorageError::Missing { path: path.clone() },
            std::io::ErrorKind::FileTooLarge => {
                StorageError::corrupt(&path, MAX_FILE_BYTES, "manifest: length")
            }
            _ => StorageError::io(FileAction::Read, &path, source),
        })?;
        // Where the second copy begins is known from the first one, or from trying.
        let tries: Vec<_> = (0..bytes.len())
            .step_by(COPY_ALIGNMENT)
            .map(|at| decode(bytes.get(at..).unwrap_or_default()))
            .collect();
        let mut found = tries.iter().filter_map(|tried| tried.as_ref().ok());
        let Some((uid, manifest, copy_bytes)) = found.next() else {
            // What cannot be read is no damage, and may be there tomorrow.
            return Err(match (refusal(home, &tries), unreadable) {
                (StorageError::Corrupt { .. }, Some(source)) => {
                    StorageError::io(FileAction::Read, &path, source)
                }
                (refusal, _) => refusal,
            });
        };
        if *uid != home.uid {
            return Err(StorageError::Foreign {
                path,
                expected: home.uid,
                found: *uid,
            });
        }
        let is_whole = bytes.len() == 2 * copy_bytes
            && found
                .next()
                .is_some_and(|(_, second, _)| second == manifest)
            && found.next().is_none();
        Ok(LoadedManifest {
            manifest: manifest.clone(),
            is_damaged: !is_whole,
        })
    }
}

/// The error for a file without any copy that can be used.
fn refusal(
    home: &StorageHome,
    tries: &[Result<(DatabaseUid, Manifest, usize), Refusal>],
) -> StorageError {
    let path = home.manifest_path();
    for refusal in tries.iter().filter_map(|tried| tried.as_ref().err()) {
        match *refusal {
            Refusal::NewerFormat(version) => {
                return StorageError::NewerFormat {
                    path,
                    version,
                    known: FORMAT_VERSION,
                };
            }
            Refusal::UnknownFeatures(features) => {
                return StorageError::UnknownFeatures { path, features };
            }
            Refusal::Damaged => {}
        }
    }
    StorageError::corrupt(&path, 0, "manifest: no copy verifies")
}
