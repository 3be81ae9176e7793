use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use docdb_storage::{Manifest, StorageError, StorageFile, StorageHome, manifest_path};
use docdb_types::{Code, DatabaseName, DatabaseUid, Error};
use docdb_vfs::{EntryKind, Host, OpenMode, remove_durable};
use docdb_wal::Lsn;

use super::databases::{Databases, Leftovers};
use super::memory::MemoryBudget;
use super::reserve::Reserve;
use super::signals::Signals;
use super::totals::Totals;
use crate::catalog::Identity;
use crate::database::LogicalDb;
use crate::healing::{JOURNAL_SUFFIX, journal_path};
use crate::options::DatabaseOptions;
use crate::quota::Gate;
use crate::trouble;

/// The databases that docdb is for.
#[derive(Debug)]
pub(crate) struct LogicalDatabases {
    host: Host,
    options: DatabaseOptions,
    budget: Arc<MemoryBudget>,
    reserve: Arc<Reserve>,
    totals: Totals,
}

impl LogicalDatabases {
    pub(crate) fn new(
        host: Host,
        options: DatabaseOptions,
        budget: Arc<MemoryBudget>,
        reserve: Arc<Reserve>,
    ) -> Self {
        Self {
            host,
            options,
            budget,
            reserve,
            totals: Totals::default(),
        }
    }

    /// What all databases have done, those that are closed by now among them.
    pub(crate) const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The files of a database in a directory.
    fn files_in(&self, directory: &Path, name: &DatabaseName) -> Result<Vec<String>, Error> {
        let files = &self.host.files;
        let entries = files
            .list_prefixed(directory, format!("{name}.").as_ref())
            .map_err(|error| {
                Error::new(
                    Code::FileRead,
                    format!("cannot list {}: {error}", directory.display()),
                )
            })?;
        let files = entries.into_iter();
        Ok(files
            .filter(|entry| entry.kind == EntryKind::File)
            .filter(|entry| owner(&entry.name).as_ref() == Some(name))
            .filter_map(|entry| entry.name.into_string().ok())
            .collect())
    }

    /// Whether a file holds something that a person may want to keep. A file that cannot be judged
    /// does.
    fn holds_data(&self, name: &DatabaseName, file: &str) -> bool {
        if file.ends_with(".tmp") || file.ends_with(JOURNAL_SUFFIX) {
            return false;
        }
        match file.strip_prefix(name.as_str()) {
            Some(".manifest") => !self.is_empty_manifest(name),
            Some(".wal") => !self.is_empty_log(file).unwrap_or(false),
            _ => true,
        }
    }

    fn is_empty_manifest(&self, name: &DatabaseName) -> bool {
        self.identify(name)
            .and_then(|uid| Manifest::load(&self.home(name, uid)).ok())
            .is_some_and(|loaded| {
                let manifest = loaded.manifest;
                manifest.generation <= 1 && manifest.data_files.is_empty()
            })
    }

    /// Behind the header there is nothing, or nothing but zeros that were written ahead.
    fn is_empty_log(&self, file: &str) -> io::Result<bool> {
        let path = self.options.wal_directory.join(file);
        let file = self.host.files.open(&path, OpenMode::Read)?;
        let mut block = [0; 64 * 1024];
        let mut offset = Lsn::FIRST_BATCH.get();
        loop {
            let read = file.read_at(&mut block, offset)?;
            if read == 0 {
                return Ok(true);
            }
            if block.iter().take(read).any(|byte| *byte != 0) {
                return Ok(false);
            }
            offset = offset.saturating_add(read as u64);
        }
    }

    fn home(&self, name: &DatabaseName, uid: DatabaseUid) -> StorageHome {
        StorageHome {
            host: self.host.clone(),
            directory: self.options.data_directory.clone(),
            name: name.clone(),
            uid,
        }
    }
}

impl Databases for LogicalDatabases {
    type Database = LogicalDb;

    fn identify(&self, name: &DatabaseName) -> Option<DatabaseUid> {
        let nobodys = DatabaseUid::from_bytes([0; 16]);
        match Manifest::load(&self.home(name, nobodys)) {
            Ok(_) => Some(nobodys),
            Err(StorageError::Foreign { found, .. }) => Some(found),
            Err(_) => None,
        }
    }

    fn leftovers(&self, name: &DatabaseName) -> Result<Leftovers, Error> {
        let mut leftovers = Leftovers::None;
        for directory in [&self.options.data_directory, &self.options.wal_directory] {
            for file in self.files_in(directory, name)? {
                if self.holds_data(name, &file) {
                    return Ok(Leftovers::Data { file });
                }
                leftovers = Leftovers::Empty;
            }
        }
        Ok(leftovers)
    }

    fn create(&self, identity: &Identity) -> Result<(), Error> {
        LogicalDb::create_files(&self.host, &self.options, identity)
    }

    fn remove(&self, name: &DatabaseName) -> Result<(), Error> {
        let files = &*self.host.files;
        let directory = &self.options.data_directory;
        let failed = |error: io::Error| {
            let code = Code::FileWrite;
            Error::new(
                code,
                format!("cannot remove the files of a database: {error}"),
            )
        };
        // ORDER: the manifest before all others, durably.
        remove_durable(files, &manifest_path(directory, name)).map_err(failed)?;
        let entries = files.list_prefixed(directory, format!("{name}.").as_ref());
        for entry in entries.map_err(failed)? {
            if StorageFile::parse(name, &entry.name).is_some() {
                match files.remove(&directory.join(&entry.name)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(failed(error));
                    }
                    _ => {}
                }
            }
        }
        match files.remove(&journal_path(directory, name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        // Also where nothing is left: an earlier removal may have been cut off before its sync.
        files.sync_dir(directory).map_err(failed)?;
        docdb_wal::destroy(files, &self.options.wal_directory, name).map_err(trouble::of_log)
    }

    fn open(
        &self,
        identity: &Identity,
        signals: Signals,
        gate: &Arc<Gate>,
    ) -> Result<Arc<LogicalDb>, Error> {
        let database = LogicalDb::open(
            &self.host,
            self.options.clone(),
            identity.clone(),
            self.budget.share(),
            Arc::clone(&self.reserve),
            signals,
            Arc::clone(gate),
        )?;
        self.totals.opened(&database);
        Ok(database)
    }

    fn signals(database: &LogicalDb) -> &Signals {
        &database.signals
    }

    fn is_idle(database: &LogicalDb) -> bool {
        database.index.open_snapshots() == 0 && !database.healing.is_scanning()
    }

    fn open_files(database: &LogicalDb) -> u64 {
        database.open_files()
    }

    fn close(&self, database: &LogicalDb) -> Result<(), Error> {
        let closed = database.close();
        self.totals.closed(database);
        closed
    }

    fn abandon(&self, database: &LogicalDb) {
        database.abandon();
        self.totals.closed(database);
    }

    fn sync(&self, database: &LogicalDb) -> Result<(), Error> {
        database.sync()
    }

    fn expire_snapshots(&self, database: &LogicalDb) {
        database.expire_snapshots();
    }

    fn checkpoint(&self, database: &LogicalDb) -> Result<(), Error> {
        if database.signals.wait_for_checkpoint() {
            return Ok(());
        }
        let made = database.checkpoint().map(drop);
        database.signals.note_checkpoint(made.is_ok());
        made
    }

    fn compact(&self, database: &LogicalDb) -> Result<(), Error> {
        database.compact_beside()
    }

    fn remove_retired(&self, database: &LogicalDb) {
        database.remove_retired();
    }

    fn heal(&self, database: &LogicalDb) -> Result<(), Error> {
        database.heal_wanted()
    }

    fn scrub(&self, database: &LogicalDb) -> Result<Duration, Error> {
        database.scrub_beside()
    }
}

/// The database that a file of this name belongs to: `<db>.manifest`, `<db>.data.<n>`,
/// `<db>.parity.<n>`, `<db>.healing`, `<db>.wal`, `<db>.wal.<n>`, each also with `.tmp` behind it. No name is that of two databases.
fn owner(file: &OsStr) -> Option<DatabaseName> {
    let file = file.to_str()?;
    let file = file.strip_suffix(".tmp").unwrap_or(file);
    let plain = file
        .strip_suffix(".manifest")
        .or_else(|| file.strip_suffix(".wal"))
        .or_else(|| file.strip_suffix(JOURNAL_SUFFIX));
    let numbered = || {
        let (stem, number) = file.rsplit_once('.')?;
        let counted = number.bytes().all(|byte| byte.is_ascii_digit())
            && !number.is_empty()
            && !number.starts_with('0');
        let stem = stem
            .strip_suffix(".data")
            .or_else(|| stem.strip_suffix(".wal"))
            .or_else(|| stem.strip_suffix(".parity"))?;
        counted.then_some(stem)
    };
    DatabaseName::new(plain.or_else(numbered)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_belongs_to_the_database_that_writes_it_and_strays_to_nobody() {
        for (file, expected) in [
            ("a.manifest", Some("a")),
            ("a.manifest.tmp", Some("a")),
            ("a.wal", Some("a")),
            ("a.wal.1", Some("a")),
            ("a.wal.10", Some("a")),
            ("a.wal.tmp", Some("a")),
            ("a.data.3", Some("a")),
            ("a.data.3.tmp", Some("a")),
            ("a.parity.3", Some("a")),
            ("a.parity.3.tmp", Some("a")),
            ("a.healing", Some("a")),
            ("a.healing.tmp", Some("a")),
            ("a.wal.1.manifest", Some("a.wal.1")),
            ("a.data.1.wal.2", Some("a.data.1")),
            (".hidden.wal", Some(".hidden")),
            (".catalog", None),
            (".catalog.tmp", None),
            (".lock", None),
            (".manifest", None),
            ("a.wal.bak", None),
            ("a.wal.1a", None),
            ("a.wal.01", None),
            ("a.data", None),
            ("a.data.", None),
            ("a", None),
        ] {
            let found = owner(OsStr::new(file));
            let found = found.as_ref().map(DatabaseName::as_str);
            assert_eq!(found, expected, "{file}");
        }
    }
}
