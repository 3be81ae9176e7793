//! Whether the cost of one database grows as its documents do:
//! `cargo run --release -p docdb-engine --example scale -- 10000000 [DIRECTORY]`.
//!
//! Loads a hundredth of the documents, measures, loads the rest, measures again: memory per
//! document, durable writes, reads, and opening after a clean end and after a kill. Documents have
//! about 100 bytes.
#![expect(clippy::print_stdout, reason = "it tells what it measured")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use docdb_engine::{Atomicity, Engine, EngineOptions, Host, LogicalDb, OpenMode};
use docdb_types::{Action, CollectionName, DatabaseName, Document, DocumentId, Limits, Operation};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const DEFAULT: CollectionName = CollectionName::DEFAULT;
/// Documents of a request.
const STEP: u64 = 1000;
/// How long each rate is measured.
const LENGTH: Duration = Duration::from_secs(2);
const WRITERS: u64 = 16;
const READERS: u64 = 2;

fn document(number: u64) -> Outcome<Document> {
    let text = format!(r#"{{"n":{number},"x":"{}"}}"#, "x".repeat(80));
    Ok(Document::from_text(&text, &Limits::DEFAULT)?)
}

fn id(number: u64) -> Outcome<DocumentId> {
    DocumentId::new(number).ok_or_else(|| "ids begin with 1".into())
}

fn store(database: &Arc<LogicalDb>, from: u64, to: u64) -> Outcome<()> {
    for first in (from..=to).step_by(STEP as usize) {
        let operations = (first..=to.min(first + STEP - 1)).map(|number| {
            Ok(Operation {
                collection: DEFAULT,
                action: Action::Upsert {
                    id: id(number)?,
                    document: document(number)?,
                },
            })
        });
        for answer in database.execute(operations.collect::<Outcome<_>>()?, Atomicity::Each) {
            answer?;
        }
    }
    Ok(())
}

/// Operations a second of so many threads, each with a seed of its own.
fn rate(threads: u64, work: impl Fn(u64) -> Outcome<()> + Sync) -> Outcome<f64> {
    let begun = Instant::now();
    let counts = std::thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> = (1..=threads)
            .map(|seed| {
                scope.spawn(move || -> Outcome<u32> {
                    let (mut random, mut count) = (seed, 0);
                    while begun.elapsed() < LENGTH {
                        // Knuth's linear congruential generator (MMIX); its high bits are used.
                        random = random
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1_442_695_040_888_963_407);
                        work(random >> 16)?;
                        count += 1;
                    }
                    Ok(count)
                })
            })
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join())
            .collect::<Vec<_>>()
    });
    let mut sum = 0.0;
    for count in counts {
        sum += f64::from(count.map_err(|_| "a thread panicked")??);
    }
    Ok(sum / begun.elapsed().as_secs_f64())
}

fn measure(database: &Arc<LogicalDb>, documents: u64) -> Outcome<()> {
    let figures = database.statistics();
    let puts = rate(WRITERS, |random| {
        let number = random % documents + 1;
        database.upsert(&DEFAULT, id(number)?, document(number)?)?;
        Ok(())
    })?;
    let reads = rate(READERS, |random| {
        database.read(&DEFAULT, id(random % documents + 1)?)?;
        Ok(())
    })?;
    println!(
        "{documents} documents: {} bytes of index each; {puts:.0} durable puts/s of {WRITERS} \
         threads, {reads:.0} reads/s of {READERS}",
        figures.index_bytes / documents
    );
    Ok(())
}

fn open(options: &EngineOptions) -> Outcome<(Engine, Arc<LogicalDb>, Duration)> {
    let engine = Engine::open(Host::real(), options.clone())?;
    let begun = Instant::now();
    let name = DatabaseName::new("scale")?;
    let database = engine
        .open_database(&name, OpenMode::CreateIfMissing)?
        .database;
    Ok((engine, database, begun.elapsed()))
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let documents: u64 = arguments.next().map_or(Ok(1_000_000), |it| it.parse())?;
    let kept = tempfile::tempdir()?;
    let directory = arguments
        .next()
        .map_or_else(|| kept.path().to_owned(), Into::into);
    let options = EngineOptions {
        database_memory_bytes: 4 << 30,
        global_memory_bytes: 4 << 30,
        ..EngineOptions::in_directory(directory)
    };
    let (engine, database, _) = open(&options)?;
    let small = (documents / 100).max(1);
    store(&database, 1, small)?;
    measure(&database, small)?;
    let begun = Instant::now();
    store(&database, small + 1, documents)?;
    println!("loaded in {:.1?}", begun.elapsed());
    measure(&database, documents)?;
    drop(database);
    engine.close()?;

    let (engine, database, took) = open(&options)?;
    println!("opened after a clean end in {took:.1?}");
    store(&database, 1, documents / 10)?;
    // An engine that is dropped makes no checkpoint, as a kill makes none.
    drop((database, engine));
    let (_engine, _database, took) = open(&options)?;
    println!("opened after a kill in {took:.1?}");
    Ok(())
}
