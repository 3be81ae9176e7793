//! What a restore is about to write, so that the next one can tell what a crash left of it.

use std::io;
use std::path::{Path, PathBuf};

use docdb_types::{Code, DatabaseName, Error};
use docdb_vfs::{Host, read_whole, remove_durable, write_whole};

use super::copy::failed;

/// Longest plan: a million names.
const MAX_BYTES: u64 = 80 << 20;

/// The file `.restore` of a data directory: the names of databases, one a line.
pub(super) struct Plan<'a> {
    host: &'a Host,
    path: PathBuf,
}

impl<'a> Plan<'a> {
    pub(super) fn of(host: &'a Host, data_directory: &Path) -> Self {
        Self {
            host,
            path: data_directory.join(".restore"),
        }
    }

    /// What a restore that was cut off was about to write.
    pub(super) fn unfinished(&self) -> Result<Vec<DatabaseName>, Error> {
        let bytes = match read_whole(&*self.host.files, &self.path, MAX_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("read", &self.path, &error)),
        };
        let text = String::from_utf8(bytes).unwrap_or_default();
        let names: Result<Vec<_>, _> = text.lines().map(DatabaseName::new).collect();
        names.map_err(|_| {
            let shown = self.path.display();
            let text = format!("{shown} is no list of databases: move it away");
            Error::new(Code::FileRead, text)
        })
    }

    /// Notes what is about to be written, durably.
    pub(super) fn begin<'n>(
        &self,
        names: impl Iterator<Item = &'n DatabaseName>,
    ) -> Result<(), Error> {
        let text: String = names.map(|name| format!("{name}\n")).collect();
        write_whole(&*self.host.files, &self.path, text.as_bytes())
            .map_err(|error| failed("write", &self.path, &error))
    }

    /// Notes that nothing is left half done.
    pub(super) fn end(&self) -> Result<(), Error> {
        remove_durable(&*self.host.files, &self.path)
            .map_err(|error| failed("remove", &self.path, &error))
    }
}
