//! The server program as its operators meet it: a real process.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test"
)]

mod configuration;
mod offline;
mod process;
mod service_manager;
mod tokens;
