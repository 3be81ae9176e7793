use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use docdb_types::{DatabaseId, DatabaseName, DatabaseUid, QuotaChange, Quotas};
use docdb_vfs::{Host, Vfs, write_whole};
use parking_lot::Mutex;

use super::file::{self, CATALOG_FILE, Found};
use super::rebuild::{self, Rebuilt};
use super::{CatalogError, Contents, Entry, Identity, Status};

/// How a catalog came to be when its directory was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatalogOrigin {
    /// The directory was new.
    Created,
    /// It was read, both copies valid.
    Read,
    /// One copy was damaged; the other one was read.
    Healed,
    /// It was missing or damaged beyond reading, and was made anew from the manifests of the
    /// databases: ids are new, creation times are lost.
    Rebuilt,
}

/// What a look at the file of an open catalog found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CatalogScrub {
    /// Bytes that were looked at.
    pub(crate) bytes: u64,
    pub(crate) damage: Option<CatalogDamage>,
}

/// A file that is not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CatalogDamage {
    /// The first byte that differs.
    pub(crate) at: u64,
    pub(crate) remedy: Remedy,
}

/// Against what the register was held before the file was written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// The other copy of the file.
    Copy,
    /// The manifests of the databases.
    Manifests,
    /// It was not written anew: something contradicts it.
    None,
}

/// The catalog of an open directory.
///
/// Changes are durable when their call returns, and happen one at a time; each writes the whole
/// file. Measured on a virtual machine whose two syncs take 1.7 ms: a change takes 1.7 ms with 100
/// names, 2.7 ms with 1,000, 5.6 ms with 10,000 and 41 ms with 100,000; reading them at the start
/// 0.1, 1.2, 16 and 181 ms.
#[derive(Debug)]
pub(crate) struct Catalog {
    origin: CatalogOrigin,
    unidentified: Vec<DatabaseName>,
    /// The id of the next database. Apart from the register, which is locked while it is written.
    next_id: AtomicU64,
    register: Mutex<Register>,
}

/// INVARIANT: unless `unsettled`, a crash finds exactly `contents` on the disk.
#[derive(Debug)]
struct Register {
    files: Arc<dyn Vfs>,
    path: PathBuf,
    contents: Contents,
    /// A write failed after the rename: a crash may find what it wrote or what stood before.
    unsettled: bool,
}

impl Catalog {
    /// Reads the catalog of `directory`, or makes a new one where there has been none. `identify`
    /// reads the uid out of the manifest of a database; it is asked only if the catalog is lost.
    ///
    /// # Durability
    /// A catalog that is created, healed or rebuilt is on the disk before the call returns.
    ///
    /// # Errors
    /// `Newer` and `Read`, with nothing touched; `Write` and `Sync` for a catalog that had to be
    /// created or rebuilt.
    pub(crate) fn open(
        host: &Host,
        directory: &Path,
        identify: &dyn Fn(&DatabaseName) -> Option<DatabaseUid>,
    ) -> Result<Self, CatalogError> {
        let files = &*host.files;
        let path = directory.join(CATALOG_FILE);
        let found = file::load(files, &path)?;
        // Left by a write that a crash cut off. Where it cannot go, the next write replaces it.
        let _ = files.remove(&directory.join(".catalog.tmp"));
        if let Found::Catalog { contents, whole } = found {
            let mut register = Register::new(host, path, contents);
            if !whole {
                register.heal();
            }
            let origin = if whole {
                CatalogOrigin::Read
            } else {
                CatalogOrigin::Healed
            };
            return Ok(Self::new(origin, Vec::new(), register));
        }
        let names = rebuild::manifests(files, directory).map_err(|source| CatalogError::Read {
            path: directory.to_owned(),
            source,
        })?;
        let next_id = match &found {
            Found::Missing if names.is_empty() => {
                let mut register = Register::new(host, path, Contents::empty());
                register.write()?;
                return Ok(Self::new(CatalogOrigin::Created, Vec::new(), register));
            }
            Found::Damaged { bytes, next_id } => {
                keep_for_inspection(files, &path, bytes);
                *next_id
            }
            Found::Missing | Found::Catalog { .. } => Contents::empty().next_id,
        };
        let now = unix_ms(host);
        let Rebuilt {
            contents,
            unidentified,
        } = rebuild::rebuild(names, identify, next_id, now);
        tracing::warn!(
            path = %path.display(),
            databases = contents.entries.len(),
            unidentified = unidentified.len(),
            "the catalog is missing or damaged and was rebuilt from the manifests of the \
             databases: ids are new, creation times are lost"
        );
        for name in &unidentified {
            tracing::warn!(
                database = %name,
                "the manifest does not tell which database it is: left out and untouched"
            );
        }
        let mut register = Register::new(host, path, contents);
        register.write()?;
        Ok(Self::new(CatalogOrigin::Rebuilt, unidentified, register))
    }

    fn new(origin: CatalogOrigin, unidentified: Vec<DatabaseName>, register: Register) -> Self {
        Self {
            origin,
            unidentified,
            next_id: AtomicU64::new(register.contents.next_id.get()),
            register: Mutex::new(register),
        }
    }

    /// How it came to be.
    pub(crate) const fn origin(&self) -> CatalogOrigin {
        self.origin
    }

    /// Databases that a rebuild had to leave out.
    pub(crate) fn unidentified(&self) -> &[DatabaseName] {
        &self.unidentified
    }

    /// All entries, in the order of their names.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let register = self.register.lock();
        register.contents.entries.values().cloned().collect()
    }

    /// Takes the next id, without waiting for a change that is being written. The id becomes durable
    /// with the next change; one that was taken for nothing is skipped.
    pub(crate) fn take_id(&self) -> DatabaseId {
        DatabaseId::new(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// Adds a database.
    ///
    /// # Durability
    /// On success the database exists after a crash.
    ///
    /// # Errors
    /// `Write`: it does not exist. `Sync`: unknown; [`settle`](Self::settle) decides that it does
    /// not.
    pub(crate) fn insert(&self, entry: Entry) -> Result<(), CatalogError> {
        let name = entry.identity.name.clone();
        self.change(vec![(name, Some(entry))])
    }

    /// Adds databases, all of them in one write.
    ///
    /// # Durability
    /// On success they exist after a crash.
    ///
    /// # Errors
    /// As for [`insert`](Self::insert).
    pub(crate) fn insert_all(&self, entries: Vec<Entry>) -> Result<(), CatalogError> {
        let named = entries.into_iter();
        let named = named.map(|entry| (entry.identity.name.clone(), Some(entry)));
        self.change(named.collect())
    }

    /// Notes that a database has been dropped.
    ///
    /// # Durability
    /// On success nothing of the database comes back after a crash.
    ///
    /// # Errors
    /// `Unknown`. `Write`: it has not been dropped. `Sync`: unknown; [`settle`](Self::settle)
    /// decides that it has not.
    pub(crate) fn mark_dropping(&self, name: &DatabaseName) -> Result<(), CatalogError> {
        let entry = self.register.lock().contents.entries.get(name).cloned();
        let mut entry = entry.ok_or(CatalogError::Unknown)?;
        entry.status = Status::Dropping;
        self.change(vec![(name.clone(), Some(entry))])
    }

    /// Changes what a database may use; returns it.
    ///
    /// # Durability
    /// On success it is in force after a crash.
    ///
    /// # Errors
    /// `Unknown`, also for one that is dropped. `Write`: nothing has changed. `Sync`: unknown.
    pub(crate) fn change_quotas(
        &self,
        name: &DatabaseName,
        change: QuotaChange,
    ) -> Result<Quotas, CatalogError> {
        let mut register = self.register.lock();
        let entry = register.contents.entries.get(name);
        let entry = entry.filter(|entry| entry.status == Status::Active);
        let mut entry = entry.cloned().ok_or(CatalogError::Unknown)?;
        let quotas = change.applied_to(entry.quotas);
        if quotas != entry.quotas {
            entry.quotas = quotas;
            let next_id = DatabaseId::new(self.next_id.load(Ordering::Relaxed));
            register.change(vec![(name.clone(), Some(entry))], next_id)?;
        }
        Ok(quotas)
    }

    /// Forgets databases whose files are gone, all of them in one write.
    ///
    /// # Errors
    /// `Write` and `Sync`: they are still in the catalog as far as the caller goes.
    pub(crate) fn remove(
        &self,
        names: impl IntoIterator<Item = DatabaseName>,
    ) -> Result<(), CatalogError> {
        self.change(names.into_iter().map(|name| (name, None)).collect())
    }

    fn change(&self, changes: Vec<(DatabaseName, Option<Entry>)>) -> Result<(), CatalogError> {
        let mut register = self.register.lock();
        let next_id = DatabaseId::new(self.next_id.load(Ordering::Relaxed));
        register.change(changes, next_id)
    }

    /// Compares the file with what was written, and writes it anew where it is something else.
    ///
    /// What is in memory is what was acknowledged; it is not believed alone. Where one of the copies
    /// on the disk is whole, it has to say the same. Where none is, or an older one than was
    /// acknowledged, no manifest may belong to another database than the register says, and no
    /// header may know of an id, or a generation, that the register does not. What contradicts is
    /// left as it is, for a person to look at. `identify` reads the uid out of a manifest.
    ///
    /// # Durability
    /// A file that is written anew is on the disk before the call returns.
    ///
    /// # Errors
    /// `Newer` and `Read`, with nothing touched; `Write` and `Sync`: it is tried again by the next
    /// call, and by every change.
    pub(crate) fn scrub(
        &self,
        identify: &dyn Fn(&DatabaseName) -> Option<DatabaseUid>,
    ) -> Result<CatalogScrub, CatalogError> {
        self.register.lock().scrub(identify)
    }

    /// Makes sure that a change which failed with an unknown outcome has not happened and will not.
    /// Costs nothing when there was none.
    ///
    /// # Errors
    /// `Write` and `Sync`: it is still unknown.
    pub(crate) fn settle(&self) -> Result<(), CatalogError> {
        self.register.lock().settle()
    }
}

impl Register {
    fn new(host: &Host, path: PathBuf, contents: Contents) -> Self {
        Self {
            files: Arc::clone(&host.files),
            path,
            contents,
            unsettled: false,
        }
    }

    /// Gives each name its new entry or takes it away, and writes the result; on failure everything
    /// is as before.
    fn change(
        &mut self,
        changes: Vec<(DatabaseName, Option<Entry>)>,
        next_id: DatabaseId,
    ) -> Result<(), CatalogError> {
        self.settle()?;
        let undo = self.apply(changes);
        let next_before = std::mem::replace(&mut self.contents.next_id, next_id);
        let Err(error) = self.write() else {
            return Ok(());
        };
        self.apply(undo);
        self.contents.next_id = next_before;
        match (self.settle(), error) {
            // What stood before stands again, durably.
            (Ok(()), CatalogError::Sync { path, source }) => {
                Err(CatalogError::Write { path, source })
            }
            (_, error) => Err(error),
        }
    }

    /// Applies changes in memory and returns those that take them back.
    fn apply(
        &mut self,
        changes: Vec<(DatabaseName, Option<Entry>)>,
    ) -> Vec<(DatabaseName, Option<Entry>)> {
        let entries = &mut self.contents.entries;
        let mut undo = Vec::with_capacity(changes.len());
        for (name, entry) in changes {
            let before = match entry {
                Some(entry) => entries.insert(name.clone(), entry),
                None => entries.remove(&name),
            };
            undo.push((name, before));
        }
        undo.reverse();
        undo
    }

    fn settle(&mut self) -> Result<(), CatalogError> {
        if !self.unsettled {
            return Ok(());
        }
        // This repeats no failed sync: it is another file with all of the contents, renamed again.
        self.write()
    }

    /// Writes the contents under a new generation.
    fn write(&mut self) -> Result<(), CatalogError> {
        let before = self.contents.generation;
        self.contents.generation = before.saturating_add(1);
        let Err(source) = file::store(&*self.files, &self.path, &self.contents) else {
            self.unsettled = false;
            return Ok(());
        };
        // Where the old file still has the name, the rename was not reached and no crash can bring
        // the new one to light.
        if file::is_of_generation(&*self.files, &self.path, before) {
            self.contents.generation = before;
        } else {
            self.unsettled = true;
        }
        let path = self.path.clone();
        Err(if self.unsettled {
            CatalogError::Sync { path, source }
        } else {
            CatalogError::Write { path, source }
        })
    }

    fn scrub(
        &mut self,
        identify: &dyn Fn(&DatabaseName) -> Option<DatabaseUid>,
    ) -> Result<CatalogScrub, CatalogError> {
        self.settle()?;
        let (bytes, at) = match file::compare(&*self.files, &self.path, &self.contents) {
            Ok((bytes, None)) => {
                return Ok(CatalogScrub {
                    bytes,
                    damage: None,
                });
            }
            Ok((bytes, Some(at))) => (bytes, at),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (0, 0),
            Err(source) => {
                let path = self.path.clone();
                return Err(CatalogError::Read { path, source });
            }
        };
        let found = file::load(&*self.files, &self.path);
        let remedy = match found {
            Ok(Found::Catalog { contents, .. }) if contents == self.contents => Remedy::Copy,
            Ok(Found::Catalog { contents, .. })
                if contents.generation >= self.contents.generation
                    || contents.next_id > self.contents.next_id =>
            {
                Remedy::None
            }
            Ok(Found::Damaged { next_id, .. }) if next_id > self.contents.next_id => Remedy::None,
            // What the disk does not read is as good as damaged: the file goes to a new place.
            Ok(_) | Err(CatalogError::Read { .. }) if self.agrees(identify) => Remedy::Manifests,
            Ok(_) | Err(CatalogError::Read { .. }) => Remedy::None,
            Err(error) => return Err(error),
        };
        if remedy != Remedy::None {
            self.write()?;
        }
        Ok(CatalogScrub {
            bytes,
            damage: Some(CatalogDamage { at, remedy }),
        })
    }

    /// Whether every manifest that tells whose it is belongs to the database of its name.
    fn agrees(&self, identify: &dyn Fn(&DatabaseName) -> Option<DatabaseUid>) -> bool {
        let entries = self.contents.entries.values();
        let mut active = entries.filter(|entry| entry.status == Status::Active);
        active.all(|entry| {
            let Identity { name, uid, .. } = &entry.identity;
            identify(name).is_none_or(|found| found == *uid)
        })
    }

    /// Replaces a file of which one copy is damaged. When that fails, the other copy still serves.
    fn heal(&mut self) {
        match self.write() {
            Ok(()) => tracing::warn!(
                path = %self.path.display(),
                "one of the two copies of the catalog was damaged: rewritten from the other one"
            ),
            Err(error) => tracing::error!(
                path = %self.path.display(),
                %error,
                "one of the two copies of the catalog is damaged and could not be rewritten"
            ),
        }
    }
}

/// Keeps the bytes of a damaged catalog beside it, for a person to look at. Only a service: a
/// failure does not keep the databases from opening.
fn keep_for_inspection(files: &dyn Vfs, path: &Path, bytes: &[u8]) {
    let kept = path.with_file_name(".catalog.damaged");
    let result: io::Result<()> = write_whole(files, &kept, bytes);
    if let Err(error) = result {
        tracing::warn!(path = %kept.display(), %error, "the damaged catalog could not be kept");
    }
}

/// The time of the host in milliseconds since 1970.
fn unix_ms(host: &Host) -> u64 {
    u64::try_from(host.clock.unix_time().as_millis()).unwrap_or(u64::MAX)
}
