//! Lines that an export wrote.

use bytes::Bytes;
use docdb_types::json::{JsonLimits, check, escape::unescape};
use docdb_types::{Code, DocumentId, Error, Limits};

use super::member::{members, number};

/// The last line of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trailer {
    /// Documents in front of it.
    pub(crate) count: u64,
    /// CRC-32 (IEEE 802.3) of all bytes in front of it, line feeds included.
    pub(crate) crc32: u32,
}

/// A line of an export.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ExportedLine {
    Document { id: DocumentId, document: Bytes },
    Trailer(Trailer),
}

/// Longest line of an export in bytes: the document, once more as a string whose every byte may be
/// escaped, and the members around them.
pub(super) const fn line_bytes(limits: &Limits) -> usize {
    3 * limits.document_bytes + 256
}

impl ExportedLine {
    /// Reads a line.
    ///
    /// # Errors
    /// `InvalidJson` where it is none that an export writes.
    pub(super) fn parse(line: &[u8], limits: &Limits) -> Result<Self, Error> {
        let bounds = JsonLimits {
            max_depth: limits.document_depth.saturating_add(1),
            max_bytes: line_bytes(limits),
        };
        check(line, bounds).map_err(|fault| Error::new(Code::InvalidJson, fault.to_string()))?;
        let (mut id, mut doc, mut text, mut count, mut crc32) = (None, None, None, None, None);
        for (member, item) in members(line) {
            let value = item.get(member.value);
            match item.get(member.name) {
                Some(b"id") => id = value.and_then(number).and_then(DocumentId::new),
                Some(b"doc") => doc = value,
                Some(b"text") => text = value.and_then(quoted),
                Some(b"count") => count = value.and_then(number),
                Some(b"crc32") => crc32 = value.and_then(quoted).and_then(hexadecimal),
                _ => {}
            }
        }
        match (id, doc, count, crc32) {
            (Some(id), Some(doc), None, None) => {
                let document = text.map_or_else(
                    || Bytes::copy_from_slice(doc),
                    |body| Bytes::from(unescape(body).into_owned()),
                );
                Ok(Self::Document { id, document })
            }
            (None, None, Some(count), Some(crc32)) => Ok(Self::Trailer(Trailer { count, crc32 })),
            _ => Err(Error::new(Code::InvalidJson, "not a line of an export")),
        }
    }
}

/// What stands between the quotes of a string.
fn quoted(value: &[u8]) -> Option<&[u8]> {
    value.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

fn hexadecimal(text: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<ExportedLine, Error> {
        ExportedLine::parse(line.as_bytes(), &Limits::DEFAULT)
    }

    #[test]
    fn a_document_is_what_stands_there_or_its_text() {
        let document = |line| match parse(line) {
            Ok(ExportedLine::Document { id, document }) => (id.get(), document.to_vec()),
            other => panic!("{other:?}"),
        };
        let line = r#"{"id":7,"version":2,"doc":{"a": 1.0,"b":"\u0041"}}"#;
        assert_eq!(document(line), (7, br#"{"a": 1.0,"b":"\u0041"}"#.to_vec()));
        let line = r#"{"id":8,"version":2,"doc":{"a":"\n"},"text":"{\n\"a\":\"\\n\"}"}"#;
        assert_eq!(document(line), (8, b"{\n\"a\":\"\\n\"}".to_vec()));
    }

    #[test]
    fn the_last_line_carries_count_and_checksum() {
        let trailer = Trailer {
            count: 3,
            crc32: 0x00ab_cdef,
        };
        let line = r#"{"count":3,"crc32":"00abcdef"}"#;
        assert_eq!(parse(line), Ok(ExportedLine::Trailer(trailer)));
    }

    #[test]
    fn anything_else_is_refused() {
        for line in [
            "{}",
            "[1]",
            r#"{"id":0,"doc":1}"#,
            r#"{"id":1}"#,
            r#"{"count":1}"#,
            "{",
        ] {
            assert_eq!(parse(line).unwrap_err().code(), Code::InvalidJson, "{line}");
        }
    }
}
