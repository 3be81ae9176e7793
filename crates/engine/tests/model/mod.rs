//! The oracle: what a database must hold, in maps.

use std::collections::BTreeMap;

use docdb_engine::{LogicalDb, ScanLimit};
use docdb_types::{Action, Code, CollectionName, DocumentId, Operation};

/// A small, fast generator: one seed, one history.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    /// The next number below `bound` (the generator is SplitMix64).
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Collection {
    pub(crate) documents: BTreeMap<u64, Vec<u8>>,
    /// The largest id ever used, from which ids are assigned.
    pub(crate) highest: u64,
}

/// Every collection with its documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Model {
    pub(crate) collections: BTreeMap<String, Collection>,
}

impl Model {
    pub(crate) fn new() -> Self {
        let collections = BTreeMap::from([("_default".to_owned(), Collection::default())]);
        Self { collections }
    }

    /// Applies an operation and says what it must answer: the id, or the code of its refusal.
    pub(crate) fn apply(&mut self, operation: &Operation) -> Result<u64, Code> {
        let name = operation.collection.as_str();
        let collection = self
            .collections
            .get_mut(name)
            .ok_or(Code::CollectionNotFound)?;
        let id = match &operation.action {
            Action::Create { id: None, .. } => collection.highest + 1,
            action => action.id().unwrap().get(),
        };
        let exists = collection.documents.contains_key(&id);
        match &operation.action {
            Action::Create { .. } if exists => return Err(Code::DocExists),
            Action::Update { .. } | Action::Delete { .. } | Action::Read { .. } if !exists => {
                return Err(Code::DocNotFound);
            }
            Action::Create { document, .. }
            | Action::Update { document, .. }
            | Action::Upsert { document, .. } => {
                collection
                    .documents
                    .insert(id, document.as_bytes().to_vec());
                collection.highest = collection.highest.max(id);
            }
            Action::Delete { .. } => {
                collection.documents.remove(&id);
            }
            Action::Read { .. } => {}
            Action::Patch { .. } | Action::Merge { .. } => unreachable!("not generated"),
        }
        Ok(id)
    }

    /// Applies operations that stand together: all of them, or the refusal of the first that fails.
    pub(crate) fn apply_all(&mut self, operations: &[Operation]) -> Result<Vec<u64>, Code> {
        let mut after = self.clone();
        let ids = operations
            .iter()
            .map(|operation| after.apply(operation))
            .collect::<Result<_, _>>()?;
        *self = after;
        Ok(ids)
    }

    pub(crate) fn create_collection(&mut self, name: &str) -> Result<(), Code> {
        if self.collections.contains_key(name) {
            return Err(Code::CollectionExists);
        }
        self.collections
            .insert(name.to_owned(), Collection::default());
        Ok(())
    }

    pub(crate) fn delete_collection(&mut self, name: &str) -> Result<(), Code> {
        let collection = self.collections.get(name).ok_or(Code::CollectionNotFound)?;
        if !collection.documents.is_empty() {
            return Err(Code::CollectionNotEmpty);
        }
        self.collections.remove(name);
        Ok(())
    }

    /// What the documents are, without the numbers that only matter for the next assignment.
    pub(crate) fn contents(&self) -> BTreeMap<String, BTreeMap<u64, Vec<u8>>> {
        self.collections
            .iter()
            .map(|(name, collection)| (name.clone(), collection.documents.clone()))
            .collect()
    }
}

/// Reads a whole database through its scans, holding the counts against them.
pub(crate) fn contents_of(database: &LogicalDb) -> BTreeMap<String, BTreeMap<u64, Vec<u8>>> {
    let mut contents = BTreeMap::new();
    for info in database.list_collections().unwrap() {
        let mut documents = BTreeMap::new();
        let mut from: Option<DocumentId> = None;
        let limit = ScanLimit {
            documents: 7,
            bytes: 10_000,
        };
        loop {
            let page = database.scan(&info.name, from, limit, None).unwrap();
            for found in page.documents {
                documents.insert(found.id.get(), found.text.to_vec());
            }
            match page.next {
                Some(next) => from = Some(next),
                None => break,
            }
        }
        assert_eq!(
            info.documents,
            documents.len() as u64,
            "count of {}",
            info.name
        );
        contents.insert(info.name.as_str().to_owned(), documents);
    }
    contents
}

pub(crate) fn collection(name: &str) -> CollectionName {
    CollectionName::new(name).unwrap()
}
