//! Why a line was not done.

use std::io;

use docdb_types::{Code, Effect, Error};

/// An error, and the byte of the line that is to blame where there is one.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) offset: Option<usize>,
}

impl Failure {
    /// The line is not a command, or not one of this form.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Error::new(Code::UnknownOperation, message.into()).into()
    }

    /// A person gave up waiting.
    pub(crate) fn interrupted() -> Self {
        Error::new(Code::Timeout, "interrupted before the answer")
            .with_effect(Effect::Unknown)
            .into()
    }

    /// A file could not be opened or read.
    pub(crate) fn reading(path: &str, error: &io::Error) -> Self {
        let code = if error.kind() == io::ErrorKind::NotFound {
            Code::FileOpen
        } else {
            Code::FileRead
        };
        Error::new(code, error.to_string()).in_file(path).into()
    }

    /// A file could not be written.
    pub(crate) fn writing(path: &str, error: &io::Error) -> Self {
        let code = if error.kind() == io::ErrorKind::StorageFull {
            Code::DiskFull
        } else {
            Code::FileWrite
        };
        Error::new(code, error.to_string()).in_file(path).into()
    }

    /// The error of a payload that begins `start` bytes into the line.
    pub(crate) fn in_payload(error: Error, start: usize) -> Self {
        let offset = error
            .context()
            .offset
            .and_then(|offset| usize::try_from(offset).ok())
            .map(|offset| start + offset);
        Self { error, offset }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            error,
            offset: None,
        }
    }
}
