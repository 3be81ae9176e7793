//! One connection, served by one task.

mod connection;
mod event;
mod intake;
mod order;
mod timing;

pub(crate) use connection::Session;
pub(crate) use order::Access;
