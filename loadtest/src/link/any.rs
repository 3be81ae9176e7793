use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use docdb_client::{CursorId, RequestId, Response, TransactionHandle};
use docdb_types::{Action, Code, DatabaseName, DocumentId, Error};

use super::docdb::DocdbLink;
use super::postgres::PostgresLink;
use super::redis::RedisLink;
use crate::peer::Address;

/// One connection to one database of the server under load: everything that a worker knows about
/// what it speaks to.
#[derive(Debug)]
pub(crate) enum Link {
    Docdb(Box<DocdbLink>),
    Postgres(Box<PostgresLink>),
    Redis(Box<RedisLink>),
}

impl Link {
    /// Connects and opens the database, which creates it when it is missing.
    pub(crate) async fn connect(address: &Address, database: &DatabaseName) -> Result<Self, Error> {
        Ok(match address {
            Address::Docdb(endpoint, token) => {
                let link = DocdbLink::connect(endpoint, token, database).await?;
                Self::Docdb(Box::new(link))
            }
            Address::Postgres(url) => {
                Self::Postgres(Box::new(PostgresLink::connect(url, database).await?))
            }
            Address::Redis(url) => Self::Redis(Box::new(RedisLink::connect(url, database).await?)),
        })
    }

    /// Queues operations, run in order.
    pub(crate) fn execute(
        &mut self,
        actions: impl IntoIterator<Item = Action>,
    ) -> Result<RequestId, Error> {
        match self {
            Self::Docdb(link) => link.execute(actions),
            Self::Postgres(link) => link.execute(actions),
            Self::Redis(link) => link.execute(actions),
        }
    }

    /// Queues operations of a transaction, run in order.
    pub(crate) fn execute_in(
        &mut self,
        transaction: TransactionHandle,
        actions: impl IntoIterator<Item = Action>,
    ) -> Result<RequestId, Error> {
        self.docdb()?.execute_in(transaction, actions)
    }

    /// Queues the beginning of a transaction.
    pub(crate) fn begin(&mut self) -> Result<RequestId, Error> {
        self.docdb()?.begin()
    }

    /// Queues the commit of a transaction.
    pub(crate) fn commit(&mut self, transaction: TransactionHandle) -> Result<RequestId, Error> {
        self.docdb()?.commit(transaction)
    }

    /// Queues the end of a transaction without a trace.
    pub(crate) fn roll_back(&mut self, transaction: TransactionHandle) -> Result<RequestId, Error> {
        self.docdb()?.roll_back(transaction)
    }

    /// Queues a scan of up to `limit` documents.
    pub(crate) fn scan(&mut self, from: DocumentId, limit: u32) -> Result<RequestId, Error> {
        self.docdb()?.scan(from, limit)
    }

    /// Queues the end of a scan that has more.
    pub(crate) fn close_cursor(&mut self, cursor: CursorId) -> Result<RequestId, Error> {
        self.docdb()?.close_cursor(cursor)
    }

    /// Writes all that is queued.
    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        match self {
            Self::Docdb(link) => link.flush().await,
            Self::Postgres(link) => link.flush().await,
            Self::Redis(link) => link.flush().await,
        }
    }

    /// Waits for the next answer. Safe to give up and call again.
    pub(crate) async fn receive(&mut self) -> Result<Response, Error> {
        match self {
            Self::Docdb(link) => link.receive().await,
            Self::Postgres(link) => link.receive().await,
            Self::Redis(link) => link.receive().await,
        }
    }

    /// An answer that has arrived already, if there is one.
    pub(crate) async fn received(&mut self) -> Option<Result<Response, Error>> {
        let mut receiving = pin!(self.receive());
        poll_fn(|context| match receiving.as_mut().poll(context) {
            Poll::Ready(response) => Poll::Ready(Some(response)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    /// What no peer is asked for: a plan for peers has none of it.
    fn docdb(&mut self) -> Result<&mut DocdbLink, Error> {
        match self {
            Self::Docdb(link) => Ok(link),
            Self::Postgres(_) | Self::Redis(_) => Err(Error::new(
                Code::UnknownOperation,
                "only a docdb server is asked for this",
            )),
        }
    }
}
