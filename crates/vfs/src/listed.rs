//! A file system that lists a directory once.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::{Entry, EntryKind, File, Lock, LockError, OpenMode, Rest, Vfs};

type Listing = BTreeMap<OsString, EntryKind>;

/// Another file system, seen by somebody who alone changes its directories: each is read when it is
/// first listed, and what is created, renamed and removed from then on is followed in memory. To
/// list the few files of one name among those of thousands then costs what those few cost.
///
/// A call that fails may have changed anything: its directory is read again when it is listed next.
/// What another process does to a directory is not seen; whoever uses this holds the lock of the
/// directory against others, and treats a name that turns out to be gone as one never listed.
#[derive(Debug)]
pub struct ListedVfs {
    files: Arc<dyn Vfs>,
    /// ORDER: what changes a directory is done first and noted here afterwards, and a directory is
    /// read under this lock: a change is either in what is read or noted behind it.
    listings: Mutex<HashMap<PathBuf, Listing>>,
}

impl ListedVfs {
    /// Stands before `files`.
    #[must_use]
    pub fn new(files: Arc<dyn Vfs>) -> Self {
        Self {
            files,
            listings: Mutex::default(),
        }
    }

    fn with_listing<R>(&self, dir: &Path, look: impl FnOnce(&Listing) -> R) -> io::Result<R> {
        let mut listings = self.listings.lock();
        if let Some(listing) = listings.get(dir) {
            return Ok(look(listing));
        }
        let entries = self.files.list(dir)?.into_iter();
        let listing = entries.map(|entry| (entry.name, entry.kind)).collect();
        Ok(look(listings.entry(dir.to_owned()).or_insert(listing)))
    }

    fn added<T, E>(&self, path: &Path, kind: EntryKind, outcome: &Result<T, E>) {
        self.note(path, outcome, |listing, name| {
            listing.insert(name.to_owned(), kind);
        });
    }

    fn gone(&self, path: &Path) {
        self.note(path, &Ok::<(), ()>(()), |listing, name| {
            listing.remove(name);
        });
    }

    /// Notes a removal, and hands its outcome on.
    fn removed(&self, path: &Path, removed: io::Result<()>) -> io::Result<()> {
        match &removed {
            // Nothing was there and nothing is: the usual answer of a removal to be sure.
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.gone(path),
            removed => self.note(path, removed, |listing, name| {
                listing.remove(name);
            }),
        }
        removed
    }

    /// Notes what a call did to the directory of `path`; after a failure nobody knows.
    fn note<T, E>(
        &self,
        path: &Path,
        outcome: &Result<T, E>,
        change: impl FnOnce(&mut Listing, &OsStr),
    ) {
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
            return;
        };
        let mut listings = self.listings.lock();
        if outcome.is_err() {
            listings.remove(dir);
        } else if let Some(listing) = listings.get_mut(dir) {
            change(listing, name);
        }
    }
}

impl Vfs for ListedVfs {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let opened = self.files.open(path, mode);
        match &opened {
            opened if mode.creates() => self.added(path, EntryKind::File, opened),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.gone(path),
            _ => {}
        }
        opened
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let renamed = self.files.rename(from, to);
        // ORDER: the new name first, so that no listing has neither.
        self.added(to, EntryKind::File, &renamed);
        self.note(from, &renamed, |listing, name| {
            listing.remove(name);
        });
        renamed
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.removed(path, self.files.remove(path))
    }

    fn remove_gently(&self, path: &Path, rest: Rest<'_>) -> io::Result<()> {
        self.removed(path, self.files.remove_gently(path, rest))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        self.with_listing(dir, |listing| listing.iter().map(entry).collect())
    }

    fn list_prefixed(&self, dir: &Path, prefix: &OsStr) -> io::Result<Vec<Entry>> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        self.with_listing(dir, |listing| {
            let found = listing.range::<OsStr, _>(from);
            found
                .take_while(|(name, _)| begins_with(name, prefix))
                .map(entry)
                .collect()
        })
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let created = self.files.create_dir(dir);
        self.added(dir, EntryKind::Directory, &created);
        created
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.files.exists(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.files.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>, LockError> {
        let taken = self.files.lock(path);
        self.added(path, EntryKind::File, &taken);
        taken
    }

    fn available_bytes(&self, path: &Path) -> io::Result<u64> {
        self.files.available_bytes(path)
    }
}

fn entry((name, kind): (&OsString, &EntryKind)) -> Entry {
    Entry {
        name: name.clone(),
        kind: *kind,
    }
}

pub(crate) fn begins_with(name: &OsStr, prefix: &OsStr) -> bool {
    name.as_encoded_bytes()
        .starts_with(prefix.as_encoded_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fault, FaultKind, FaultOn, SimVfs, create_dir_durable, write_whole};

    fn names(entries: &[Entry]) -> Vec<&str> {
        let names = entries.iter().map(|entry| entry.name.to_str().unwrap());
        names.collect()
    }

    #[test]
    fn every_change_is_followed_as_a_new_listing_would_show_it() {
        let disk = SimVfs::new(1);
        let listed = ListedVfs::new(Arc::new(disk.clone()));
        let dir = Path::new("/d");
        create_dir_durable(&listed, dir).unwrap();
        let steps: [&dyn Fn(); 7] = [
            &|| write_whole(&listed, &dir.join("a.1"), b"1").unwrap(),
            &|| write_whole(&listed, &dir.join("a.2"), b"2").unwrap(),
            &|| write_whole(&listed, &dir.join("ab"), b"3").unwrap(),
            &|| {
                listed.rename(&dir.join("a.1"), &dir.join("a.2")).unwrap();
            },
            &|| listed.create_dir(&dir.join("a.dir")).unwrap(),
            &|| listed.remove(&dir.join("ab")).unwrap(),
            &|| drop(listed.lock(&dir.join(".lock")).unwrap()),
        ];
        for step in steps {
            step();
            let expected = disk.list(dir).unwrap();
            assert_eq!(listed.list(dir).unwrap(), expected);
            for prefix in ["", "a", "a.", "a.2", "z"] {
                let prefix = OsStr::new(prefix);
                assert_eq!(
                    listed.list_prefixed(dir, prefix).unwrap(),
                    disk.list_prefixed(dir, prefix).unwrap()
                );
            }
        }
        assert_eq!(names(&listed.list(dir).unwrap()), [".lock", "a.2", "a.dir"]);
    }

    #[test]
    fn a_directory_is_read_once_and_again_after_a_failure() {
        let disk = SimVfs::new(1);
        let listed = ListedVfs::new(Arc::new(disk.clone()));
        let dir = Path::new("/");
        write_whole(&listed, &dir.join("a"), b"1").unwrap();
        listed.list(dir).unwrap();
        let before = disk.operations();
        listed.list(dir).unwrap();
        listed.list_prefixed(dir, OsStr::new("a")).unwrap();
        assert_eq!(disk.operations(), before);

        let at = FaultOn::Mutation(disk.mutations());
        disk.fail(Fault::once(at, FaultKind::Eio));
        assert!(listed.remove(&dir.join("a")).is_err());
        // Somebody else may even have been there.
        disk.open(&dir.join("b"), OpenMode::CreateNew).unwrap();
        assert_eq!(names(&listed.list(dir).unwrap()), ["a", "b"]);
    }

    #[test]
    fn what_is_changed_while_the_directory_is_read_is_in_the_listing() {
        let disk = SimVfs::new(1);
        for round in 0..50 {
            let listed = ListedVfs::new(Arc::new(disk.clone()));
            let name = format!("file{round}");
            std::thread::scope(|scope| {
                scope.spawn(|| listed.list(Path::new("/")).unwrap());
                let path = Path::new("/").join(&name);
                listed.open(&path, OpenMode::CreateNew).unwrap();
            });
            let found = listed.list_prefixed(Path::new("/"), OsStr::new(&name));
            assert_eq!(names(&found.unwrap()), [name.as_str()]);
        }
    }
}
