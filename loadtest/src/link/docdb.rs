use bytes::Bytes;
use docdb_client::{
    ClientOptions, Command, Connection, CreateMode, CursorId, Endpoint, Execute, Reply, RequestId,
    Response, ScanRequest, TransactionHandle,
};
use docdb_types::{
    Action, Code, CollectionName, DatabaseId, DatabaseName, DocumentId, Error, Isolation, Operation,
};

fn operations(actions: impl IntoIterator<Item = Action>) -> Vec<Operation> {
    let operation = |action| Operation {
        collection: CollectionName::DEFAULT,
        action,
    };
    actions.into_iter().map(operation).collect()
}

/// One connection to one database of a docdb server.
#[derive(Debug)]
pub(crate) struct DocdbLink {
    connection: Connection,
    database: DatabaseId,
}

impl DocdbLink {
    /// Connects and opens the database, which creates it when it is missing.
    pub(super) async fn connect(
        endpoint: &Endpoint,
        token: &Bytes,
        database: &DatabaseName,
    ) -> Result<Self, Error> {
        let options = ClientOptions {
            name: env!("CARGO_PKG_NAME").to_owned(),
            token: token.clone(),
            ..ClientOptions::default()
        };
        let mut connection = Connection::connect(endpoint, &options).await?;
        let open = Command::OpenDatabase {
            name: database.clone(),
            create: CreateMode::IfMissing,
        };
        match connection.call(open).await? {
            Reply::DatabaseOpened(opened) => Ok(Self {
                connection,
                database: opened.id,
            }),
            _ => Err(Error::new(
                Code::Network,
                "the answer to opening a database is none",
            )),
        }
    }

    /// Queues operations, run in order.
    pub(super) fn execute(
        &mut self,
        actions: impl IntoIterator<Item = Action>,
    ) -> Result<RequestId, Error> {
        let execute = Execute::new(self.database, false, operations(actions));
        self.connection.send(Command::Execute(execute))
    }

    /// Queues operations of a transaction, run in order.
    pub(super) fn execute_in(
        &mut self,
        transaction: TransactionHandle,
        actions: impl IntoIterator<Item = Action>,
    ) -> Result<RequestId, Error> {
        let mut execute = Execute::new(self.database, false, operations(actions));
        execute.transaction = Some(transaction);
        self.connection.send(Command::Execute(execute))
    }

    /// Queues the beginning of a transaction.
    pub(super) fn begin(&mut self) -> Result<RequestId, Error> {
        self.connection.send(Command::Begin {
            database: self.database,
            isolation: Isolation::default(),
        })
    }

    /// Queues the commit of a transaction.
    pub(super) fn commit(&mut self, transaction: TransactionHandle) -> Result<RequestId, Error> {
        self.connection.send(Command::Commit {
            database: self.database,
            transaction: Some(transaction),
            key: None,
        })
    }

    /// Queues the end of a transaction without a trace.
    pub(super) fn roll_back(&mut self, transaction: TransactionHandle) -> Result<RequestId, Error> {
        let database = self.database;
        self.connection.send(Command::Rollback {
            database,
            transaction,
        })
    }

    /// Queues a scan of up to `limit` documents.
    pub(super) fn scan(&mut self, from: DocumentId, limit: u32) -> Result<RequestId, Error> {
        self.connection.send(Command::Scan(ScanRequest {
            database: self.database,
            collection: CollectionName::DEFAULT,
            from: Some(from),
            limit,
            max_bytes: 0,
            cursor: None,
            transaction: None,
        }))
    }

    /// Queues the end of a scan that has more.
    pub(super) fn close_cursor(&mut self, cursor: CursorId) -> Result<RequestId, Error> {
        self.connection.send(Command::CloseCursor { cursor })
    }

    /// Writes all that is queued.
    pub(super) async fn flush(&mut self) -> Result<(), Error> {
        self.connection.flush().await
    }

    /// Waits for the next answer. Safe to give up and call again.
    pub(super) async fn receive(&mut self) -> Result<Response, Error> {
        self.connection.receive().await
    }
}
