use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::grant::Grant;
use super::secret::{Secret, SecretHash};
use super::tokens::Tokens;
use crate::metrics::unix_ms;

/// How old what is known about the tokens may be. Nobody looks while nobody asks.
const MAX_AGE: Duration = Duration::from_millis(500);

/// Knows the tokens that are in force.
#[derive(Debug)]
pub(crate) struct Guard {
    tokens: Tokens,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    read_at: Option<Instant>,
    /// By the hash of the token, with the time of its end.
    grants: BTreeMap<SecretHash, (Arc<Grant>, Option<u64>)>,
}

impl Guard {
    pub(crate) fn of(data_directory: &Path) -> Self {
        Self {
            tokens: Tokens::in_directory(data_directory),
            known: Mutex::default(),
        }
    }

    /// What a token grants; `None` for one that is unknown, revoked or expired.
    pub(crate) fn admit(&self, token: &[u8]) -> Option<Arc<Grant>> {
        let hash = Secret::parse(token)?.hash();
        self.find(|known| known.grants.get(&hash).cloned())
    }

    /// Whether a grant that was given is still in force.
    pub(crate) fn still_grants(&self, grant: &Grant) -> bool {
        let same = |known: &Known| {
            let mut grants = known.grants.values();
            grants.find(|(known, _)| known.id == grant.id).cloned()
        };
        self.find(same).is_some()
    }

    fn find(
        &self,
        which: impl FnOnce(&Known) -> Option<(Arc<Grant>, Option<u64>)>,
    ) -> Option<Arc<Grant>> {
        let mut known = self.known.lock();
        if known.read_at.is_none_or(|at| at.elapsed() >= MAX_AGE) {
            known.grants = self.read();
            known.read_at = Some(Instant::now());
        }
        let (grant, expires) = which(&known)?;
        let is_in_force = expires.is_none_or(|at| at > unix_ms());
        is_in_force.then_some(grant)
    }

    /// A file that cannot be read lets nobody in.
    fn read(&self) -> BTreeMap<SecretHash, (Arc<Grant>, Option<u64>)> {
        let stored = self.tokens.stored().unwrap_or_else(|error| {
            tracing::error!(%error, "the tokens cannot be read: nobody is let in by one");
            Vec::new()
        });
        let known = stored.into_iter().filter_map(|token| {
            let grant = Arc::new(token.grant()?);
            Some((token.hash()?, (grant, token.expires_unix_ms)))
        });
        known.collect()
    }
}
