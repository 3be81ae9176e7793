//! The docdb server: composes a service from its configuration, and waits for the signal to stop.

mod backup;
mod config;
mod descriptors;
mod flags;
mod logging;
mod notify;
mod offline;
#[cfg(test)]
mod packaged;
mod reload;
mod run;
mod signals;
mod token;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use config::Problem;
use flags::Flags;

/// Bad usage, or a configuration that no server starts with.
const BAD_USAGE: u8 = 2;

fn main() -> ExitCode {
    let flags = Flags::parse();
    if let Some(work) = &flags.work {
        return offline::perform(work);
    }
    if flags.example_config {
        return say(&config::example());
    }
    let given = flags.given();
    let configured = match config::load(&given) {
        Ok(configured) => configured,
        Err(problems) => return refuse(&problems),
    };
    if flags.print_config {
        return say(&config::printed(&configured));
    }
    if flags.check_config {
        if let Some(tls) = configured.settings.tls()
            && let Err(error) = docdb_service::check_tls(&tls)
        {
            complain(&error.to_string());
            // A server starts with one whose time is over: the Unix socket does not need it.
            if !error.is_about_time() {
                return ExitCode::from(BAD_USAGE);
            }
        }
        return say("the configuration is right\n");
    }
    run::run(configured, given).unwrap_or_else(|error| {
        complain(&told(&error));
        ExitCode::FAILURE
    })
}

/// Answers what was asked for instead of a server.
fn say(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn refuse(problems: &[Problem]) -> ExitCode {
    for problem in problems {
        complain(&problem.to_string());
    }
    ExitCode::from(BAD_USAGE)
}

/// An error and what caused it, each said once, in one line.
fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn complain(text: &str) {
    // Nothing is left to tell where standard error is closed.
    let _ = writeln!(std::io::stderr(), "docdb-server: {text}");
}
