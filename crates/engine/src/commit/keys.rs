//! Idempotency keys: what the requests of recent commits were answered, so that a repeated one is
//! answered the same and not run again.
//!
//! A key is written in the batch of its transaction, and so is durable exactly when that is. The
//! newest keys are kept, in the order of their commits. A checkpoint writes all of them to the log
//! again, behind its cut, before that part of the log is given up in which they stood.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use docdb_types::{
    Action, Change, Code, DocumentId, Error, IdempotencyKey, Operation, Outcome, TransactionId,
    Version,
};

use super::request::Answers;

/// Keys that are kept at least, unless their answers take more than [`KEPT_BYTES`].
pub(crate) const KEPT_KEYS: usize = 16_384;
/// Bytes of log that the kept keys take at most.
pub(crate) const KEPT_BYTES: u64 = 4 * 1024 * 1024;

/// The form of the payload.
const FORM: u8 = 1;
/// Bytes in front of the outcomes: form, three zeros, digest, transaction, number of outcomes.
const HEADER_BYTES: usize = 20;
/// Bytes of one outcome: id, change.
const OUTCOME_BYTES: usize = 9;
/// What a key takes in memory beside its own bytes and its outcomes, about.
const ENTRY_BYTES: u64 = 160;

/// What the request of a key brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remembered {
    /// The transaction that it was.
    transaction: TransactionId,
    /// Of the operations; 0 for the commit of a transaction.
    digest: u32,
    /// What became of each document; empty for the commit of a transaction.
    outcomes: Arc<[(DocumentId, Change)]>,
}

impl Remembered {
    /// What operations were answered, all of which were writes that succeeded.
    pub(crate) fn operations(
        transaction: TransactionId,
        digest: u32,
        outcomes: impl Iterator<Item = (DocumentId, Change)>,
    ) -> Self {
        Self {
            transaction,
            digest,
            outcomes: outcomes.collect(),
        }
    }

    /// The commit of a transaction.
    pub(crate) fn commit(transaction: TransactionId) -> Self {
        Self {
            transaction,
            digest: 0,
            outcomes: Arc::default(),
        }
    }

    /// The answers of operations, once more.
    ///
    /// # Errors
    /// `InvalidRequestId` where the key was that of another request.
    pub(crate) fn answers(&self, digest: u32) -> Result<Answers, Error> {
        if self.outcomes.is_empty() || self.digest != digest {
            return Err(of_another_request());
        }
        let outcome = |(id, change): &(DocumentId, Change)| {
            Ok(Outcome {
                id: *id,
                version: self.transaction,
                change: *change,
                document: None,
                may_be_older: false,
            })
        };
        Ok(self.outcomes.iter().map(outcome).collect())
    }

    /// The answer of a commit, once more.
    ///
    /// # Errors
    /// `InvalidRequestId` where the key was that of another request.
    pub(crate) fn version(&self) -> Result<Version, Error> {
        if self.outcomes.is_empty() {
            Ok(self.transaction)
        } else {
            Err(of_another_request())
        }
    }

    /// The payload of its record.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.encoded_bytes());
        bytes.extend_from_slice(&[FORM, 0, 0, 0]);
        bytes.extend_from_slice(&self.digest.to_le_bytes());
        bytes.extend_from_slice(&self.transaction.get().to_le_bytes());
        // INVARIANT: a request has far fewer operations.
        bytes.extend_from_slice(&(self.outcomes.len() as u32).to_le_bytes());
        for (id, change) in &*self.outcomes {
            bytes.extend_from_slice(&id.get().to_le_bytes());
            bytes.push(number_of(*change));
        }
        bytes
    }

    /// Reads the payload of a record; `None` where it holds none.
    pub(crate) fn decode(payload: &[u8]) -> Option<Self> {
        let (header, mut rest) = payload.split_first_chunk::<HEADER_BYTES>()?;
        let [
            form,
            _,
            _,
            _,
            d0,
            d1,
            d2,
            d3,
            transaction @ ..,
            c0,
            c1,
            c2,
            c3,
        ] = *header;
        let count = u32::from_le_bytes([c0, c1, c2, c3]) as usize;
        if form != FORM || rest.len() != count.checked_mul(OUTCOME_BYTES)? {
            return None;
        }
        let mut outcomes = Vec::with_capacity(count);
        while let Some((outcome, behind)) = rest.split_first_chunk::<OUTCOME_BYTES>() {
            let [id @ .., change] = *outcome;
            let id = DocumentId::new(u64::from_le_bytes(id))?;
            outcomes.push((id, change_of(change)?));
            rest = behind;
        }
        Some(Self {
            transaction: TransactionId::new(u64::from_le_bytes(transaction)),
            digest: u32::from_le_bytes([d0, d1, d2, d3]),
            outcomes: outcomes.into(),
        })
    }

    fn encoded_bytes(&self) -> usize {
        HEADER_BYTES + OUTCOME_BYTES * self.outcomes.len()
    }
}

fn of_another_request() -> Error {
    let reason = "the idempotency key is that of another request";
    Error::new(Code::InvalidRequestId, reason)
}

const fn number_of(change: Change) -> u8 {
    match change {
        Change::Created => 1,
        Change::Replaced => 2,
        Change::Deleted => 3,
        Change::Read => 4,
    }
}

const fn change_of(number: u8) -> Option<Change> {
    match number {
        1 => Some(Change::Created),
        2 => Some(Change::Replaced),
        3 => Some(Change::Deleted),
        _ => None,
    }
}

/// A checksum over everything that operations say, by which a repetition is told from another
/// request under the same key.
pub(crate) fn digest(operations: &[Operation]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    let mut field = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    for operation in operations {
        field(operation.collection.as_str().as_bytes());
        let action = &operation.action;
        field(&action.id().map_or(0, DocumentId::get).to_le_bytes());
        let expected = match action {
            Action::Create { document, .. } => {
                field(b"create");
                field(document.as_bytes());
                None
            }
            Action::Upsert { document, .. } => {
                field(b"upsert");
                field(document.as_bytes());
                None
            }
            Action::Update {
                document, expected, ..
            } => {
                field(b"update");
                field(document.as_bytes());
                *expected
            }
            Action::Merge {
                patch, expected, ..
            } => {
                field(b"merge");
                field(patch.as_bytes());
                *expected
            }
            Action::Patch {
                steps, expected, ..
            } => {
                field(b"patch");
                for step in steps {
                    field(step.name().as_bytes());
                    field(step.from().unwrap_or_default().as_bytes());
                    field(step.path().as_bytes());
                    field(step.value().unwrap_or_default());
                }
                *expected
            }
            Action::Delete { expected, .. } => {
                field(b"delete");
                *expected
            }
            Action::Read { .. } => {
                field(b"read");
                None
            }
        };
        match expected {
            Some(version) => field(&version.get().to_le_bytes()),
            None => field(&[]),
        }
    }
    hasher.finalize()
}

/// The newest keys, in the order of their commits.
#[derive(Debug, Default)]
pub(crate) struct KeyTable {
    places: HashMap<IdempotencyKey, u64>,
    entries: BTreeMap<u64, (IdempotencyKey, Remembered)>,
    last_place: u64,
    logged_bytes: u64,
}

impl KeyTable {
    pub(crate) fn get(&self, key: &IdempotencyKey) -> Option<&Remembered> {
        let place = self.places.get(key)?;
        self.entries.get(place).map(|(_, remembered)| remembered)
    }

    /// Adds the key of a commit, behind all others, and forgets the oldest ones beyond the bounds.
    pub(crate) fn add(&mut self, key: IdempotencyKey, remembered: Remembered) {
        if let Some(place) = self.places.get(&key).copied() {
            self.remove(place);
        }
        self.last_place += 1;
        self.logged_bytes += logged_bytes(&key, &remembered);
        self.places.insert(key.clone(), self.last_place);
        self.entries.insert(self.last_place, (key, remembered));
        while self.entries.len() > KEPT_KEYS || self.logged_bytes > KEPT_BYTES {
            let Some(oldest) = self.entries.keys().next().copied() else {
                return;
            };
            self.remove(oldest);
        }
    }

    fn remove(&mut self, place: u64) {
        if let Some((key, remembered)) = self.entries.remove(&place) {
            self.places.remove(&key);
            self.logged_bytes -= logged_bytes(&key, &remembered);
        }
    }

    /// All keys, the oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(IdempotencyKey, Remembered)> {
        self.entries.values()
    }

    /// Memory that it takes, in bytes, about.
    pub(crate) fn bytes(&self) -> u64 {
        self.logged_bytes + ENTRY_BYTES * self.entries.len() as u64
    }
}

fn logged_bytes(key: &IdempotencyKey, remembered: &Remembered) -> u64 {
    docdb_wal::stored_bytes(key.as_bytes().len(), remembered.encoded_bytes())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use docdb_types::{CollectionName, Document, Limits, PatchStep};

    use super::*;

    fn key(number: usize) -> IdempotencyKey {
        IdempotencyKey::new(Bytes::from(number.to_string())).unwrap()
    }

    fn id(number: u64) -> DocumentId {
        DocumentId::new(number).unwrap()
    }

    fn of(transaction: u64, outcomes: usize) -> Remembered {
        let outcomes = (1..=outcomes as u64).map(|number| (id(number), Change::Created));
        Remembered::operations(TransactionId::new(transaction), 7, outcomes)
    }

    #[test]
    fn golden_payload() {
        let remembered = Remembered::operations(
            TransactionId::new(0x0102_0304),
            0xaabb_ccdd,
            [(id(5), Change::Created), (id(u64::MAX), Change::Deleted)].into_iter(),
        );
        let mut expected = vec![1, 0, 0, 0, 0xdd, 0xcc, 0xbb, 0xaa];
        expected.extend([4, 3, 2, 1, 0, 0, 0, 0, 2, 0, 0, 0]);
        expected.extend([5, 0, 0, 0, 0, 0, 0, 0, 1]);
        expected.extend([0xff; 8]);
        expected.push(3);
        assert_eq!(remembered.encode(), expected);
        assert_eq!(Remembered::decode(&expected), Some(remembered));
        let commit = Remembered::commit(TransactionId::new(9));
        assert_eq!(Remembered::decode(&commit.encode()), Some(commit));
    }

    #[test]
    fn what_is_no_payload_is_refused() {
        let good = of(3, 2).encode();
        for length in 0..good.len() {
            assert_eq!(Remembered::decode(&good[..length]), None, "{length}");
        }
        for (at, value) in [(0, 2), (16, 3), (19, 255), (28, 0), (28, 4)] {
            let mut bad = good.clone();
            bad[at] = value;
            assert_eq!(Remembered::decode(&bad), None, "{at}");
        }
    }

    #[test]
    fn the_oldest_keys_go_when_there_are_too_many() {
        let mut table = KeyTable::default();
        for number in 0..KEPT_KEYS + 10 {
            table.add(
                key(number),
                Remembered::commit(TransactionId::new(number as u64)),
            );
        }
        assert_eq!(table.iter().count(), KEPT_KEYS);
        assert!(table.get(&key(9)).is_none());
        assert!(table.get(&key(10)).is_some());
        // One that comes again is as new as its repetition.
        table.add(key(10), Remembered::commit(TransactionId::new(1)));
        table.add(key(0), Remembered::commit(TransactionId::new(2)));
        assert!(table.get(&key(10)).is_some());
        assert!(table.get(&key(11)).is_none());
    }

    #[test]
    fn large_answers_are_bounded_by_their_bytes() {
        let mut table = KeyTable::default();
        for number in 0..100 {
            table.add(key(number), of(number as u64, 10_000));
            assert!(table.bytes() < KEPT_BYTES + 100 * ENTRY_BYTES);
        }
        assert!(table.get(&key(99)).is_some());
        assert!(table.get(&key(0)).is_none());
        let kept = table.iter().count();
        assert!((40..50).contains(&kept), "{kept}");
    }

    #[test]
    fn every_field_of_an_operation_is_in_its_digest() {
        let document = |text: &str| Document::from_text(text, &Limits::DEFAULT).unwrap();
        let version = |number| Some(Version::new(number));
        let patch = |steps| Action::Patch {
            id: id(1),
            steps,
            expected: None,
        };
        let path = || "/a".to_owned();
        let actions = vec![
            Action::Create {
                id: None,
                document: document("1"),
            },
            Action::Create {
                id: Some(id(1)),
                document: document("1"),
            },
            Action::Upsert {
                id: id(1),
                document: document("1"),
            },
            Action::Upsert {
                id: id(1),
                document: document("2"),
            },
            Action::Update {
                id: id(1),
                document: document("1"),
                expected: None,
            },
            Action::Update {
                id: id(1),
                document: document("1"),
                expected: version(0),
            },
            Action::Update {
                id: id(1),
                document: document("1"),
                expected: version(1),
            },
            Action::Delete {
                id: id(1),
                expected: None,
            },
            Action::Delete {
                id: id(2),
                expected: None,
            },
            Action::Merge {
                id: id(1),
                patch: document("1"),
                expected: None,
            },
            patch(vec![PatchStep::Remove { path: path() }]),
            patch(vec![PatchStep::Delete { path: path() }]),
            patch(vec![PatchStep::Remove { path: path() }; 2]),
            patch(vec![PatchStep::Move {
                from: path(),
                path: path(),
            }]),
            patch(vec![PatchStep::Copy {
                from: path(),
                path: path(),
            }]),
            patch(vec![PatchStep::Add {
                path: path(),
                value: b"1".to_vec(),
            }]),
        ];
        let mut seen = HashMap::new();
        for collection in ["_default", "orders"] {
            for action in &actions {
                let operation = Operation {
                    collection: CollectionName::new(collection).unwrap(),
                    action: action.clone(),
                };
                let digest = digest(std::slice::from_ref(&operation));
                let before = seen.insert(digest, operation);
                assert_eq!(before, None);
            }
        }
    }
}
