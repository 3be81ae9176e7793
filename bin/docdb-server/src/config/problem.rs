use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Origin {
    /// Nobody said anything.
    #[default]
    Default,
    /// A line of a file, 1 and up.
    File { path: PathBuf, line: u64 },
    /// A variable of the environment.
    Environment(String),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File { path, line } => write!(formatter, "{}:{line}", path.display()),
            Self::Environment(name) => write!(formatter, "environment {name}"),
            Self::Flag(name) => write!(formatter, "flag --{name}"),
        }
    }
}

/// Something about a configuration that a server must not start with. One line each, without the
/// values of others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: String },
    /// The file is not one YAML document.
    #[error("{}: not valid YAML: {reason}", path.display())]
    Malformed { path: PathBuf, reason: String },
    /// Nothing is called this.
    #[error("{origin}: unknown key {path}, allowed: {allowed}")]
    UnknownKey {
        origin: Origin,
        path: String,
        allowed: String,
    },
    /// A value is of the wrong kind or out of its range.
    #[error("{origin}: {path} is {found}, allowed: {allowed}")]
    Wrong {
        origin: Origin,
        path: String,
        found: String,
        allowed: String,
    },
    /// Two values that are each allowed do not go together.
    #[error("{path} is {found} ({origin}), allowed: {allowed}")]
    Contradiction {
        path: &'static str,
        found: String,
        origin: Origin,
        allowed: String,
    },
}
