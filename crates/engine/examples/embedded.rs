//! A database in a directory: write, read, no runtime.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use docdb_engine::{Engine, EngineOptions, Host, OpenMode};
use docdb_types::{CollectionName, DatabaseName, Document, Limits};

fn main() -> Result<(), docdb_types::Error> {
    let directory = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "./data".to_owned());
    let engine = Engine::open(Host::real(), EngineOptions::in_directory(directory))?;
    let shop = DatabaseName::new("shop")?;
    let database = engine
        .open_database(&shop, OpenMode::CreateIfMissing)?
        .database;

    let document = Document::from_text(r#"{"name": "kettle", "price": 19.90}"#, &Limits::DEFAULT)?;
    let created = database.create(&CollectionName::DEFAULT, None, document)?;

    let read = database.read(&CollectionName::DEFAULT, created.id)?;
    let text = read.document.unwrap_or_default();
    println!(
        "document {} version {}: {}",
        read.id,
        read.version,
        String::from_utf8_lossy(&text)
    );
    drop(database);
    engine.close()
}
