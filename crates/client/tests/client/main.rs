//! The client against a server that does as a test says.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod breaking;
mod pipelining;
mod pooling;
mod retrying;
mod scanning;
mod script;
mod transactions;
