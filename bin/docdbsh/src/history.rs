//! The lines that were run, and where those typed at a terminal are kept.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Lines that are kept, in memory and in the file.
pub(crate) const KEPT_LINES: usize = 1000;
/// Bytes of a line that are kept: a history is for finding a line again, not for holding documents.
const KEPT_BYTES: usize = 4096;

/// The newest lines of a session, oldest first.
#[derive(Debug, Default)]
pub(crate) struct History(VecDeque<String>);

impl History {
    /// Keeps a line, cut where it is long.
    pub(crate) fn push(&mut self, line: &[u8]) {
        if self.0.len() == KEPT_LINES {
            self.0.pop_front();
        }
        let kept = line.get(..KEPT_BYTES).unwrap_or(line);
        self.0.push_back(String::from_utf8_lossy(kept).into_owned());
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }
}

/// The history file: in `XDG_STATE_HOME`, else in `~/.local/state`. `None` where neither is known.
pub(crate) fn file(state_home: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |path: &PathBuf| path.is_absolute();
    let state = state_home
        .filter(absolute)
        .or_else(|| Some(home.filter(absolute)?.join(".local/state")))?;
    Some(state.join("docdb/history"))
}

/// Creates the file and its directory where they are missing. Only their owner may read them: lines
/// hold documents.
pub(crate) fn prepare(file: &Path) -> io::Result<()> {
    if let Some(directory) = file.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
    }
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(file)?;
    fs::set_permissions(file, Permissions::from_mode(0o600))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_lies_in_the_state_directory() {
        let path = |text: &str| Some(PathBuf::from(text));
        let expected = PathBuf::from("/s/docdb/history");
        assert_eq!(file(path("/s"), path("/h")), Some(expected));
        let expected = PathBuf::from("/h/.local/state/docdb/history");
        assert_eq!(file(None, path("/h")), Some(expected.clone()));
        assert_eq!(file(path("relative"), path("/h")), Some(expected));
        assert_eq!(file(None, None), None);
    }

    #[test]
    fn only_the_owner_may_read_what_was_typed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state/docdb/history");
        prepare(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        prepare(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn the_newest_lines_are_kept() {
        let mut history = History::default();
        for number in 0..KEPT_LINES + 5 {
            history.push(number.to_string().as_bytes());
        }
        assert_eq!(history.lines().len(), KEPT_LINES);
        assert_eq!(history.lines()[0], "5");
    }
}
