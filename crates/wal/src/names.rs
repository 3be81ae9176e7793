//! The names of the files of one log.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use docdb_types::DatabaseName;

use crate::limits::COUNTER_LIMIT;

/// What a file of the log's directory is to this log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LogFile {
    /// `<db>.wal.<n>`
    Sealed(u64),
    /// `<db>.wal`
    Active,
    /// `<db>.wal.tmp`: a segment that was being prepared.
    Prepared,
}

/// The names of the files of one log.
#[derive(Debug, Clone)]
pub(crate) struct LogNames {
    directory: PathBuf,
    active: String,
}

impl LogNames {
    pub(crate) fn new(directory: &Path, database: &DatabaseName) -> Self {
        Self {
            directory: directory.to_owned(),
            active: format!("{database}.wal"),
        }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// How the names of all its files begin.
    pub(crate) fn prefix(&self) -> &OsStr {
        OsStr::new(&self.active)
    }

    pub(crate) fn name(&self, file: LogFile) -> String {
        match file {
            LogFile::Active => self.active.clone(),
            LogFile::Sealed(number) => format!("{}.{number}", self.active),
            LogFile::Prepared => format!("{}.tmp", self.active),
        }
    }

    pub(crate) fn path(&self, file: LogFile) -> PathBuf {
        self.directory.join(self.name(file))
    }

    /// What the file of this name is to this log; `None` when it is none of its files.
    ///
    /// A number is decimal, 1 and up, without leading zeros or sign: one segment has one name.
    pub(crate) fn parse(&self, name: &str) -> Option<LogFile> {
        let suffix = match name.strip_prefix(&self.active)? {
            "" => return Some(LogFile::Active),
            suffix => suffix.strip_prefix('.')?,
        };
        if suffix == "tmp" {
            return Some(LogFile::Prepared);
        }
        let digits = suffix.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || suffix.starts_with('0') {
            return None;
        }
        let number = suffix.parse().ok()?;
        (number < COUNTER_LIMIT).then_some(LogFile::Sealed(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> LogNames {
        LogNames::new(Path::new("dir"), &DatabaseName::new("a.wal.7").unwrap())
    }

    #[test]
    fn every_name_is_parsed_as_what_it_was_made_for() {
        for file in [
            LogFile::Active,
            LogFile::Prepared,
            LogFile::Sealed(1),
            LogFile::Sealed(10),
            LogFile::Sealed(COUNTER_LIMIT - 1),
        ] {
            assert_eq!(names().parse(&names().name(file)), Some(file));
        }
        assert_eq!(
            names().path(LogFile::Sealed(2)),
            Path::new("dir/a.wal.7.wal.2")
        );
    }

    #[test]
    fn foreign_names_are_none_of_the_logs_files() {
        for name in [
            "a.wal",
            "a.wal.7",
            "a.wal.7.wal.0",
            "a.wal.7.wal.01",
            "a.wal.7.wal.1a",
            "a.wal.7.wal.bak",
            "a.wal.7.wal.1.tmp",
            "a.wal.7.wal.",
            "a.wal.7.wal1",
            "a.wal.7.wal.+1",
            "a.wal.7.wal.4611686018427387904",
            "a.wal.7.wal.18446744073709551616",
            "b.wal",
            "",
        ] {
            assert_eq!(names().parse(name), None, "{name}");
        }
    }

    #[test]
    fn segments_are_ordered_by_number() {
        let mut files = vec![LogFile::Active, LogFile::Sealed(10), LogFile::Sealed(2)];
        files.sort_unstable();
        assert_eq!(
            files,
            [LogFile::Sealed(2), LogFile::Sealed(10), LogFile::Active]
        );
    }
}
