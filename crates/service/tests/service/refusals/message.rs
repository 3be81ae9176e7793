//! Messages of the contract, field by field, whether or not they make sense.

/// A message, or as much of one as was said so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Adds a field that holds a number.
    pub(super) fn number(mut self, field: u32, value: u64) -> Self {
        self.varint(u64::from(field << 3));
        self.varint(value);
        self
    }

    /// Adds a field that holds text or bytes.
    pub(super) fn bytes(mut self, field: u32, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        self.varint(u64::from(field << 3 | 2));
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    /// Adds a field that holds a message.
    pub(super) fn message(self, field: u32, value: &Self) -> Self {
        self.bytes(field, &value.0)
    }

    /// The message as a frame.
    pub(super) fn frame(&self) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).unwrap();
        [&length.to_le_bytes()[..], &self.0].concat()
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

/// A command: the number of its field in a request, and its message.
#[derive(Debug, Clone)]
pub(super) struct Command {
    pub(super) field: u32,
    pub(super) message: Message,
}

fn command(field: u32, message: Message) -> Command {
    Command { field, message }
}

pub(super) fn execute(database: u64, atomic: bool, operations: &[Message]) -> Command {
    let message = Message::new()
        .number(1, database)
        .number(2, u64::from(atomic));
    let add = |message: Message, operation| message.message(3, operation);
    command(12, operations.iter().fold(message, add))
}

pub(super) fn scan(database: u64, collection: &str, cursor: u64) -> Command {
    let message = Message::new().number(1, database).bytes(2, collection);
    command(13, message.number(6, cursor))
}

pub(super) fn count(database: u64, collection: &str) -> Command {
    command(14, Message::new().number(1, database).bytes(2, collection))
}

pub(super) fn open(name: &str, mode: u64) -> Command {
    command(15, Message::new().bytes(1, name).number(2, mode))
}

pub(super) fn close(database: u64) -> Command {
    command(16, Message::new().number(1, database))
}

pub(super) fn drop_database(name: &str) -> Command {
    command(17, Message::new().bytes(1, name))
}

pub(super) fn list_databases() -> Command {
    command(18, Message::new())
}

pub(super) fn create_collection(database: u64, name: &str) -> Command {
    command(19, Message::new().number(1, database).bytes(2, name))
}

pub(super) fn delete_collection(database: u64, name: &str) -> Command {
    command(20, Message::new().number(1, database).bytes(2, name))
}

pub(super) fn list_collections(database: u64) -> Command {
    command(21, Message::new().number(1, database))
}

pub(super) fn statistics(database: u64) -> Command {
    command(22, Message::new().number(1, database))
}

pub(super) fn checkpoint(database: u64) -> Command {
    command(23, Message::new().number(1, database))
}

pub(super) fn close_cursor(cursor: u64) -> Command {
    command(24, Message::new().number(1, cursor))
}

/// An operation, which [`on`] a collection of a name, or on the default one without.
fn operation(field: u32, action: &Message) -> Message {
    Message::new().message(field, action)
}

/// The operation on another collection.
pub(super) fn on(collection: &str, operation: &Message) -> Message {
    let mut with_name = Message::new().bytes(1, collection);
    with_name.0.extend_from_slice(&operation.0);
    with_name
}

pub(super) fn create(id: u64, document: impl AsRef<[u8]>) -> Message {
    operation(2, &Message::new().number(1, id).bytes(2, document))
}

pub(super) fn read(id: u64) -> Message {
    operation(3, &Message::new().number(1, id))
}

pub(super) fn update(id: u64, document: impl AsRef<[u8]>, expected: Option<u64>) -> Message {
    let action = Message::new().number(1, id).bytes(2, document);
    operation(4, &conditional(action, 3, expected))
}

pub(super) fn upsert(id: u64, document: impl AsRef<[u8]>) -> Message {
    operation(5, &Message::new().number(1, id).bytes(2, document))
}

pub(super) fn delete(id: u64, expected: Option<u64>) -> Message {
    operation(6, &conditional(Message::new().number(1, id), 2, expected))
}

pub(super) fn patch(id: u64, steps: &[Message], expected: Option<u64>) -> Message {
    let add = |message: Message, step| message.message(2, step);
    let action = steps.iter().fold(Message::new().number(1, id), add);
    operation(7, &conditional(action, 3, expected))
}

pub(super) fn merge(id: u64, patch: impl AsRef<[u8]>, expected: Option<u64>) -> Message {
    let action = Message::new().number(1, id).bytes(2, patch);
    operation(8, &conditional(action, 3, expected))
}

fn conditional(message: Message, field: u32, expected: Option<u64>) -> Message {
    match expected {
        Some(version) => message.number(field, version),
        None => message,
    }
}

/// The operations of a patch, by their numbers.
pub(super) const SET: u64 = 1;
pub(super) const DELETE: u64 = 2;
pub(super) const INSERT: u64 = 3;
pub(super) const ADD: u64 = 4;
pub(super) const REMOVE: u64 = 5;
pub(super) const REPLACE: u64 = 6;
pub(super) const MOVE: u64 = 7;
pub(super) const COPY: u64 = 8;
pub(super) const TEST: u64 = 9;

/// A step with a value; an empty one is a missing one.
pub(super) fn step(op: u64, path: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Message {
    Message::new().number(1, op).bytes(2, path).bytes(4, value)
}

/// A step that takes its value from another place.
pub(super) fn step_from(op: u64, from: &str, path: &str) -> Message {
    Message::new().number(1, op).bytes(2, path).bytes(3, from)
}

/// The seven things that can be asked of a document with this id.
pub(super) fn every_operation(id: u64) -> [(&'static str, Message); 7] {
    [
        ("create", create(id, "{}")),
        ("read", read(id)),
        ("update", update(id, "{}", None)),
        ("upsert", upsert(id, "{}")),
        ("delete", delete(id, None)),
        ("patch", patch(id, &[step(SET, "/a", "1")], None)),
        ("merge", merge(id, "{}", None)),
    ]
}
