//! The file of tokens: `.tokens` in the data directory, JSON, replaced whole.

use std::io;
use std::path::Path;

use docdb_engine::{Host, read_whole, write_whole};
use docdb_types::DatabaseName;
use serde::{Deserialize, Serialize};

use super::grant::{Grant, Role, Scope};
use super::secret::SecretHash;

/// The format that this version writes.
const FORMAT: u32 = 1;
/// Longest file that is read.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// All tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenFile {
    format: u32,
    pub(super) tokens: Vec<StoredToken>,
}

/// What is kept of one token.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredToken {
    pub(super) id: String,
    pub(super) label: String,
    /// SHA-256 of the token, in hexadecimal.
    pub(super) hash: String,
    pub(super) role: Role,
    /// Absent: all databases.
    pub(super) databases: Option<Vec<String>>,
    pub(super) created_unix_ms: u64,
    /// Absent: never.
    pub(super) expires_unix_ms: Option<u64>,
}

impl Default for TokenFile {
    fn default() -> Self {
        Self {
            format: FORMAT,
            tokens: Vec::new(),
        }
    }
}

impl TokenFile {
    /// Reads the file; one that is missing holds no token.
    ///
    /// # Errors
    /// The system's; `InvalidData` for a file that is damaged, or of a newer format.
    pub(super) fn read(host: &Host, path: &Path) -> io::Result<Self> {
        let bytes = match read_whole(&*host.files, path, MAX_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let file: Self = serde_json::from_slice(&bytes)?;
        if file.format != FORMAT {
            let text = format!("format {} is newer than {FORMAT}", file.format);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(file)
    }

    /// Replaces the file.
    ///
    /// # Durability
    /// On success the new one survives a crash; after a failure the old one does.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn write(&self, host: &Host, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        write_whole(&*host.files, path, &text)
    }
}

impl StoredToken {
    pub(super) fn hash(&self) -> Option<SecretHash> {
        SecretHash::from_hex(&self.hash)
    }

    pub(super) fn scope(&self) -> Option<Scope> {
        let Some(names) = &self.databases else {
            return Some(Scope::All);
        };
        let names = names.iter().map(|name| DatabaseName::new(name).ok());
        names.collect::<Option<_>>().map(Scope::Named)
    }

    pub(super) fn grant(&self) -> Option<Grant> {
        Some(Grant {
            id: self.id.clone(),
            role: self.role,
            scope: self.scope()?,
        })
    }

    pub(super) fn is_expired(&self, now_unix_ms: u64) -> bool {
        self.expires_unix_ms.is_some_and(|at| at <= now_unix_ms)
    }
}
