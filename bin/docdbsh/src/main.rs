//! The shell of docdb: lines in, answers out.
//!
//! It is a client like any other: what it stores and what it shows goes through the server's
//! socket, and a payload is sent and printed byte for byte. It keeps no state but the history of
//! lines typed at a terminal.
//!
//! Invariants:
//! - every line is answered, and an answer is flushed before the next line is read;
//! - what was not stored is never answered with `OK`;
//! - memory is bounded by a page of a scan or a few batches of an import, never by a file.

mod answer;
mod command;
mod export;
mod failure;
mod figures;
mod flags;
mod history;
mod import;
mod interactive;
mod interrupt;
mod line;
mod lines;
#[cfg(test)]
mod packaged;
mod request;
mod session;
mod shell;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match shell::run(flags::Flags::parse()) {
        Ok(code) => code,
        Err(error) => {
            // Where even that cannot be written, the exit status is all there is.
            let _ = writeln!(std::io::stderr(), "docdbsh: {error:#}");
            ExitCode::FAILURE
        }
    }
}
