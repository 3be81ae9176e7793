//! `docdb-loadtest`: puts load on a docdb server and measures what comes back.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use docdb_client::Endpoint;
use docdb_loadtest::config::{Arguments, ConfigFile, Plan};
use docdb_loadtest::report::{Progress, Table, headline};
use docdb_loadtest::{Halt, Measured, OwnServer, listens, report, run};

const BAD_USAGE: u8 = 2;
/// What a shell answers for a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

fn main() -> ExitCode {
    let plan = match plan(&Arguments::parse()) {
        Ok(plan) => plan,
        Err(error) => {
            say_error(&error);
            return ExitCode::from(BAD_USAGE);
        }
    };
    match measure(plan) {
        Ok(measured) if measured.is_failure() => ExitCode::FAILURE,
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            say_error(&error);
            ExitCode::FAILURE
        }
    }
}

fn plan(arguments: &Arguments) -> anyhow::Result<Plan> {
    let file = arguments.config.as_deref().map(ConfigFile::read);
    Ok(Plan::new(arguments, file.transpose()?.as_ref())?)
}

#[tokio::main]
async fn measure(mut plan: Plan) -> anyhow::Result<Measured> {
    let listens = listens(&plan.socket)
        .await
        .with_context(|| format!("cannot connect to {}", plan.socket.display()))?;
    let own = if listens {
        say(format_args!("server at {}", plan.socket.display()))?;
        None
    } else {
        let own = OwnServer::start().await?;
        say(format_args!(
            "nothing listens at {}: own server in {}, removed afterwards",
            plan.socket.display(),
            own.directory().display()
        ))?;
        plan.move_to(own.socket(), &own.wal_dir());
        Some(own)
    };
    let measured = load(&plan).await;
    if let Some(own) = own {
        own.stop().await.context("cannot remove the own server")?;
    }
    measured
}

async fn load(plan: &Plan) -> anyhow::Result<Measured> {
    say(headline(plan))?;
    let halt = Arc::new(Halt::default());
    let signals = tokio::spawn(stop_on_signal(Arc::clone(&halt)));
    let mut progress = Progress::new(plan);
    let endpoint = Endpoint::Unix(plan.socket.clone());
    let measured = run(plan, &endpoint, &halt, |glance| progress.show(glance)).await;
    signals.abort();
    progress.clear();
    let measured = measured?;
    say(Table::new(plan, &measured))?;
    let path = report::write(plan, &measured)?;
    say(format_args!("results in {}", path.display()))?;
    Ok(measured)
}

/// The first signal ends the run early, the second the program.
async fn stop_on_signal(halt: Arc<Halt>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return;
    };
    let mut next = async || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    next().await;
    halt.stop();
    next().await;
    std::process::exit(INTERRUPTED);
}

fn say(text: impl std::fmt::Display) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{text}")
}

fn say_error(error: &anyhow::Error) {
    // Where standard error is gone there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "docdb-loadtest: {error:#}");
}
