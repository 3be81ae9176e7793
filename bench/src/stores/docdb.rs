use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use docdb_engine::{Atomicity, Engine, EngineOptions, Host, LogicalDb, OpenMode};
use docdb_types::{Action, CollectionName, DatabaseName, Document, DocumentId, Limits, Operation};

use super::{Session, Store};

/// What the server writes ahead of the end of a log.
const PREALLOCATED_BYTES: u64 = 256 << 10;

/// docdb's engine with the defaults of the server, but for the space that it keeps back.
pub(super) struct Docdb {
    // ORDER: dropped from the top.
    database: Arc<LogicalDb>,
    engine: Engine,
}

struct DocdbSession(Arc<LogicalDb>);

impl Docdb {
    pub(super) fn open(directory: &Path) -> anyhow::Result<Self> {
        let options = EngineOptions {
            preallocate_bytes: PREALLOCATED_BYTES,
            document_cache_bytes: 256 << 20,
            ..EngineOptions::in_directory(directory)
        };
        let engine = Engine::open(Host::real(), options)?;
        let name = DatabaseName::new("bench")?;
        let database = engine
            .open_database(&name, OpenMode::CreateIfMissing)?
            .database;
        Ok(Self { database, engine })
    }
}

impl Store for Docdb {
    fn session(&self) -> anyhow::Result<Box<dyn Session>> {
        Ok(Box::new(DocdbSession(Arc::clone(&self.database))))
    }

    fn settle(&self) -> anyhow::Result<()> {
        self.database.checkpoint()?;
        self.database.compact()?;
        Ok(())
    }
}

impl Drop for Docdb {
    fn drop(&mut self) {
        // What was acknowledged is durable however it ends.
        let _ = self.engine.close();
    }
}

/// A document from outside: checked, as the engine accepts nothing else.
fn document(text: &[u8]) -> anyhow::Result<Document> {
    Ok(Document::from_text(
        std::str::from_utf8(text)?,
        &Limits::DEFAULT,
    )?)
}

fn document_id(id: u64) -> anyhow::Result<DocumentId> {
    DocumentId::new(id).context("ids begin with 1")
}

impl Session for DocdbSession {
    fn load(&mut self, documents: &[(u64, &[u8])]) -> anyhow::Result<()> {
        let operations = documents.iter().map(|(id, text)| {
            Ok(Operation {
                collection: CollectionName::DEFAULT,
                action: Action::Upsert {
                    id: document_id(*id)?,
                    document: document(text)?,
                },
            })
        });
        let operations = operations.collect::<anyhow::Result<_>>()?;
        for answer in self.0.execute(operations, Atomicity::Each) {
            answer?;
        }
        Ok(())
    }

    fn put(&mut self, id: u64, text: &[u8]) -> anyhow::Result<()> {
        let id = document_id(id)?;
        self.0
            .upsert(&CollectionName::DEFAULT, id, document(text)?)?;
        Ok(())
    }

    fn get(&mut self, id: u64) -> anyhow::Result<usize> {
        let read = self.0.read(&CollectionName::DEFAULT, document_id(id)?)?;
        Ok(read.document.map_or(0, |text| text.len()))
    }
}
