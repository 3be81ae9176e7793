use std::sync::Arc;

use docdb_engine::{Answers, Atomicity, LogicalDb, Request};
use docdb_ipc::{Execute, FrameLimit, Reply};
use docdb_types::Error;

use super::awaited::{Answer, Awaited};
use super::task::Begun;

/// What surrounds one text in a frame, in bytes: more than its id, its version and the marks of the
/// fields take.
pub(super) const RESULT_ENVELOPE_BYTES: usize = 64;

/// How the answers of the engine become the reply that was asked for.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    is_atomic: bool,
    /// What was refused while decoding, with its places.
    refused: Vec<(u32, Error)>,
}

/// Whether it can change anything.
pub(crate) fn writes(execute: &Execute) -> bool {
    execute
        .operations
        .iter()
        .any(|operation| operation.action.is_write())
}

/// Hands the operations to the engine.
pub(crate) fn begin(
    database: &Arc<LogicalDb>,
    mut execute: Execute,
    is_alone: bool,
    frame_limit: FrameLimit,
) -> Begun {
    let answer_bytes = answer_room(&execute, frame_limit);
    let operations = std::mem::take(&mut execute.operations);
    let submitted = database.submit(Request {
        operations,
        atomicity: if execute.atomic {
            Atomicity::All
        } else {
            Atomicity::Each
        },
        may_refuse_early: is_alone,
        answer_bytes,
        key: execute.key.take(),
    });
    Begun {
        awaited: Awaited::Operations(submitted.ticket, Shape::of(execute)),
        lead: submitted.lead,
    }
}

/// Bytes that the texts of the answers may take. One that does not fit is an error of its own, so
/// that the other answers arrive.
pub(super) fn answer_room(execute: &Execute, frame_limit: FrameLimit) -> usize {
    let answers = execute.operations.len() + execute.refused.len();
    let envelope = RESULT_ENVELOPE_BYTES * (1 + answers);
    frame_limit.bytes().saturating_sub(envelope)
}

impl Shape {
    /// The shape of the answer to these operations.
    pub(super) fn of(execute: Execute) -> Self {
        Self {
            is_atomic: execute.atomic,
            refused: execute.refused,
        }
    }

    /// The reply: one answer for each operation, or the error that stopped a transaction.
    pub(crate) fn reply(self, mut answers: Answers) -> Answer {
        if self.is_atomic {
            let outcomes: Result<Vec<_>, Error> = answers.into_iter().collect();
            answers = outcomes?.into_iter().map(Ok).collect();
        }
        Ok(Reply::Results(Execute::merge(self.refused, answers)))
    }
}

#[cfg(test)]
mod tests {
    use docdb_types::Code;

    use super::*;

    #[test]
    fn the_error_that_stopped_a_transaction_fails_the_request() {
        let shape = Shape {
            is_atomic: true,
            ..Shape::default()
        };
        let error = Error::new(Code::DocExists, "exists").at_step(1);
        let answers = vec![Err(error.clone()), Err(error.clone())];
        assert_eq!(shape.reply(answers), Err(error));
    }
}
