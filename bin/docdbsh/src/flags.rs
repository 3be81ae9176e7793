//! What stands behind the program's name.

use std::path::PathBuf;

use clap::Parser;

/// The shell of docdb.
#[derive(Debug, Parser)]
#[command(name = "docdbsh", version, about = "The shell of docdb")]
pub(crate) struct Flags {
    /// Unix socket of the server.
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/tmp/docdb.sock",
        env = "DOCDB_SOCKET"
    )]
    pub(crate) socket: PathBuf,
    /// Host and port of a server on TCP, instead of a Unix socket; takes a token.
    #[arg(long, value_name = "ADDR")]
    pub(crate) host: Option<String>,
    /// Speaks TLS with it: file of the certificates, in PEM, of the authorities that are trusted. A
    /// certificate that nobody else has signed is its own.
    #[arg(long, value_name = "FILE", requires = "host")]
    pub(crate) ca: Option<PathBuf>,
    /// Name that the server's certificate is for, where it is not the host.
    #[arg(long, value_name = "NAME", requires = "ca")]
    pub(crate) server_name: Option<String>,
    /// File whose first line is a token. Without it: the one in the environment variable
    /// `DOCDB_TOKEN`, if any.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Database to open first; created when it is missing.
    #[arg(long, value_name = "NAME")]
    pub(crate) db: Option<String>,
    /// Runs this line and exits; may be given several times.
    #[arg(
        short = 'c',
        value_name = "LINE",
        conflicts_with = "file",
        allow_hyphen_values = true
    )]
    pub(crate) lines: Vec<String>,
    /// Answers every line with one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Runs the lines of this file and exits.
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}
