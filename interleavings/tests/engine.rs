//! Threads of the engine in the orders that a seeded scheduler chooses, with few switches at
//! unlikely places (PCT). `DOCDB_SCHEDULES=N` sets how many orders each test tries.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use docdb_engine::{Atomicity, Engine, EngineOptions, Housekeeping, LogicalDb, OpenMode};
use docdb_types::{
    Action, Code, CollectionName, DatabaseName, Document, DocumentId, Limits, Operation, Version,
};
use docdb_vfs::{Clock, CrashProfile, Host, SimVfs};
use shuttle::thread;

fn explore(test: impl Fn() + Send + Sync + 'static) {
    let schedules =
        std::env::var("DOCDB_SCHEDULES").map_or(60, |text| text.parse().expect("a number"));
    let test = Arc::new(test);
    let again = Arc::clone(&test);
    let mut config = shuttle::Config::new();
    config.stack_size = 1 << 20;
    config.max_steps = shuttle::MaxSteps::None;
    let pct = shuttle::scheduler::PctScheduler::new_from_seed(1, 3, schedules);
    shuttle::Runner::new(pct, config.clone()).run(move || test());
    let random = shuttle::scheduler::RandomScheduler::new_from_seed(2, schedules);
    shuttle::Runner::new(random, config).run(move || again());
}

fn options() -> EngineOptions {
    EngineOptions {
        segment_bytes: EngineOptions::MIN_SEGMENT_BYTES,
        keep_segments: 0,
        compaction_threshold_bytes: 0,
        housekeeping: Housekeeping::Manual,
        ..EngineOptions::in_directory("/data")
    }
}

fn open(disk: &SimVfs) -> (Arc<Engine>, Arc<LogicalDb>) {
    open_on(disk.host(), options())
}

fn open_on(host: Host, options: EngineOptions) -> (Arc<Engine>, Arc<LogicalDb>) {
    let engine = Engine::open(host, options).unwrap();
    let opened = engine
        .open_database(&name(), OpenMode::CreateIfMissing)
        .unwrap();
    (Arc::new(engine), opened.database)
}

fn name() -> DatabaseName {
    DatabaseName::new("shop").unwrap()
}

fn upsert(id: u64, text: &str) -> Operation {
    Operation {
        collection: CollectionName::DEFAULT,
        action: Action::Upsert {
            id: DocumentId::new(id).unwrap(),
            document: Document::from_text(text, &Limits::DEFAULT).unwrap(),
        },
    }
}

fn write(database: &Arc<LogicalDb>, id: u64, text: &str) -> Result<Version, Code> {
    let answers = database.execute(vec![upsert(id, text)], Atomicity::Each);
    let answer = answers.into_iter().next().unwrap();
    answer
        .map(|outcome| outcome.version)
        .map_err(|error| error.code())
}

fn read(database: &Arc<LogicalDb>, id: u64) -> Option<String> {
    match database.read(&CollectionName::DEFAULT, DocumentId::new(id).unwrap()) {
        Ok(found) => Some(String::from_utf8(found.document.unwrap().to_vec()).unwrap()),
        Err(error) if error.code() == Code::DocNotFound => None,
        Err(error) => panic!("{error:?}"),
    }
}

/// What a crash would leave of the documents 1 to `last`.
fn survives(disk: &SimVfs, last: u64) -> Vec<Option<String>> {
    let (_engine, database) = open(&disk.crash(CrashProfile::DropAll, 1));
    (1..=last).map(|id| read(&database, id)).collect()
}

/// Time of which a millisecond goes by with every look: syncs are long enough for a batch to be held
/// open for those who are about to come back.
#[derive(Default)]
struct Busy(AtomicU64);

impl Clock for Busy {
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.fetch_add(1, Ordering::SeqCst))
    }

    fn unix_time(&self) -> Duration {
        self.monotonic()
    }
}

/// Three threads write three times each, and every one of them comes to its end.
fn write_in_threes(options: EngineOptions) {
    explore(move || {
        let disk = SimVfs::new(5);
        let host = Host {
            clock: Arc::new(Busy::default()),
            ..disk.host()
        };
        let (engine, database) = open_on(host, options.clone());
        let writers: Vec<_> = (1..=3)
            .map(|id| {
                let database = Arc::clone(&database);
                thread::spawn(move || {
                    for text in ["1", "2", "3"] {
                        write(&database, id, text).unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        assert_eq!(survives(&disk, 3), vec![Some("3".to_owned()); 3]);
        drop((database, engine));
    });
}

#[test]
fn a_batch_held_open_is_sent_and_answers_all_that_it_waited_for() {
    write_in_threes(options());
}

#[test]
fn a_lead_that_is_handed_on_is_taken_up_and_answers_all_who_wait() {
    write_in_threes(EngineOptions {
        max_batch_size: 1,
        ..options()
    });
}

#[test]
fn who_is_answered_in_a_group_is_durable_and_ordered() {
    explore(|| {
        let disk = SimVfs::new(1);
        let (engine, database) = open(&disk);
        let writers: Vec<_> = (1..=3)
            .map(|id| {
                let database = Arc::clone(&database);
                thread::spawn(move || write(&database, id, "1").unwrap())
            })
            .collect();
        let mut versions: Vec<_> = writers.into_iter().map(|it| it.join().unwrap()).collect();
        versions.sort_unstable();
        versions.dedup();
        assert_eq!(versions.len(), 3, "two writes of one version");
        assert_eq!(survives(&disk, 3), vec![Some("1".to_owned()); 3]);
        drop((database, engine));
    });
}

#[test]
fn rotations_beside_a_checkpoint_lose_nothing() {
    explore(|| {
        let disk = SimVfs::new(2);
        let (engine, database) = open(&disk);
        let long = format!("\"{}\"", "x".repeat(2500));
        write(&database, 1, &long).unwrap();
        let writer = {
            let (database, long) = (Arc::clone(&database), long.clone());
            thread::spawn(move || {
                for id in 1..=3 {
                    write(&database, id, &long).unwrap();
                }
            })
        };
        let checkpointer = {
            let database = Arc::clone(&database);
            thread::spawn(move || database.checkpoint().map(drop).unwrap())
        };
        writer.join().unwrap();
        checkpointer.join().unwrap();
        for id in 1..=3 {
            assert_eq!(read(&database, id).as_deref(), Some(&*long));
        }
        assert_eq!(survives(&disk, 3), vec![Some(long.clone()); 3]);
        drop((database, engine));
    });
}

#[test]
fn reads_beside_a_compaction_see_the_newest_and_a_snapshot_its_own() {
    explore(|| {
        let disk = SimVfs::new(3);
        let (engine, database) = open(&disk);
        for round in 0..2 {
            for id in 1..=3 {
                write(&database, id, &format!("{round}")).unwrap();
            }
            database.checkpoint().unwrap();
        }
        let snapshot = database.snapshot();
        let compactor = {
            let database = Arc::clone(&database);
            thread::spawn(move || database.compact().map(drop).unwrap())
        };
        let reader = {
            let database = Arc::clone(&database);
            thread::spawn(move || {
                for id in 1..=2 {
                    assert_eq!(read(&database, id).as_deref(), Some("1"));
                }
            })
        };
        let writer = {
            let database = Arc::clone(&database);
            thread::spawn(move || write(&database, 3, "2").unwrap())
        };
        let page = database
            .scan(
                &CollectionName::DEFAULT,
                None,
                Default::default(),
                Some(&snapshot),
            )
            .unwrap();
        assert!(page.documents.iter().all(|found| found.text == "1"));
        for thread in [compactor, reader] {
            thread.join().unwrap();
        }
        writer.join().unwrap();
        drop(snapshot);
        let expected = ["1", "1", "2"].map(|text| Some(text.to_owned()));
        assert_eq!(survives(&disk, 3), expected);
        drop((database, engine));
    });
}

#[test]
fn a_drop_beside_everything_answers_everybody_and_leaves_an_empty_name() {
    explore(|| {
        let disk = SimVfs::new(4);
        let (engine, database) = open(&disk);
        write(&database, 1, "1").unwrap();
        let ended = [Code::DbNotActive, Code::DbNotFound, Code::DbReadOnly];
        let writer = {
            let database = Arc::clone(&database);
            thread::spawn(move || {
                if let Err(code) = write(&database, 2, "1") {
                    assert!(ended.contains(&code), "{code}");
                }
            })
        };
        let checkpointer = {
            let database = Arc::clone(&database);
            thread::spawn(move || {
                if let Err(error) = database.checkpoint() {
                    assert!(ended.contains(&error.code()), "{error:?}");
                }
            })
        };
        let dropper = {
            let engine = Arc::clone(&engine);
            thread::spawn(move || engine.drop_database(&name()).unwrap())
        };
        for thread in [writer, checkpointer, dropper] {
            thread.join().unwrap();
        }
        drop(database);
        let again = engine
            .open_database(&name(), OpenMode::CreateIfMissing)
            .unwrap();
        assert!(again.created);
        assert_eq!(read(&again.database, 1), None);
    });
}
