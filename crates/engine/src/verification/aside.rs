//! Copies of the files that a repair is about to change.

use std::io;
use std::path::{Path, PathBuf};

use docdb_types::{Code, DatabaseName, Error};
use docdb_vfs::{EntryKind, Host, OpenMode, Vfs, create_dir_durable};

use crate::options::EngineOptions;

/// Copies the log and the manifest of a database into a directory of their own, durably, and
/// returns it: `<data-dir>/<db>.aside.<time>`.
pub(super) fn keep_aside(
    host: &Host,
    options: &EngineOptions,
    name: &DatabaseName,
) -> Result<PathBuf, Error> {
    let millis = host.clock.unix_time().as_millis();
    let aside = options
        .data_directory
        .join(format!("{name}.aside.{millis}"));
    copy_all(&*host.files, options, name, &aside).map_err(|error| {
        let text = format!("cannot keep the originals in {}: {error}", aside.display());
        let code = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::DiskFull,
            _ => Code::FileWrite,
        };
        Error::new(code, text)
    })?;
    Ok(aside)
}

fn copy_all(
    files: &dyn Vfs,
    options: &EngineOptions,
    name: &DatabaseName,
    aside: &Path,
) -> io::Result<()> {
    create_dir_durable(files, aside)?;
    let sources = [
        (&options.data_directory, format!("{name}.manifest")),
        (&options.wal_directory, format!("{name}.wal")),
    ];
    for (directory, prefix) in sources {
        for entry in files.list_prefixed(directory, prefix.as_ref())? {
            if entry.kind == EntryKind::File {
                copy(
                    files,
                    &directory.join(&entry.name),
                    &aside.join(&entry.name),
                )?;
            }
        }
    }
    files.sync_dir(aside)
}

fn copy(files: &dyn Vfs, from: &Path, to: &Path) -> io::Result<()> {
    let (source, target) = (
        files.open(from, OpenMode::Read)?,
        files.open(to, OpenMode::CreateNew)?,
    );
    let mut part = vec![0; 256 * 1024];
    let mut offset = 0;
    loop {
        let read = source.read_at(&mut part, offset)?;
        if read == 0 {
            return target.sync_all();
        }
        target.write_all_at(part.get(..read).unwrap_or_default(), offset)?;
        offset += read as u64;
    }
}
