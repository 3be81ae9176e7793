//! What opening and creating one database costs among many:
//! `cargo run --release -p docdb-engine --example many_databases -- 1000`.
#![expect(clippy::print_stdout, reason = "it tells what it measured")]

use std::time::{Duration, Instant};

use docdb_engine::{Engine, EngineOptions, Host, OpenMode};
use docdb_types::{CollectionName, DatabaseName, Document, Limits};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let many: u64 = std::env::args().nth(1).map_or(Ok(1000), |it| it.parse())?;
    let directory = tempfile::tempdir()?;
    let options = EngineOptions::in_directory(directory.path());
    let engine = Engine::open(Host::real(), options.clone())?;
    let open =
        |engine: &Engine, number: u64, mode| -> Result<Duration, Box<dyn std::error::Error>> {
            let name = DatabaseName::new(&format!("tenant-{number}"))?;
            let begun = Instant::now();
            let opened = engine.open_database(&name, mode)?;
            let took = begun.elapsed();
            let document = Document::from_text("{}", &Limits::DEFAULT)?;
            opened.database.upsert(
                &CollectionName::DEFAULT,
                docdb_types::DocumentId::MIN,
                document,
            )?;
            // Not to be measured: room that the next one would have to make.
            engine.close_database(opened.database.id())?;
            Ok(took)
        };
    for number in 0..many {
        open(&engine, number, OpenMode::CreateNew)?;
    }
    let mut created = Vec::new();
    for number in many..many + 50 {
        created.push(open(&engine, number, OpenMode::CreateNew)?);
    }
    engine.close()?;
    let engine = Engine::open(Host::real(), options)?;
    let mut opened = Vec::new();
    for number in (0..many).step_by((many / 50).max(1) as usize) {
        opened.push(open(&engine, number, OpenMode::ExistingOnly)?);
    }
    for (what, mut times) in [("create", created), ("open", opened)] {
        times.sort_unstable();
        let at = |share: usize| {
            times
                .get(times.len() * share / 100)
                .copied()
                .unwrap_or_default()
        };
        println!("{what} among {many}: median {:?}, p90 {:?}", at(50), at(90));
    }
    Ok(())
}
