use std::sync::Arc;

use docdb_engine::{Answers, Atomicity, LogicalDb, Request};
use docdb_ipc::{Execute, FrameLimit, Reply};
use docdb_types::{Code, Error, Limits};

use super::awaited::{Answer, Awaited};
use super::task::Begun;

/// How the answers of the engine become the reply that was asked for.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    is_atomic: bool,
    /// What was refused while decoding, with its places.
    refused: Vec<(u32, Error)>,
    /// Bytes of text that fit into the reply.
    text_bytes: usize,
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
    execute: Execute,
    is_alone: bool,
    frame_limit: FrameLimit,
) -> Begun {
    let shape = Shape {
        is_atomic: execute.atomic,
        refused: execute.refused,
        text_bytes: frame_limit
            .bytes()
            .saturating_sub(Limits::FRAME_ENVELOPE_BYTES),
    };
    let submitted = database.submit(Request {
        operations: execute.operations,
        atomicity: if execute.atomic {
            Atomicity::All
        } else {
            Atomicity::Each
        },
        may_refuse_early: is_alone,
    });
    Begun {
        awaited: Awaited::Operations(submitted.ticket, shape),
        lead: submitted.lead,
    }
}

impl Shape {
    /// The reply: one answer for each operation, or the error that stopped a transaction.
    pub(crate) fn reply(self, mut answers: Answers) -> Answer {
        if self.is_atomic {
            let outcomes: Result<Vec<_>, Error> = answers.into_iter().collect();
            answers = outcomes?.into_iter().map(Ok).collect();
        }
        self.fit(&mut answers);
        Ok(Reply::Results(Execute::merge(self.refused, answers)))
    }

    /// Replaces the texts that do not fit a frame any more by errors that say so, so that the rest
    /// of the answers arrives.
    fn fit(&self, answers: &mut Answers) {
        let mut room = self.text_bytes;
        for answer in answers {
            let Ok(outcome) = answer else { continue };
            let Some(text) = &outcome.document else {
                continue;
            };
            match room.checked_sub(text.len()) {
                Some(left) => room = left,
                None => {
                    let reason = "the texts in front of this one fill the frame of the answer";
                    *answer = Err(Error::new(Code::FrameTooLarge, reason).on_document(outcome.id));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use docdb_types::{Change, DocumentId, Outcome, Version};

    use super::*;

    fn read(length: usize) -> Result<Outcome, Error> {
        Ok(Outcome {
            id: DocumentId::MIN,
            version: Version::new(1),
            change: Change::Read,
            document: Some(Bytes::from(vec![b'1'; length])),
        })
    }

    #[test]
    fn a_text_that_does_not_fit_is_an_error_of_its_own_and_smaller_ones_behind_it_arrive() {
        let shape = Shape {
            text_bytes: 100,
            ..Shape::default()
        };
        let Ok(Reply::Results(results)) = shape.reply(vec![read(60), read(60), read(40)]) else {
            panic!("the request as a whole succeeds");
        };
        assert!(results[0].is_ok());
        assert_eq!(results[1].as_ref().unwrap_err().code(), Code::FrameTooLarge);
        assert!(results[2].is_ok());
    }

    #[test]
    fn the_error_that_stopped_a_transaction_fails_the_request() {
        let shape = Shape {
            is_atomic: true,
            text_bytes: 100,
            ..Shape::default()
        };
        let error = Error::new(Code::DocExists, "exists").at_step(1);
        let answers = vec![Err(error.clone()), Err(error.clone())];
        assert_eq!(shape.reply(answers), Err(error));
    }
}
