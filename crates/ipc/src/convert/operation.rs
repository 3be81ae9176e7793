use docdb_types::{
    Action, Code, CollectionName, Document, DocumentId, Error, Limits, Operation, Version,
};

use super::patch::{step_from_wire, step_to_wire};
use crate::proto;
use crate::proto::operation::Action as Message;

/// `_default` is the empty name on the wire.
pub(super) fn collection_to_wire(name: &CollectionName) -> String {
    if name.is_default() {
        String::new()
    } else {
        name.as_str().to_owned()
    }
}

/// Checks names of collections; a name that repeats from one operation to the next is checked and
/// kept once.
#[derive(Default)]
pub(super) struct Names {
    last: CollectionName,
}

impl Names {
    fn check(&mut self, name: &str) -> Result<CollectionName, Error> {
        if name.is_empty() {
            return Ok(CollectionName::DEFAULT);
        }
        if name != self.last.as_str() {
            self.last = CollectionName::new(name)?;
        }
        Ok(self.last.clone())
    }
}

/// Bytes of payload in the message, as the limits count them, before it is converted.
pub(super) fn payload_bytes(message: &proto::Operation) -> usize {
    match &message.action {
        Some(Message::Create(create)) => create.document.len(),
        Some(Message::Update(update)) => update.document.len(),
        Some(Message::Upsert(upsert)) => upsert.document.len(),
        Some(Message::Merge(merge)) => merge.patch.len(),
        Some(Message::Patch(patch)) => patch
            .steps
            .iter()
            .map(|step| step.path.len() + step.from.len() + step.value.len())
            .sum(),
        Some(Message::Read(_) | Message::Delete(_)) | None => 0,
    }
}

pub(super) fn operation_from_wire(
    message: proto::Operation,
    names: &mut Names,
    limits: &Limits,
) -> Result<Operation, Error> {
    let collection = names.check(&message.collection)?;
    let action = message
        .action
        .ok_or_else(|| Error::new(Code::UnknownOperation, "the operation is unknown"))?;
    Ok(Operation {
        collection,
        action: action_from_wire(action, limits)?,
    })
}

fn action_from_wire(message: Message, limits: &Limits) -> Result<Action, Error> {
    Ok(match message {
        Message::Create(create) => Action::Create {
            id: DocumentId::new(create.id),
            document: Document::new(create.document, limits)?,
        },
        Message::Read(read) => Action::Read {
            id: document_id(read.id)?,
        },
        Message::Update(update) => Action::Update {
            id: document_id(update.id)?,
            document: Document::new(update.document, limits)?,
            expected: update.expected_version.map(Version::new),
        },
        Message::Upsert(upsert) => Action::Upsert {
            id: document_id(upsert.id)?,
            document: Document::new(upsert.document, limits)?,
        },
        Message::Delete(delete) => Action::Delete {
            id: document_id(delete.id)?,
            expected: delete.expected_version.map(Version::new),
        },
        Message::Patch(patch) => Action::Patch {
            id: document_id(patch.id)?,
            steps: patch
                .steps
                .into_iter()
                .zip(0..)
                .map(|(step, index)| {
                    step_from_wire(step, limits).map_err(|error| error.at_step(index))
                })
                .collect::<Result<_, _>>()?,
            expected: patch.expected_version.map(Version::new),
        },
        Message::Merge(merge) => Action::Merge {
            id: document_id(merge.id)?,
            patch: Document::new(merge.patch, limits)?,
            expected: merge.expected_version.map(Version::new),
        },
    })
}

fn document_id(id: u64) -> Result<DocumentId, Error> {
    DocumentId::new(id)
        .ok_or_else(|| Error::new(Code::DocNotFound, "ids of documents begin with 1"))
}

pub(super) fn operation_to_wire(operation: Operation) -> proto::Operation {
    proto::Operation {
        collection: collection_to_wire(&operation.collection),
        action: Some(action_to_wire(operation.action)),
    }
}

fn action_to_wire(action: Action) -> Message {
    match action {
        Action::Create { id, document } => Message::Create(proto::Create {
            id: id.map_or(0, DocumentId::get),
            document: document.into_bytes(),
        }),
        Action::Read { id } => Message::Read(proto::Read { id: id.get() }),
        Action::Update {
            id,
            document,
            expected,
        } => Message::Update(proto::Update {
            id: id.get(),
            document: document.into_bytes(),
            expected_version: expected.map(Version::get),
        }),
        Action::Upsert { id, document } => Message::Upsert(proto::Upsert {
            id: id.get(),
            document: document.into_bytes(),
        }),
        Action::Delete { id, expected } => Message::Delete(proto::Delete {
            id: id.get(),
            expected_version: expected.map(Version::get),
        }),
        Action::Patch {
            id,
            steps,
            expected,
        } => Message::Patch(proto::Patch {
            id: id.get(),
            steps: steps.into_iter().map(step_to_wire).collect(),
            expected_version: expected.map(Version::get),
        }),
        Action::Merge {
            id,
            patch,
            expected,
        } => Message::Merge(proto::Merge {
            id: id.get(),
            patch: patch.into_bytes(),
            expected_version: expected.map(Version::get),
        }),
    }
}
