use bytes::Bytes;
use docdb_types::{Code, Document, Error, Limits, PatchStep};

use crate::proto::{self, PatchOp};

/// Checks that the op is known and its value one JSON value. Paths are checked by the patch itself.
pub(super) fn step_from_wire(
    message: proto::PatchStep,
    limits: &Limits,
) -> Result<PatchStep, Error> {
    let op = PatchOp::try_from(message.op).unwrap_or(PatchOp::Unspecified);
    let proto::PatchStep {
        path, from, value, ..
    } = message;
    Ok(match op {
        PatchOp::Set => PatchStep::Set {
            path,
            value: checked(value, limits)?,
        },
        PatchOp::Delete => PatchStep::Delete { path },
        PatchOp::Insert => PatchStep::Insert {
            path,
            value: checked(value, limits)?,
        },
        PatchOp::Add => PatchStep::Add {
            path,
            value: checked(value, limits)?,
        },
        PatchOp::Remove => PatchStep::Remove { path },
        PatchOp::Replace => PatchStep::Replace {
            path,
            value: checked(value, limits)?,
        },
        PatchOp::Move => PatchStep::Move { from, path },
        PatchOp::Copy => PatchStep::Copy { from, path },
        PatchOp::Test => PatchStep::Test {
            path,
            value: checked(value, limits)?,
        },
        PatchOp::Unspecified => {
            return Err(Error::new(Code::InvalidPatch, "the step has no known op"));
        }
    })
}

fn checked(value: Bytes, limits: &Limits) -> Result<Vec<u8>, Error> {
    if value.is_empty() {
        return Err(Error::new(Code::InvalidPatch, "the step has no value"));
    }
    Document::new(value, limits).map(|value| value.into_bytes().into())
}

pub(super) fn step_to_wire(step: PatchStep) -> proto::PatchStep {
    let message = |op: PatchOp, path, from, value: Vec<u8>| proto::PatchStep {
        op: op as i32,
        path,
        from,
        value: value.into(),
    };
    let none = String::new;
    match step {
        PatchStep::Set { path, value } => message(PatchOp::Set, path, none(), value),
        PatchStep::Delete { path } => message(PatchOp::Delete, path, none(), Vec::new()),
        PatchStep::Insert { path, value } => message(PatchOp::Insert, path, none(), value),
        PatchStep::Add { path, value } => message(PatchOp::Add, path, none(), value),
        PatchStep::Remove { path } => message(PatchOp::Remove, path, none(), Vec::new()),
        PatchStep::Replace { path, value } => message(PatchOp::Replace, path, none(), value),
        PatchStep::Move { from, path } => message(PatchOp::Move, path, from, Vec::new()),
        PatchStep::Copy { from, path } => message(PatchOp::Copy, path, from, Vec::new()),
        PatchStep::Test { path, value } => message(PatchOp::Test, path, none(), value),
    }
}
