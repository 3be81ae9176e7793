use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::{Session, Store};

/// fjall, its journal synced with fdatasync behind every write.
pub(super) struct Fjall {
    database: Database,
    documents: Keyspace,
}

struct FjallSession {
    database: Database,
    documents: Keyspace,
}

impl Fjall {
    pub(super) fn open(directory: &Path) -> anyhow::Result<Self> {
        let database = Database::builder(directory).open()?;
        let documents = database.keyspace("documents", KeyspaceCreateOptions::default)?;
        Ok(Self {
            database,
            documents,
        })
    }
}

impl Store for Fjall {
    fn session(&self) -> anyhow::Result<Box<dyn Session>> {
        Ok(Box::new(FjallSession {
            database: self.database.clone(),
            documents: self.documents.clone(),
        }))
    }

    fn settle(&self) -> anyhow::Result<()> {
        Ok(self.documents.rotate_memtable_and_wait()?)
    }
}

impl Session for FjallSession {
    fn load(&mut self, documents: &[(u64, &[u8])]) -> anyhow::Result<()> {
        let mut batch = self
            .database
            .batch()
            .durability(Some(PersistMode::SyncData));
        for (id, text) in documents {
            batch.insert(&self.documents, id.to_be_bytes(), *text);
        }
        Ok(batch.commit()?)
    }

    fn put(&mut self, id: u64, text: &[u8]) -> anyhow::Result<()> {
        self.documents.insert(id.to_be_bytes(), text)?;
        Ok(self.database.persist(PersistMode::SyncData)?)
    }

    fn get(&mut self, id: u64) -> anyhow::Result<usize> {
        let found = self.documents.get(id.to_be_bytes())?;
        // As every other engine, it hands out a copy that outlives it.
        Ok(found.map_or(0, |text| text.to_vec().len()))
    }
}
