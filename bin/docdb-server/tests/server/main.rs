//! The server program as its operators meet it: a real process.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test"
)]

mod backup;
mod configuration;
mod descriptors;
mod mistakes;
mod offline;
mod process;
mod secrets;
mod service_manager;
mod tls;
mod tokens;
