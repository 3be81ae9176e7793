//! The docdb server: composes a service from its flags, and waits for the signal to stop.

mod flags;
mod logging;
mod run;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use flags::Flags;

fn main() -> ExitCode {
    match run::run(Flags::parse()) {
        Ok(code) => code,
        Err(error) => {
            // Nothing is left to tell where standard error is closed.
            let _ = writeln!(std::io::stderr(), "docdb-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}
