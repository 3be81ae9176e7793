//! What a line is answered with, and the two ways to write it.

mod json;
mod pretty;
mod text;

use std::borrow::Cow;
use std::io::{self, Write};

use bytes::Bytes;
use docdb_types::{DocumentId, Version};

use crate::command::Command;
use crate::failure::Failure;

/// What a line brought.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Named values.
    Record(Record),
    /// Named values of work that was done but for parts that were refused, one by one.
    Partly(Record),
    /// A document.
    Document {
        id: DocumentId,
        version: Version,
        document: Bytes,
        /// Whether it is what a lost transaction may have replaced or removed.
        may_be_older: bool,
    },
    /// What was measured, under the name that it has in JSON.
    Figures(&'static str, Record),
    /// Rows of the table of commands.
    Help(Vec<&'static Command>),
    /// The shell ends.
    Exit,
    /// Nothing more: what was asked for has been written to standard output already.
    Written,
    /// As [`Written`](Self::Written), of what may lack parts.
    PartlyWritten,
}

/// Named values in their order.
#[derive(Debug, Default)]
pub(crate) struct Record(Vec<(Cow<'static, str>, Value)>);

/// A value of a [`Record`].
#[derive(Debug)]
pub(crate) enum Value {
    /// Was not measured: left out.
    Absent,
    Null,
    Number(u64),
    Decimal(f64),
    Flag(bool),
    Text(String),
    /// Stored JSON.
    Document(Bytes),
    Record(Record),
    Records(Vec<Record>),
    Lines(Vec<String>),
}

impl Record {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a value behind those that are there.
    #[must_use]
    pub(crate) fn with(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Value>,
    ) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }
}

impl Value {
    /// A flag that is left out where it is not set.
    pub(crate) fn mark(is_set: bool) -> Self {
        is_set.then_some(true).into()
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Decimal(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Record> for Value {
    fn from(record: Record) -> Self {
        Self::Record(record)
    }
}

impl From<Vec<Record>> for Value {
    fn from(records: Vec<Record>) -> Self {
        Self::Records(records)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Into::into)
    }
}

/// How answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// `OK` or `ERROR`, then lines; with a caret under the fault where a person typed the line.
    Text { caret: bool },
    /// One line of JSON.
    Json,
}

/// Writes one answer. The caller flushes.
pub(crate) fn write(
    output: &mut dyn Write,
    format: Format,
    pretty: bool,
    line: &[u8],
    answer: &Result<Answer, Failure>,
) -> io::Result<()> {
    match (format, answer) {
        (Format::Json, Ok(answer)) => output.write_all(&json::answer(answer)),
        (Format::Json, Err(failure)) => output.write_all(&json::error(&failure.error)),
        (Format::Text { .. }, Ok(answer)) => output.write_all(&text::answer(answer, pretty)),
        (Format::Text { caret }, Err(failure)) => {
            output.write_all(text::error(&failure.error).as_bytes())?;
            match failure.offset {
                Some(offset) if caret => output.write_all(text::caret(line, offset).as_bytes()),
                _ => Ok(()),
            }
        }
    }
}

/// A document on one line: without its line breaks, which in JSON stand between values only.
pub(crate) fn on_one_line(document: &[u8]) -> Cow<'_, [u8]> {
    let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r');
    if document.iter().any(is_break) {
        Cow::Owned(
            document
                .iter()
                .copied()
                .filter(|byte| !is_break(byte))
                .collect(),
        )
    } else {
        Cow::Borrowed(document)
    }
}
