use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use docdb_engine::Host;

use super::file::{StoredToken, TokenFile};
use super::grant::{Role, Scope};
use super::secret::Secret;
use crate::metrics::unix_ms;

/// Characters of the hash that a token is named by.
const ID_LENGTH: usize = 12;

/// The tokens of a data directory, for whoever manages them. A running server follows every change
/// within a second.
#[derive(Debug, Clone)]
pub struct Tokens {
    host: Host,
    path: PathBuf,
}

/// What a new token shall be.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// Whom it is for, for people; may be empty.
    pub label: String,
    /// What it allows.
    pub role: Role,
    /// Where.
    pub scope: Scope,
    /// How long; `None`: until it is revoked.
    pub lifetime: Option<Duration>,
}

/// A token as it is listed: everything but the token.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenInfo {
    /// What it is named by.
    pub id: String,
    /// Whom it is for.
    pub label: String,
    /// What it allows.
    pub role: Role,
    /// Where.
    pub scope: Scope,
    /// When it was created, in milliseconds since 1970.
    pub created_unix_ms: u64,
    /// When it ends, the same way; `None`: when it is revoked.
    pub expires_unix_ms: Option<u64>,
    /// Whether it has ended.
    pub is_expired: bool,
}

/// Why tokens cannot be managed. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The file cannot be read or written, or is damaged.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No token is named so.
    #[error("no token has the id {id:?}")]
    Unknown {
        /// What was asked for.
        id: String,
    },
    /// The system has no randomness to give.
    #[error("no randomness: {0}")]
    Random(io::Error),
}

impl Tokens {
    /// The tokens of a data directory, which need not exist yet.
    #[must_use]
    pub fn in_directory(data_directory: &Path) -> Self {
        Self {
            host: Host::real(),
            path: data_directory.join(".tokens"),
        }
    }

    /// Creates a token. Whoever is shown the answer has it; nothing else does.
    ///
    /// # Durability
    /// On success it is valid also after a crash.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn create(&self, request: TokenRequest) -> Result<(TokenInfo, Secret), TokenError> {
        let secret = Secret::random().map_err(TokenError::Random)?;
        let hash = secret.hash().to_hex();
        let created_unix_ms = unix_ms();
        let lifetime = request.lifetime.map(|time| time.as_millis());
        let lifetime = lifetime.map(|time| u64::try_from(time).unwrap_or(u64::MAX));
        let databases = match &request.scope {
            Scope::All => None,
            Scope::Named(names) => {
                Some(names.iter().map(|name| name.as_str().to_owned()).collect())
            }
        };
        let token = StoredToken {
            id: hash.chars().take(ID_LENGTH).collect(),
            label: request.label,
            hash,
            role: request.role,
            databases,
            created_unix_ms,
            expires_unix_ms: lifetime.map(|time| created_unix_ms.saturating_add(time)),
        };
        let info = TokenInfo::of(&token, request.scope);
        self.change(|file| {
            file.tokens.push(token);
            Ok(())
        })?;
        Ok((info, secret))
    }

    /// All tokens, the oldest first.
    ///
    /// # Errors
    /// [`TokenError::File`].
    pub fn list(&self) -> Result<Vec<TokenInfo>, TokenError> {
        let file = self.read()?;
        let infos = file.tokens.iter().map(|token| {
            let scope = token.scope().ok_or_else(|| self.damaged())?;
            Ok(TokenInfo::of(token, scope))
        });
        infos.collect()
    }

    /// Ends a token: a running server refuses it within a second, on open connections too.
    ///
    /// # Durability
    /// On success it stays ended after a crash.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn revoke(&self, id: &str) -> Result<(), TokenError> {
        self.change(|file| {
            let before = file.tokens.len();
            file.tokens.retain(|token| token.id != id);
            if file.tokens.len() == before {
                return Err(TokenError::Unknown { id: id.to_owned() });
            }
            Ok(())
        })
    }

    pub(super) fn stored(&self) -> io::Result<Vec<StoredToken>> {
        TokenFile::read(&self.host, &self.path).map(|file| file.tokens)
    }

    fn read(&self) -> Result<TokenFile, TokenError> {
        TokenFile::read(&self.host, &self.path).map_err(|source| self.failed(source))
    }

    fn change(
        &self,
        change: impl FnOnce(&mut TokenFile) -> Result<(), TokenError>,
    ) -> Result<(), TokenError> {
        let lock = self.path.with_extension("lock");
        // Two commands at once would each lose what the other has changed.
        let _lock = self
            .host
            .files
            .lock(&lock)
            .map_err(|error| self.failed(io::Error::other(error)))?;
        let mut file = self.read()?;
        change(&mut file)?;
        file.write(&self.host, &self.path)
            .map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> TokenError {
        TokenError::File {
            path: self.path.clone(),
            source,
        }
    }

    fn damaged(&self) -> TokenError {
        self.failed(io::Error::new(
            io::ErrorKind::InvalidData,
            "it holds a database name that breaks the rules",
        ))
    }
}

impl TokenInfo {
    fn of(token: &StoredToken, scope: Scope) -> Self {
        Self {
            id: token.id.clone(),
            label: token.label.clone(),
            role: token.role,
            scope,
            created_unix_ms: token.created_unix_ms,
            expires_unix_ms: token.expires_unix_ms,
            is_expired: token.is_expired(unix_ms()),
        }
    }
}
