//! The load generator as a program, in a folder of its own.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// The load generator, which can be a server.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_docdb-loadtest");

/// A folder in which the program runs.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.join(name)).unwrap()
    }

    pub(crate) fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }

    /// The program with a line of flags, and a socket that nobody listens at.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .current_dir(self.path())
            .args(line.split_whitespace());
        command
    }

    /// Runs the program without measuring its ceiling, on a server of its own.
    pub(crate) fn run(&self, line: &str) -> Output {
        let socket = self.join("nobody.sock");
        self.command(line)
            .args(["--ceiling", "0", "--socket"])
            .arg(socket)
            .output()
            .unwrap()
    }

    /// Runs the program as it is.
    pub(crate) fn plain(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
