//! Redis, documents as strings: `SET … NX`, `SET … XX`, `SET`, `GET`, `DEL` over RESP2.

use std::collections::VecDeque;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use docdb_client::{Reply, RequestId, Response};
use docdb_types::{Action, Change, Code, DatabaseName, DocumentId, Error, Outcome};

use super::wire::{Wire, done, exists, not_found, unexpected};
use crate::peer::PeerUrl;

/// One connection to Redis. The keys of a database begin with its name.
#[derive(Debug)]
pub(crate) struct RedisLink {
    wire: Wire,
    prefix: String,
    /// Requests that are not answered whole, in the order in which they were sent.
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    id: RequestId,
    asked: Vec<Asked>,
    results: Vec<Result<Outcome, Error>>,
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    id: DocumentId,
    /// What became of the document if the answer says that it was done.
    change: Change,
}

/// One answer of RESP2, as far as these commands have any.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Status,
    Nothing,
    Number(i64),
    Text(Bytes),
    Error(String),
}

impl RedisLink {
    /// Connects, authenticates and chooses a database where the URL says so.
    pub(super) async fn connect(url: &PeerUrl, database: &DatabaseName) -> Result<Self, Error> {
        let mut wire = Wire::connect(&url.place).await?;
        let mut commands = Vec::new();
        match (&url.user, &url.password) {
            (Some(user), Some(password)) => {
                commands.push(vec!["AUTH", user.as_str(), password.as_str()]);
            }
            (None, Some(password)) => commands.push(vec!["AUTH", password.as_str()]),
            (_, None) => {}
        }
        if let Some(number) = &url.database {
            commands.push(vec!["SELECT", number.as_str()]);
        }
        for command in &commands {
            put_head(&mut wire.output, command.len());
            for word in command {
                put(&mut wire.output, word.as_bytes());
            }
        }
        wire.flush().await?;
        for _ in &commands {
            let value = loop {
                match take(&mut wire.input)? {
                    Some(value) => break value,
                    None => wire.read().await?,
                }
            };
            if let Value::Error(text) = value {
                return Err(Error::new(Code::Unauthenticated, text));
            }
        }
        Ok(Self {
            wire,
            prefix: format!("{database}:"),
            waiting: VecDeque::new(),
        })
    }

    pub(super) fn execute(
        &mut self,
        actions: impl IntoIterator<Item = Action>,
    ) -> Result<RequestId, Error> {
        let mut asked = Vec::new();
        for action in actions {
            let output = &mut self.wire.output;
            let (command, id, document, condition, change) = match action {
                Action::Create {
                    id: Some(id),
                    document,
                } => ("SET", id, Some(document), Some("NX"), Change::Created),
                Action::Update { id, document, .. } => {
                    ("SET", id, Some(document), Some("XX"), Change::Replaced)
                }
                Action::Upsert { id, document } => {
                    ("SET", id, Some(document), None, Change::Replaced)
                }
                Action::Read { id } => ("GET", id, None, None, Change::Read),
                Action::Delete { id, .. } => ("DEL", id, None, None, Change::Deleted),
                _ => {
                    return Err(Error::new(
                        Code::UnknownOperation,
                        "Redis is asked for whole documents only",
                    ));
                }
            };
            let words = 2 + usize::from(document.is_some()) + usize::from(condition.is_some());
            put_head(output, words);
            put(output, command.as_bytes());
            let mut number = DecimalDigits::default();
            let digits = number.of(id.get());
            put_length(output, b'$', self.prefix.len() + digits.len());
            output.extend_from_slice(self.prefix.as_bytes());
            output.extend_from_slice(digits);
            output.extend_from_slice(b"\r\n");
            if let Some(document) = document {
                put(output, document.as_bytes());
            }
            if let Some(condition) = condition {
                put(output, condition.as_bytes());
            }
            asked.push(Asked { id, change });
        }
        let id = self.wire.next_id();
        self.waiting.push_back(Waiting {
            id,
            results: Vec::with_capacity(asked.len()),
            asked,
        });
        Ok(id)
    }

    pub(super) async fn flush(&mut self) -> Result<(), Error> {
        self.wire.flush().await
    }

    /// Waits for the next answer. Safe to give up and call again.
    pub(super) async fn receive(&mut self) -> Result<Response, Error> {
        loop {
            if let Some(response) = self.next_response()? {
                return Ok(response);
            }
            self.wire.read().await?;
        }
    }

    fn next_response(&mut self) -> Result<Option<Response>, Error> {
        while let Some(first) = self.waiting.front_mut() {
            while let Some(asked) = first.asked.get(first.results.len()) {
                let Some(value) = take(&mut self.wire.input)? else {
                    return Ok(None);
                };
                first.results.push(asked.result(value));
            }
            if let Some(whole) = self.waiting.pop_front() {
                return Ok(Some(Response {
                    id: Some(whole.id),
                    result: Ok(Reply::Results(whole.results)),
                }));
            }
        }
        Ok(None)
    }
}

impl Asked {
    fn result(self, value: Value) -> Result<Outcome, Error> {
        let Self { id, change } = self;
        match (value, change) {
            (Value::Status, Change::Created | Change::Replaced) => done(id, change),
            (Value::Nothing, Change::Created) => exists(id),
            (Value::Nothing, Change::Replaced | Change::Read) => not_found(id),
            (Value::Number(1), Change::Deleted) => done(id, change),
            (Value::Number(0), Change::Deleted) => not_found(id),
            (Value::Text(text), Change::Read) => done(id, change).map(|outcome| Outcome {
                document: Some(text),
                ..outcome
            }),
            (Value::Error(text), _) => Err(Error::new(Code::Internal, text)),
            _ => Err(unexpected("Redis answers another command")),
        }
    }
}

/// Takes one answer off the input; `None` where it is not whole yet.
fn take(input: &mut BytesMut) -> Result<Option<Value>, Error> {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
        return Ok(None);
    };
    let malformed = || unexpected("Redis answers something malformed");
    let line = input.get(..end).and_then(|line| line.strip_suffix(b"\r"));
    let (kind, rest) = line.and_then(<[u8]>::split_first).ok_or_else(malformed)?;
    let text = || String::from_utf8_lossy(rest).into_owned();
    let number = || text().parse::<i64>().map_err(|_| malformed());
    let value = match kind {
        b'+' => Value::Status,
        b'-' => Value::Error(text()),
        b':' => Value::Number(number()?),
        b'$' => match usize::try_from(number()?) {
            Err(_) => Value::Nothing,
            Ok(length) => {
                let whole = end + 1 + length + 2;
                if input.len() < whole {
                    return Ok(None);
                }
                input.advance(end + 1);
                let document = input.split_to(length).freeze();
                input.advance(2);
                return Ok(Some(Value::Text(document)));
            }
        },
        _ => return Err(malformed()),
    };
    input.advance(end + 1);
    Ok(Some(value))
}

fn put_head(output: &mut BytesMut, words: usize) {
    put_length(output, b'*', words);
}

fn put(output: &mut BytesMut, word: &[u8]) {
    put_length(output, b'$', word.len());
    output.extend_from_slice(word);
    output.extend_from_slice(b"\r\n");
}

fn put_length(output: &mut BytesMut, kind: u8, length: usize) {
    let mut number = DecimalDigits::default();
    output.put_u8(kind);
    output.extend_from_slice(number.of(length as u64));
    output.extend_from_slice(b"\r\n");
}

/// Room for the decimal digits of a number, so that none is allocated.
#[derive(Debug, Default)]
struct DecimalDigits([u8; 20]);

impl DecimalDigits {
    fn of(&mut self, mut number: u64) -> &[u8] {
        let mut first = self.0.len();
        for (place, digit) in self.0.iter_mut().enumerate().rev() {
            *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
            first = place;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.0.get(first..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_taken_whole_or_not_at_all() {
        let stream = b"+OK\r\n$-1\r\n:1\r\n$5\r\nab\r\nc\r\n-ERR no\r\n";
        let expected = [
            Value::Status,
            Value::Nothing,
            Value::Number(1),
            Value::Text(Bytes::from_static(b"ab\r\nc")),
            Value::Error("ERR no".to_owned()),
        ];
        let (mut input, mut found) = (BytesMut::new(), Vec::new());
        for byte in stream {
            input.put_u8(*byte);
            found.extend(take(&mut input).unwrap());
        }
        assert_eq!(found, expected);
        assert!(input.is_empty());
        assert!(take(&mut BytesMut::from(&b"?\r\n"[..])).is_err());
    }

    #[test]
    fn numbers_are_written_with_all_their_digits() {
        for number in [0, 7, 10, 999, u64::MAX] {
            assert_eq!(
                DecimalDigits::default().of(number),
                number.to_string().as_bytes()
            );
        }
    }
}
