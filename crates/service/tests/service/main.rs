//! The promises of a service, each on a real socket.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that fails here has failed"
)]

mod collections;
mod drain;
mod execute;
mod exposition;
mod harness;
mod hostile;
mod http;
mod metrics;
mod order;
mod packaging;
mod quotas;
mod refusals;
mod scan;
mod socket;
mod statistics;
mod tcp;
mod tokens;
mod transactions;
