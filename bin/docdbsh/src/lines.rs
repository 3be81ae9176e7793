//! Reads lines of bounded length.

use std::io::{self, BufRead};

/// A line that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// It is in the buffer.
    Whole,
    /// It is longer than allowed and was skipped.
    TooLong,
}

/// The lines of an input, each without its `\n` or `\r\n`.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    input: R,
    limit: usize,
    number: u64,
    consumed: u64,
}

impl<R: BufRead> Lines<R> {
    /// Lines of at most `limit` bytes.
    pub(crate) const fn new(input: R, limit: usize) -> Self {
        Self {
            input,
            limit,
            number: 0,
            consumed: 0,
        }
    }

    /// Number of the line that was read last, from 1.
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// Bytes of the input that were read.
    pub(crate) const fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Reads the next line into `buffer`, which then holds nothing else; `None` at the end.
    pub(crate) fn next(&mut self, buffer: &mut Vec<u8>) -> io::Result<Option<Extent>> {
        buffer.clear();
        let mut extent = Extent::Whole;
        let mut began = false;
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                break;
            }
            began = true;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
            // One byte more than allowed may be the `\r` of the line's end.
            if buffer.len() + part.len() > self.limit + 1 {
                extent = Extent::TooLong;
                buffer.clear();
            }
            if extent == Extent::Whole {
                buffer.extend_from_slice(part);
            }
            let taken = part.len() + usize::from(end.is_some());
            self.input.consume(taken);
            self.consumed += taken as u64;
            if end.is_some() {
                break;
            }
        }
        if !began {
            return Ok(None);
        }
        self.number += 1;
        if buffer.last() == Some(&b'\r') {
            buffer.pop();
        }
        if buffer.len() > self.limit {
            extent = Extent::TooLong;
        }
        Ok(Some(extent))
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn lines_lose_their_ends_and_nothing_else() {
        let text: &[u8] = b"one \r\n\n  two\nlast";
        let mut lines = Lines::new(BufReader::with_capacity(2, text), 100);
        let mut line = Vec::new();
        let mut seen = Vec::new();
        while lines.next(&mut line).unwrap().is_some() {
            seen.push((lines.number(), line.clone()));
        }
        let expected: [(u64, &[u8]); 4] = [(1, b"one "), (2, b""), (3, b"  two"), (4, b"last")];
        assert!(seen.iter().map(|(n, l)| (*n, &l[..])).eq(expected));
        assert_eq!(lines.consumed(), text.len() as u64);
    }

    #[test]
    fn a_line_beyond_the_limit_is_skipped_and_the_next_one_is_read() {
        let text: &[u8] = b"12345\n123456\n1\n12345\r\n";
        let mut lines = Lines::new(BufReader::with_capacity(3, text), 5);
        let mut line = Vec::new();
        assert_eq!(lines.next(&mut line).unwrap(), Some(Extent::Whole));
        assert_eq!(lines.next(&mut line).unwrap(), Some(Extent::TooLong));
        assert_eq!(lines.next(&mut line).unwrap(), Some(Extent::Whole));
        assert_eq!(line, b"1");
        assert_eq!(lines.next(&mut line).unwrap(), Some(Extent::Whole));
        assert_eq!(lines.next(&mut line).unwrap(), None);
    }
}
