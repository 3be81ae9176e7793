use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use docdb_engine::Transaction;
use docdb_ipc::TransactionHandle;
use docdb_types::{Code, DatabaseId, Error};
use parking_lot::{Mutex, MutexGuard};

/// The open transactions of one connection: a bounded number, none of them for ever. They are rolled
/// back with it.
#[derive(Debug)]
pub(crate) struct Transactions {
    capacity: usize,
    max_age: Duration,
    table: Mutex<Table>,
}

/// A transaction that requests of one connection share; `None` once it is over.
pub(crate) type Shared = Arc<Mutex<Option<Transaction>>>;

#[derive(Debug)]
struct Table {
    open: HashMap<TransactionHandle, Entry>,
    next: TransactionHandle,
}

#[derive(Debug)]
struct Entry {
    database: DatabaseId,
    begun: Instant,
    transaction: Shared,
}

impl Transactions {
    pub(crate) fn new(capacity: usize, max_age: Duration) -> Self {
        let table = Table {
            open: HashMap::new(),
            next: TransactionHandle::MIN,
        };
        Self {
            capacity,
            max_age,
            table: Mutex::new(table),
        }
    }

    /// Begins a transaction and gives it a name.
    ///
    /// # Errors
    /// `TooManyTxns`, and those of `begin`.
    pub(crate) fn begin(
        &self,
        database: DatabaseId,
        begin: impl FnOnce() -> Result<Transaction, Error>,
    ) -> Result<TransactionHandle, Error> {
        let mut table = self.table.lock();
        let open = table.open.len();
        if open >= self.capacity {
            let text = format!("the connection has {open} open transactions, which is the most");
            return Err(Error::new(Code::TooManyTxns, text));
        }
        let transaction = begin()?;
        let handle = table.new_handle();
        let entry = Entry {
            database,
            begun: Instant::now(),
            transaction: Arc::new(Mutex::new(Some(transaction))),
        };
        table.open.insert(handle, entry);
        Ok(handle)
    }

    /// An open transaction of this database.
    ///
    /// # Errors
    /// `TxnExpired`.
    pub(crate) fn get(
        &self,
        handle: TransactionHandle,
        database: DatabaseId,
    ) -> Result<Shared, Error> {
        let table = self.table.lock();
        table
            .open
            .get(&handle)
            .filter(|entry| entry.database == database)
            .map(|entry| Arc::clone(&entry.transaction))
            .ok_or_else(unknown)
    }

    /// Takes an open transaction of this database out, to end it.
    ///
    /// # Errors
    /// `TxnExpired`.
    pub(crate) fn take(
        &self,
        handle: TransactionHandle,
        database: DatabaseId,
    ) -> Result<Transaction, Error> {
        let transaction = self.get(handle, database)?;
        self.table.lock().open.remove(&handle);
        let taken = transaction.lock().take();
        taken.ok_or_else(unknown)
    }

    /// Rolls back what is open on a database.
    pub(crate) fn end_all_of(&self, database: DatabaseId) {
        self.retain(|entry| entry.database != database);
    }

    /// Rolls back what has been open too long.
    pub(crate) fn expire(&self) {
        self.retain(|entry| entry.begun.elapsed() <= self.max_age);
    }

    /// When the next one has been open too long.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        let table = self.table.lock();
        let oldest = table.open.values().map(|entry| entry.begun).min();
        oldest.and_then(|begun| begun.checked_add(self.max_age))
    }

    fn retain(&self, keep: impl Fn(&Entry) -> bool) {
        let mut table = self.table.lock();
        let all = std::mem::take(&mut table.open);
        let (kept, ended): (HashMap<_, _>, HashMap<_, _>) =
            all.into_iter().partition(|(_, entry)| keep(entry));
        table.open = kept;
        drop(table);
        drop(ended);
    }
}

impl Table {
    fn new_handle(&mut self) -> TransactionHandle {
        while self.open.contains_key(&self.next) {
            self.next = self.next.next();
        }
        let handle = self.next;
        self.next = handle.next();
        handle
    }
}

/// The transaction behind a lock.
///
/// # Errors
/// `TxnExpired` where a request that overtook this one has ended it.
pub(crate) fn running<'a>(
    guard: &'a mut MutexGuard<'_, Option<Transaction>>,
) -> Result<&'a mut Transaction, Error> {
    guard.as_mut().ok_or_else(unknown)
}

/// No such transaction is open.
pub(crate) fn unknown() -> Error {
    Error::new(
        Code::TxnExpired,
        "the transaction is not known on this connection, or was open too long",
    )
}
