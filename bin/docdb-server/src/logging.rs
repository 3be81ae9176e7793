use std::io;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry};

use crate::config::{LogFormat, LogLevel, LogSettings};

/// The log of the process, whose level can be changed.
#[derive(Debug, Clone)]
pub(crate) struct Log(reload::Handle<LevelFilter, Registry>);

impl Log {
    /// Sends the log to standard error.
    pub(crate) fn start(settings: &LogSettings) -> Self {
        let (level, handle) = reload::Layer::new(filter(settings.level));
        let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
        let lines = match settings.format {
            LogFormat::Text => lines
                .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
                .boxed(),
            LogFormat::Json => lines.json().flatten_event(true).boxed(),
        };
        tracing_subscriber::registry()
            .with(level)
            .with(lines)
            .init();
        Self(handle)
    }

    /// Logs from `level` on, from now on.
    pub(crate) fn set_level(&self, level: LogLevel) {
        if let Err(error) = self.0.reload(filter(level)) {
            tracing::error!(%error, "the level of the log cannot be changed");
        }
    }
}

const fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
