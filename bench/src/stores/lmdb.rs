use std::path::Path;

use heed::byteorder::BigEndian;
use heed::types::{Bytes, U64};
use heed::{Database, Env, EnvOpenOptions};

use super::{Session, Store};

/// The address space of the map: what the usual run needs several times over.
const MAP_BYTES: usize = 8 << 30;
const MOST_READERS: u32 = 64;

/// LMDB, synced at every commit.
pub(super) struct Lmdb {
    environment: Env,
    documents: Database<U64<BigEndian>, Bytes>,
}

struct LmdbSession {
    environment: Env,
    documents: Database<U64<BigEndian>, Bytes>,
}

impl Lmdb {
    pub(super) fn open(directory: &Path) -> anyhow::Result<Self> {
        let mut options = EnvOpenOptions::new();
        options.map_size(MAP_BYTES).max_readers(MOST_READERS);
        // SAFETY: the directory is this run's own, so nobody else changes the file under the map,
        // and it is opened again only after its environment was dropped.
        #[expect(unsafe_code, reason = "a memory map cannot be opened otherwise")]
        let environment = unsafe { options.open(directory)? };
        let mut transaction = environment.write_txn()?;
        let documents = environment.create_database(&mut transaction, None)?;
        transaction.commit()?;
        Ok(Self {
            environment,
            documents,
        })
    }
}

impl Store for Lmdb {
    fn session(&self) -> anyhow::Result<Box<dyn Session>> {
        Ok(Box::new(LmdbSession {
            environment: self.environment.clone(),
            documents: self.documents,
        }))
    }

    fn settle(&self) -> anyhow::Result<()> {
        Ok(())
    }
}

impl Session for LmdbSession {
    fn load(&mut self, documents: &[(u64, &[u8])]) -> anyhow::Result<()> {
        let mut transaction = self.environment.write_txn()?;
        for (id, text) in documents {
            self.documents.put(&mut transaction, id, text)?;
        }
        Ok(transaction.commit()?)
    }

    fn put(&mut self, id: u64, text: &[u8]) -> anyhow::Result<()> {
        self.load(&[(id, text)])
    }

    fn get(&mut self, id: u64) -> anyhow::Result<usize> {
        let transaction = self.environment.read_txn()?;
        let found = self.documents.get(&transaction, &id)?;
        Ok(found.map_or(0, |text| text.to_vec().len()))
    }
}
