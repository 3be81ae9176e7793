use docdb_types::DatabaseName;
use docdb_vfs::{EntryKind, Vfs};
use std::io;
use std::path::Path;

use crate::WalError;
use crate::error::{file_name, io_error};
use crate::names::LogNames;

/// Removes every file of the log of the database `name` from `directory`; none of them may be in
/// use. A directory without such files, and one that is missing, are fine.
///
/// # Durability
/// On success no file of the log comes back after a power cut. The caller has recorded durably that
/// the database is dropped: after a power cut during the call any of the files may be left, and
/// calling again finishes it.
///
/// # Errors
/// [`WalError::Io`] when the directory cannot be listed or a file not be removed;
/// [`WalError::Sync`] when the directory cannot be synced.
pub fn destroy(files: &dyn Vfs, directory: &Path, name: &DatabaseName) -> Result<(), WalError> {
    let names = LogNames::new(directory, name);
    let entries = match files.list_prefixed(directory, names.prefix()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(io_error("list", directory, source)),
    };
    for entry in entries {
        if entry.kind != EntryKind::File {
            continue;
        }
        let Some(file) = entry.name.to_str().and_then(|name| names.parse(name)) else {
            continue;
        };
        let path = names.path(file);
        match files.remove(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(io_error("remove", &path, source)),
        }
    }
    files.sync_dir(directory).map_err(|source| WalError::Sync {
        file: file_name(directory),
        source,
    })
}
