//! A look over a frame before it is decoded.
//!
//! Two bytes on the wire can stand for an operation that takes a hundred in memory, so what repeats
//! is counted before anything is built from it. The same look finds the id of a request whose rest
//! does not decode.

use docdb_types::{Code, Error, Limits};

use crate::RequestId;

/// Field numbers of the contract on the way to what repeats.
const REQUEST_ID: u32 = 1;
const REQUEST_EXECUTE: u32 = 12;
const EXECUTE_OPERATIONS: u32 = 3;
const OPERATION_PATCH: u32 = 7;
const PATCH_STEPS: u32 = 2;

/// Most steps of patches in one request, all operations together.
const REQUEST_STEPS: usize = 1 << 18;

/// What a look over a frame found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Survey {
    /// The id, if it was found in front of what cannot be read.
    pub(crate) id: Option<RequestId>,
    /// Operations of the request.
    operations: usize,
    /// Steps of all patches.
    steps: usize,
    /// Whether the frame is a sequence of fields down to where something repeats.
    readable: bool,
}

impl Survey {
    /// Looks over the frame of a request.
    pub(crate) fn of_request(frame: &[u8]) -> Self {
        let mut survey = Self::default();
        survey.readable = survey.request(frame).is_some();
        survey
    }

    /// Checks what was counted.
    ///
    /// # Errors
    /// `TooManyOps`, or `UnknownOperation` when the frame is not a sequence of fields.
    pub(crate) fn check(&self, limits: &Limits) -> Result<(), Error> {
        if self.operations > limits.request_operations {
            return Err(Error::new(
                Code::TooManyOps,
                format!("more than {} operations", limits.request_operations),
            ));
        }
        if self.steps > REQUEST_STEPS {
            return Err(Error::new(
                Code::TooManyOps,
                format!("more than {REQUEST_STEPS} steps of patches in one request"),
            ));
        }
        if !self.readable {
            return Err(Error::new(
                Code::UnknownOperation,
                "the frame does not hold a request",
            ));
        }
        Ok(())
    }

    fn request(&mut self, frame: &[u8]) -> Option<()> {
        for field in Fields(frame) {
            match field? {
                (REQUEST_ID, Value::Varint(id)) => self.id = RequestId::new(id),
                (REQUEST_EXECUTE, Value::Bytes(execute)) => self.execute(execute)?,
                _ => {}
            }
        }
        Some(())
    }

    fn execute(&mut self, message: &[u8]) -> Option<()> {
        for field in Fields(message) {
            if let (EXECUTE_OPERATIONS, Value::Bytes(operation)) = field? {
                self.operations += 1;
                self.operation(operation)?;
            }
        }
        Some(())
    }

    fn operation(&mut self, message: &[u8]) -> Option<()> {
        for field in Fields(message) {
            if let (OPERATION_PATCH, Value::Bytes(patch)) = field? {
                for field in Fields(patch) {
                    if let (PATCH_STEPS, Value::Bytes(_)) = field? {
                        self.steps += 1;
                    }
                }
            }
        }
        Some(())
    }
}

/// The value of a field, as far as the survey needs it.
enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Fixed,
}

/// The fields of a message, in order. Ends with `None` inside at what is none.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn bytes(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn field(&mut self) -> Option<(u32, Value<'a>)> {
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).ok()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.bytes(8).map(|_| Value::Fixed)?,
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.bytes(length)?)
            }
            5 => self.bytes(4).map(|_| Value::Fixed)?,
            // Groups are not part of the contract, and what they hold could not be counted.
            _ => return None,
        };
        Some((number, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u32, Value<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::proto::{self, operation::Action, request::Command};

    fn patch_of(steps: usize) -> proto::Operation {
        let steps = vec![proto::PatchStep::default(); steps];
        let patch = proto::Patch {
            id: 1,
            steps,
            expected_version: None,
        };
        proto::Operation {
            collection: String::new(),
            action: Some(Action::Patch(patch)),
        }
    }

    fn request_of(operations: Vec<proto::Operation>) -> Vec<u8> {
        let execute = proto::Execute {
            db_id: 1,
            atomic: false,
            transaction: 0,
            idempotency_key: bytes::Bytes::new(),
            operations,
        };
        let command = Some(Command::Execute(execute));
        proto::Request {
            request_id: 9,
            command,
        }
        .encode_to_vec()
    }

    #[test]
    fn operations_and_steps_are_counted_where_the_contract_puts_them() {
        let survey = Survey::of_request(&request_of(vec![patch_of(3), patch_of(4)]));
        let expected = Survey {
            id: RequestId::new(9),
            operations: 2,
            steps: 7,
            readable: true,
        };
        assert_eq!(survey, expected);
    }

    #[test]
    fn the_last_request_of_65535_operations_passes_and_the_first_of_65536_does_not() {
        let most = vec![proto::Operation::default(); 65_535];
        assert_eq!(
            Survey::of_request(&request_of(most)).check(&Limits::DEFAULT),
            Ok(())
        );
        let too_many = vec![proto::Operation::default(); 65_536];
        let error = Survey::of_request(&request_of(too_many))
            .check(&Limits::DEFAULT)
            .unwrap_err();
        assert_eq!(error.code(), Code::TooManyOps);
    }

    #[test]
    fn steps_are_bounded_over_all_patches_of_a_request() {
        let half = REQUEST_STEPS / 2;
        let most = request_of(vec![patch_of(half), patch_of(half)]);
        assert_eq!(Survey::of_request(&most).check(&Limits::DEFAULT), Ok(()));
        let too_many = request_of(vec![patch_of(half), patch_of(half + 1)]);
        let error = Survey::of_request(&too_many)
            .check(&Limits::DEFAULT)
            .unwrap_err();
        assert_eq!(error.code(), Code::TooManyOps);
    }

    #[test]
    fn an_id_in_front_of_damage_is_found() {
        let mut frame = request_of(vec![patch_of(1)]);
        frame.truncate(frame.len() - 1);
        let survey = Survey::of_request(&frame);
        assert_eq!(survey.id, RequestId::new(9));
        assert_eq!(
            survey.check(&Limits::DEFAULT).unwrap_err().code(),
            Code::UnknownOperation
        );
        assert_eq!(Survey::of_request(&[0xff, 0x08, 0x09]).id, None);
    }
}
