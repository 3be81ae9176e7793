//! Errors of the layers below, as rows of the one table.

use std::io;

use docdb_storage::{Entry, FileAction, StorageError};
use docdb_types::{Code, Error};
use docdb_wal::{Corruption, WalError};

/// An error of the log.
pub(crate) fn of_log(error: WalError) -> Error {
    let effect = error.effect();
    let text = chain(&error);
    let error = match error {
        WalError::Full { file, .. } => Error::new(Code::DiskFull, text).in_file(file),
        WalError::Write {
            file,
            offset,
            source,
            ..
        } => Error::new(of_system(&source, Code::FileWrite), text)
            .in_file(file)
            .at_offset(offset),
        WalError::Sync { file, .. } => Error::new(Code::FileSync, text).in_file(file),
        WalError::Io {
            file,
            operation,
            source,
        } => {
            let code = match operation {
                "open" | "create" => Code::FileOpen,
                "read" | "list" => Code::FileRead,
                _ => Code::FileWrite,
            };
            Error::new(of_system(&source, code), text).in_file(file)
        }
        WalError::Poisoned { .. } | WalError::ReadOnly { .. } => Error::new(Code::DbReadOnly, text),
        WalError::Corrupt { file, offset, what } => {
            let code = match what {
                Corruption::Unreadable => Code::FileRead,
                _ => Code::CorruptRecord,
            };
            Error::new(code, text).in_file(file).at_offset(offset)
        }
        WalError::Unsupported { file, offset, .. } => Error::new(Code::FileOpen, text)
            .in_file(file)
            .at_offset(offset),
        WalError::TooLarge { .. } => Error::new(Code::PayloadTooLarge, text),
        WalError::OutOfMemory { .. } => Error::new(Code::MemoryLimit, text),
        _ => Error::new(Code::Internal, text),
    };
    error.with_effect(effect)
}

/// An error of the data files or the manifest.
pub(crate) fn of_storage(error: StorageError) -> Error {
    let text = chain(&error);
    match error {
        StorageError::Io { action, source, .. } => {
            let code = match action {
                FileAction::Open => Code::FileOpen,
                FileAction::Read | FileAction::List => Code::FileRead,
                _ => Code::FileWrite,
            };
            Error::new(of_system(&source, code), text)
        }
        StorageError::Lost {
            original,
            original_offset,
            ..
        } => Error::new(Code::CorruptRecord, text)
            .in_file(original)
            .at_offset(original_offset),
        StorageError::Corrupt { path, offset, .. } => {
            let error = Error::new(Code::CorruptRecord, text).at_offset(offset);
            match path.file_name() {
                Some(name) => error.in_file(name.to_string_lossy()),
                None => error,
            }
        }
        StorageError::Missing { .. }
        | StorageError::NewerFormat { .. }
        | StorageError::UnknownFeatures { .. }
        | StorageError::Foreign { .. }
        | StorageError::Misplaced { .. }
        | StorageError::CannotRebuild { .. } => Error::new(Code::FileOpen, text),
        _ => Error::new(Code::Internal, text),
    }
}

fn of_system(error: &io::Error, otherwise: Code) -> Code {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            Code::DiskFull
        }
        _ => otherwise,
    }
}

/// The error and what caused it, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// A request of reads that holds something else: a bug of the caller, answered rather than believed.
pub(crate) fn not_a_read() -> Error {
    Error::new(Code::Internal, "a request of reads holds a write")
}

/// A record that verifies and is another one than the index says.
pub(crate) fn other_record(entry: &Entry) -> Error {
    Error::new(
        Code::CorruptRecord,
        format!(
            "another record than version {} at {:?}",
            entry.version(),
            entry.location()
        ),
    )
}

/// A place that the index names and no file has.
pub(crate) fn lost_place(entry: &Entry) -> Error {
    Error::new(
        Code::CorruptRecord,
        format!(
            "the file of version {} is missing: {:?}",
            entry.version(),
            entry.location()
        ),
    )
}
