//! What a database must hold, in maps. Every harness asks this one.
//!
//! A [`Model`] is one state. An [`Oracle`] is what a client may believe of a database: the state
//! that is acknowledged, and those that a crash may leave instead.

use std::collections::BTreeMap;
use std::sync::Arc;

use docdb_engine::{Atomicity, Condition, LogicalDb, ScanLimit};
use docdb_types::{
    Action, Change, Code, CollectionName, DocumentId, Effect, Error, Operation, Outcome, Version,
};

/// A document: its version where that is known, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// `None` where no answer has told it.
    pub version: Option<Version>,
    /// The text, byte for byte.
    pub text: Arc<[u8]>,
}

/// The documents of a collection, and which ids may come next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Collection {
    /// By id.
    pub documents: BTreeMap<u64, Stored>,
    /// The largest id ever used, as far as it is known: at least this one.
    pub highest: u64,
    /// At most this one: what a crash cut off may have used ids.
    pub highest_possible: u64,
}

/// One state of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Every collection by name.
    pub collections: BTreeMap<String, Collection>,
}

/// What was read of a whole database.
pub type Contents = BTreeMap<String, BTreeMap<u64, (Version, Vec<u8>)>>;

impl Default for Model {
    fn default() -> Self {
        let collections = BTreeMap::from([("_default".to_owned(), Collection::default())]);
        Self { collections }
    }
}

impl Model {
    /// What the operation answers in this state: the id and the change, or the code of its refusal.
    ///
    /// # Errors
    /// The code.
    pub fn expect(&self, operation: &Operation) -> Result<(u64, Change), Code> {
        let collection = self
            .collections
            .get(operation.collection.as_str())
            .ok_or(Code::CollectionNotFound)?;
        let Some(id) = operation.action.id().map(DocumentId::get) else {
            return Ok((collection.highest + 1, Change::Created));
        };
        let stored = collection.documents.get(&id);
        let check = |expected: &Option<Version>| match (stored, expected) {
            (None, _) => Err(Code::DocNotFound),
            // A version that no answer has told is none that a client can expect.
            (Some(stored), Some(wanted)) if stored.version != Some(*wanted) => {
                Err(Code::VersionMismatch)
            }
            _ => Ok(()),
        };
        let change = match &operation.action {
            Action::Create { .. } if stored.is_some() => return Err(Code::DocExists),
            Action::Create { .. } => Change::Created,
            Action::Upsert { .. } if stored.is_none() => Change::Created,
            Action::Upsert { .. } => Change::Replaced,
            Action::Update { expected, .. } => {
                check(expected)?;
                Change::Replaced
            }
            Action::Delete { expected, .. } => {
                check(expected)?;
                Change::Deleted
            }
            Action::Read { .. } => {
                check(&None)?;
                Change::Read
            }
            Action::Patch { .. } | Action::Merge { .. } => {
                unreachable!("histories do not patch")
            }
        };
        Ok((id, change))
    }

    /// Performs an operation that was not refused, on the document `id`.
    fn perform(&mut self, operation: &Operation, id: u64, version: Option<Version>) {
        let name = operation.collection.as_str();
        let Some(collection) = self.collections.get_mut(name) else {
            return;
        };
        match &operation.action {
            Action::Create { document, .. }
            | Action::Update { document, .. }
            | Action::Upsert { document, .. } => {
                let text = document.as_bytes().into();
                collection.documents.insert(id, Stored { version, text });
                collection.highest = collection.highest.max(id);
                collection.highest_possible = collection.highest_possible.max(id);
                if matches!(operation.action, Action::Create { id: None, .. }) {
                    collection.highest_possible = collection.highest;
                }
            }
            Action::Delete { .. } => {
                collection.documents.remove(&id);
            }
            Action::Read { .. } | Action::Patch { .. } | Action::Merge { .. } => {}
        }
    }

    /// Runs an operation whose answer nobody saw.
    pub fn run(&mut self, operation: &Operation) {
        if let Ok((id, _)) = self.expect(operation) {
            self.perform(operation, id, None);
        }
    }

    /// The states behind each transaction of a request whose answer nobody saw.
    pub fn states_of(&self, operations: &[Operation], atomicity: Atomicity) -> Vec<Self> {
        let mut state = self.clone();
        let mut states = Vec::new();
        for operation in operations {
            let refused = state.expect(operation).is_err();
            match atomicity {
                Atomicity::All if refused => return Vec::new(),
                Atomicity::All => state.run(operation),
                Atomicity::Each => {
                    state.run(operation);
                    states.push(state.clone());
                }
            }
        }
        if atomicity == Atomicity::All {
            states.push(state);
        }
        states
    }

    /// # Errors
    /// The code of the refusal.
    pub fn create_collection(&mut self, name: &str) -> Result<(), Code> {
        if self.collections.contains_key(name) {
            return Err(Code::CollectionExists);
        }
        self.collections
            .insert(name.to_owned(), Collection::default());
        Ok(())
    }

    /// # Errors
    /// The code of the refusal.
    pub fn delete_collection(&mut self, name: &str) -> Result<(), Code> {
        if name == "_default" {
            return Err(Code::InvalidName);
        }
        let collection = self.collections.get(name).ok_or(Code::CollectionNotFound)?;
        if !collection.documents.is_empty() {
            return Err(Code::CollectionNotEmpty);
        }
        self.collections.remove(name);
        Ok(())
    }

    /// Why these contents are not this state; `None` where they are.
    #[must_use]
    pub fn difference(&self, contents: &Contents) -> Option<String> {
        let names = |names: Vec<&String>| format!("{names:?}");
        if self.collections.keys().ne(contents.keys()) {
            return Some(format!(
                "collections {}, expected {}",
                names(contents.keys().collect()),
                names(self.collections.keys().collect()),
            ));
        }
        for (name, collection) in &self.collections {
            let found = &contents[name];
            for (id, stored) in &collection.documents {
                let Some((version, text)) = found.get(id) else {
                    return Some(format!("{name}/{id} is missing"));
                };
                if text[..] != stored.text[..] {
                    return Some(format!(
                        "{name}/{id} is {}, expected {}",
                        brief(text),
                        brief(&stored.text)
                    ));
                }
                if stored.version.is_some_and(|expected| expected != *version) {
                    return Some(format!(
                        "{name}/{id} has version {version}, expected {:?}",
                        stored.version
                    ));
                }
            }
            if let Some(id) = found
                .keys()
                .find(|id| !collection.documents.contains_key(id))
            {
                return Some(format!("{name}/{id} must not be there"));
            }
        }
        None
    }
}

fn brief(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(40)]).into_owned()
}

/// What a client may believe of a database.
#[derive(Debug, Clone, Default)]
pub struct Oracle {
    /// What is acknowledged, and what every reader sees.
    pub now: Model,
    /// States in front of `now` that a power cut may bring back, where acknowledged does not mean
    /// durable; oldest first.
    pub before: Vec<Model>,
    /// States behind `now` that unknown outcomes may have led to.
    pub beyond: Vec<Model>,
    /// The newest version that an answer named.
    pub last_version: Version,
    /// Whether acknowledged means durable.
    pub weak: bool,
}

impl Oracle {
    /// Notes that all that is acknowledged is durable.
    pub fn is_durable(&mut self) {
        self.before.clear();
    }

    fn step(&mut self, change: impl FnOnce(&mut Model)) {
        if self.weak {
            self.before.push(self.now.clone());
        }
        change(&mut self.now);
    }

    /// The state that an operation with an unknown outcome starts from.
    fn furthest(&self) -> &Model {
        self.beyond.last().unwrap_or(&self.now)
    }

    /// Notes a request that may have happened, in part or whole.
    pub fn maybe(&mut self, operations: &[Operation], atomicity: Atomicity) {
        let states = self.furthest().states_of(operations, atomicity);
        self.beyond.extend(states);
    }

    /// Notes a change of a collection that may have happened.
    pub fn maybe_collection(&mut self, name: &str, creates: bool) {
        let mut state = self.furthest().clone();
        let changed = if creates {
            state.create_collection(name)
        } else {
            state.delete_collection(name)
        };
        if changed.is_ok() {
            self.beyond.push(state);
        }
    }

    /// Takes in the answers of a request. `excused` says which codes trouble may answer.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn answered(
        &mut self,
        operations: &[Operation],
        atomicity: Atomicity,
        answers: &[Result<Outcome, Error>],
        excused: &dyn Fn(&Error) -> bool,
    ) -> Result<(), String> {
        if operations.len() != answers.len() {
            return Err(format!(
                "{} answers to {} operations",
                answers.len(),
                operations.len()
            ));
        }
        match atomicity {
            Atomicity::Each => {
                for (operation, answer) in operations.iter().zip(answers) {
                    self.each(operation, answer, excused)?;
                }
                Ok(())
            }
            Atomicity::All => self.all(operations, answers, excused),
        }
    }

    fn each(
        &mut self,
        operation: &Operation,
        answer: &Result<Outcome, Error>,
        excused: &dyn Fn(&Error) -> bool,
    ) -> Result<(), String> {
        let expected = self.now.expect(operation);
        match (answer, expected) {
            (Ok(outcome), Ok(expected)) => {
                if !self.beyond.is_empty() && operation.action.is_write() {
                    return Err("a write behind one whose outcome is unknown succeeded".to_owned());
                }
                self.check(operation, outcome, expected)?;
                if operation.action.is_write() {
                    if outcome.version <= self.last_version {
                        return Err(format!(
                            "version {} after {}",
                            outcome.version, self.last_version
                        ));
                    }
                    self.last_version = outcome.version;
                    let version = outcome.version;
                    self.step(|model| {
                        model.perform(operation, outcome.id.get(), Some(version));
                    });
                }
                Ok(())
            }
            (Err(error), Err(code)) if error.code() == code => Ok(()),
            (Err(error), _) if excused(error) => {
                if operation.action.is_write() {
                    self.excuse(error, std::slice::from_ref(operation), Atomicity::Each);
                }
                Ok(())
            }
            (answer, expected) => Err(format!(
                "{} answered {answer:?}, expected {expected:?}",
                name_of(operation)
            )),
        }
    }

    fn excuse(&mut self, error: &Error, operations: &[Operation], atomicity: Atomicity) {
        match error.effect() {
            Effect::NotApplied => {}
            Effect::Applied | Effect::Unknown => self.maybe(operations, atomicity),
        }
    }

    fn check(
        &self,
        operation: &Operation,
        outcome: &Outcome,
        (id, change): (u64, Change),
    ) -> Result<(), String> {
        let name = name_of(operation);
        let collection = self.now.collections.get(operation.collection.as_str());
        if let Action::Create { id: None, .. } = operation.action {
            let highest = collection.map_or(0, |it| it.highest_possible);
            if !(id..=highest + 1).contains(&outcome.id.get()) {
                return Err(format!(
                    "{name} was given id {}, expected {id} to {}",
                    outcome.id,
                    highest + 1
                ));
            }
        } else if outcome.id.get() != id {
            return Err(format!("{name} answered id {}", outcome.id));
        }
        if outcome.change != change {
            return Err(format!(
                "{name} answered {:?}, expected {change:?}",
                outcome.change
            ));
        }
        if let Action::Read { .. } = operation.action {
            let stored = collection.and_then(|it| it.documents.get(&id));
            let found = outcome.document.as_deref();
            if found != stored.map(|it| &*it.text) {
                return Err(format!("{name} answered another text: {found:?}"));
            }
            if stored
                .and_then(|it| it.version)
                .is_some_and(|version| version != outcome.version)
            {
                return Err(format!("{name} answered version {}", outcome.version));
            }
        }
        Ok(())
    }

    fn all(
        &mut self,
        operations: &[Operation],
        answers: &[Result<Outcome, Error>],
        excused: &dyn Fn(&Error) -> bool,
    ) -> Result<(), String> {
        let outcomes: Result<Vec<_>, _> = answers.iter().cloned().collect();
        let mut expected = self.refusal_of(operations);
        if self.is_ambiguous() {
            // Which id is the next is not known, nor what follows from it.
            expected = match &outcomes {
                Ok(_) => None,
                Err(error) if error.code() == Code::DocExists => Some(Code::DocExists),
                Err(_) => expected,
            };
        }
        match (outcomes, expected) {
            (Ok(outcomes), None) => {
                let writes = operations.iter().any(|it| it.action.is_write());
                if writes && !self.beyond.is_empty() {
                    return Err("a write behind one whose outcome is unknown succeeded".to_owned());
                }
                let before = self.clone();
                for (operation, outcome) in operations.iter().zip(&outcomes) {
                    let expected = self
                        .now
                        .expect(operation)
                        .map_err(|code| format!("{} must be {code}", name_of(operation)))?;
                    self.check(operation, outcome, expected)?;
                    if operation.action.is_write() {
                        if outcome.version <= before.last_version {
                            return Err(format!("version {} was used", outcome.version));
                        }
                        self.last_version = outcome.version;
                        let (id, version) = (outcome.id.get(), Some(outcome.version));
                        self.now.perform(operation, id, version);
                    }
                }
                if self.weak && writes {
                    self.before.push(before.now);
                }
                Ok(())
            }
            (Err(error), Some(code)) if error.code() == code => Ok(()),
            (Err(error), _) if excused(&error) => {
                if operations.iter().any(|it| it.action.is_write()) {
                    self.excuse(&error, operations, Atomicity::All);
                }
                Ok(())
            }
            (answer, expected) => Err(format!(
                "a request as a whole answered {answer:?}, expected {expected:?}"
            )),
        }
    }

    /// Whether the next id of a collection is not known.
    fn is_ambiguous(&self) -> bool {
        !self.ambiguous().is_empty()
    }

    /// The collections whose next id is not known.
    #[must_use]
    pub fn ambiguous(&self) -> Vec<String> {
        let collections = self.now.collections.iter();
        collections
            .filter(|(_, it)| it.highest != it.highest_possible)
            .map(|(name, _)| name.clone())
            .collect()
    }

    fn refusal_of(&self, operations: &[Operation]) -> Option<Code> {
        let mut state = self.now.clone();
        for operation in operations {
            if let Err(code) = state.expect(operation) {
                return Some(code);
            }
            state.run(operation);
        }
        None
    }

    /// Takes in the answer to the creation or deletion of a collection.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn answered_collection(
        &mut self,
        name: &str,
        creates: bool,
        answer: &Result<(), Error>,
        excused: &dyn Fn(&Error) -> bool,
    ) -> Result<(), String> {
        let mut after = self.now.clone();
        let expected = if creates {
            after.create_collection(name)
        } else {
            after.delete_collection(name)
        };
        match (answer, expected) {
            (Ok(()), Ok(())) => {
                self.step(|model| *model = after);
                Ok(())
            }
            (Err(error), Err(code)) if error.code() == code => Ok(()),
            (Err(error), _) if excused(error) => {
                if error.effect() != Effect::NotApplied {
                    self.maybe_collection(name, creates);
                }
                Ok(())
            }
            (answer, expected) => Err(format!(
                "collection {name} answered {answer:?}, expected {expected:?}"
            )),
        }
    }

    /// Takes what a reopened database holds for what it is, if that is one of the possible states.
    /// With `lost_unsynced` the states in front of `now` are possible too.
    ///
    /// # Errors
    /// How it differs from the state that is acknowledged.
    pub fn settle(&mut self, contents: &Contents, lost_unsynced: bool) -> Result<(), String> {
        let before: &[Model] = if lost_unsynced { &self.before } else { &[] };
        let possible = before
            .iter()
            .chain(std::iter::once(&self.now))
            .chain(&self.beyond);
        let mut matching: Option<Model> = None;
        for model in possible {
            if model.difference(contents).is_some() {
                continue;
            }
            match &mut matching {
                None => matching = Some(model.clone()),
                Some(chosen) => chosen.widen(model),
            }
        }
        let Some(mut model) = matching else {
            let difference = self.now.difference(contents).unwrap_or_default();
            return Err(format!(
                "what came back is none of {} possible states: {difference}",
                before.len() + 1 + self.beyond.len()
            ));
        };
        for (name, documents) in contents {
            for (id, (version, _)) in documents {
                self.last_version = self.last_version.max(*version);
                if let Some(collection) = model.collections.get_mut(name)
                    && let Some(stored) = collection.documents.get_mut(id)
                {
                    stored.version = Some(*version);
                }
            }
        }
        self.now = model;
        self.before.clear();
        self.beyond.clear();
        Ok(())
    }
}

impl Model {
    /// Two histories with the same documents may differ in the ids that they have used.
    fn widen(&mut self, other: &Self) {
        for (name, collection) in &mut self.collections {
            if let Some(other) = other.collections.get(name) {
                collection.highest = collection.highest.min(other.highest);
                collection.highest_possible =
                    collection.highest_possible.max(other.highest_possible);
            }
        }
    }
}

fn name_of(operation: &Operation) -> String {
    let kind = match operation.action {
        Action::Create { .. } => "create",
        Action::Read { .. } => "read",
        Action::Update { .. } => "update",
        Action::Upsert { .. } => "upsert",
        Action::Delete { .. } => "delete",
        Action::Patch { .. } => "patch",
        Action::Merge { .. } => "merge",
    };
    let id = operation.action.id().map_or(0, DocumentId::get);
    format!("{kind} {}/{id}", operation.collection)
}

/// Reads a whole database through its scans, holding counts and single reads against them.
///
/// # Errors
/// The first error of a read.
///
/// # Panics
/// Where a count, a scan and a read do not agree.
pub fn contents_of(database: &Arc<LogicalDb>) -> Result<Contents, Error> {
    let mut contents = Contents::new();
    for info in database.list_collections()? {
        let documents = documents_of(database, &info.name, None)?;
        assert_eq!(
            info.documents,
            documents.len() as u64,
            "count of {}",
            info.name
        );
        if let Some((id, (version, text))) = documents.last_key_value() {
            let id = DocumentId::new(*id).expect("a scan answers valid ids");
            let read = database.read(&info.name, id)?;
            assert_eq!(read.version, *version, "a read and a scan of {id}");
            assert_eq!(read.document.as_deref(), Some(&text[..]));
            assert_marked_by(database, read.may_be_older, "a read");
        }
        contents.insert(info.name.as_str().to_owned(), documents);
    }
    Ok(contents)
}

/// Reads a collection through its scan, page by page.
///
/// # Errors
/// The first error of a page.
pub fn documents_of(
    database: &LogicalDb,
    name: &CollectionName,
    snapshot: Option<&docdb_engine::Snapshot>,
) -> Result<BTreeMap<u64, (Version, Vec<u8>)>, Error> {
    let limit = ScanLimit {
        documents: 7,
        bytes: 10_000,
    };
    let mut documents = BTreeMap::new();
    let mut from = None;
    loop {
        let page = database.scan(name, from, limit, snapshot)?;
        assert_marked_by(database, page.may_lack, "a page");
        let is_degraded = database.condition() == Condition::Degraded;
        assert!(page.may_lack || !is_degraded, "nothing can be missing");
        for found in page.documents {
            assert_marked_by(database, found.may_be_older, "a document");
            documents.insert(found.id.get(), (found.version, found.text.to_vec()));
        }
        match page.next {
            Some(next) => from = Some(next),
            None => return Ok(documents),
        }
    }
}

/// Only a database that has lost transactions says that something may be older or missing.
fn assert_marked_by(database: &LogicalDb, mark: bool, what: &str) {
    let condition = database.condition();
    let is_whole = matches!(condition, Condition::Serving | Condition::ReadOnly);
    assert!(!(mark && is_whole), "{what} is marked");
}
