//! What opening a database costs: `cargo run --release -p docdb-engine --example opening`.
//!
//! A million documents after a clean end and after a kill, and a log of 64 MiB to be read again.
#![expect(clippy::print_stdout, reason = "it tells what it measured")]

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use docdb_engine::{Atomicity, Engine, EngineOptions, Host, LogicalDb, OpenMode};
use docdb_types::{Action, CollectionName, DatabaseName, Document, DocumentId, Limits, Operation};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Stores documents of about so many bytes, a thousand in a request.
fn store(database: &Arc<LogicalDb>, from: u64, count: u64, bytes: usize) -> Outcome<()> {
    let filler = "x".repeat(bytes.saturating_sub(20));
    for first in (from..from + count).step_by(1000) {
        let operations = (first..(first + 1000).min(from + count)).map(|number| {
            let text = format!(r#"{{"n":{number},"x":"{filler}"}}"#);
            Ok(Operation {
                collection: CollectionName::DEFAULT,
                action: Action::Upsert {
                    id: DocumentId::new(number).ok_or("a number above 0")?,
                    document: Document::from_text(&text, &Limits::DEFAULT)?,
                },
            })
        });
        let operations: Outcome<Vec<_>> = operations.collect();
        for answer in database.execute(operations?, Atomicity::All) {
            answer?;
        }
    }
    Ok(())
}

/// Opens the database of a directory, and ends it as asked.
fn opened(
    options: &EngineOptions,
    what: &str,
    end: impl FnOnce(&Engine, &Arc<LogicalDb>) -> Outcome<()>,
) -> Outcome<()> {
    let engine = Engine::open(Host::real(), options.clone())?;
    let name = DatabaseName::new("measured")?;
    let begun = Instant::now();
    let database = engine
        .open_database(&name, OpenMode::CreateIfMissing)?
        .database;
    let took = begun.elapsed();
    let figures = database.statistics();
    println!(
        "{what}: opened in {took:.1?}; {} documents, {} MiB of log, {} MiB of data files",
        figures.documents,
        figures.log_bytes >> 20,
        figures.data_bytes >> 20
    );
    end(&engine, &database)
}

fn close(engine: &Engine, _: &Arc<LogicalDb>) -> Outcome<()> {
    Ok(engine.close()?)
}

fn main() -> Outcome<()> {
    let directory = tempfile::tempdir()?;
    let options = EngineOptions {
        database_memory_bytes: 1 << 30,
        ..EngineOptions::in_directory(directory.path())
    };
    opened(&options, "empty", |engine, database| {
        store(database, 1, 1_000_000, 100)?;
        close(engine, database)
    })?;
    opened(&options, "a million after a clean end", close)?;
    // An engine that is dropped makes no checkpoint, as a kill makes none.
    opened(&options, "once more", |_, database| {
        store(database, 1, 100_000, 100)
    })?;
    opened(&options, "a million after a kill", close)?;

    let directory = tempfile::tempdir()?;
    let options = EngineOptions {
        automatic_checkpoints: false,
        ..EngineOptions::in_directory(directory.path())
    };
    opened(&options, "empty", |_, database| {
        store(database, 1, 64_000, 1024)
    })?;
    opened(&options, "a log of 64 MiB after a kill", |_, _| Ok(()))
}
