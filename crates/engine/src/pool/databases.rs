use std::sync::Arc;
use std::time::Duration;

use docdb_types::{DatabaseName, DatabaseUid, Error};

use super::Signals;
use crate::catalog::Identity;
use crate::quota::Gate;

/// What the pool needs of the layer that knows what is in a database.
///
/// The pool calls for one database one at a time, except for [`sync`](Self::sync),
/// [`checkpoint`](Self::checkpoint), [`compact`](Self::compact), [`heal`](Self::heal),
/// [`scrub`](Self::scrub) and whatever the users of an open database do.
pub(crate) trait Databases: Send + Sync + 'static {
    /// An open database.
    type Database: Send + Sync + 'static;

    /// Which database the manifest of this name belongs to; `None` if that cannot be told.
    fn identify(&self, name: &DatabaseName) -> Option<DatabaseUid>;

    /// What files there are under the name of a database that the catalog does not have.
    fn leftovers(&self, name: &DatabaseName) -> Result<Leftovers, Error>;

    /// Creates the files of a new, empty database. On success they are durable; after a failure
    /// some of them may be there.
    fn create(&self, identity: &Identity) -> Result<(), Error>;

    /// Removes all files of this name, durably; the manifest before all others, so that a lost
    /// catalog is not rebuilt with half a database. None being there is fine. Whoever has one of
    /// them open can still read it.
    fn remove(&self, name: &DatabaseName) -> Result<(), Error>;

    /// Opens a database with its files; never creates any. `gate` bounds what it writes.
    fn open(
        &self,
        identity: &Identity,
        signals: Signals,
        gate: &Arc<Gate>,
    ) -> Result<Arc<Self::Database>, Error>;

    /// The signals that it was opened with.
    fn signals(database: &Self::Database) -> &Signals;

    /// Whether nothing depends on it that holds no handle to it, such as a snapshot.
    fn is_idle(database: &Self::Database) -> bool;

    /// Files that it has open, its log among them.
    fn open_files(database: &Self::Database) -> u64;

    /// Makes a checkpoint, syncs, and ends it: on return, success or not, nothing writes to its
    /// files any more, and its users are answered `DbNotActive`.
    fn close(&self, database: &Self::Database) -> Result<(), Error>;

    /// Ends it as [`close`](Self::close) does, without a checkpoint.
    fn abandon(&self, database: &Self::Database);

    /// Syncs the log.
    fn sync(&self, database: &Self::Database) -> Result<(), Error>;

    /// Ends the snapshots that are too old.
    fn expire_snapshots(&self, database: &Self::Database);

    /// Makes a checkpoint.
    fn checkpoint(&self, database: &Self::Database) -> Result<(), Error>;

    /// Compacts what is worth it.
    fn compact(&self, database: &Self::Database) -> Result<(), Error>;

    /// Removes the data files that are replaced and not read any more.
    fn remove_retired(&self, database: &Self::Database);

    /// Rewrites what is known to be damaged.
    fn heal(&self, database: &Self::Database) -> Result<(), Error>;

    /// Goes on looking for damage for a moment; returns in what time to call again.
    fn scrub(&self, database: &Self::Database) -> Result<Duration, Error>;
}

/// Files of a name that no database has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Leftovers {
    /// None.
    None,
    /// Those of a creation that was cut off: without a document, a collection or a transaction.
    Empty,
    /// Something that a person may want to keep.
    Data {
        /// One of the files.
        file: String,
    },
}
