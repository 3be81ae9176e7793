//! Reads a list of steps from JSON.

use super::error::{PatchError, StepFault};
use super::step::PatchStep;
use crate::json::{JsonKind, JsonLimits, check, escape, walk};

/// Reads a JSON array of steps, each an object like
/// `{"op":"set","path":"/a/b","value":…}`.
///
/// Values keep their bytes. Members that the operation does not define are ignored, as RFC 6902
/// section 4 asks. A value may nest as deeply as any text; whether it fits a document shows when
/// the step is applied. The text may be 16 MiB, like the payload of a request.
///
/// # Errors
/// [`PatchError::NotJson`], [`PatchError::NotAnArray`], or [`PatchError::InvalidPatch`] for the
/// first step that is no object, names an unknown operation, or lacks what its operation needs.
pub fn parse_steps(text: &[u8]) -> Result<Vec<PatchStep>, PatchError> {
    let limits = JsonLimits {
        max_depth: JsonLimits::DEPTH_CEILING,
        ..JsonLimits::default()
    };
    check(text, limits).map_err(PatchError::NotJson)?;
    let array = match walk::value(text) {
        Some((JsonKind::Array, range)) => text.get(range).unwrap_or_default(),
        _ => return Err(PatchError::NotAnArray),
    };
    walk::items(array)
        .enumerate()
        .map(|(step, item)| {
            let invalid = |fault| PatchError::InvalidPatch { step, fault };
            parse_step(array.get(item).unwrap_or_default()).map_err(invalid)
        })
        .collect()
}

/// The raw values of the members that steps have.
#[derive(Default)]
struct Members<'a> {
    op: Option<&'a [u8]>,
    path: Option<&'a [u8]>,
    from: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
}

fn parse_step(text: &[u8]) -> Result<PatchStep, StepFault> {
    let members = members(text)?;
    let path = || string("path", members.path);
    let from = || string("from", members.from);
    let value = || {
        members
            .value
            .map(<[u8]>::to_vec)
            .ok_or(StepFault::Missing { name: "value" })
    };
    let op = string("op", members.op)?;
    Ok(match &*op {
        "set" => PatchStep::Set {
            path: path()?,
            value: value()?,
        },
        "delete" => PatchStep::Delete { path: path()? },
        "insert" => PatchStep::Insert {
            path: path()?,
            value: value()?,
        },
        "add" => PatchStep::Add {
            path: path()?,
            value: value()?,
        },
        "remove" => PatchStep::Remove { path: path()? },
        "replace" => PatchStep::Replace {
            path: path()?,
            value: value()?,
        },
        "move" => PatchStep::Move {
            from: from()?,
            path: path()?,
        },
        "copy" => PatchStep::Copy {
            from: from()?,
            path: path()?,
        },
        "test" => PatchStep::Test {
            path: path()?,
            value: value()?,
        },
        _ => {
            return Err(StepFault::UnknownOperation {
                name: PatchError::abridge(&op),
            });
        }
    })
}

fn members(text: &[u8]) -> Result<Members<'_>, StepFault> {
    let object = match walk::value(text) {
        Some((JsonKind::Object, range)) => text.get(range).unwrap_or_default(),
        _ => return Err(StepFault::NotAnObject),
    };
    let mut members = Members::default();
    for item in walk::items(object) {
        let item = object.get(item).unwrap_or_default();
        let member = walk::member(item).ok_or(StepFault::NotAnObject)?;
        let value = item.get(member.value);
        match &*escape::unescape(item.get(member.name).unwrap_or_default()) {
            b"op" => members.op = value,
            b"path" => members.path = value,
            b"from" => members.from = value,
            b"value" => members.value = value,
            _ => {}
        }
    }
    Ok(members)
}

/// The text of a member that must be a string.
fn string(name: &'static str, raw: Option<&[u8]>) -> Result<String, StepFault> {
    let raw = raw.ok_or(StepFault::Missing { name })?;
    let body = raw
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    let bytes = escape::unescape(body.ok_or(StepFault::NotAString { name })?);
    // The text has been checked, so that nothing is lost here.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
