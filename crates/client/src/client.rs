use std::fmt;
use std::sync::Arc;

use docdb_ipc::{Command, CreateMode, DatabaseInfo, Reply, ServerHello, Statistics};
use docdb_types::{Code, DatabaseName, Error, QuotaChange, Quotas};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::connection::{Connection, unexpected};
use crate::link::Link;
use crate::options::ClientOptions;
use crate::source::Source;
use crate::{Database, Endpoint};

/// One connection, shared by all clones and by as many tasks as like.
///
/// Once it broke, every request answers `Network`; a [`Pool`](crate::Pool) connects anew.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    link: Arc<Link>,
    server: ServerHello,
    options: ClientOptions,
    tasks: [AbortHandle; 2],
}

impl Drop for Shared {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Client {
    /// Connects and introduces itself. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// `Network` or `Timeout` when there is no server; otherwise what the server says to the hello.
    pub async fn connect(endpoint: &Endpoint, options: ClientOptions) -> Result<Self, Error> {
        let connection = Connection::connect(endpoint, &options).await?;
        let (link, incoming, input, server) = connection.share();
        let link = Arc::new(link);
        let reader = tokio::spawn({
            let link = Arc::clone(&link);
            async move { link.read_on(incoming, input).await }
        });
        let writer = tokio::spawn({
            let link = Arc::clone(&link);
            async move { link.write_on().await }
        });
        let tasks = [reader.abort_handle(), writer.abort_handle()];
        Ok(Self {
            shared: Arc::new(Shared {
                link,
                server,
                options,
                tasks,
            }),
        })
    }

    /// What the server said about itself.
    #[must_use]
    pub fn server(&self) -> &ServerHello {
        &self.shared.server
    }

    /// Whether the connection broke.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.link.closed().is_some()
    }

    pub(crate) fn options(&self) -> &ClientOptions {
        &self.shared.options
    }

    /// Sends one request, once, and waits for its answer.
    ///
    /// A future that is dropped gives the answer up; the request may have been run.
    ///
    /// # Errors
    /// What the server answers; `Network` when the connection broke; `Timeout` when no answer came
    /// in time.
    pub async fn request(&self, command: Command) -> Result<Reply, Error> {
        let awaited = self.shared.link.send(command)?;
        let effect = awaited.effect_when_lost();
        let limit = self.shared.options.request_timeout;
        timeout(limit, awaited.answer()).await.unwrap_or_else(|_| {
            let message = format!("no answer within {} ms", limit.as_millis());
            Err(Error::new(Code::Timeout, message).with_effect(effect))
        })
    }

    /// Sends a request whose answer nobody waits for.
    pub(crate) fn post(&self, command: Command) {
        self.shared.link.post(command);
    }

    /// Opens a database.
    ///
    /// # Errors
    /// `InvalidName`, `DbNotFound` or `DbExists` as the mode says, and those of
    /// [`request`](Self::request).
    pub async fn open(&self, name: &str, create: CreateMode) -> Result<Database, Error> {
        Database::open(
            Source::Client(self.clone()),
            DatabaseName::new(name)?,
            create,
        )
        .await
    }

    /// Removes a database and everything in it.
    ///
    /// # Errors
    /// `InvalidName`, `DbNotFound`, and those of [`request`](Self::request).
    pub async fn drop_database(&self, name: &str) -> Result<(), Error> {
        match self
            .request(Command::DropDatabase {
                name: DatabaseName::new(name)?,
            })
            .await?
        {
            Reply::DatabaseDropped => Ok(()),
            _ => Err(unexpected()),
        }
    }

    /// All databases of the server, by name.
    ///
    /// # Errors
    /// Those of [`request`](Self::request).
    pub async fn list_databases(&self) -> Result<Vec<DatabaseInfo>, Error> {
        match self.request(Command::ListDatabases).await? {
            Reply::Databases(databases) => Ok(databases),
            _ => Err(unexpected()),
        }
    }

    /// Changes what a database may use, for what comes from now on; returns it. A change of nothing
    /// asks.
    ///
    /// # Errors
    /// `InvalidName`, `DbNotFound`, and those of [`request`](Self::request).
    pub async fn change_quotas(&self, name: &str, change: QuotaChange) -> Result<Quotas, Error> {
        let name = DatabaseName::new(name)?;
        match self.request(Command::ChangeQuotas { name, change }).await? {
            Reply::Quotas(quotas) => Ok(quotas),
            _ => Err(unexpected()),
        }
    }

    /// What the server measures, over all databases.
    ///
    /// # Errors
    /// Those of [`request`](Self::request).
    pub async fn statistics(&self) -> Result<Statistics, Error> {
        match self.request(Command::Statistics { database: None }).await? {
            Reply::Statistics(statistics) => Ok(*statistics),
            _ => Err(unexpected()),
        }
    }

    /// Every figure of the server as OpenMetrics text.
    ///
    /// # Errors
    /// Those of [`request`](Self::request).
    pub async fn metrics(&self) -> Result<String, Error> {
        match self.request(Command::Metrics).await? {
            Reply::Metrics(text) => Ok(text),
            _ => Err(unexpected()),
        }
    }

    /// Asks the server for a sign of life.
    ///
    /// # Errors
    /// Those of [`request`](Self::request).
    pub async fn ping(&self) -> Result<(), Error> {
        match self.request(Command::Ping).await? {
            Reply::Pong => Ok(()),
            _ => Err(unexpected()),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("server", &self.shared.server.server_version)
            .field("closed", &self.is_closed())
            .finish()
    }
}
