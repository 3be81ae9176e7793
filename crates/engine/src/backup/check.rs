use std::path::Path;

use docdb_types::{Code, Error};
use docdb_vfs::{Host, OpenMode};

use super::copy::{checksum, failed, file_name};
use super::index::Image;
use super::report::{BackupFailure, CheckedBackup};
use super::store::{Store, files_of, summary};

/// Reads every byte of a backup, the newest where none is chosen, and changes none.
///
/// # Errors
/// `FileOpen` where there is no such backup, `CorruptRecord` where its index is damaged. Damage to
/// the rest is no error: it is in the report.
pub fn verify_backup(
    host: &Host,
    directory: &Path,
    number: Option<u64>,
) -> Result<CheckedBackup, Error> {
    let store = Store::new(host, directory);
    let number = store.chosen(number)?;
    let index = store.load(number)?;
    let mut checked = CheckedBackup {
        summary: summary(number, &index),
        files: 0,
        bytes: 0,
        damage: Vec::new(),
    };
    for image in &index.databases {
        for (at, length) in image
            .manifest
            .data_files
            .iter()
            .map(|it| it.file_bytes)
            .enumerate()
        {
            match check_file(&store, image, at) {
                Ok(()) => {
                    checked.files += 1;
                    checked.bytes += length;
                }
                Err(error) => checked.damage.push(BackupFailure {
                    name: image.name.clone(),
                    error: error.in_database(&image.name),
                }),
            }
        }
    }
    Ok(checked)
}

/// Compares the copy of a data file of an image with its checksum.
fn check_file(store: &Store, image: &Image, at: usize) -> Result<(), Error> {
    let found = image
        .manifest
        .data_files
        .get(at)
        .zip(files_of(image).nth(at));
    let Some((record, (key, expected))) = found else {
        return Err(Error::new(Code::Internal, "the backup has no such file"));
    };
    let path = store.data_path(key);
    let file = store.host.files.open(&path, OpenMode::Read);
    let file = file.map_err(|error| failed("open", &path, &error))?;
    let length = file
        .length()
        .map_err(|error| failed("read", &path, &error))?;
    let damaged = |text: String| Error::new(Code::CorruptRecord, text).in_file(file_name(&path));
    if length != record.file_bytes {
        let wanted = record.file_bytes;
        return Err(damaged(format!(
            "it has {length} bytes instead of {wanted}"
        )));
    }
    let sum = checksum(&*file, length).map_err(|error| failed("read", &path, &error))?;
    if sum != expected {
        return Err(damaged(
            "its bytes are not those that were backed up".to_owned(),
        ));
    }
    Ok(())
}
