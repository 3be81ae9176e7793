//! The file `.catalog`: two copies of the same contents, the second one at the first multiple of
//! 4096 behind the first, so that no damaged block reaches both.

use std::io;
use std::path::Path;

use docdb_types::DatabaseId;
use docdb_vfs::{OpenMode, Vfs, read_readable, write_whole};

use super::format::{self, Header};
use super::{CatalogError, Contents, Entry};

/// The name of the file.
pub(crate) const CATALOG_FILE: &str = ".catalog";
/// Copies begin at multiples of this.
const BLOCK_BYTES: usize = 4096;
/// Far above the catalog of a million databases.
const LIMIT_BYTES: u64 = 1 << 30;

/// What stands under the name of the catalog.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing.
    Missing,
    /// A catalog. Not `whole`: one of its copies is damaged.
    Catalog { contents: Contents, whole: bool },
    /// A file without a valid copy.
    Damaged {
        bytes: Vec<u8>,
        /// Ids below this one have been given to databases, as far as the headers tell.
        next_id: DatabaseId,
    },
}

/// Reads the file at `path`.
///
/// # Errors
/// `Newer`, and `Read` where what could be read holds no valid copy: a read error is not damage.
pub(super) fn load(files: &dyn Vfs, path: &Path) -> Result<Found, CatalogError> {
    let read_error = |source| CatalogError::Read {
        path: path.to_owned(),
        source,
    };
    let (bytes, unreadable) = match read_readable(files, path, LIMIT_BYTES) {
        Ok(read) => read,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Missing),
        Err(error) => return Err(read_error(error)),
    };
    let mut copies = Vec::new();
    let mut next_id = Contents::empty().next_id;
    for start in (0..bytes.len()).step_by(BLOCK_BYTES) {
        let copy = bytes.get(start..).unwrap_or_default();
        let Some(header) = Header::decode(copy) else {
            continue;
        };
        if header.version > format::VERSION {
            return Err(CatalogError::Newer {
                path: path.to_owned(),
                found: header.version,
                known: format::VERSION,
            });
        }
        next_id = next_id.max(header.next_id);
        copies.extend(format::decode(copy));
    }
    let whole = copies.len() >= 2;
    let newest = copies.into_iter().max_by_key(|copy| copy.generation);
    match (newest, unreadable) {
        (Some(contents), _) => Ok(Found::Catalog { contents, whole }),
        (None, Some(error)) => Err(read_error(error)),
        (None, None) => Ok(Found::Damaged { bytes, next_id }),
    }
}

/// The entries of the catalog of a directory, in the order of their names, and whether both copies
/// are whole; `None` where there is no copy. Changes nothing.
///
/// # Errors
/// As [`load`].
pub(crate) fn read(
    files: &dyn Vfs,
    directory: &Path,
) -> Result<Option<(Vec<Entry>, bool)>, CatalogError> {
    match load(files, &directory.join(CATALOG_FILE))? {
        Found::Catalog { contents, whole } => {
            Ok(Some((contents.entries.into_values().collect(), whole)))
        }
        Found::Missing | Found::Damaged { .. } => Ok(None),
    }
}

/// Replaces the file by `contents`.
///
/// # Durability
/// On success the contents survive a power cut; a power cut during the call leaves the old or the
/// new file.
pub(super) fn store(files: &dyn Vfs, path: &Path, contents: &Contents) -> io::Result<()> {
    write_whole(files, path, &encode(contents))
}

/// The bytes of the file that says `contents`.
fn encode(contents: &Contents) -> Vec<u8> {
    let copy = format::encode(contents);
    let second = copy.len().next_multiple_of(BLOCK_BYTES);
    let mut bytes = Vec::with_capacity(second + copy.len());
    bytes.extend_from_slice(&copy);
    bytes.resize(second, 0);
    bytes.extend_from_slice(&copy);
    bytes
}

/// Compares the file at `path` with what it was written as: its length, and where it first differs,
/// if it does. What the disk does not read differs.
///
/// # Errors
/// Where the file cannot be opened; `NotFound` where it is missing.
pub(super) fn compare(
    files: &dyn Vfs,
    path: &Path,
    contents: &Contents,
) -> io::Result<(u64, Option<u64>)> {
    let (bytes, unreadable) = read_readable(files, path, LIMIT_BYTES)?;
    let expected = encode(contents);
    let same = bytes.iter().zip(&expected).take_while(|(a, b)| a == b);
    let same = same.count();
    let is_whole = same == bytes.len() && same == expected.len() && unreadable.is_none();
    Ok((bytes.len() as u64, (!is_whole).then_some(same as u64)))
}

/// Whether the file at `path` is known to be of this generation.
pub(super) fn is_of_generation(files: &dyn Vfs, path: &Path, generation: u64) -> bool {
    let mut header = [0; format::HEADER_BYTES];
    files
        .open(path, OpenMode::Read)
        .and_then(|file| file.read_exact_at(&mut header, 0))
        .is_ok_and(|()| {
            Header::decode(&header).is_some_and(|header| header.generation == generation)
        })
}
