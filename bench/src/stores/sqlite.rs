use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use super::{Session, Store};

/// How long a connection waits for another one's transaction.
const PATIENCE: Duration = Duration::from_secs(30);

/// SQLite with a write-ahead log and full synchronisation, a connection per thread.
pub(super) struct Sqlite(PathBuf);

struct SqliteSession(Connection);

impl Sqlite {
    pub(super) fn open(directory: &Path) -> anyhow::Result<Self> {
        let store = Self(directory.join("sqlite"));
        store.connect()?.execute(
            "CREATE TABLE IF NOT EXISTS documents (id INTEGER PRIMARY KEY, document BLOB NOT NULL)",
            (),
        )?;
        Ok(store)
    }

    fn connect(&self) -> anyhow::Result<Connection> {
        let connection = Connection::open(&self.0)?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // Enough for all documents of the usual run, as the other engines have the page cache.
        connection.pragma_update(None, "mmap_size", 1_i64 << 30)?;
        Ok(connection)
    }
}

impl Store for Sqlite {
    fn session(&self) -> anyhow::Result<Box<dyn Session>> {
        Ok(Box::new(SqliteSession(self.connect()?)))
    }

    fn settle(&self) -> anyhow::Result<()> {
        let connection = self.connect()?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))?;
        Ok(())
    }
}

const UPSERT: &str = "INSERT INTO documents (id, document) VALUES (?1, ?2) \
                      ON CONFLICT (id) DO UPDATE SET document = excluded.document";

impl Session for SqliteSession {
    fn load(&mut self, documents: &[(u64, &[u8])]) -> anyhow::Result<()> {
        let transaction = self.0.transaction()?;
        {
            let mut statement = transaction.prepare_cached(UPSERT)?;
            for (id, text) in documents {
                statement.execute((i64::try_from(*id)?, text))?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn put(&mut self, id: u64, text: &[u8]) -> anyhow::Result<()> {
        let mut statement = self.0.prepare_cached(UPSERT)?;
        statement.execute((i64::try_from(id)?, text))?;
        Ok(())
    }

    fn get(&mut self, id: u64) -> anyhow::Result<usize> {
        let mut statement = self
            .0
            .prepare_cached("SELECT document FROM documents WHERE id = ?1")?;
        let found = statement
            .query_row((i64::try_from(id)?,), |row| row.get::<_, Vec<u8>>(0))
            .optional()?;
        Ok(found.map_or(0, |text| text.len()))
    }
}
