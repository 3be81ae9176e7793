//! Names of the files of one database.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use docdb_types::DatabaseName;

use crate::DataFileNumber;

/// What a file name says about a file of one database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageFile {
    /// `<db>.manifest`
    Manifest,
    /// `<db>.data.<n>`
    Data(DataFileNumber),
    /// `<db>.parity.<n>`: the parity of the data file of the number.
    Parity(DataFileNumber),
    /// One of the three with `.tmp` behind it: left by a write that did not finish.
    Leftover,
}

impl StorageFile {
    /// What `file_name` is to the database `name`; `None` for everything that this crate does not
    /// write under exactly that name.
    #[must_use]
    pub fn parse(name: &DatabaseName, file_name: &OsStr) -> Option<Self> {
        let kind = file_name.to_str()?.strip_prefix(name.as_str())?;
        match kind.strip_suffix(".tmp") {
            Some(finished) => Self::parse_kind(finished).map(|_| Self::Leftover),
            None => Self::parse_kind(kind),
        }
    }

    fn parse_kind(kind: &str) -> Option<Self> {
        if kind == ".manifest" {
            return Some(Self::Manifest);
        }
        let (digits, number): (_, fn(DataFileNumber) -> Self) =
            if let Some(digits) = kind.strip_prefix(".data.") {
                (digits, Self::Data)
            } else {
                (kind.strip_prefix(".parity.")?, Self::Parity)
            };
        // Only the text that `data_file_path` writes: no sign, no leading zero.
        if digits.starts_with('0') || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        digits
            .parse()
            .ok()
            .and_then(DataFileNumber::new)
            .map(number)
    }
}

/// The path of the manifest of the database `name` in `directory`.
#[must_use]
pub fn manifest_path(directory: &Path, name: &DatabaseName) -> PathBuf {
    directory.join(format!("{name}.manifest"))
}

/// The path of the data file `number` of the database `name` in `directory`.
#[must_use]
pub fn data_file_path(directory: &Path, name: &DatabaseName, number: DataFileNumber) -> PathBuf {
    directory.join(format!("{name}.data.{number}"))
}

/// The path of the parity of the data file `number`.
pub(crate) fn parity_path(
    directory: &Path,
    name: &DatabaseName,
    number: DataFileNumber,
) -> PathBuf {
    directory.join(format!("{name}.parity.{number}"))
}

/// The name under which the file at `path` is written before it is published.
pub(crate) fn temporary_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(file_name: &str) -> Option<StorageFile> {
        StorageFile::parse(&DatabaseName::new("db").unwrap(), OsStr::new(file_name))
    }

    fn data(number: u32) -> Option<StorageFile> {
        DataFileNumber::new(number).map(StorageFile::Data)
    }

    #[test]
    fn names_that_are_written_are_recognised() {
        let name = DatabaseName::new("db").unwrap();
        let number = DataFileNumber::new(12).unwrap();
        for (path, expected) in [
            (
                manifest_path(Path::new("d"), &name),
                Some(StorageFile::Manifest),
            ),
            (data_file_path(Path::new("d"), &name, number), data(12)),
            (
                parity_path(Path::new("d"), &name, number),
                Some(StorageFile::Parity(number)),
            ),
        ] {
            assert_eq!(
                StorageFile::parse(&name, path.file_name().unwrap()),
                expected
            );
            let temporary = temporary_path(&path);
            assert_eq!(
                StorageFile::parse(&name, temporary.file_name().unwrap()),
                Some(StorageFile::Leftover)
            );
        }
        assert_eq!(parse("db.data.134217727"), data(134_217_727));
    }

    #[test]
    fn names_that_are_not_written_are_nobodys() {
        for stray in [
            "db",
            "db.",
            "db.data",
            "db.data.",
            "db.data.0",
            "db.data.01",
            "db.data.+1",
            "db.data.1a",
            "db.data.1.bak",
            "db.data.-1",
            "db.data.134217728",
            "db.data.99999999999999999999",
            "db.data.1.tmp.tmp",
            "db.tmp",
            "db.wal.tmp",
            "db.manifest.bak",
            "db.manifest.1",
            "other.data.1",
            "db2.data.1",
            "db.data.data.1",
            "Db.data.1",
        ] {
            assert_eq!(parse(stray), None, "{stray}");
        }
    }

    #[test]
    fn a_database_whose_name_continues_anothers_keeps_its_files() {
        let longer = DatabaseName::new("db.data.1").unwrap();
        let path = data_file_path(Path::new("d"), &longer, DataFileNumber::FIRST);
        let file_name = path.file_name().unwrap();
        assert_eq!(StorageFile::parse(&longer, file_name), data(1));
        assert_eq!(parse(file_name.to_str().unwrap()), None);
    }
}
