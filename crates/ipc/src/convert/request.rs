use bytes::Bytes;
use docdb_types::{
    Code, CollectionName, DatabaseId, DatabaseName, DocumentId, Error, IdempotencyKey, Limits,
    QuotaChange,
};

use super::enums::{
    checkpoint_scope_from_wire, checkpoint_scope_to_wire, create_mode_from_wire,
    create_mode_to_wire, isolation_from_wire, isolation_to_wire,
};
use super::operation::{
    Names, collection_to_wire, operation_from_wire, operation_to_wire, payload_bytes,
};
use crate::proto;
use crate::proto::request::Command as Message;
use crate::{Command, CursorId, Execute, Hello, Request, RequestId, Scan, TransactionHandle};

/// Checks a request: its id, names, documents and limits.
///
/// # Errors
/// Whatever makes the request as a whole impossible. An operation of a request that is not atomic
/// is refused alone.
pub(crate) fn request_from_wire(
    message: proto::Request,
    limits: &Limits,
) -> Result<Request, Error> {
    let id = RequestId::new(message.request_id)
        .ok_or_else(|| Error::new(Code::InvalidRequestId, "ids of requests begin with 1"))?;
    let command = message
        .command
        .ok_or_else(|| Error::new(Code::UnknownOperation, "the command is unknown"))?;
    Ok(Request {
        id,
        command: command_from_wire(command, limits)?,
    })
}

fn command_from_wire(message: Message, limits: &Limits) -> Result<Command, Error> {
    Ok(match message {
        Message::Hello(hello) => Command::Hello(Hello {
            protocol_version: hello.protocol_version,
            client_name: hello.client_name,
            token: hello.authentication_token,
        }),
        Message::Ping(proto::Ping {}) => Command::Ping,
        Message::Execute(execute) => Command::Execute(execute_from_wire(execute, limits)?),
        Message::Scan(scan) => Command::Scan(Scan {
            database: database_id(scan.db_id)?,
            collection: CollectionName::new(&scan.collection)?,
            from: DocumentId::new(scan.from_id),
            limit: scan.limit,
            max_bytes: scan.max_bytes,
            cursor: CursorId::new(scan.cursor),
            transaction: TransactionHandle::new(scan.transaction),
        }),
        Message::CloseCursor(close) => Command::CloseCursor {
            cursor: CursorId::new(close.cursor)
                .ok_or_else(|| Error::new(Code::TxnExpired, "cursors begin with 1"))?,
        },
        Message::Count(count) => Command::Count {
            database: database_id(count.db_id)?,
            collection: CollectionName::new(&count.collection)?,
            transaction: TransactionHandle::new(count.transaction),
        },
        Message::Begin(begin) => Command::Begin {
            database: database_id(begin.db_id)?,
            isolation: isolation_from_wire(begin.isolation)
                .ok_or_else(|| Error::new(Code::UnknownOperation, "the isolation is unknown"))?,
        },
        Message::Commit(commit) => Command::Commit {
            database: database_id(commit.db_id)?,
            transaction: TransactionHandle::new(commit.transaction),
            key: key_from_wire(commit.idempotency_key)?,
        },
        Message::Rollback(rollback) => Command::Rollback {
            database: database_id(rollback.db_id)?,
            transaction: transaction(rollback.transaction)?,
        },
        Message::OpenDb(open) => Command::OpenDatabase {
            name: DatabaseName::new(&open.name)?,
            create: create_mode_from_wire(open.create)
                .ok_or_else(|| Error::new(Code::UnknownOperation, "the create mode is unknown"))?,
        },
        Message::CloseDb(close) => Command::CloseDatabase {
            database: database_id(close.db_id)?,
        },
        Message::DropDb(drop) => Command::DropDatabase {
            name: DatabaseName::new(&drop.name)?,
        },
        Message::ListDbs(proto::ListDbs {}) => Command::ListDatabases,
        Message::CreateCollection(create) => Command::CreateCollection {
            database: database_id(create.db_id)?,
            collection: CollectionName::new(&create.name)?,
        },
        Message::DeleteCollection(delete) => Command::DeleteCollection {
            database: database_id(delete.db_id)?,
            collection: CollectionName::new(&delete.name)?,
        },
        Message::ListCollections(list) => Command::ListCollections {
            database: database_id(list.db_id)?,
        },
        Message::Stats(stats) => Command::Statistics {
            database: (stats.db_id != 0).then(|| DatabaseId::new(stats.db_id)),
        },
        Message::Checkpoint(checkpoint) => Command::Checkpoint {
            database: database_id(checkpoint.db_id)?,
            scope: checkpoint_scope_from_wire(checkpoint.scope)
                .ok_or_else(|| Error::new(Code::UnknownOperation, "the scope is unknown"))?,
        },
        Message::Metrics(_) => Command::Metrics,
        Message::Compact(compact) => Command::Compact {
            database: database_id(compact.db_id)?,
        },
        Message::ChangeQuotas(it) => Command::ChangeQuotas {
            name: DatabaseName::new(&it.name)?,
            change: QuotaChange {
                disk_bytes: it.disk_bytes,
                documents: it.documents,
                operations_per_second: it.operations_per_second,
                requests_in_flight: it.requests_in_flight,
            },
        },
        Message::Heal(heal) => Command::Heal {
            database: database_id(heal.db_id)?,
            collection: CollectionName::new(&heal.collection)?,
            id: document_id(heal.id)?,
            accept_older_version: heal.accept_older_version,
        },
        Message::HealAll(heal) => Command::HealAll {
            database: database_id(heal.db_id)?,
        },
        Message::HealStats(stats) => Command::HealStatistics {
            database: database_id(stats.db_id)?,
        },
        Message::Validate(validate) => Command::Validate {
            database: database_id(validate.db_id)?,
            collection: validate
                .collection
                .as_deref()
                .map(CollectionName::new)
                .transpose()?,
            id: DocumentId::new(validate.id),
        },
    })
}

fn database_id(id: u64) -> Result<DatabaseId, Error> {
    if id == 0 {
        return Err(Error::new(Code::DbNotOpen, "ids of databases begin with 1"));
    }
    Ok(DatabaseId::new(id))
}

fn document_id(id: u64) -> Result<DocumentId, Error> {
    DocumentId::new(id)
        .ok_or_else(|| Error::new(Code::DocNotFound, "ids of documents begin with 1"))
}

fn key_from_wire(bytes: Bytes) -> Result<Option<IdempotencyKey>, Error> {
    if bytes.is_empty() {
        return Ok(None);
    }
    IdempotencyKey::new(bytes).map(Some)
}

fn key_to_wire(key: Option<IdempotencyKey>) -> Bytes {
    key.map_or_else(Bytes::new, IdempotencyKey::into_bytes)
}

fn transaction(handle: u64) -> Result<TransactionHandle, Error> {
    TransactionHandle::new(handle)
        .ok_or_else(|| Error::new(Code::TxnExpired, "transactions begin with 1"))
}

fn execute_from_wire(message: proto::Execute, limits: &Limits) -> Result<Execute, Error> {
    let database = database_id(message.db_id)?;
    let payload: usize = message.operations.iter().map(payload_bytes).sum();
    if payload > limits.request_bytes {
        return Err(Error::new(
            Code::PayloadTooLarge,
            format!(
                "request with {payload} bytes of payload, at most {}",
                limits.request_bytes
            ),
        ));
    }
    let mut execute = Execute::new(
        database,
        message.atomic,
        Vec::with_capacity(message.operations.len()),
    );
    execute.transaction = TransactionHandle::new(message.transaction);
    execute.key = key_from_wire(message.idempotency_key)?;
    let is_kept = execute.key.is_some();
    if is_kept && execute.transaction.is_some() {
        let reason = "within a transaction it is the commit that takes an idempotency key";
        return Err(Error::new(Code::UnknownOperation, reason));
    }
    let mut names = Names::default();
    for (operation, position) in message.operations.into_iter().zip(0..) {
        match operation_from_wire(operation, &mut names, limits) {
            Ok(operation) => execute.operations.push(operation),
            Err(error) if execute.atomic => return Err(error.at_step(position)),
            // What happens once happens whole.
            Err(error) if is_kept => return Err(error),
            Err(error) => execute.refused.push((position, error)),
        }
    }
    Ok(execute)
}

pub(crate) fn request_to_wire(request: Request) -> proto::Request {
    proto::Request {
        request_id: request.id.get(),
        command: Some(command_to_wire(request.command)),
    }
}

fn command_to_wire(command: Command) -> Message {
    match command {
        Command::Hello(hello) => Message::Hello(proto::Hello {
            protocol_version: hello.protocol_version,
            client_name: hello.client_name,
            authentication_token: hello.token,
        }),
        Command::Ping => Message::Ping(proto::Ping {}),
        Command::Execute(execute) => Message::Execute(proto::Execute {
            db_id: execute.database.get(),
            atomic: execute.atomic,
            transaction: execute.transaction.map_or(0, TransactionHandle::get),
            idempotency_key: key_to_wire(execute.key),
            operations: execute
                .operations
                .into_iter()
                .map(operation_to_wire)
                .collect(),
        }),
        Command::Scan(scan) => Message::Scan(proto::Scan {
            db_id: scan.database.get(),
            collection: collection_to_wire(&scan.collection),
            from_id: scan.from.map_or(0, DocumentId::get),
            limit: scan.limit,
            max_bytes: scan.max_bytes,
            cursor: scan.cursor.map_or(0, CursorId::get),
            transaction: scan.transaction.map_or(0, TransactionHandle::get),
        }),
        Command::CloseCursor { cursor } => Message::CloseCursor(proto::CloseCursor {
            cursor: cursor.get(),
        }),
        Command::Count {
            database,
            collection,
            transaction,
        } => Message::Count(proto::Count {
            db_id: database.get(),
            collection: collection_to_wire(&collection),
            transaction: transaction.map_or(0, TransactionHandle::get),
        }),
        Command::Begin {
            database,
            isolation,
        } => Message::Begin(proto::Begin {
            db_id: database.get(),
            isolation: isolation_to_wire(isolation) as i32,
        }),
        Command::Commit {
            database,
            transaction,
            key,
        } => Message::Commit(proto::Commit {
            db_id: database.get(),
            transaction: transaction.map_or(0, TransactionHandle::get),
            idempotency_key: key_to_wire(key),
        }),
        Command::Rollback {
            database,
            transaction,
        } => Message::Rollback(proto::Rollback {
            db_id: database.get(),
            transaction: transaction.get(),
        }),
        Command::OpenDatabase { name, create } => Message::OpenDb(proto::OpenDb {
            name: name.as_str().to_owned(),
            create: create_mode_to_wire(create) as i32,
        }),
        Command::CloseDatabase { database } => Message::CloseDb(proto::CloseDb {
            db_id: database.get(),
        }),
        Command::DropDatabase { name } => Message::DropDb(proto::DropDb {
            name: name.as_str().to_owned(),
        }),
        Command::ListDatabases => Message::ListDbs(proto::ListDbs {}),
        Command::CreateCollection {
            database,
            collection,
        } => Message::CreateCollection(proto::CreateCollection {
            db_id: database.get(),
            name: collection_to_wire(&collection),
        }),
        Command::DeleteCollection {
            database,
            collection,
        } => Message::DeleteCollection(proto::DeleteCollection {
            db_id: database.get(),
            name: collection_to_wire(&collection),
        }),
        Command::ListCollections { database } => Message::ListCollections(proto::ListCollections {
            db_id: database.get(),
        }),
        Command::Statistics { database } => Message::Stats(proto::Stats {
            db_id: database.map_or(0, DatabaseId::get),
        }),
        Command::Checkpoint { database, scope } => Message::Checkpoint(proto::Checkpoint {
            db_id: database.get(),
            scope: checkpoint_scope_to_wire(scope) as i32,
        }),
        Command::Metrics => Message::Metrics(proto::Metrics {}),
        Command::Compact { database } => Message::Compact(proto::Compact {
            db_id: database.get(),
        }),
        Command::ChangeQuotas { name, change } => Message::ChangeQuotas(proto::ChangeQuotas {
            name: name.as_str().to_owned(),
            disk_bytes: change.disk_bytes,
            documents: change.documents,
            operations_per_second: change.operations_per_second,
            requests_in_flight: change.requests_in_flight,
        }),
        Command::Heal {
            database,
            collection,
            id,
            accept_older_version,
        } => Message::Heal(proto::Heal {
            db_id: database.get(),
            collection: collection_to_wire(&collection),
            id: id.get(),
            accept_older_version,
        }),
        Command::HealAll { database } => Message::HealAll(proto::HealAll {
            db_id: database.get(),
        }),
        Command::HealStatistics { database } => Message::HealStats(proto::HealStats {
            db_id: database.get(),
        }),
        Command::Validate {
            database,
            collection,
            id,
        } => Message::Validate(proto::Validate {
            db_id: database.get(),
            collection: collection.as_ref().map(collection_to_wire),
            id: id.map_or(0, DocumentId::get),
        }),
    }
}
