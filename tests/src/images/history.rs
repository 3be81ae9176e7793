use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use docdb_engine::{
    Atomicity, Condition, DatabaseStatus, Engine, EngineOptions, Housekeeping, OpenMode,
};
use docdb_types::{
    Action, CollectionName, DatabaseName, Document, DocumentId, FsyncMode, Limits, Operation,
};
use docdb_vfs::{CrashProfile, SimVfs};

use super::watched::watched;
use crate::Random;
use crate::oracle::{Contents, Model, contents_of};

/// What a history is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Stores a document.
    Put,
    /// Deletes a document.
    Delete,
    /// Stores and deletes several as one transaction.
    Batch,
    /// Makes a checkpoint.
    Checkpoint,
    /// Rewrites the data files.
    Compact,
    /// Fills the log segment, so that the next one is begun.
    Rotate,
    /// Drops the database.
    Drop,
    /// Creates the database, or opens it.
    Create,
    /// Closes the database; the next act opens it.
    Close,
    /// Creates a collection, or deletes it when it is there and empty.
    Collection,
}

/// The acts of the exhaustive histories.
const ACTS: [Act; 9] = [
    Act::Put,
    Act::Delete,
    Act::Batch,
    Act::Checkpoint,
    Act::Compact,
    Act::Rotate,
    Act::Drop,
    Act::Create,
    Act::Close,
];

/// Every sequence of up to so many acts.
#[must_use]
pub fn every_sequence(acts: u32) -> Vec<Vec<Act>> {
    let mut sequences = Vec::new();
    for length in 1..=acts {
        for mut number in 0..ACTS.len().pow(length) {
            let mut sequence = Vec::new();
            for _ in 0..length {
                sequence.push(ACTS[number % ACTS.len()]);
                number /= ACTS.len();
            }
            sequences.push(sequence);
        }
    }
    sequences
}

/// The acts of a seed.
#[must_use]
pub fn random_acts(seed: u64, count: usize) -> Vec<Act> {
    let mut random = Random::new(seed);
    let often = [Act::Put, Act::Put, Act::Batch, Act::Delete, Act::Rotate];
    (0..count)
        .map(|_| match random.below(10) {
            0 => random.one_of(&[Act::Checkpoint, Act::Checkpoint, Act::Compact]),
            1 => random.one_of(&[Act::Close, Act::Collection, Act::Drop, Act::Create]),
            _ => random.one_of(&often),
        })
        .collect()
}

/// How a history is run and looked at.
#[derive(Debug, Clone, Copy)]
pub struct History {
    /// Of the disk, of what is written, and of the crashes.
    pub seed: u64,
    /// Images behind each call for each profile that draws.
    pub images_per_profile: u64,
    /// Zeros written ahead in the log, in bytes.
    pub preallocate_bytes: u64,
}

/// What came of a history.
#[derive(Debug, Clone, Copy, Default)]
pub struct Checked {
    /// Images that were recovered.
    pub images: u64,
    /// Crashes inside recoveries.
    pub nested: u64,
}

/// What a data directory holds: each database with its documents.
type State = BTreeMap<&'static str, Model>;

const TENANT: &str = "t";
const WITNESS: &str = "witness";
/// The id of what is written behind a recovery.
const LATER: u64 = 1000;

/// Images taken during one act.
#[derive(Default)]
struct Album {
    found: Mutex<Vec<(u64, String)>>,
    images: AtomicU64,
    nested: AtomicU64,
    is_looking: AtomicBool,
    calls: AtomicU64,
}

struct Run {
    random: Random,
    engine: Engine,
    state: State,
    counter: u64,
}

fn options(preallocate_bytes: u64) -> EngineOptions {
    EngineOptions {
        fsync: FsyncMode::Group,
        segment_bytes: EngineOptions::MIN_SEGMENT_BYTES,
        keep_segments: 0,
        preallocate_bytes,
        checkpoint_bytes: 6 * 1024,
        compaction_threshold_bytes: 0,
        housekeeping: Housekeeping::Manual,
        ..EngineOptions::in_directory("/data")
    }
}

impl History {
    /// Runs the acts, and recovers every image of the disk that they could leave.
    ///
    /// # Errors
    /// The act, the call and the way of crashing after which something else came back.
    pub fn run(&self, acts: &[Act]) -> Result<Checked, String> {
        let sim = SimVfs::new(self.seed);
        let album = Arc::new(Album::default());
        let options = options(self.preallocate_bytes);
        let look = {
            let (album, options, history) = (Arc::clone(&album), options.clone(), *self);
            Arc::new(move |sim: &SimVfs| history.look(sim, &options, &album))
        };
        let engine = Engine::open(watched(&sim, look), options)
            .map_err(|error| format!("opening: {error:?}"))?;
        let mut run = Run {
            random: Random::new(self.seed),
            engine,
            state: State::new(),
            counter: 0,
        };
        run.begin();
        album.is_looking.store(true, Ordering::Relaxed);
        for (number, act) in acts.iter().enumerate() {
            let mut possible = vec![run.state.clone()];
            run.perform(*act, &mut possible)
                .map_err(|broken| format!("act {number}, {act:?}: {broken}"))?;
            possible.push(run.state.clone());
            let allowed: Vec<u64> = possible.iter().map(digest).collect();
            let found =
                std::mem::take(&mut *album.found.lock().unwrap_or_else(PoisonError::into_inner));
            for (digest, how) in found {
                if !allowed.contains(&digest) {
                    return Err(format!(
                        "act {number}, {act:?}: {how}: another state came back"
                    ));
                }
            }
        }
        Ok(Checked {
            images: album.images.load(Ordering::Relaxed),
            nested: album.nested.load(Ordering::Relaxed),
        })
    }

    /// Recovers the images that the disk could leave now.
    fn look(&self, sim: &SimVfs, options: &EngineOptions, album: &Album) {
        if !album.is_looking.load(Ordering::Relaxed) {
            return;
        }
        let call = album.calls.fetch_add(1, Ordering::Relaxed);
        for profile in CrashProfile::ALL {
            let draws = match profile {
                CrashProfile::KeepAll | CrashProfile::DropAll => 1,
                CrashProfile::Strict | CrashProfile::Prefix | CrashProfile::Garbage => {
                    self.images_per_profile
                }
            };
            for draw in 0..draws {
                let seed = self.seed ^ (call << 16) ^ (draw << 8);
                let mut chance = Random::new(seed ^ (profile as u64));
                let mut image = sim.image(profile, seed);
                let nested = chance.one_of(&[0, 0, 1, 2, 3]);
                let mut how = format!("call {call}, {profile:?}, draw {draw}");
                for _ in 0..nested {
                    let at = chance.below(24);
                    how.push_str(&format!(", again at {at}"));
                    image.crash_at_mutation(at);
                    let _ = recover(&image, options);
                    image = image.crash(profile, chance.next());
                }
                album.nested.fetch_add(nested, Ordering::Relaxed);
                album.images.fetch_add(1, Ordering::Relaxed);
                let goes_on = chance.chance(25);
                let recovered = if goes_on {
                    recover_and_go_on(&image, options, chance.next())
                } else {
                    recover(&image, options)
                };
                let found = recovered
                    .map(|found| digest_of(&found))
                    .unwrap_or_else(|broken| {
                        how = format!("{how}: {broken}");
                        u64::MAX
                    });
                album
                    .found
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((found, how));
            }
        }
    }
}

/// What a data directory was found to hold.
type Found = BTreeMap<String, Contents>;

/// Opens everything that an image holds, and reads it.
fn recover(image: &SimVfs, options: &EngineOptions) -> Result<Found, String> {
    let engine = open(image, options)?;
    read_all(&engine)
}

fn open(image: &SimVfs, options: &EngineOptions) -> Result<Engine, String> {
    Engine::open(image.host(), options.clone()).map_err(|error| format!("{error:?}"))
}

fn read_all(engine: &Engine) -> Result<Found, String> {
    let text = |error: docdb_types::Error| format!("{error:?}");
    let mut found = Found::new();
    for info in engine.list_databases() {
        if matches!(info.status, DatabaseStatus::Dropping) {
            continue;
        }
        let opened = engine
            .open_database(&info.name, OpenMode::ExistingOnly)
            .map_err(text)?;
        if opened.database.condition() != Condition::Serving {
            return Err(format!("{:?}", opened.database.statistics().cause));
        }
        let contents = contents_of(&opened.database).map_err(text)?;
        found.insert(info.name.as_str().to_owned(), contents);
    }
    Ok(found)
}

/// Recovers, writes behind what was recovered, and loses the power again: what was written must be
/// there too. Says what had been recovered.
fn recover_and_go_on(image: &SimVfs, options: &EngineOptions, seed: u64) -> Result<Found, String> {
    let engine = open(image, options)?;
    let before = read_all(&engine)?;
    for name in before.keys() {
        let name = DatabaseName::new(name).map_err(|error| format!("{error:?}"))?;
        let opened = engine
            .open_database(&name, OpenMode::ExistingOnly)
            .map_err(|error| format!("{error:?}"))?;
        let size = 1 + seed as usize % 700;
        let text = format!("\"{}\"", "y".repeat(size));
        let answers = opened
            .database
            .execute(vec![put(LATER, text)], Atomicity::Each);
        if answers.iter().any(Result::is_err) {
            return Err(format!("a write behind recovery: {answers:?}"));
        }
    }
    let profile = CrashProfile::ALL[seed as usize % CrashProfile::ALL.len()];
    let mut after = recover(&image.crash(profile, seed), options)?;
    for contents in after.values_mut() {
        let written = contents
            .get_mut("_default")
            .and_then(|it| it.remove(&LATER));
        if written.is_none() {
            return Err("a write behind recovery is lost".to_owned());
        }
    }
    if after == before {
        return Ok(before);
    }
    Err("recovering again found another state".to_owned())
}

fn digest_of(found: &Found) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (database, contents) in found {
        database.as_str().hash(&mut hasher);
        for (name, documents) in contents {
            name.hash(&mut hasher);
            for (id, (_, document)) in documents {
                (id, &document[..]).hash(&mut hasher);
            }
        }
    }
    hasher.finish()
}

/// What [`digest_of`] says of a state.
fn digest(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (database, model) in state {
        database.hash(&mut hasher);
        for (name, collection) in &model.collections {
            name.hash(&mut hasher);
            for (id, stored) in &collection.documents {
                (id, &stored.text[..]).hash(&mut hasher);
            }
        }
    }
    hasher.finish()
}

impl Run {
    /// Two databases, one with documents in a data file and in the log.
    fn begin(&mut self) {
        let mut possible = Vec::new();
        for name in [TENANT, WITNESS] {
            self.create(name).expect("a healthy disk");
        }
        self.write(
            WITNESS,
            &[put(1, "\"untouched\"".to_owned())],
            &mut possible,
        )
        .expect("a healthy disk");
        for act in [Act::Put, Act::Put, Act::Checkpoint, Act::Put, Act::Delete] {
            self.perform(act, &mut possible).expect("a healthy disk");
        }
    }

    fn perform(&mut self, act: Act, possible: &mut Vec<State>) -> Result<(), String> {
        let exists = self.state.contains_key(TENANT);
        match act {
            Act::Create => return self.create(TENANT),
            _ if !exists => return Ok(()),
            Act::Put => {
                let (id, text) = (self.id(), self.text(200));
                self.write(TENANT, &[put(id, text)], possible)?;
            }
            Act::Delete => {
                let id = self.random.below(5) + 1;
                self.write(TENANT, &[delete(id)], possible)?;
            }
            Act::Batch => {
                let operations: Vec<_> = (0..3)
                    .map(|_| {
                        let (id, text) = (self.id(), self.text(700));
                        put(id, text)
                    })
                    .collect();
                self.write(TENANT, &operations, possible)?;
            }
            Act::Rotate => {
                let (id, text) = (self.id(), self.text(3600));
                self.write(TENANT, &[put(id, text)], possible)?;
            }
            Act::Checkpoint => {
                let database = self.database()?;
                database
                    .checkpoint()
                    .map_err(|error| format!("{error:?}"))?;
            }
            Act::Compact => {
                let database = self.database()?;
                database.compact().map_err(|error| format!("{error:?}"))?;
            }
            Act::Close => {
                let id = self.database()?.id();
                self.engine
                    .close_database(id)
                    .map_err(|error| format!("{error:?}"))?;
                self.database()?;
            }
            Act::Drop => {
                let name = DatabaseName::new(TENANT).expect("a valid name");
                self.engine
                    .drop_database(&name)
                    .map_err(|error| format!("{error:?}"))?;
                self.state.remove(TENANT);
            }
            Act::Collection => self.collection()?,
        }
        let _ = self.engine.tick();
        Ok(())
    }

    fn id(&mut self) -> u64 {
        self.random.below(5) + 1
    }

    fn text(&mut self, bytes: u64) -> String {
        self.counter += 1;
        let filler = "x".repeat((bytes + self.random.below(bytes / 4)) as usize);
        format!(r#"{{"n":{},"filler":"{filler}"}}"#, self.counter)
    }

    fn database(&self) -> Result<Arc<docdb_engine::LogicalDb>, String> {
        let name = DatabaseName::new(TENANT).expect("a valid name");
        self.engine
            .open_database(&name, OpenMode::ExistingOnly)
            .map(|opened| opened.database)
            .map_err(|error| format!("{error:?}"))
    }

    fn create(&mut self, name: &'static str) -> Result<(), String> {
        let opened = self
            .engine
            .open_database(
                &DatabaseName::new(name).expect("a valid name"),
                OpenMode::CreateIfMissing,
            )
            .map_err(|error| format!("{error:?}"))?;
        if opened.created == self.state.contains_key(name) {
            return Err(format!("created: {}", opened.created));
        }
        self.state.entry(name).or_default();
        Ok(())
    }

    /// One transaction.
    fn write(
        &mut self,
        name: &'static str,
        operations: &[Operation],
        possible: &mut Vec<State>,
    ) -> Result<(), String> {
        let opened = self
            .engine
            .open_database(
                &DatabaseName::new(name).expect("a valid name"),
                OpenMode::ExistingOnly,
            )
            .map_err(|error| format!("{error:?}"))?;
        let answers = opened.database.execute(operations.to_vec(), Atomicity::All);
        let model = self.state.get_mut(name).expect("it was created");
        let after = model.states_of(operations, Atomicity::All).pop();
        let happened = answers.iter().all(Result::is_ok);
        if happened != after.is_some() {
            return Err(format!("answered {answers:?}"));
        }
        if let Some(after) = after {
            *model = after;
        }
        possible.push(self.state.clone());
        Ok(())
    }

    fn collection(&mut self) -> Result<(), String> {
        let database = self.database()?;
        let name = CollectionName::new("orders").expect("a valid name");
        let model = self.state.get_mut(TENANT).expect("it was created");
        let (answer, expected) = if model.collections.contains_key("orders") {
            (
                database.delete_collection(&name),
                model.delete_collection("orders"),
            )
        } else {
            (
                database.create_collection(&name),
                model.create_collection("orders"),
            )
        };
        if answer.is_ok() != expected.is_ok() {
            return Err(format!("answered {answer:?}"));
        }
        Ok(())
    }
}

fn put(id: u64, text: String) -> Operation {
    let document = Document::from_text(&text, &Limits::DEFAULT).expect("valid JSON");
    Operation {
        collection: CollectionName::DEFAULT,
        action: Action::Upsert {
            id: DocumentId::new(id).expect("above zero"),
            document,
        },
    }
}

fn delete(id: u64) -> Operation {
    Operation {
        collection: CollectionName::DEFAULT,
        action: Action::Delete {
            id: DocumentId::new(id).expect("above zero"),
            expected: None,
        },
    }
}
