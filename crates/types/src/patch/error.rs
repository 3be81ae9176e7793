//! Why a patch was refused.

use crate::error::{Code, Error};
use crate::json::{JsonError, JsonKind, JsonReason};

/// A patch cannot be read, or does not apply. The document stays as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatchError {
    /// The text of the patch is not JSON.
    #[error("patch is not valid json")]
    NotJson(#[source] JsonError),
    /// The text of the patch is JSON, but not an array of steps.
    #[error("patch is not an array of steps")]
    NotAnArray,
    /// A step is wrong in itself, or what it tests does not hold.
    #[error("step {step}: {fault}")]
    InvalidPatch {
        /// Index of the step, from 0.
        step: usize,
        /// What is wrong.
        fault: StepFault,
    },
    /// A path does not lead to a place that the step can use.
    #[error("step {step}: path {path:?}: {fault}")]
    InvalidPath {
        /// Index of the step, from 0.
        step: usize,
        /// The path, abridged where it is long.
        path: Box<str>,
        /// What is wrong with it.
        fault: PathFault,
    },
    /// The document is neither an object nor an array, and the step is for a part of it.
    #[error("step {step}: document is neither an object nor an array")]
    NotJsonObject {
        /// Index of the step, from 0.
        step: usize,
    },
    /// The document, or what the patch made of it, is not valid JSON or nests too deeply.
    #[error("patched document is not valid json")]
    InvalidJson(#[source] JsonError),
    /// Reading what the patch names, again and again, passes what one patch may read.
    #[error("patch reads more than {limit} bytes")]
    TooCostly {
        /// Allowed bytes.
        limit: usize,
    },
    /// The document would become larger than allowed, or the values that its `copy` steps make
    /// are together.
    #[error("patched document is larger than {limit} bytes")]
    TooLarge {
        /// Allowed length in bytes.
        limit: usize,
    },
}

/// What is wrong with a step in itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StepFault {
    /// The step is not an object.
    #[error("not an object")]
    NotAnObject,
    /// A member that the operation needs is missing.
    #[error("member {name:?} is missing")]
    Missing {
        /// Name of the member.
        name: &'static str,
    },
    /// A member that must be a string is none.
    #[error("member {name:?} is not a string")]
    NotAString {
        /// Name of the member.
        name: &'static str,
    },
    /// There is no such operation.
    #[error("unknown operation {name:?}")]
    UnknownOperation {
        /// What was given, abridged where it is long.
        name: Box<str>,
    },
    /// The value is not JSON within the limits of a document.
    #[error("value is not valid json: {0}")]
    Value(JsonError),
    /// A value is moved into a part of itself.
    #[error("a value cannot be moved into a part of itself")]
    IntoItself,
    /// The tested value differs.
    #[error("the tested value differs")]
    TestFailed,
}

/// What is wrong with a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathFault {
    /// Neither empty nor beginning with `/`.
    #[error("does not begin with a slash")]
    NoSlash,
    /// A `~` without `0` or `1` behind it.
    #[error("tilde without 0 or 1 behind it")]
    Tilde,
    /// More segments than a document may have levels.
    #[error("more than {limit} segments")]
    TooDeep {
        /// Allowed segments.
        limit: u16,
    },
    /// The object has no such member.
    #[error("no member {name:?}")]
    NoMember {
        /// Name of the member, abridged where it is long.
        name: Box<str>,
    },
    /// The array has no such element.
    #[error("index {index} is beyond the array's {len} elements")]
    NoElement {
        /// The index.
        index: usize,
        /// Elements in the array.
        len: usize,
    },
    /// A segment that stands for an element of an array is no index.
    #[error("{segment:?} is not an array index")]
    NotAnIndex {
        /// The segment, abridged where it is long.
        segment: Box<str>,
    },
    /// A value on the way has no members or elements.
    #[error("{kind:?} on the way has no members")]
    Scalar {
        /// Kind of the value.
        kind: JsonKind,
    },
    /// `insert` names a place that is not in an array.
    #[error("not a place in an array")]
    NotInArray,
    /// The whole document cannot be removed.
    #[error("the document itself cannot be removed")]
    WholeDocument,
}

impl PatchError {
    /// The code that the error goes by outside.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::NotJson(_)
            | Self::NotAnArray
            | Self::InvalidPatch { .. }
            | Self::TooCostly { .. } => Code::InvalidPatch,
            Self::InvalidPath { .. } => Code::InvalidPath,
            Self::NotJsonObject { .. } => Code::NotJsonObject,
            Self::InvalidJson(JsonError {
                reason: JsonReason::TooLarge { .. },
                ..
            })
            | Self::TooLarge { .. } => Code::PayloadTooLarge,
            Self::InvalidJson(_) => Code::InvalidJson,
        }
    }

    /// Index of the step at fault, where it is one.
    #[must_use]
    pub fn step(&self) -> Option<usize> {
        match self {
            Self::InvalidPatch { step, .. }
            | Self::InvalidPath { step, .. }
            | Self::NotJsonObject { step } => Some(*step),
            _ => None,
        }
    }

    /// `text`, or its beginning where it is too long for an error.
    #[must_use]
    pub fn abridge(text: &str) -> Box<str> {
        const SHOWN_BYTES: usize = 256;
        if text.len() <= SHOWN_BYTES {
            return text.into();
        }
        let shown = text
            .get(..text.floor_char_boundary(SHOWN_BYTES))
            .unwrap_or_default();
        format!("{shown}…").into()
    }
}

impl From<PatchError> for Error {
    fn from(error: PatchError) -> Self {
        let code = error.code();
        let message = match &error {
            PatchError::NotJson(cause) | PatchError::InvalidJson(cause) => {
                format!("{error}: {cause}")
            }
            _ => error.to_string(),
        };
        match error.step().and_then(|step| u32::try_from(step).ok()) {
            Some(step) => Self::new(code, message).at_step(step),
            None => Self::new(code, message),
        }
    }
}
