//! Between the messages of the contract and the words of `docdb-types`. Protobuf ends here.
//!
//! What comes from a client is checked on its way in; what comes from a server is only understood.

mod enums;
mod error;
mod healing;
mod operation;
mod outcome;
mod patch;
mod request;
mod response;
mod statistics;

pub(crate) use request::{request_from_wire, request_to_wire};
pub(crate) use response::{response_from_wire, response_to_wire};
