use std::sync::{Mutex, PoisonError};

use adya::History;
use adya::history::{Interner, Mop, Op, OpType, ReadValue, Scalar};

use super::linear::Single;

/// One step of a transaction, as it was asked for or as it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// An element behind all others of a list.
    Append(u64, u64),
    /// A register is given a value.
    Write(u64, u64),
    /// A list is read; `None` is not answered yet.
    ReadList(u64, Option<Vec<u64>>),
    /// A register is read; `None` is not answered yet, `Some(None)` holds nothing.
    ReadRegister(u64, Option<Option<u64>>),
}

/// Notes what clients do, in the order in which it begins and ends.
#[derive(Debug, Default)]
pub struct Recorder {
    notes: Mutex<Notes>,
}

#[derive(Debug, Default)]
struct Notes {
    ops: Vec<Op>,
    interner: Interner,
    singles: Vec<Single>,
}

impl Recorder {
    /// A transaction is about to be sent. Answers its place, for [`single`](Self::single).
    pub fn invoke(&self, process: i64, steps: &[Step]) -> u64 {
        self.note(process, OpType::Invoke, steps)
    }

    /// A transaction was committed.
    pub fn ok(&self, process: i64, steps: &[Step]) -> u64 {
        self.note(process, OpType::Ok, steps)
    }

    /// A transaction did not happen, and never will.
    pub fn fail(&self, process: i64, steps: &[Step]) {
        self.note(process, OpType::Fail, steps);
    }

    /// Nobody knows whether a transaction happened. Its process does nothing more.
    pub fn unknown(&self, process: i64, steps: &[Step]) {
        self.note(process, OpType::Info, steps);
    }

    /// An operation on one document, with the version that it answered.
    pub fn single(&self, single: Single) {
        self.lock().singles.push(single);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, process: i64, kind: OpType, steps: &[Step]) -> u64 {
        let mut notes = self.lock();
        let value = steps
            .iter()
            .map(|step| step.micro_operation(&mut notes.interner))
            .collect();
        let index = notes.ops.len() as u64;
        notes.ops.push(Op {
            index,
            kind,
            process: Some(process),
            value,
            time: None,
        });
        index
    }

    /// The history, and the operations on single documents.
    pub fn finish(self) -> (History, Vec<Single>) {
        let notes = self
            .notes
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        (History::from_ops(notes.ops, notes.interner), notes.singles)
    }
}

impl Step {
    fn micro_operation(&self, interner: &mut Interner) -> Mop {
        let mut id = |number: u64| interner.intern(Scalar::Int(number as i64));
        match self {
            Self::Append(key, value) => Mop::Append {
                key: id(*key),
                value: id(*value),
            },
            Self::Write(key, value) => Mop::Write {
                key: id(*key),
                value: id(*value),
            },
            Self::ReadList(key, list) => Mop::Read {
                key: id(*key),
                value: match list {
                    Some(list) => ReadValue::List(list.iter().map(|one| id(*one)).collect()),
                    None => ReadValue::Nil,
                },
            },
            Self::ReadRegister(key, value) => Mop::Read {
                key: id(*key),
                value: match value {
                    Some(Some(value)) => ReadValue::Scalar(id(*value)),
                    Some(None) | None => ReadValue::Nil,
                },
            },
        }
    }
}
