//! The documents of a file, one after the other.

use std::io::BufRead;

use bytes::Bytes;
use docdb_types::{Action, Code, Document, DocumentId, Error, Limits};

use super::array::Array;
use super::exported::{ExportedLine, Trailer, line_bytes};
use super::member::id_of;
use crate::failure::Failure;
use crate::lines::{Extent, Lines};
use crate::request::{Form, ImportRequest};

/// Where documents come from, and what becomes of each.
pub(super) struct Source<'a> {
    reader: Reader,
    request: &'a ImportRequest,
    limits: &'a Limits,
    buffer: Vec<u8>,
}

enum Reader {
    Lines(Lines<Box<dyn BufRead>>),
    Array(Array<Box<dyn BufRead>>),
    Exported(Exported),
}

/// The lines of an export, counted and summed up.
struct Exported {
    lines: Lines<Box<dyn BufRead>>,
    documents: u64,
    checksum: crc32fast::Hasher,
}

/// A document, or why it is none.
pub(super) struct Item {
    /// Number of its line or element, from 1.
    pub(super) place: u64,
    pub(super) action: Result<Action, Error>,
}

impl<'a> Source<'a> {
    /// Finds out what stands in the input.
    pub(super) fn open(
        mut input: Box<dyn BufRead>,
        request: &'a ImportRequest,
        limits: &'a Limits,
    ) -> Result<Self, Failure> {
        let limit = limits.document_bytes;
        let reader = match &request.form {
            Form::Lines => Reader::Lines(Lines::new(input, limit)),
            Form::Array(pointer) => Reader::Array(Array::open(input, pointer, limit)?),
            Form::Exported => Reader::Exported(Exported {
                lines: Lines::new(input, line_bytes(limits)),
                documents: 0,
                checksum: crc32fast::Hasher::new(),
            }),
            Form::Detected => {
                let mut begin = input
                    .fill_buf()
                    .map_err(|error| Failure::reading(&request.file, &error))?;
                begin = begin.trim_ascii_start();
                if begin.first() == Some(&b'[') {
                    Reader::Array(Array::open(input, "", limit)?)
                } else {
                    Reader::Lines(Lines::new(input, limit))
                }
            }
        };
        Ok(Self {
            reader,
            request,
            limits,
            buffer: Vec::new(),
        })
    }

    /// What a place is called.
    pub(super) const fn unit(&self) -> &'static str {
        match self.reader {
            Reader::Array(_) => "element",
            Reader::Lines(_) | Reader::Exported(_) => "line",
        }
    }

    /// Bytes of the input that were read.
    pub(super) const fn consumed(&self) -> u64 {
        match &self.reader {
            Reader::Lines(lines) => lines.consumed(),
            Reader::Array(array) => array.consumed(),
            Reader::Exported(exported) => exported.lines.consumed(),
        }
    }

    /// The next document; `None` at the end.
    ///
    /// # Errors
    /// What ends the import: the file cannot be read, its array is damaged, its checksum does not
    /// match.
    pub(super) fn next(&mut self) -> Result<Option<Item>, Failure> {
        let (place, document) = match &mut self.reader {
            Reader::Lines(lines) => loop {
                let read = lines
                    .next(&mut self.buffer)
                    .map_err(|error| Failure::reading(&self.request.file, &error))?;
                match read {
                    None => return Ok(None),
                    Some(Extent::Whole) if self.buffer.trim_ascii().is_empty() => {}
                    Some(extent) => {
                        break (lines.number(), whole(extent, &self.buffer, self.limits));
                    }
                }
            },
            Reader::Array(array) => match array.next(&mut self.buffer)? {
                None => return Ok(None),
                Some(extent) => (array.number(), whole(extent, &self.buffer, self.limits)),
            },
            Reader::Exported(exported) => {
                let Some((place, read)) =
                    exported.next(&mut self.buffer, &self.request.file, self.limits)?
                else {
                    return Ok(None);
                };
                let action = read.and_then(|(id, text)| self.action(Some(id), text));
                return Ok(Some(Item { place, action }));
            }
        };
        let action = document.and_then(|text| self.action(None, text));
        Ok(Some(Item { place, action }))
    }

    /// Checks a document and says what is to be done with it.
    fn action(&self, id: Option<DocumentId>, text: Bytes) -> Result<Action, Error> {
        let document = Document::new(text, self.limits)?;
        let id = match &self.request.id_member {
            Some(name) => Some(id_of(document.as_bytes(), name)?),
            None => id,
        };
        Ok(match id {
            Some(id) if self.request.upsert => Action::Upsert { id, document },
            id => Action::Create { id, document },
        })
    }
}

fn whole(extent: Extent, text: &[u8], limits: &Limits) -> Result<Bytes, Error> {
    match extent {
        Extent::Whole => Ok(Bytes::copy_from_slice(text)),
        Extent::TooLong => {
            let message = format!("document is longer than {} bytes", limits.document_bytes);
            Err(Error::new(Code::PayloadTooLarge, message))
        }
    }
}

type ExportedItem = (u64, Result<(DocumentId, Bytes), Error>);

impl Exported {
    fn next(
        &mut self,
        buffer: &mut Vec<u8>,
        file: &str,
        limits: &Limits,
    ) -> Result<Option<ExportedItem>, Failure> {
        let reading = |error: &std::io::Error| Failure::reading(file, error);
        let mismatch = |what: String| Failure::from(Error::new(Code::CrcMismatch, what));
        let read = self.lines.next(buffer).map_err(|error| reading(&error))?;
        let place = self.lines.number();
        let Some(extent) = read else {
            let what = format!("the export is cut off: its last line is missing behind {place}");
            return Err(mismatch(what));
        };
        let parsed =
            whole(extent, buffer, limits).and_then(|line| ExportedLine::parse(&line, limits));
        let item = match parsed {
            Ok(ExportedLine::Trailer(trailer)) => {
                self.verify(trailer).map_err(mismatch)?;
                let behind = self.lines.next(buffer).map_err(|error| reading(&error))?;
                return match behind {
                    None => Ok(None),
                    Some(_) => Err(mismatch(format!(
                        "something follows line {place}, the last"
                    ))),
                };
            }
            Ok(ExportedLine::Document { id, document }) => Ok((id, document)),
            Err(error) => Err(error),
        };
        self.checksum.update(buffer);
        self.checksum.update(b"\n");
        self.documents += 1;
        Ok(Some((place, item)))
    }

    fn verify(&self, trailer: Trailer) -> Result<(), String> {
        let found = Trailer {
            count: self.documents,
            crc32: self.checksum.clone().finalize(),
        };
        if found == trailer {
            Ok(())
        } else {
            Err(format!(
                "the export says {} documents with checksum {:08x}, the file holds {} with {:08x}",
                trailer.count, trailer.crc32, found.count, found.crc32
            ))
        }
    }
}
