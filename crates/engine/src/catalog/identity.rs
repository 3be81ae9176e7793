use docdb_types::{DatabaseId, DatabaseName, DatabaseUid};

/// Which database it is: what the catalog keeps for its whole life, and what its files are held to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Its number in this data directory.
    pub(crate) id: DatabaseId,
    /// Its name, which its files begin with.
    pub(crate) name: DatabaseName,
    /// Random, in every file of it: a database created again under an old name has another.
    pub(crate) uid: DatabaseUid,
}
