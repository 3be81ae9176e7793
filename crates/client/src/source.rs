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

    pub(crate) fn retry(&self) -> RetryPolicy {
        match self {
            Self::Client(client) => client.options().retry,
            Self::Pool(pool) => pool.options().retry,
        }
    }

    /// Sends a request, and again where its error allows. A broken [`Client`] stays broken, so
    /// there is no second try over one.
    pub(crate) async fn request(&self, command: &Command) -> Result<Reply, Error> {
        retrying(self.retry(), || async {
            let client = self.client().await?;
            client.request(command.clone()).await
        })
        .await
    }
}
