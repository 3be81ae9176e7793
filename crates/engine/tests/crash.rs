//! Power is lost at every single call that changes the disk, in every way the model of the disk
//! knows, also while recovering. What comes back must be what was acknowledged, plus the step that
//! was on its way, whole or absent.
//!
//! `DOCDB_CRASH_SEEDS=N` runs N seeds instead of the few of the suite.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

mod model;

use std::sync::Arc;

use docdb_engine::{Atomicity, Engine, EngineOptions, Housekeeping, LogicalDb, OpenMode};
use docdb_types::{Action, Code, DatabaseName, Document, DocumentId, Error, Operation, Version};
use docdb_vfs::{CrashProfile, SimVfs};
use model::{Model, Random, collection, contents_of};

const STEPS: usize = 60;
const PROFILES: [CrashProfile; 5] = [
    CrashProfile::Strict,
    CrashProfile::Prefix,
    CrashProfile::KeepAll,
    CrashProfile::DropAll,
    CrashProfile::Garbage,
];

/// One thing that a user does.
#[derive(Debug, Clone)]
enum Step {
    Each(Vec<Operation>),
    All(Vec<Operation>),
    CreateCollection(&'static str),
    DeleteCollection(&'static str),
    Checkpoint,
    Reopen,
}

fn options() -> EngineOptions {
    EngineOptions {
        segment_bytes: EngineOptions::MIN_SEGMENT_BYTES,
        keep_segments: 0,
        preallocate_bytes: 1024,
        checkpoint_bytes: 6 * 1024,
        housekeeping: Housekeeping::Manual,
        ..EngineOptions::in_directory("/data")
    }
}

fn name() -> DatabaseName {
    DatabaseName::new("tenant").unwrap()
}

fn document(random: &mut Random) -> Document {
    let filler = "x".repeat(random.below(900) as usize);
    let text = format!(r#"{{"n":{},"filler":"{filler}"}}"#, random.below(u64::MAX));
    Document::from_text(&text, &docdb_types::Limits::DEFAULT).unwrap()
}

fn operation(random: &mut Random) -> Operation {
    let id = DocumentId::new(1 + random.below(12)).unwrap();
    let action = match random.below(10) {
        0 | 1 => Action::Create {
            id: Some(id),
            document: document(random),
        },
        2 => Action::Create {
            id: None,
            document: document(random),
        },
        3 | 4 => Action::Update {
            id,
            document: document(random),
            expected: None,
        },
        5 | 6 => Action::Upsert {
            id,
            document: document(random),
        },
        7 | 8 => Action::Delete { id, expected: None },
        _ => Action::Read { id },
    };
    let name = ["_default", "orders", "_default"][random.below(3) as usize];
    Operation {
        collection: collection(name),
        action,
    }
}

fn step(random: &mut Random) -> Step {
    let operations = |random: &mut Random| {
        (0..1 + random.below(4))
            .map(|_| operation(random))
            .collect()
    };
    match random.below(20) {
        0 => Step::CreateCollection("orders"),
        1 => Step::DeleteCollection("orders"),
        2 => Step::Checkpoint,
        3 => Step::Reopen,
        4..=8 => Step::All(operations(random)),
        _ => Step::Each(operations(random)),
    }
}

/// An engine on a simulated disk, and the model of its one database.
struct Run {
    sim: SimVfs,
    engine: Engine,
    database: Arc<LogicalDb>,
    model: Model,
    last_version: Version,
}

/// What a step leaves when it is cut off: any of these states.
type Possible = Vec<Model>;

impl Run {
    fn open(sim: SimVfs, model: Model, last_version: Version) -> Result<Self, Error> {
        let engine = Engine::open(sim.host(), options())?;
        let database = engine
            .open_database(&name(), OpenMode::CreateIfMissing)?
            .database;
        Ok(Self {
            sim,
            engine,
            database,
            model,
            last_version,
        })
    }

    /// Performs a step; an error is the states that are possible because it was cut off.
    fn perform(&mut self, step: &Step) -> Result<(), Possible> {
        let before = self.model.clone();
        match step {
            Step::Each(operations) => self.each(operations)?,
            Step::All(operations) => self.all(operations)?,
            Step::CreateCollection(name) => {
                let expected = self.model.create_collection(name);
                let answer = self.database.create_collection(&collection(name));
                self.compare(before, answer, expected)?;
            }
            Step::DeleteCollection(name) => {
                let expected = self.model.delete_collection(name);
                let answer = self.database.delete_collection(&collection(name));
                self.compare(before, answer, expected)?;
            }
            Step::Checkpoint => {
                if self.database.checkpoint().is_err() {
                    return Err(vec![before]);
                }
            }
            Step::Reopen => {
                let closed = self.engine.close_database(self.database.id());
                let opened = self.engine.database(self.database.id());
                match (closed, opened) {
                    (Ok(()), Ok(database)) => self.database = database,
                    _ => return Err(vec![before]),
                }
            }
        }
        self.engine.tick();
        Ok(())
    }

    fn compare(
        &self,
        before: Model,
        answer: Result<(), Error>,
        expected: Result<(), Code>,
    ) -> Result<(), Possible> {
        match (answer, expected) {
            (Ok(()), Ok(())) => Ok(()),
            (Err(error), Err(code)) if error.code() == code => Ok(()),
            (Err(_), _) if self.is_dead() => Err(vec![before, self.model.clone()]),
            (answer, expected) => panic!("answered {answer:?}, expected {expected:?}"),
        }
    }

    fn is_dead(&self) -> bool {
        self.sim
            .host()
            .files
            .list(std::path::Path::new("/data"))
            .is_err()
    }

    fn each(&mut self, operations: &[Operation]) -> Result<(), Possible> {
        let answers = self.database.execute(operations.to_vec(), Atomicity::Each);
        let mut possible = vec![self.model.clone()];
        let mut cut_off = false;
        for (operation, answer) in operations.iter().zip(answers) {
            let expected = self.model.apply(operation);
            possible.push(self.model.clone());
            match (answer, expected) {
                (Ok(outcome), Ok(id)) => {
                    assert_eq!(outcome.id.get(), id);
                    self.check_version(operation, outcome.version);
                    // Acknowledged: what was possible before it is no more.
                    if operation.action.is_write() {
                        assert!(
                            !cut_off,
                            "a write behind one that was cut off was acknowledged"
                        );
                        possible = vec![self.model.clone()];
                    }
                }
                (Err(error), Err(code)) if error.code() == code => {}
                (Err(error), expected) => {
                    assert!(self.is_dead(), "answered {error:?}, expected {expected:?}");
                    cut_off = true;
                }
                (Ok(outcome), Err(code)) => panic!("answered {outcome:?}, expected {code}"),
            }
        }
        if cut_off { Err(possible) } else { Ok(()) }
    }

    fn all(&mut self, operations: &[Operation]) -> Result<(), Possible> {
        let before = self.model.clone();
        let expected = self.model.apply_all(operations);
        let answers = self.database.execute(operations.to_vec(), Atomicity::All);
        let answers: Result<Vec<_>, _> = answers.into_iter().collect();
        match (answers, expected) {
            (Ok(outcomes), Ok(ids)) => {
                let found: Vec<_> = outcomes.iter().map(|outcome| outcome.id.get()).collect();
                assert_eq!(found, ids);
                Ok(())
            }
            (Err(error), Err(code)) if error.code() == code => Ok(()),
            (Err(error), expected) => {
                assert!(self.is_dead(), "answered {error:?}, expected {expected:?}");
                Err(vec![before, self.model.clone()])
            }
            (answers, expected) => panic!("answered {answers:?}, expected {expected:?}"),
        }
    }

    /// States with the same documents may differ in the ids that have been used: creates a document
    /// in each collection, whose id must be new, and one of those that are possible.
    fn settle_numbering(&mut self, possible: &Possible) {
        let mut random = Random::new(7);
        for (name, collection) in &mut self.model.collections {
            let document = document(&mut random);
            let text = document.as_bytes().to_vec();
            let created = self
                .database
                .create(&model::collection(name), None, document)
                .unwrap();
            let id = created.id.get();
            let highest = |model: &Model| model.collections.get(name).map_or(0, |it| it.highest);
            let most = possible.iter().map(highest).max().unwrap();
            assert!(
                id <= most + 1,
                "assigned {id}, expected at most {}",
                most + 1
            );
            assert!(
                collection
                    .documents
                    .last_key_value()
                    .is_none_or(|(last, _)| *last < id)
            );
            collection.documents.insert(id, text);
            collection.highest = id;
        }
    }

    fn check_version(&mut self, operation: &Operation, version: Version) {
        if operation.action.is_write() {
            assert!(
                version > self.last_version,
                "{version} after {}",
                self.last_version
            );
            self.last_version = version;
        }
    }
}

/// Opens what a crash left, and finds the one possible state that is there.
fn recover(image: &SimVfs, possible: &Possible, last: Version) -> Result<Run, Error> {
    let mut run = Run::open(image.clone(), Model::new(), last)?;
    let found = contents_of(&run.database);
    let matching = possible.iter().find(|model| model.contents() == found);
    let Some(model) = matching else {
        panic!("found {found:?}\nwhich is none of {possible:?}");
    };
    run.model = model.clone();
    run.settle_numbering(possible);
    Ok(run)
}

/// Runs the history of a seed with the power lost at one call, recovers (losing power there again
/// up to three times), checks, goes on, and checks a clean end. Returns whether the power was lost.
fn lose_power_at(seed: u64, mutation: u64, profile: CrashProfile) -> bool {
    let mut random = Random::new(seed);
    let mut chance = Random::new(seed ^ (mutation << 20));
    let sim = SimVfs::new(seed);
    sim.crash_at_mutation(mutation);
    let mut last = Version::ZERO;
    let mut possible = vec![Model::new()];
    let mut lost = false;
    match Run::open(sim.clone(), Model::new(), last) {
        Err(_) => lost = true,
        Ok(mut run) => {
            for _ in 0..STEPS {
                let step = step(&mut random);
                if let Err(states) = run.perform(&step) {
                    (possible, lost) = (states, true);
                    break;
                }
                possible = vec![run.model.clone()];
            }
            last = run.last_version;
        }
    }
    let mut image = sim.crash(profile, chance.below(u64::MAX));
    for _ in 0..chance.below(4) {
        image.crash_at_mutation(1 + chance.below(12));
        let _ = Run::open(image.clone(), Model::new(), last).map(|run| contents_of(&run.database));
        image = image.crash(profile, chance.below(u64::MAX));
    }
    let mut run = recover(&image, &possible, last).unwrap();
    for _ in 0..10 {
        let step = step(&mut random);
        run.perform(&step).unwrap();
    }
    let expected = run.model.contents();
    run.engine.close().unwrap();
    drop(run);
    let again = Run::open(image, Model::new(), last).unwrap();
    assert_eq!(contents_of(&again.database), expected);
    lost
}

#[test]
fn nothing_acknowledged_is_lost_wherever_the_power_fails() {
    let seeds: u64 =
        std::env::var("DOCDB_CRASH_SEEDS").map_or(2, |text| text.parse().expect("a number"));
    let mut images = 0;
    for seed in 0..seeds {
        for mutation in 1.. {
            let profile = PROFILES[(mutation % 5) as usize];
            images += 1;
            let outcome = std::panic::catch_unwind(|| lose_power_at(seed, mutation, profile));
            match outcome {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => panic!("seed {seed}, call {mutation}, profile {profile:?}"),
            }
        }
    }
    println!("{images} crashes of {seeds} histories, each recovered");
    assert!(images > 200, "only {images} calls changed the disk");
}
