//! Random transactions of several clients against a reference in memory, on a simulated disk, with
//! power lost in between; and one large transaction with power lost at every call.
//!
//! `DOCDB_TRANSACTION_SEEDS=FROM..TO` runs other seeds than those of the suite.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod documents;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use docdb_engine::{Engine, EngineOptions, LogicalDb, OpenMode, ScanLimit, Transaction};
use docdb_types::{Code, CollectionName, Isolation, Version};
use docdb_vfs::{CrashProfile, SimVfs};
use documents::{by_hand, document, existing, get, id, name};

const DEFAULT: CollectionName = CollectionName::DEFAULT;
const IDS: u64 = 12;
const STEPS: usize = 400;
const PROFILES: [CrashProfile; 5] = [
    CrashProfile::Strict,
    CrashProfile::Prefix,
    CrashProfile::KeepAll,
    CrashProfile::DropAll,
    CrashProfile::Garbage,
];

fn options() -> EngineOptions {
    EngineOptions {
        segment_bytes: EngineOptions::MIN_SEGMENT_BYTES,
        keep_segments: 0,
        ..by_hand()
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// What a database must hold: id → text. And, by the number of the commit that did it, which ids
/// each commit touched.
#[derive(Debug, Clone, Default)]
struct Model {
    documents: BTreeMap<u64, String>,
    commits: Vec<BTreeSet<u64>>,
}

/// An open transaction and what it must see.
struct Open {
    transaction: Transaction,
    isolation: Isolation,
    /// Snapshot and own writes.
    seen: BTreeMap<u64, String>,
    /// Commits that it saw.
    commits: usize,
    written: BTreeSet<u64>,
    /// Ids that were read, also those where nothing was.
    read: BTreeSet<u64>,
    /// Ids from which on everything was read.
    scanned: Option<u64>,
    /// Written ids that had been there, or are.
    has_effect: BTreeSet<u64>,
    before: BTreeMap<u64, String>,
}

impl Open {
    fn begin(database: &Arc<LogicalDb>, model: &Model, isolation: Isolation) -> Self {
        Self {
            transaction: database.begin(isolation).unwrap(),
            isolation,
            seen: model.documents.clone(),
            commits: model.commits.len(),
            written: BTreeSet::new(),
            read: BTreeSet::new(),
            scanned: None,
            has_effect: BTreeSet::new(),
            before: model.documents.clone(),
        }
    }

    fn step(&mut self, random: &mut Random, number: usize) {
        let key = 1 + random.below(IDS);
        let text = number.to_string();
        let transaction = &mut self.transaction;
        match random.below(6) {
            0 => {
                let result = transaction.create(&DEFAULT, Some(id(key)), document(&text));
                if self.seen.contains_key(&key) {
                    assert_eq!(result.unwrap_err().code(), Code::DocExists);
                    self.note_read(key);
                } else {
                    result.unwrap();
                    self.write(key, Some(text));
                }
            }
            1 => {
                transaction
                    .upsert(&DEFAULT, id(key), document(&text))
                    .unwrap();
                self.write(key, Some(text));
            }
            2 => {
                let result = transaction.delete(&DEFAULT, id(key), None);
                if self.seen.contains_key(&key) {
                    result.unwrap();
                    self.write(key, None);
                } else {
                    assert_eq!(result.unwrap_err().code(), Code::DocNotFound);
                    self.note_read(key);
                }
            }
            3 | 4 => {
                let found = match transaction.read(&DEFAULT, id(key)) {
                    Ok(outcome) => {
                        Some(String::from_utf8(outcome.document.unwrap().into()).unwrap())
                    }
                    Err(error) => {
                        assert_eq!(error.code(), Code::DocNotFound);
                        None
                    }
                };
                assert_eq!(found.as_ref(), self.seen.get(&key));
                self.note_read(key);
            }
            _ => {
                let limit = ScanLimit {
                    documents: 1 + random.below(5) as usize,
                    bytes: 1000,
                };
                let mut found = Vec::new();
                let mut from = Some(id(key));
                while let Some(next) = from {
                    let page = transaction.scan(&DEFAULT, Some(next), limit).unwrap();
                    found.extend(page.documents.into_iter().map(|found| {
                        let text = String::from_utf8(found.text.into()).unwrap();
                        (found.id.get(), text)
                    }));
                    from = page.next;
                }
                let expected = self.seen.range(key..).map(|(id, text)| (*id, text.clone()));
                assert_eq!(found, expected.collect::<Vec<_>>());
                self.scanned = Some(self.scanned.map_or(key, |from| from.min(key)));
            }
        }
    }

    /// What it wrote itself is no read of what was there.
    fn note_read(&mut self, key: u64) {
        if !self.written.contains(&key) {
            self.read.insert(key);
        }
    }

    fn write(&mut self, key: u64, text: Option<String>) {
        self.note_read(key);
        self.written.insert(key);
        let exists = text.is_some();
        match text {
            Some(text) => self.seen.insert(key, text),
            None => self.seen.remove(&key),
        };
        if exists || self.before.contains_key(&key) {
            self.has_effect.insert(key);
        } else {
            self.has_effect.remove(&key);
        }
    }

    /// Whether anything that it depends on was changed behind its snapshot.
    fn conflicts(&self, model: &Model) -> bool {
        let mut changed = model.commits[self.commits..].iter().flatten();
        changed.any(|key| {
            let was_read = self.isolation == Isolation::Serializable
                && (self.read.contains(key) || self.scanned.is_some_and(|from| from <= *key));
            self.has_effect.contains(key) || was_read
        })
    }

    /// Commits, and holds the outcome against the reference.
    fn commit(self, model: &mut Model) -> Result<(), docdb_types::Error> {
        let expects_conflict = !self.has_effect.is_empty() && self.conflicts(model);
        let result = self.transaction.commit();
        match &result {
            Ok(_) => assert!(!expects_conflict, "a conflict was waved through"),
            Err(error) if error.code() == Code::TxnConflict => {
                assert!(expects_conflict, "{error}");
                return Ok(());
            }
            Err(_) => {}
        }
        result?;
        for key in &self.has_effect {
            match self.seen.get(key) {
                Some(text) => model.documents.insert(*key, text.clone()),
                None => model.documents.remove(key),
            };
        }
        if !self.has_effect.is_empty() {
            model.commits.push(self.has_effect);
        }
        Ok(())
    }
}

fn contents(database: &Arc<LogicalDb>) -> BTreeMap<u64, String> {
    let page = database
        .scan(&DEFAULT, None, ScanLimit::default(), None)
        .unwrap();
    let found = page.documents.into_iter();
    found
        .map(|found| {
            (
                found.id.get(),
                String::from_utf8(found.text.into()).unwrap(),
            )
        })
        .collect()
}

/// Runs random steps until power is lost, and says what the database may hold then.
fn run(disk: &SimVfs, seed: u64, model: &mut Model) -> Vec<BTreeMap<u64, String>> {
    let mut random = Random(seed);
    let opened = Engine::open(disk.host(), options()).and_then(|engine| {
        let opened = engine.open_database(&name("shop"), OpenMode::CreateIfMissing)?;
        Ok((engine, opened.database))
    });
    let Ok((engine, database)) = opened else {
        return vec![model.documents.clone()];
    };
    let mut open: Vec<Open> = Vec::new();
    for number in 0..STEPS {
        let which = random.below(4) as usize;
        match random.below(12) {
            0 if database.checkpoint().is_err() => break,
            0 => {}
            1 => {
                // A single operation takes part in the same order.
                let key = 1 + random.below(IDS);
                let before = model.documents.clone();
                let text = number.to_string();
                model.documents.insert(key, text.clone());
                model.commits.push(BTreeSet::from([key]));
                if database.upsert(&DEFAULT, id(key), document(&text)).is_err() {
                    return vec![before, model.documents.clone()];
                }
            }
            2 | 3 if which < open.len() => {
                let ending = open.swap_remove(which);
                if ending.seen == ending.before || random.below(4) > 0 {
                    let before = model.documents.clone();
                    let mut after = ending.seen.clone();
                    // Behind its snapshot others may have changed what it did not write.
                    for (key, text) in &before {
                        if !ending.has_effect.contains(key) {
                            after.insert(*key, text.clone());
                        }
                    }
                    after.retain(|key, _| {
                        ending.has_effect.contains(key) || before.contains_key(key)
                    });
                    if ending.commit(model).is_err() {
                        return vec![before, after];
                    }
                } else {
                    ending.transaction.rollback();
                }
            }
            _ if which >= open.len() => {
                let isolation = Isolation::ALL[random.below(2) as usize];
                open.push(Open::begin(&database, model, isolation));
            }
            _ => open[which].step(&mut random, number),
        }
        if disk.has_power() {
            assert_eq!(contents(&database), model.documents);
        } else {
            break;
        }
    }
    drop(open);
    drop(database);
    drop(engine);
    vec![model.documents.clone()]
}

#[test]
fn transactions_do_what_the_reference_does_and_power_takes_none_of_them() {
    let seeds = std::env::var("DOCDB_TRANSACTION_SEEDS").unwrap_or_else(|_| "0..6".to_owned());
    let (from, to) = seeds.split_once("..").unwrap();
    for seed in from.parse::<u64>().unwrap()..to.parse().unwrap() {
        let whole = SimVfs::new(seed);
        let mut model = Model::default();
        run(&whole, seed, &mut model);
        assert!(model.commits.len() > 30, "{} commits", model.commits.len());
        // Power is lost at thirty places, and the history goes on on what is left.
        let mut disk = SimVfs::new(seed);
        let mut model = Model::default();
        let mut random = Random(seed);
        for round in 0..30 {
            disk.crash_at_mutation(disk.mutations() + random.below(120));
            let possible = run(&disk, seed * 1000 + round, &mut model);
            let profile = PROFILES[random.below(5) as usize];
            disk = disk.crash(profile, round);
            let engine = Engine::open(disk.host(), options()).unwrap();
            let database = engine
                .open_database(&name("shop"), OpenMode::CreateIfMissing)
                .unwrap()
                .database;
            let found = contents(&database);
            assert!(
                possible.contains(&found),
                "seed {seed}, round {round}: {found:?} is none of {possible:?}"
            );
            model.documents = found;
            drop(database);
            drop(engine);
            disk = disk.crash(CrashProfile::Strict, round);
        }
    }
}

#[test]
fn a_transaction_of_a_thousand_documents_is_whole_or_absent_wherever_power_is_lost() {
    let prepared = || {
        let disk = SimVfs::new(3);
        let engine = Engine::open(disk.host(), options()).unwrap();
        let database = engine
            .open_database(&name("shop"), OpenMode::CreateIfMissing)
            .unwrap()
            .database;
        for number in 1..=500 {
            database
                .upsert(&DEFAULT, id(number), document("0"))
                .unwrap();
        }
        (disk, engine, database)
    };
    let commit = |database: &Arc<LogicalDb>| -> Option<Version> {
        let mut transaction = database.begin(Isolation::Serializable).unwrap();
        for number in 1..=1000 {
            transaction
                .upsert(&DEFAULT, id(number), document("1"))
                .unwrap();
        }
        let version = transaction.commit().ok()?;
        // Also a checkpoint must not take it apart.
        let _ = database.checkpoint();
        Some(version)
    };
    let (disk, engine, database) = prepared();
    let before = disk.mutations();
    commit(&database).unwrap();
    let calls = disk.mutations() - before;
    drop((engine, database));
    assert!(calls > 5, "{calls} calls");
    for call in 0..calls {
        let (disk, engine, database) = prepared();
        disk.crash_at_mutation(disk.mutations() + call);
        let acknowledged = commit(&database).is_some();
        drop((engine, database));
        for profile in PROFILES {
            let disk = disk.crash(profile, call);
            let engine = Engine::open(disk.host(), options()).unwrap();
            let database = existing(&engine, "shop");
            let ones = (1..=1000)
                .filter(|number| get(&database, *number).as_deref() == Some("1"))
                .count();
            assert!(ones == 0 || ones == 1000, "{ones} of 1000 at call {call}");
            assert!(ones == 1000 || !acknowledged, "lost at call {call}");
            let all = database.count(&DEFAULT).unwrap();
            assert_eq!(all, if ones == 0 { 500 } else { 1000 });
        }
    }
}
