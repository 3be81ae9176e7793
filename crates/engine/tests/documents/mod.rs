//! Documents for the tests of the engine, in as few words as they need.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test file uses a part"
)]

use std::sync::Arc;

use docdb_engine::{Engine, EngineOptions, Housekeeping, LogicalDb, OpenMode};
use docdb_types::{
    Code, CollectionName, DatabaseName, Document, DocumentId, Error, Limits, Outcome,
};
use docdb_vfs::SimVfs;

pub fn name(text: &str) -> DatabaseName {
    DatabaseName::new(text).unwrap()
}

pub fn id(number: u64) -> DocumentId {
    DocumentId::new(number).unwrap()
}

pub fn document(text: &str) -> Document {
    Document::from_text(text, &Limits::DEFAULT).unwrap()
}

/// Stores a document under an id that is free.
pub fn put(database: &Arc<LogicalDb>, number: u64, text: &str) -> Result<Outcome, Error> {
    database.create(&CollectionName::DEFAULT, Some(id(number)), document(text))
}

/// The text of a document; `None` where there is none.
pub fn get(database: &Arc<LogicalDb>, number: u64) -> Option<String> {
    match database.read(&CollectionName::DEFAULT, id(number)) {
        Ok(outcome) => Some(String::from_utf8(outcome.document.unwrap().to_vec()).unwrap()),
        Err(error) if error.code() == Code::DocNotFound => None,
        Err(error) => panic!("{error}"),
    }
}

/// Options for an engine on a simulated disk, which does nothing by itself.
pub fn by_hand() -> EngineOptions {
    EngineOptions {
        housekeeping: Housekeeping::Manual,
        ..EngineOptions::in_directory("/data")
    }
}

pub fn open_on(disk: &SimVfs) -> Engine {
    Engine::open(disk.host(), by_hand()).unwrap()
}

pub fn create(engine: &Engine, text: &str) -> Arc<LogicalDb> {
    let opened = engine
        .open_database(&name(text), OpenMode::CreateNew)
        .unwrap();
    assert!(opened.created);
    opened.database
}

pub fn existing(engine: &Engine, text: &str) -> Arc<LogicalDb> {
    let opened = engine
        .open_database(&name(text), OpenMode::ExistingOnly)
        .unwrap();
    assert!(!opened.created);
    opened.database
}

pub fn listed(engine: &Engine) -> Vec<String> {
    let list = engine.list_databases().into_iter();
    list.map(|info| info.name.to_string()).collect()
}
