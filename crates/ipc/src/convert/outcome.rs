use docdb_types::{DocumentId, Error, Outcome, Version};

use super::enums::{change_from_wire, change_to_wire, status_to_wire};
use super::error::{error_from_wire, error_to_wire};
use crate::{FrameError, proto};

pub(super) fn result_to_wire(result: Result<Outcome, Error>) -> proto::OperationResult {
    match result {
        Ok(outcome) => proto::OperationResult {
            status: proto::Status::Ok as i32,
            id: outcome.id.get(),
            version: outcome.version.get(),
            change: change_to_wire(outcome.change) as i32,
            document: outcome.document.unwrap_or_default(),
            error: None,
            may_be_older: outcome.may_be_older,
        },
        Err(error) => proto::OperationResult {
            status: status_to_wire(error.status()) as i32,
            id: error.document().map_or(0, DocumentId::get),
            error: Some(Box::new(error_to_wire(&error))),
            ..proto::OperationResult::default()
        },
    }
}

pub(super) fn result_from_wire(
    message: proto::OperationResult,
) -> Result<Result<Outcome, Error>, FrameError> {
    if let Some(error) = message.error {
        return Ok(Err(error_from_wire(*error)));
    }
    let malformed = |what: &str| FrameError::Malformed {
        reason: format!("result without {what}"),
    };
    Ok(Ok(Outcome {
        id: DocumentId::new(message.id).ok_or_else(|| malformed("document id"))?,
        version: Version::new(message.version),
        change: change_from_wire(message.change).ok_or_else(|| malformed("change"))?,
        document: (!message.document.is_empty()).then_some(message.document),
        may_be_older: message.may_be_older,
    }))
}
