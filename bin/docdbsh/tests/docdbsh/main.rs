//! Transcripts of the shell as a process, against a real service.

#![expect(clippy::unwrap_used, reason = "a test that fails here has failed")]

mod answers;
mod degraded;
mod exchange;
mod harness;
mod healing;
mod remote;
mod terminal;
mod transactions;
