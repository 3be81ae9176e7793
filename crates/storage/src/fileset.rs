//! The open data files of one database.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use docdb_vfs::{EntryKind, Rest};
use parking_lot::{Mutex, RwLock};

use crate::error::FileAction;
use crate::{
    DataFile, DataFileNumber, DataFileRecord, Manifest, Opened, StorageError, StorageFile,
    StorageHome,
};

type Files = BTreeMap<DataFileNumber, Arc<DataFile>>;

/// The live data files, each open once. Cheap to clone; clones are the same set.
#[derive(Debug, Clone)]
pub struct FileSet {
    home: StorageHome,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    files: RwLock<Arc<Files>>,
    pins: Mutex<Pins>,
    /// Files that are on the disk only for those who still read them.
    retired: Mutex<Vec<Arc<DataFile>>>,
}

/// Files that were retired while a pin existed, for each pin.
#[derive(Debug, Default)]
struct Pins {
    held: BTreeMap<u64, Vec<Arc<DataFile>>>,
    next: u64,
}

/// The data files that are live at one moment.
#[derive(Debug, Clone)]
pub struct FileView(Arc<Files>);

impl FileView {
    /// The data file `number`, if it was live.
    #[must_use]
    pub fn get(&self, number: DataFileNumber) -> Option<&Arc<DataFile>> {
        self.0.get(&number)
    }

    /// The data files, by number.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<DataFile>> {
        self.0.values()
    }
}

/// Keeps every data file readable that is live when the pin is made, or becomes live later, until
/// the pin is dropped: what a snapshot holds.
#[derive(Debug)]
pub struct FilePin {
    shared: Arc<Shared>,
    id: u64,
}

impl FilePin {
    /// The data file `number`, whether it is live or was retired while the pin existed.
    #[must_use]
    pub fn get(&self, number: DataFileNumber) -> Option<Arc<DataFile>> {
        // ORDER: a file is held by the pins before it leaves the set.
        self.shared.get(number).or_else(|| {
            let pins = self.shared.pins.lock();
            pins.held
                .get(&self.id)?
                .iter()
                .find(|file| file.number() == number)
                .map(Arc::clone)
        })
    }
}

impl Drop for FilePin {
    fn drop(&mut self) {
        self.shared.pins.lock().held.remove(&self.id);
    }
}

impl Shared {
    fn get(&self, number: DataFileNumber) -> Option<Arc<DataFile>> {
        self.files.read().get(&number).map(Arc::clone)
    }
}

/// A live data file whose frame is damaged, and which was opened through its parity or by salvage.
#[derive(Debug)]
pub struct SalvagedFile {
    /// The file.
    pub number: DataFileNumber,
    /// What is wrong with it.
    pub error: StorageError,
    /// Where records have been lost, as byte ranges: see [`Salvage::lost`](crate::Salvage::lost).
    pub lost: Vec<Range<u64>>,
    /// Whether parity restored the frame: nothing is lost unless a record says so.
    pub is_restored: bool,
}

impl FileSet {
    /// Opens every data file that the manifest names, at its best. One whose frame is damaged is
    /// reported.
    ///
    /// # Errors
    /// As [`DataFile::open_at_best`]; [`StorageError::Misplaced`] when a file is
    /// not the one that the manifest means.
    pub fn open(
        home: &StorageHome,
        manifest: &Manifest,
    ) -> Result<(Self, Vec<SalvagedFile>), StorageError> {
        let mut files = Files::new();
        let mut salvaged = Vec::new();
        for record in &manifest.data_files {
            let number = record.number;
            let Opened { file, damage, lost } = DataFile::open_at_best(home, number)?;
            check(record, &file)?;
            if let Some(error) = damage {
                salvaged.push(SalvagedFile {
                    number,
                    error,
                    lost,
                    is_restored: !file.is_salvaged(),
                });
            }
            files.insert(number, Arc::new(file));
        }
        let shared = Arc::new(Shared {
            files: RwLock::new(Arc::new(files)),
            pins: Mutex::default(),
            retired: Mutex::default(),
        });
        let home = home.clone();
        Ok((Self { home, shared }, salvaged))
    }

    /// The live data files now.
    #[must_use]
    pub fn view(&self) -> FileView {
        FileView(Arc::clone(&self.shared.files.read()))
    }

    /// Pins the live data files, and those that become live later. For a snapshot, the pin is made
    /// by [`Index::snapshot_with`](crate::Index::snapshot_with).
    #[must_use]
    pub fn pin(&self) -> FilePin {
        let mut pins = self.shared.pins.lock();
        let id = pins.next;
        pins.next += 1;
        pins.held.insert(id, Vec::new());
        FilePin {
            shared: Arc::clone(&self.shared),
            id,
        }
    }

    /// The data file `number`, if it is live. When the index has just named it and it is not,
    /// compaction came between: the index names another one by now.
    #[must_use]
    pub fn get(&self, number: DataFileNumber) -> Option<Arc<DataFile>> {
        self.shared.get(number)
    }

    /// Opens the data file that `record` names, which has been published, and adds it. Everything
    /// but its records is read back and verified.
    ///
    /// ORDER: after the manifest that names it has been stored, before the index points to it.
    ///
    /// # Errors
    /// As [`DataFile::open`].
    pub fn add(&self, record: &DataFileRecord) -> Result<Arc<DataFile>, StorageError> {
        let file = DataFile::open(&self.home, record.number)?;
        check(record, &file)?;
        let file = Arc::new(file);
        let mut files = self.shared.files.write();
        Arc::make_mut(&mut files).insert(record.number, Arc::clone(&file));
        Ok(file)
    }

    /// Takes data files out of the set. Each can be removed from the disk when the last pin that
    /// exists now and the last read of it are gone: by [`remove_retired`](Self::remove_retired), or
    /// with the set.
    ///
    /// ORDER: after a manifest without them has been stored and the index points elsewhere.
    pub fn retire(&self, numbers: &[DataFileNumber]) {
        let retired: Vec<_> = numbers
            .iter()
            .filter_map(|number| self.get(*number))
            .collect();
        for held in self.shared.pins.lock().held.values_mut() {
            held.extend(retired.iter().map(Arc::clone));
        }
        let mut files = self.shared.files.write();
        Arc::make_mut(&mut files).retain(|number, _| !numbers.contains(number));
        drop(files);
        for file in &retired {
            file.retire();
        }
        self.shared.retired.lock().extend(retired);
    }

    /// Removes from the disk what has been retired and is not read any more; returns whether
    /// anything is left for those who still read it.
    ///
    /// To be called by whoever has time: a large file takes a while to remove, with a `rest` behind each
    /// part ([`Vfs::remove_gently`](docdb_vfs::Vfs::remove_gently)), and a read that lets go of it last
    /// does not wait for that.
    #[must_use]
    pub fn remove_retired(&self, rest: Rest<'_>) -> bool {
        let mut retired = self.shared.retired.lock();
        // Nobody can come by a file that only this list has.
        let unused: Vec<_> = retired
            .extract_if(.., |file| Arc::strong_count(file) == 1)
            .collect();
        let is_any_left = !retired.is_empty();
        drop(retired);
        let unused = unused.into_iter().filter_map(Arc::into_inner);
        unused.for_each(|file| file.remove_gently(rest));
        is_any_left
    }

    /// How many data files are open: the live ones, and the retired ones that are still read.
    #[must_use]
    pub fn open_files(&self) -> u64 {
        let retired = self.shared.retired.lock().len();
        let live = self.shared.files.read().len();
        (live + retired) as u64
    }

    /// Bytes of all live data files.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.view().iter().map(|file| file.file_bytes()).sum()
    }
}

/// Checks that a file is the one that the manifest means.
fn check(record: &DataFileRecord, file: &DataFile) -> Result<(), StorageError> {
    let found = file.record();
    let is_it = if file.is_salvaged() {
        found.salt == record.salt
    } else {
        found == *record
    };
    if is_it {
        Ok(())
    } else {
        let path = file.path().to_owned();
        Err(StorageError::Misplaced {
            path,
            found: found.number.get(),
        })
    }
}

/// Files of a database that its manifest does not name: written by something that did not finish,
/// or retired.
#[derive(Debug)]
pub struct Orphans {
    home: StorageHome,
    paths: Vec<PathBuf>,
}

impl Orphans {
    /// Lists them. Only names that this crate writes count; everything else is nobody's business
    /// here.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when one of them proves that the manifest is not the newest one:
    /// a lost or restored manifest, under which removing anything would lose data.
    /// [`StorageError::Foreign`] when one belongs to another database. [`StorageError::Io`].
    pub fn find(home: &StorageHome, manifest: &Manifest) -> Result<Self, StorageError> {
        let directory = home.directory();
        let listed = home
            .host
            .files
            .list_prefixed(directory, home.file_prefix().as_ref())
            .map_err(|source| StorageError::io(FileAction::List, directory, source))?;
        let mut paths = Vec::new();
        for entry in listed.iter().filter(|entry| entry.kind == EntryKind::File) {
            let is_orphan = match StorageFile::parse(&home.name, &entry.name) {
                Some(StorageFile::Leftover) => true,
                Some(StorageFile::Data(number)) => {
                    let is_live = manifest.data_files.iter().any(|file| file.number == number);
                    if !is_live {
                        check_orphan(home, manifest, number)?;
                    }
                    !is_live
                }
                Some(StorageFile::Parity(number)) => {
                    manifest.data_files.iter().all(|file| file.number != number)
                }
                Some(StorageFile::Manifest) | None => false,
            };
            if is_orphan {
                paths.push(directory.join(&entry.name));
            }
        }
        Ok(Self {
            home: home.clone(),
            paths,
        })
    }

    /// The paths.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Removes them.
    ///
    /// # Durability
    /// On success their names do not come back.
    ///
    /// # Errors
    /// [`StorageError::Io`]; some may have been removed.
    pub fn remove(self) -> Result<(), StorageError> {
        let vfs = &*self.home.host.files;
        for path in &self.paths {
            match vfs.remove(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StorageError::io(FileAction::Remove, path, error));
                }
                _ => {}
            }
        }
        if self.paths.is_empty() {
            return Ok(());
        }
        let directory = self.home.directory();
        vfs.sync_dir(directory)
            .map_err(|source| StorageError::io(FileAction::Remove, directory, source))
    }
}

/// A data file that was written beside the manifest before the newest one, or earlier, is an
/// orphan; a later one proves that a manifest has been lost.
fn check_orphan(
    home: &StorageHome,
    manifest: &Manifest,
    number: DataFileNumber,
) -> Result<(), StorageError> {
    match DataFile::open(home, number) {
        Ok(file) => {
            let generation = file.metadata().map_or(0, |metadata| metadata.generation);
            if generation > manifest.generation.saturating_add(1) {
                let what = "manifest: older than a data file, a later manifest has been lost";
                return Err(StorageError::corrupt(&home.manifest_path(), 0, what));
            }
            Ok(())
        }
        // Damaged, it proves nothing.
        Err(StorageError::Corrupt { .. } | StorageError::Misplaced { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
