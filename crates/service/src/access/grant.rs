use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use docdb_types::DatabaseName;
use serde::{Deserialize, Serialize};

/// What a token allows in the databases of its scope. Each role may do what the one before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Read documents, collections and figures of databases.
    Read,
    /// Change documents and collections.
    Write,
    /// Create and drop databases, checkpoint and compact them; with all databases in its scope, see
    /// the figures of the server.
    Admin,
}

impl Role {
    /// All roles, the weakest first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// The name on command lines and in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A text that is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no role, allowed: read, write, admin")]
pub struct UnknownRole {
    found: String,
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        let role = Self::ALL.into_iter().find(|role| role.as_str() == text);
        role.ok_or_else(|| UnknownRole {
            found: text.to_owned(),
        })
    }
}

/// The databases that a token is for, whether they exist or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    All,
    /// Those of these names.
    Named(BTreeSet<DatabaseName>),
}

impl Scope {
    /// Whether a database is one of them.
    #[must_use]
    pub fn holds(&self, name: &DatabaseName) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.contains(name),
        }
    }
}

/// What a token grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    /// Which token.
    pub(crate) id: String,
    pub(crate) role: Role,
    pub(crate) scope: Scope,
}
