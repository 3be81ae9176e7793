use std::path::Path;

use super::docdb::Docdb;
use super::fjall::Fjall;
use super::lmdb::Lmdb;
use super::redb::Redb;
use super::sqlite::Sqlite;

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    Docdb,
    Fjall,
    Redb,
    Sqlite,
    Lmdb,
}

/// An open engine.
pub(crate) trait Store: Sync {
    /// What one thread works with.
    fn session(&self) -> anyhow::Result<Box<dyn Session>>;

    /// Does the housekeeping that is due, so that what it takes on the disk is what it keeps.
    fn settle(&self) -> anyhow::Result<()>;
}

/// What one thread works with. Everything written is durable when the call returns.
pub(crate) trait Session: Send {
    /// Stores all documents in one batch.
    fn load(&mut self, documents: &[(u64, &[u8])]) -> anyhow::Result<()>;

    /// Creates or replaces a document.
    fn put(&mut self, id: u64, text: &[u8]) -> anyhow::Result<()>;

    /// The length of a document; 0: there is none.
    fn get(&mut self, id: u64) -> anyhow::Result<usize>;
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [
        Self::Docdb,
        Self::Fjall,
        Self::Redb,
        Self::Sqlite,
        Self::Lmdb,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Docdb => "docdb",
            Self::Fjall => "fjall",
            Self::Redb => "redb",
            Self::Sqlite => "sqlite",
            Self::Lmdb => "lmdb",
        }
    }

    /// Opens it in a directory, which it creates its files in where they are missing.
    pub(crate) fn open(self, directory: &Path) -> anyhow::Result<Box<dyn Store>> {
        Ok(match self {
            Self::Docdb => Box::new(Docdb::open(directory)?),
            Self::Fjall => Box::new(Fjall::open(directory)?),
            Self::Redb => Box::new(Redb::open(directory)?),
            Self::Sqlite => Box::new(Sqlite::open(directory)?),
            Self::Lmdb => Box::new(Lmdb::open(directory)?),
        })
    }
}
