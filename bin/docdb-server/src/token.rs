//! `docdb-server token`: creates, lists and revokes the tokens of a data directory, whether or not
//! a server runs on it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use docdb_service::{Role, Scope, TokenInfo, TokenRequest, Tokens};
use docdb_types::DatabaseName;

use crate::config;

/// What is done with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Creates a token and shows it, once.
    Create(CreateToken),
    /// Lists all tokens, without what they are.
    List {
        /// The data directory.
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Ends a token, also on connections that are open.
    Revoke {
        /// The data directory.
        #[arg(value_name = "DIR")]
        directory: PathBuf,
        /// The id that `list` shows.
        #[arg(value_name = "ID")]
        id: String,
    },
}

/// What a new token shall be.
#[derive(Debug, Args)]
pub(crate) struct CreateToken {
    /// The data directory.
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// What it allows: read, write or admin.
    #[arg(long, value_name = "ROLE")]
    role: Role,

    /// A database that it is for, whether it exists or not; may be given several times.
    #[arg(
        long = "database",
        value_name = "NAME",
        required_unless_present = "all_databases"
    )]
    databases: Vec<String>,

    /// It is for all databases, those to come among them.
    #[arg(long, conflicts_with = "databases")]
    all_databases: bool,

    /// Whom it is for, for people.
    #[arg(long, value_name = "TEXT", default_value = "")]
    label: String,

    /// How long it is valid, as in 24h; without it, until it is revoked.
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    lifetime: Option<Duration>,
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let time = config::parse_span(text).filter(|time| !time.is_zero());
    time.ok_or_else(|| "allowed: a time above 0 with a unit, as in 24h".to_owned())
}

/// Does it, and returns what there is to say.
pub(crate) fn run(command: &TokenCommand) -> anyhow::Result<String> {
    let tokens = |directory: &Path| Tokens::in_directory(directory);
    match command {
        TokenCommand::Create(create) => {
            let (info, secret) = tokens(&create.directory).create(create.request()?)?;
            Ok(format!(
                "id={}\ntoken={}\nIt is shown this once: the server keeps its hash only.\n",
                info.id,
                secret.reveal()
            ))
        }
        TokenCommand::List { directory } => Ok(table(&tokens(directory).list()?)),
        TokenCommand::Revoke { directory, id } => {
            tokens(directory).revoke(id)?;
            Ok(format!("revoked {id}\n"))
        }
    }
}

impl CreateToken {
    fn request(&self) -> anyhow::Result<TokenRequest> {
        let scope = if self.all_databases {
            Scope::All
        } else {
            let mut names = BTreeSet::new();
            for name in &self.databases {
                names.insert(DatabaseName::new(name).with_context(|| format!("{name:?}"))?);
            }
            Scope::Named(names)
        };
        if self.label.chars().any(char::is_control) {
            bail!("the label holds a control character");
        }
        Ok(TokenRequest {
            label: self.label.clone(),
            role: self.role,
            scope,
            lifetime: self.lifetime,
        })
    }
}

fn table(tokens: &[TokenInfo]) -> String {
    let mut text = String::from("ID            ROLE   EXPIRES        DATABASES  LABEL\n");
    for token in tokens {
        let databases = match &token.scope {
            Scope::All => "(all)".to_owned(),
            Scope::Named(names) => {
                let names: Vec<_> = names.iter().map(DatabaseName::as_str).collect();
                names.join(",")
            }
        };
        let expires = match token.expires_unix_ms {
            None => "never".to_owned(),
            Some(_) if token.is_expired => "expired".to_owned(),
            Some(at) => format!("@{}", at / 1000),
        };
        // A string takes whatever is written to it.
        let _ = writeln!(
            text,
            "{:12}  {:5}  {expires:13}  {databases}  {}",
            token.id,
            token.role.as_str(),
            token.label
        );
    }
    text
}
