//! Takes the elements of a JSON array out of a stream, without holding more than one of them.
//!
//! Only the structure is read here: strings, brackets, commas. Whether an element is valid JSON is
//! checked where it is used.

use std::io::{self, BufRead};

use docdb_types::json::escape::unescape;
use docdb_types::{Code, Error};

use crate::lines::Extent;

/// The elements of one array.
#[derive(Debug)]
pub(super) struct Array<R> {
    input: R,
    limit: usize,
    consumed: u64,
    number: u64,
    /// The whole input is the array, so that nothing may follow it.
    whole: bool,
    ended: bool,
}

/// Where the bytes of a value go.
struct Sink<'a> {
    kept: Option<&'a mut Vec<u8>>,
    limit: usize,
    extent: Extent,
}

impl Sink<'_> {
    const fn skip() -> Self {
        Self {
            kept: None,
            limit: 0,
            extent: Extent::Whole,
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let Some(kept) = &mut self.kept else { return };
        if kept.len() + bytes.len() > self.limit {
            self.extent = Extent::TooLong;
            kept.clear();
        }
        if self.extent == Extent::Whole {
            kept.extend_from_slice(bytes);
        }
    }
}

impl<R: BufRead> Array<R> {
    /// Goes to the array that the JSON pointer (RFC 6901) leads to. Elements of more than `limit`
    /// bytes will be skipped.
    ///
    /// # Errors
    /// `InvalidPath` when there is no array at that place; `InvalidJson` when the text in front of
    /// it is damaged; `FileRead`.
    pub(super) fn open(input: R, pointer: &str, limit: usize) -> Result<Self, Error> {
        let mut array = Self {
            input,
            limit,
            consumed: 0,
            number: 0,
            whole: pointer.is_empty(),
            ended: false,
        };
        let segments = match pointer.strip_prefix('/') {
            Some(tail) => tail.split('/').map(unescaped).collect::<Option<Vec<_>>>(),
            None => pointer.is_empty().then(Vec::new),
        };
        let Some(segments) = segments else {
            let message = format!("{pointer:?} is not a json pointer");
            return Err(Error::new(Code::InvalidPath, message));
        };
        for segment in &segments {
            array.descend(segment, pointer)?;
        }
        if array.after_space()? != Some(b'[') {
            let message = format!("no array at {pointer:?}");
            return Err(Error::new(Code::InvalidPath, message));
        }
        array.bump();
        Ok(array)
    }

    /// Number of the element that was read last, from 1.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// Bytes of the input that were read.
    pub(super) const fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Reads the next element into `buffer`, which then holds nothing else; `None` behind the last.
    ///
    /// # Errors
    /// `InvalidJson` where the array itself is damaged, which ends it; `FileRead`.
    pub(super) fn next(&mut self, buffer: &mut Vec<u8>) -> Result<Option<Extent>, Error> {
        buffer.clear();
        if self.ended {
            return Ok(None);
        }
        let first = self.number == 0;
        match self.after_space()? {
            Some(b']') => {
                self.bump();
                self.ended = true;
                return match self.whole.then(|| self.after_space()).transpose()? {
                    None | Some(None) => Ok(None),
                    Some(Some(_)) => Err(self.damaged("something follows the array")),
                };
            }
            Some(b',') if !first => self.bump(),
            Some(_) if first => {}
            _ => return Err(self.damaged("expected a comma or a closing bracket")),
        }
        self.number += 1;
        let mut sink = Sink {
            kept: Some(buffer),
            limit: self.limit,
            extent: Extent::Whole,
        };
        self.value(&mut sink)?;
        Ok(Some(sink.extent))
    }

    /// Goes into the member or element that a segment names.
    fn descend(&mut self, segment: &str, pointer: &str) -> Result<(), Error> {
        let missing = || {
            let message = format!("nothing at {pointer:?}: no {segment:?}");
            Error::new(Code::InvalidPath, message)
        };
        let is_object = match self.after_space()? {
            Some(b'{') => true,
            Some(b'[') => false,
            _ => return Err(missing()),
        };
        self.bump();
        let mut index = 0_u64;
        loop {
            match self.after_space()? {
                Some(b'}' | b']') => return Err(missing()),
                Some(b',') if index > 0 => self.bump(),
                _ if index > 0 => return Err(self.damaged("expected a comma")),
                _ => {}
            }
            let found = if is_object {
                self.member_is(segment)?
            } else {
                index.to_string() == segment
            };
            if found {
                return Ok(());
            }
            self.value(&mut Sink::skip())?;
            index += 1;
        }
    }

    /// Reads a member's name and the colon behind it, and compares the name.
    fn member_is(&mut self, name: &str) -> Result<bool, Error> {
        if self.after_space()? != Some(b'"') {
            return Err(self.damaged("expected a member"));
        }
        let mut text = Vec::new();
        // Each character may stand as an escape of six bytes, or twelve where it is a pair.
        let limit = name.len() * 12 + 2;
        let mut sink = Sink {
            kept: Some(&mut text),
            limit,
            extent: Extent::Whole,
        };
        self.string(&mut sink)?;
        if self.after_space()? != Some(b':') {
            return Err(self.damaged("expected a colon"));
        }
        self.bump();
        let body = text.get(1..text.len().saturating_sub(1));
        Ok(body.is_some_and(|body| *unescape(body) == *name.as_bytes()))
    }

    /// Reads one value, from its first byte to its last.
    fn value(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        match self.after_space()? {
            Some(b'"') => self.string(sink),
            Some(b'{' | b'[') => self.container(sink),
            Some(b',' | b':' | b'}' | b']') | None => Err(self.damaged("expected a value")),
            Some(_) => self.scalar(sink),
        }
    }

    fn container(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        let mut depth = 0_u64;
        loop {
            let is_plain = |byte: &u8| !matches!(byte, b'"' | b'{' | b'}' | b'[' | b']');
            match self.take_while(sink, is_plain)? {
                Some(b'"') => {
                    self.string(sink)?;
                    continue;
                }
                Some(b'{' | b'[') => depth += 1,
                Some(_) => depth -= 1,
                None => return Err(self.damaged("the text ends within a value")),
            }
            self.take_one(sink)?;
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn scalar(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        let belongs =
            |byte: &u8| !byte.is_ascii_whitespace() && !matches!(byte, b',' | b']' | b'}');
        self.take_while(sink, belongs).map(|_| ())
    }

    fn string(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        self.take_one(sink)?;
        loop {
            match self.take_while(sink, |byte| !matches!(byte, b'"' | b'\\'))? {
                Some(b'"') => return self.take_one(sink),
                Some(_) => {
                    self.take_one(sink)?;
                    self.take_one(sink)?;
                }
                None => return Err(self.damaged("the text ends within a string")),
            }
        }
    }

    fn take_one(&mut self, sink: &mut Sink<'_>) -> Result<(), Error> {
        match self.peek()? {
            Some(byte) => {
                sink.take(&[byte]);
                self.bump();
                Ok(())
            }
            None => Err(self.damaged("the text ends within a value")),
        }
    }

    /// Takes bytes while they belong; answers the first that does not.
    fn take_while(
        &mut self,
        sink: &mut Sink<'_>,
        belongs: impl Fn(&u8) -> bool,
    ) -> Result<Option<u8>, Error> {
        loop {
            let chunk = fill(&mut self.input)?;
            if chunk.is_empty() {
                return Ok(None);
            }
            let end = chunk.iter().position(|byte| !belongs(byte));
            let taken = end.unwrap_or(chunk.len());
            sink.take(chunk.get(..taken).unwrap_or_default());
            let next = chunk.get(taken).copied();
            self.input.consume(taken);
            self.consumed += taken as u64;
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    fn after_space(&mut self) -> Result<Option<u8>, Error> {
        self.take_while(&mut Sink::skip(), u8::is_ascii_whitespace)
    }

    fn peek(&mut self) -> Result<Option<u8>, Error> {
        fill(&mut self.input).map(|chunk| chunk.first().copied())
    }

    /// Goes on behind a byte that was seen.
    fn bump(&mut self) {
        self.input.consume(1);
        self.consumed += 1;
    }

    fn damaged(&mut self, what: &'static str) -> Error {
        self.ended = true;
        Error::new(Code::InvalidJson, what).at_offset(self.consumed)
    }
}

fn fill<R: BufRead>(input: &mut R) -> Result<&[u8], Error> {
    // Asked again below: a buffer that is filled is answered without reading.
    while let Err(error) = input.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(Error::new(Code::FileRead, error.to_string()));
        }
    }
    input
        .fill_buf()
        .map_err(|error| Error::new(Code::FileRead, error.to_string()))
}

/// A segment of a JSON pointer; `None` where a tilde stands for nothing.
fn unescaped(segment: &str) -> Option<String> {
    let mut parts = segment.split('~');
    let mut text = parts.next()?.to_owned();
    for part in parts {
        let (escape, tail) = part.split_at_checked(1)?;
        text.push(match escape {
            "0" => '~',
            "1" => '/',
            _ => return None,
        });
        text.push_str(tail);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn elements(text: &str, pointer: &str) -> Result<Vec<String>, Error> {
        // A buffer of three bytes: everything is cut somewhere.
        let input = BufReader::with_capacity(3, text.as_bytes());
        let mut array = Array::open(input, pointer, 1000)?;
        let mut element = Vec::new();
        let mut seen = Vec::new();
        while array.next(&mut element)?.is_some() {
            seen.push(String::from_utf8(element.clone()).unwrap());
        }
        Ok(seen)
    }

    #[test]
    fn every_element_comes_out_byte_for_byte() {
        let text =
            "\n[ {\"a\" : \"]},\\\"[\"} ,1.0,9007199254740993 , \"x  y\",[ [1 ],{}],null\n]\n ";
        let expected = [
            "{\"a\" : \"]},\\\"[\"}",
            "1.0",
            "9007199254740993",
            "\"x  y\"",
            "[ [1 ],{}]",
            "null",
        ];
        assert_eq!(elements(text, "").unwrap(), expected);
        assert_eq!(elements("[]", "").unwrap(), [""; 0]);
    }

    #[test]
    fn a_pointer_leads_through_objects_and_arrays() {
        let text = r#"{"x":{"list":[0]},"a/b":[{"n":1},{"é~":"}","l\u0069st":[1,2]}],"z":9}"#;
        assert_eq!(elements(text, "/a~1b/1/list").unwrap(), ["1", "2"]);
        assert_eq!(elements(text, "/x/list").unwrap(), ["0"]);
        for wrong in ["/x", "/y", "/a~1b/2", "/z/0", "", "x", "/x~2"] {
            assert_eq!(elements(text, wrong).unwrap_err().code(), Code::InvalidPath);
        }
    }

    #[test]
    fn what_follows_an_array_within_a_document_is_left_alone() {
        assert_eq!(elements(r#"{"a":[1] ,"b"#, "/a").unwrap(), ["1"]);
    }

    #[test]
    fn a_damaged_array_ends_with_its_place() {
        for text in [
            "[1 2]",
            "[1,",
            "[1,]",
            "[\"a",
            "[{\"a\":1",
            "[1]x",
            "[,1]",
            "[1]\n[2]",
        ] {
            let error = elements(text, "").unwrap_err();
            assert_eq!(error.code(), Code::InvalidJson, "{text}");
            assert!(error.context().offset.is_some());
        }
    }

    #[test]
    fn an_element_beyond_the_limit_is_skipped() {
        let text = br#"["123456", "12", [1,2,3,4,5], 7]"#;
        let mut array = Array::open(&text[..], "", 6).unwrap();
        let mut element = Vec::new();
        let mut extents = Vec::new();
        while let Some(extent) = array.next(&mut element).unwrap() {
            extents.push(extent);
        }
        let expected = [
            Extent::TooLong,
            Extent::Whole,
            Extent::TooLong,
            Extent::Whole,
        ];
        assert_eq!(extents, expected);
        assert_eq!(array.number(), 4);
    }
}
