use std::path::Path;
use std::sync::Arc;

use redb::{Database, Durability, ReadableDatabase, TableDefinition};

use super::{Session, Store};

const DOCUMENTS: TableDefinition<u64, &[u8]> = TableDefinition::new("documents");

/// redb, every transaction durable at its commit.
pub(super) struct Redb(Arc<Database>);

struct RedbSession(Arc<Database>);

impl Redb {
    pub(super) fn open(directory: &Path) -> anyhow::Result<Self> {
        Ok(Self(Arc::new(Database::create(directory.join("redb"))?)))
    }
}

impl Store for Redb {
    fn session(&self) -> anyhow::Result<Box<dyn Session>> {
        Ok(Box::new(RedbSession(Arc::clone(&self.0))))
    }

    fn settle(&self) -> anyhow::Result<()> {
        Ok(())
    }
}

impl Session for RedbSession {
    fn load(&mut self, documents: &[(u64, &[u8])]) -> anyhow::Result<()> {
        let mut transaction = self.0.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        {
            let mut table = transaction.open_table(DOCUMENTS)?;
            for (id, text) in documents {
                table.insert(id, text)?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn put(&mut self, id: u64, text: &[u8]) -> anyhow::Result<()> {
        self.load(&[(id, text)])
    }

    fn get(&mut self, id: u64) -> anyhow::Result<usize> {
        let transaction = self.0.begin_read()?;
        let table = transaction.open_table(DOCUMENTS)?;
        let found = table.get(id)?;
        Ok(found.map_or(0, |text| text.value().to_vec().len()))
    }
}
