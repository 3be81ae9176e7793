//! What is done within transactions, and how they begin and end.

use std::sync::Arc;

use docdb_engine::{Atomicity, LogicalDb, ScanLimit};
use docdb_ipc::{BegunTransaction, CursorId, Execute, FrameLimit, Reply, Scan, TransactionHandle};
use docdb_types::{CollectionName, DatabaseId, DocumentId, Error, IdempotencyKey, Isolation};

use super::awaited::{Answer, Awaited};
use super::execute::{Shape, answer_room};
use super::scan::reply;
use super::task::Begun;
use crate::transactions::{Transactions, running, unknown};

/// Begins a transaction on the connection.
pub(super) fn begin(
    database: &Arc<LogicalDb>,
    isolation: Isolation,
    transactions: &Transactions,
) -> Answer {
    let mut snapshot_version = None;
    let handle = transactions.begin(database.id(), || {
        let transaction = database.begin(isolation)?;
        snapshot_version = Some(transaction.snapshot_version());
        Ok(transaction)
    })?;
    Ok(Reply::Begun(BegunTransaction {
        handle,
        snapshot_version: snapshot_version.unwrap_or_default(),
    }))
}

/// Runs operations within a transaction.
pub(super) fn execute(
    handle: TransactionHandle,
    execute: Execute,
    transactions: &Transactions,
    frame_limit: FrameLimit,
) -> Answer {
    let shared = transactions.get(handle, execute.database)?;
    let mut guard = shared.lock();
    let transaction = running(&mut guard)?;
    let atomicity = if execute.atomic {
        Atomicity::All
    } else {
        Atomicity::Each
    };
    let room = answer_room(&execute, frame_limit);
    let answers = transaction.execute(&execute.operations, atomicity, room);
    Shape::of(execute).reply(answers)
}

/// Reads a page within a transaction. Its cursor is the id with which the next page begins: the
/// transaction holds the snapshot, so that there is nothing else to keep.
pub(super) fn scan(
    handle: TransactionHandle,
    scan: &Scan,
    limit: ScanLimit,
    transactions: &Transactions,
) -> Answer {
    let shared = transactions.get(handle, scan.database)?;
    let mut guard = shared.lock();
    let transaction = running(&mut guard)?;
    let next = scan.cursor.and_then(|cursor| DocumentId::new(cursor.get()));
    let page = transaction.scan(&scan.collection, next.or(scan.from), limit)?;
    let cursor = page.next.and_then(|next| CursorId::new(next.get()));
    Ok(reply(page, cursor))
}

/// Counts the documents of a collection within a transaction.
pub(super) fn count(
    handle: TransactionHandle,
    database: DatabaseId,
    collection: &CollectionName,
    transactions: &Transactions,
) -> Answer {
    let shared = transactions.get(handle, database)?;
    let mut guard = shared.lock();
    let count = running(&mut guard)?.count_documents(collection)?;
    Ok(Reply::Count(count))
}

/// Hands a transaction to the committer. One that is over may have been committed under its key.
pub(super) fn commit(
    database: &Arc<LogicalDb>,
    handle: Option<TransactionHandle>,
    key: Option<IdempotencyKey>,
    transactions: &Transactions,
) -> Result<Begun, Error> {
    let taken = match handle {
        Some(handle) => transactions.take(handle, database.id()),
        None => Err(unknown()),
    };
    let submitted = match (taken, key) {
        (Ok(transaction), key) => transaction.submit_commit(key),
        (Err(_), Some(key)) => database.submit_committed(key),
        (Err(error), None) => return Err(error),
    };
    Ok(Begun {
        awaited: Awaited::Committed(submitted.ticket),
        lead: submitted.lead,
    })
}
