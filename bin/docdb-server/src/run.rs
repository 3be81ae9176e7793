use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use docdb_service::{RunningService, Service, ShutdownReport};
use docdb_types::FsyncMode;

use crate::config::{Configured, Given};
use crate::descriptors;
use crate::logging::Log;
use crate::notify::{self, State};
use crate::reload::reload;
use crate::signals::{Signals, Wish};

/// Time for threads that are still at work after everything was closed, or was given up.
const LEFTOVER_PATIENCE: Duration = Duration::from_millis(100);

/// Serves until a signal comes, and stops in order.
pub(crate) fn run(configured: Configured, given: Given) -> anyhow::Result<ExitCode> {
    let log = Log::start(&configured.settings.log);
    for name in &configured.ignored_variables {
        tracing::warn!(
            name,
            "a variable of the environment that the server does not know"
        );
    }
    let runtime = docdb_service::runtime(docdb_service::default_threads())
        .context("the system refuses the threads of the server")?;
    let code = runtime.block_on(serve(configured, &given, &log));
    runtime.shutdown_timeout(LEFTOVER_PATIENCE);
    code
}

async fn serve(mut configured: Configured, given: &Given, log: &Log) -> anyhow::Result<ExitCode> {
    // ORDER: listened for before anything is opened: a signal during the start is not lost.
    let mut signals = Signals::listen().context("the system refuses to deliver signals")?;
    let mut options = configured.settings.service_options();
    descriptors::fit(&mut options);
    let service = Service::start(options).await?;
    announce(&configured, &service);
    notify::tell(State::Ready);
    let received = loop {
        match signals.next().await {
            Wish::Reload => reload(given, &mut configured, &service, log),
            Wish::Stop(name) => break name,
        }
    };
    notify::tell(State::Stopping);
    tracing::info!(
        signal = received,
        "stopping; a second signal ends the server at once"
    );
    tokio::select! {
        biased;
        report = service.shutdown() => Ok(conclude(&report)),
        again = signals.next_stop() => {
            tracing::warn!(signal = again, "ended at once; what was acknowledged is kept");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Says where and how durably the server serves, to people and to whoever started it.
fn announce(configured: &Configured, service: &RunningService) {
    let options = service.options();
    let config = configured
        .file
        .as_deref()
        .unwrap_or_else(|| "none".as_ref());
    let engine = &options.engine;
    let mode = engine.fsync;
    let socket = options
        .socket_path
        .as_deref()
        .unwrap_or_else(|| "none".as_ref())
        .display();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        pid = std::process::id(),
        config = %config.display(),
        %socket,
        tcp = service.tcp_address().map(tracing::field::display),
        http = service.http_address().map(tracing::field::display),
        data_dir = %engine.data_directory.display(),
        wal_dir = %engine.wal_directory.display(),
        fsync = %mode,
        "serving"
    );
    match mode {
        FsyncMode::Always | FsyncMode::Group => {}
        FsyncMode::Interval => tracing::warn!(
            interval_ms = engine.fsync_interval.as_millis(),
            "FSYNC MODE IS interval: a crash of the machine may lose what was acknowledged since \
             the last sync"
        ),
        FsyncMode::None => tracing::warn!(
            "FSYNC MODE IS none: a crash of the machine may lose everything that was acknowledged"
        ),
    }
    // Who closed standard output does not want to know.
    let mut out = std::io::stdout();
    let _ = writeln!(out, "docdb-server ready: socket={socket} fsync={mode}")
        .and_then(|()| out.flush());
}

fn conclude(report: &ShutdownReport) -> ExitCode {
    let took_ms = report.took.as_millis();
    if report.is_clean() {
        tracing::info!(
            took_ms,
            requests_refused = report.requests_refused,
            "stopped"
        );
        return ExitCode::SUCCESS;
    }
    if let Err(error) = &report.closed {
        tracing::warn!(took_ms, %error, "stopped without closing everything; nothing acknowledged is lost");
    } else {
        tracing::warn!(
            took_ms,
            connections_cut = report.connections_cut,
            "stopped with requests unanswered; nothing acknowledged is lost"
        );
    }
    ExitCode::FAILURE
}
