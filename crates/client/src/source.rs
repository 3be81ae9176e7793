use std::time::Duration;

use docdb_ipc::{Command, Reply};
use docdb_types::Error;

use crate::retry::retrying;
use crate::{Client, Pool, RetryPolicy};

/// Where a handle gets its connection from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Always the same.
    Client(Client),
    /// One of several.
    Pool(Pool),
}

impl Source {
    pub(crate) async fn client(&self) -> Result<Client, Error> {
        match self {
            Self::Client(client) => Ok(client.clone()),
            Self::Pool(pool) => pool.client().await,
        }
    }

    /// Whether no later try can succeed: a broken [`Client`] stays broken.
    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Self::Client(client) => client.is_closed(),
            Self::Pool(_) => false,
        }
    }

    /// How often a request is tried, and for how long.
    pub(crate) fn patience(&self) -> (RetryPolicy, Duration) {
        let options = match self {
            Self::Client(client) => client.options(),
            Self::Pool(pool) => pool.options(),
        };
        (options.retry, options.request_timeout)
    }

    /// Sends a request, and again where its error allows.
    pub(crate) async fn request(&self, command: &Command) -> Result<Reply, Error> {
        retrying(self, || async {
            let client = self.client().await?;
            client.request(command.clone()).await
        })
        .await
    }
}
