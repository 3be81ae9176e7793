use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use docdb_engine::{LogicalDb, Snapshot};
use docdb_ipc::CursorId;
use docdb_types::{CollectionName, DatabaseId, DocumentId};
use parking_lot::Mutex;

/// A scan between two pages. It keeps its database open.
#[derive(Debug)]
pub(crate) struct Cursor {
    // ORDER: dropped before the database that it belongs to.
    pub(crate) snapshot: Snapshot,
    pub(crate) database: Arc<LogicalDb>,
    pub(crate) collection: CollectionName,
    /// The id with which the next page begins, or the first of all.
    pub(crate) next: Option<DocumentId>,
}

/// The cursors of one connection: a bounded number, none of them for ever.
#[derive(Debug)]
pub(crate) struct Cursors {
    capacity: usize,
    max_age: Duration,
    table: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    cursors: HashMap<CursorId, (Instant, Cursor)>,
    next_id: CursorId,
}

impl Cursors {
    pub(crate) fn new(capacity: usize, max_age: Duration) -> Self {
        let table = Table {
            cursors: HashMap::new(),
            next_id: CursorId::MIN,
        };
        Self {
            capacity,
            max_age,
            table: Mutex::new(table),
        }
    }

    /// Takes a cursor of this database out, for as long as a page is read.
    pub(crate) fn take(&self, id: CursorId, database: DatabaseId) -> Option<Cursor> {
        let mut table = self.table.lock();
        let (unused_since, cursor) = table.cursors.get(&id)?;
        if cursor.database.id() != database || unused_since.elapsed() > self.max_age {
            return None;
        }
        table.cursors.remove(&id).map(|(_, cursor)| cursor)
    }

    /// Keeps a cursor until the next page is asked for: under its id, or under a new one. Where
    /// there is no room, the one that has lain unused for longest makes it.
    pub(crate) fn keep(&self, id: Option<CursorId>, cursor: Cursor) -> CursorId {
        let mut table = self.table.lock();
        let mut dropped = None;
        if table.cursors.len() >= self.capacity {
            let oldest = table.cursors.iter().min_by_key(|(_, (since, _))| *since);
            let oldest = oldest.map(|(id, _)| *id);
            dropped = oldest.and_then(|id| table.cursors.remove(&id));
        }
        let id = id.unwrap_or_else(|| table.new_id());
        table.cursors.insert(id, (Instant::now(), cursor));
        drop(table);
        drop(dropped);
        id
    }

    /// Gives a cursor up.
    pub(crate) fn close(&self, id: CursorId) {
        let closed = self.table.lock().cursors.remove(&id);
        drop(closed);
    }

    /// Gives up the cursors of a database.
    pub(crate) fn close_all_of(&self, database: DatabaseId) {
        self.retain(|_, cursor| cursor.database.id() != database);
    }

    /// Gives up what has lain unused too long.
    pub(crate) fn expire(&self) {
        self.retain(|since, _| since.elapsed() <= self.max_age);
    }

    /// When the next one has lain unused too long.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        let table = self.table.lock();
        let oldest = table.cursors.values().map(|(since, _)| *since).min();
        oldest.and_then(|since| since.checked_add(self.max_age))
    }

    fn retain(&self, keep: impl Fn(Instant, &Cursor) -> bool) {
        let mut table = self.table.lock();
        let all = std::mem::take(&mut table.cursors);
        let (kept, dropped): (HashMap<_, _>, HashMap<_, _>) = all
            .into_iter()
            .partition(|(_, (since, cursor))| keep(*since, cursor));
        table.cursors = kept;
        drop(table);
        drop(dropped);
    }

    pub(crate) fn count(&self) -> usize {
        self.table.lock().cursors.len()
    }
}

impl Table {
    fn new_id(&mut self) -> CursorId {
        while self.cursors.contains_key(&self.next_id) {
            self.next_id = self.next_id.next();
        }
        let id = self.next_id;
        self.next_id = id.next();
        id
    }
}
