use std::path::{Path, PathBuf};

use bytes::Bytes;
use docdb_client::Endpoint;

/// Where a server listens, and what it speaks.
#[derive(Debug, Clone)]
pub enum Address {
    /// A docdb server, and the token that it takes; empty where it takes none.
    Docdb(Endpoint, Bytes),
    /// A PostgreSQL server.
    Postgres(PeerUrl),
    /// A Redis server.
    Redis(PeerUrl),
}

/// Where a peer listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A Unix socket.
    Unix(PathBuf),
    /// A host and a port.
    Tcp(String),
}

/// A peer, and who asks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerUrl {
    /// Where it listens.
    pub place: Place,
    /// Who asks.
    pub user: Option<String>,
    /// How it proves that.
    pub password: Option<String>,
    /// The database that is asked for.
    pub database: Option<String>,
}

/// A text that names no peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} names no server, allowed: {scheme}://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE], and \
     {scheme}://[USER[:PASSWORD]@]/PATH/OF/SOCKET[?DATABASE]"
)]
pub struct PeerUrlError {
    text: String,
    scheme: &'static str,
}

impl Address {
    /// Whether every write is answered with a version, so that answers can be held against
    /// earlier ones.
    pub(crate) const fn has_versions(&self) -> bool {
        matches!(self, Self::Docdb(..))
    }

    /// The Unix socket, where it is one.
    pub(crate) fn socket(&self) -> Option<&Path> {
        match self {
            Self::Docdb(Endpoint::Unix(path), _) => Some(path),
            Self::Docdb(..) => None,
            Self::Postgres(url) | Self::Redis(url) => match &url.place {
                Place::Unix(path) => Some(path),
                Place::Tcp(_) => None,
            },
        }
    }
}

impl PeerUrl {
    /// A server on a Unix socket, asked by `user`.
    pub(crate) const fn local(path: PathBuf, user: Option<String>) -> Self {
        Self {
            place: Place::Unix(path),
            user,
            password: None,
            database: None,
        }
    }

    /// Reads the URL of a PostgreSQL server.
    ///
    /// # Errors
    /// [`PeerUrlError`].
    pub fn postgres(text: &str) -> Result<Self, PeerUrlError> {
        Self::parse(text, "postgres", 5432)
    }

    /// Reads the URL of a Redis server.
    ///
    /// # Errors
    /// [`PeerUrlError`].
    pub fn redis(text: &str) -> Result<Self, PeerUrlError> {
        Self::parse(text, "redis", 6379)
    }

    fn parse(text: &str, scheme: &'static str, port: u16) -> Result<Self, PeerUrlError> {
        let parse = || {
            let rest = text.strip_prefix(scheme)?.strip_prefix("://")?;
            let (who, place) = rest
                .rsplit_once('@')
                .map_or((None, rest), |(who, place)| (Some(who), place));
            let (user, password) = match who.map(|who| who.split_once(':').unwrap_or((who, ""))) {
                None => (None, None),
                Some((user, password)) => (decoded(user)?, decoded(password)?),
            };
            let separator = if place.starts_with('/') { '?' } else { '/' };
            let (place, database) = place.split_once(separator).unwrap_or((place, ""));
            let place = if place.starts_with('/') {
                Place::Unix(place.into())
            } else {
                let has_port = place
                    .rsplit_once(':')
                    .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
                match place {
                    "" => return None,
                    _ if has_port => Place::Tcp(place.to_owned()),
                    _ => Place::Tcp(format!("{place}:{port}")),
                }
            };
            Some(Self {
                place,
                user,
                password,
                database: decoded(database)?,
            })
        };
        parse().ok_or_else(|| PeerUrlError {
            text: text.to_owned(),
            scheme,
        })
    }
}

/// A part of a URL, its `%XX` decoded (RFC 3986, section 2.1); `Some(None)` where it is empty.
fn decoded(part: &str) -> Option<Option<String>> {
    let mut pieces = part.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (code, rest) = piece.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    let text = String::from_utf8(bytes).ok()?;
    Some(Some(text).filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_who() {
        let url = PeerUrl::postgres("postgres://me:p%40ss@db.example/load").unwrap();
        assert_eq!(url.place, Place::Tcp("db.example:5432".to_owned()));
        assert_eq!(url.user.as_deref(), Some("me"));
        assert_eq!(url.password.as_deref(), Some("p@ss"));
        assert_eq!(url.database.as_deref(), Some("load"));

        let url = PeerUrl::redis("redis://127.0.0.1:7000/3").unwrap();
        assert_eq!(url.place, Place::Tcp("127.0.0.1:7000".to_owned()));
        assert_eq!(url.database.as_deref(), Some("3"));

        let url = PeerUrl::redis("redis:///run/redis.sock").unwrap();
        assert_eq!(url, PeerUrl::local("/run/redis.sock".into(), None));

        for wrong in ["", "redis:", "redis://", "http://x", "redis://a%2@b"] {
            assert!(PeerUrl::redis(wrong).is_err(), "{wrong:?}");
        }
    }
}
