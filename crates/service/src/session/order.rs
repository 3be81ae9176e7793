//! Which requests of a connection may begin: the rules of order, as a value without any I/O.

use std::collections::{HashMap, VecDeque};

use docdb_types::DatabaseId;

#[cfg(test)]
mod tests;

/// What a request takes part in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// One database, which the connection has opened.
    Database(DatabaseId, Access),
    /// Everything: it begins when all before it is answered, and what follows waits for it.
    Connection,
}

/// How a request deals with its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It reads: it sees every write sent before it and none sent after it.
    Read,
    /// It goes through the committer, which keeps the order in which it is handed writes.
    Write,
    /// It shares its database with no other request of the connection.
    Alone,
}

/// The requests of a connection that have been received and not answered.
///
/// INVARIANT: per database, requests take effect in the order in which they arrived: reads run
/// beside reads only, and a write is handed to the committer only after the one before it was.
#[derive(Debug)]
pub(crate) struct Order<T> {
    lanes: HashMap<DatabaseId, Lane<T>>,
    /// Databases whose waiting requests may have become ready.
    stirred: VecDeque<DatabaseId>,
    /// What waits for a request of [`Scope::Connection`], which is the first of it or running.
    behind: VecDeque<(Scope, T)>,
    connection_runs: bool,
    /// Requests in the lanes, running or waiting.
    in_lanes: usize,
}

#[derive(Debug)]
struct Lane<T> {
    waiting: VecDeque<(Access, T)>,
    running: usize,
    /// How those that run deal with the database; means nothing when none runs.
    access: Access,
    /// A write was begun and has not reached the committer.
    is_placing: bool,
}

/// A request that begins now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Begin<T> {
    pub(crate) scope: Scope,
    pub(crate) request: T,
    /// Whether nothing else of the connection is under way on its database.
    pub(crate) is_alone: bool,
}

impl<T> Default for Order<T> {
    fn default() -> Self {
        Self {
            lanes: HashMap::new(),
            stirred: VecDeque::new(),
            behind: VecDeque::new(),
            connection_runs: false,
            in_lanes: 0,
        }
    }
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            running: 0,
            access: Access::Alone,
            is_placing: false,
        }
    }
}

impl<T> Order<T> {
    /// Takes a request in. It begins when [`next`](Self::next) hands it out.
    pub(crate) fn arrive(&mut self, scope: Scope, request: T) {
        match scope {
            Scope::Database(id, access) if self.behind.is_empty() && !self.connection_runs => {
                self.join_lane(id, access, request);
            }
            Scope::Database(..) | Scope::Connection => self.behind.push_back((scope, request)),
        }
    }

    /// The next request that may begin now.
    pub(crate) fn next(&mut self) -> Option<Begin<T>> {
        loop {
            while let Some(id) = self.stirred.front() {
                if let Some(begin) = self.lanes.get_mut(id).and_then(|lane| lane.next(*id)) {
                    return Some(begin);
                }
                self.stirred.pop_front();
            }
            if self.connection_runs {
                return None;
            }
            match self.behind.front()?.0 {
                Scope::Connection if self.in_lanes > 0 => return None,
                Scope::Connection => {
                    let (scope, request) = self.behind.pop_front()?;
                    self.connection_runs = true;
                    return Some(Begin {
                        scope,
                        request,
                        is_alone: true,
                    });
                }
                Scope::Database(id, access) => {
                    let (_, request) = self.behind.pop_front()?;
                    self.join_lane(id, access, request);
                }
            }
        }
    }

    /// A write that began has reached the committer.
    pub(crate) fn placed(&mut self, scope: Scope) {
        if let Scope::Database(id, _) = scope
            && let Some(lane) = self.lanes.get_mut(&id)
        {
            lane.is_placing = false;
            self.stir(id);
        }
    }

    /// A request that began is answered.
    pub(crate) fn answered(&mut self, scope: Scope) {
        match scope {
            Scope::Connection => self.connection_runs = false,
            Scope::Database(id, _) => {
                self.in_lanes = self.in_lanes.saturating_sub(1);
                if let Some(lane) = self.lanes.get_mut(&id) {
                    lane.running = lane.running.saturating_sub(1);
                    if lane.running == 0 {
                        lane.is_placing = false;
                    }
                    self.stir(id);
                }
            }
        }
    }

    /// Takes back every request that has not begun.
    pub(crate) fn take_waiting(&mut self) -> Vec<T> {
        let mut waiting = Vec::new();
        for lane in self.lanes.values_mut() {
            self.in_lanes -= lane.waiting.len();
            waiting.extend(lane.waiting.drain(..).map(|(_, request)| request));
        }
        waiting.extend(self.behind.drain(..).map(|(_, request)| request));
        waiting
    }

    /// Forgets a database on which nothing runs or waits.
    pub(crate) fn forget(&mut self, id: DatabaseId) {
        if self
            .lanes
            .get(&id)
            .is_some_and(|lane| lane.running == 0 && lane.waiting.is_empty())
        {
            self.lanes.remove(&id);
        }
    }

    fn join_lane(&mut self, id: DatabaseId, access: Access, request: T) {
        self.lanes
            .entry(id)
            .or_default()
            .waiting
            .push_back((access, request));
        self.in_lanes += 1;
        self.stir(id);
    }

    fn stir(&mut self, id: DatabaseId) {
        if !self.stirred.contains(&id) {
            self.stirred.push_back(id);
        }
    }
}

impl<T> Lane<T> {
    fn next(&mut self, id: DatabaseId) -> Option<Begin<T>> {
        let access = self.waiting.front()?.0;
        let joins = match access {
            Access::Read => self.access == Access::Read,
            Access::Write => self.access == Access::Write && !self.is_placing,
            Access::Alone => false,
        };
        let is_alone = self.running == 0;
        if !is_alone && !joins {
            return None;
        }
        let (_, request) = self.waiting.pop_front()?;
        self.running += 1;
        self.access = access;
        self.is_placing = access == Access::Write;
        Some(Begin {
            scope: Scope::Database(id, access),
            request,
            is_alone,
        })
    }
}
