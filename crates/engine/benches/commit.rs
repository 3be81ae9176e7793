//! What a commit and a read cost, on the disk of the temporary directory.

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use docdb_engine::{Atomicity, Engine, EngineOptions, Host, LogicalDb, OpenMode};
use docdb_types::{
    Action, CollectionName, DatabaseName, Document, DocumentId, FsyncMode, Limits, Operation,
};

const DOCUMENTS: u64 = 10_000;

fn document() -> Document {
    let text = format!(r#"{{"n":1,"filler":"{}"}}"#, "x".repeat(1024 - 19));
    Document::from_text(&text, &Limits::DEFAULT).unwrap()
}

fn upsert(id: u64, document: &Document) -> Operation {
    let id = DocumentId::new(id).unwrap();
    let action = Action::Upsert {
        id,
        document: document.clone(),
    };
    Operation {
        collection: CollectionName::DEFAULT,
        action,
    }
}

struct Bench {
    engine: Engine,
    database: Arc<LogicalDb>,
    _directory: tempfile::TempDir,
}

impl Bench {
    fn open(fsync: FsyncMode) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = EngineOptions {
            fsync,
            ..EngineOptions::in_directory(directory.path())
        };
        let engine = Engine::open(Host::real(), options).unwrap();
        let name = DatabaseName::new("bench").unwrap();
        let database = engine
            .open_database(&name, OpenMode::CreateIfMissing)
            .unwrap()
            .database;
        let document = document();
        for ids in (1..=DOCUMENTS).collect::<Vec<_>>().chunks(1000) {
            let operations = ids.iter().map(|id| upsert(*id, &document)).collect();
            let answers = database.execute(operations, Atomicity::Each);
            assert!(answers.iter().all(Result::is_ok));
        }
        Self {
            engine,
            database,
            _directory: directory,
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.engine.close().unwrap();
    }
}

fn commits(criterion: &mut Criterion) {
    let document = document();
    let mut group = criterion.benchmark_group("commit");
    for (name, fsync) in [("synced", FsyncMode::Group), ("unsynced", FsyncMode::None)] {
        let bench = Bench::open(fsync);
        for operations in [1, 100] {
            group.throughput(Throughput::Elements(operations));
            group.bench_function(format!("{name}/{operations} operations"), |bencher| {
                let mut next = 0;
                bencher.iter_batched(
                    || {
                        next = (next + operations) % DOCUMENTS;
                        (0..operations)
                            .map(|id| upsert(1 + (next + id) % DOCUMENTS, &document))
                            .collect()
                    },
                    |operations| black_box(bench.database.execute(operations, Atomicity::Each)),
                    BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}

fn reads(criterion: &mut Criterion) {
    let bench = Bench::open(FsyncMode::Group);
    let mut group = criterion.benchmark_group("read");
    group.throughput(Throughput::Elements(1));
    for place in ["log", "data file"] {
        let mut next = 0;
        group.bench_function(place, |bencher| {
            bencher.iter(|| {
                next = (next + 7919) % DOCUMENTS;
                let id = DocumentId::new(next + 1).unwrap();
                black_box(bench.database.read(&CollectionName::DEFAULT, id).unwrap())
            });
        });
        bench.database.checkpoint().unwrap();
    }
    group.finish();
}

criterion_group!(benches, commits, reads);
criterion_main!(benches);
