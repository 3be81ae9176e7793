//! What waits and what runs, per database, and whose turn it is.
//!
//! A single-threaded value without clock or lock. The order is deficit round-robin (M. Shreedhar,
//! G. Varghese, *Efficient Fair Queuing using Deficit Round-Robin*, SIGCOMM 1995): waiting
//! databases stand in a ring; at the begin of its turn each is credited a quantum, serves from
//! the head of its queue while the credit covers the cost, and keeps the rest for its next turn.

use std::collections::{HashMap, VecDeque};

use docdb_types::DatabaseId;

use crate::stats::WaitTimes;

#[cfg(test)]
mod tests;

/// Jobs that a turn serves at most, however small they are: each is charged at least this part of
/// the quantum, since the work around a job does not shrink with its bytes.
const JOBS_PER_TURN: u64 = 16;

/// The place of one database in a [`FairQueue`].
///
/// INVARIANT: an id stays valid while work of its database waits or runs, and until
/// [`FairQueue::forget`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FlowId(usize);

/// Which databases [`FairQueue::pop`] chooses from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pick {
    /// Every database with something waiting.
    Any,
    /// Those of them that run nothing.
    Starved,
}

/// Bounded queues of many databases, served in turns.
#[derive(Debug)]
pub(crate) struct FairQueue<T> {
    flows: Vec<Flow<T>>,
    vacant: Vec<FlowId>,
    index: HashMap<DatabaseId, FlowId>,
    /// Databases with something waiting, in the order of their turns.
    ring: VecDeque<FlowId>,
    quantum: u64,
    depth: usize,
    queued: usize,
    running: usize,
    busy: usize,
    starved: usize,
}

/// One database.
#[derive(Debug)]
pub(crate) struct Flow<T> {
    pub(crate) database: DatabaseId,
    pub(crate) running: usize,
    pub(crate) refused: u64,
    pub(crate) waits: WaitTimes,
    waiting: VecDeque<Waiting<T>>,
    credit: u64,
    in_turn: bool,
    forgotten: bool,
}

#[derive(Debug)]
struct Waiting<T> {
    cost: u64,
    item: T,
}

impl<T> Flow<T> {
    fn new(database: DatabaseId) -> Self {
        Self {
            database,
            running: 0,
            refused: 0,
            waits: WaitTimes::default(),
            waiting: VecDeque::new(),
            credit: 0,
            in_turn: false,
            forgotten: false,
        }
    }

    /// Items waiting.
    pub(crate) fn queued(&self) -> usize {
        self.waiting.len()
    }

    /// The item that has waited longest.
    pub(crate) fn head(&self) -> Option<&T> {
        self.waiting.front().map(|waiting| &waiting.item)
    }

    fn is_starved(&self) -> bool {
        self.running == 0 && !self.waiting.is_empty()
    }

    fn is_eligible(&self, pick: Pick) -> bool {
        match pick {
            Pick::Any => true,
            Pick::Starved => self.is_starved(),
        }
    }
}

impl<T> FairQueue<T> {
    /// Creates a queue that credits `quantum` cost units a turn and lets `depth` items wait per
    /// database; both from 1 up.
    pub(crate) fn new(quantum: u64, depth: usize) -> Self {
        Self {
            flows: Vec::new(),
            vacant: Vec::new(),
            index: HashMap::new(),
            ring: VecDeque::new(),
            quantum,
            depth,
            queued: 0,
            running: 0,
            busy: 0,
            starved: 0,
        }
    }

    /// Items waiting.
    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    /// Items running.
    pub(crate) fn running(&self) -> usize {
        self.running
    }

    /// Databases that run something.
    pub(crate) fn busy(&self) -> usize {
        self.busy
    }

    /// Databases that have something waiting and run nothing.
    pub(crate) fn starved(&self) -> usize {
        self.starved
    }

    /// Finds the place of a database, making one where it has none.
    pub(crate) fn enter(&mut self, database: DatabaseId) -> FlowId {
        if let Some(id) = self.index.get(&database).copied() {
            let flow = self.flow_mut(id);
            flow.forgotten = false;
            return id;
        }
        let flow = Flow::new(database);
        let id = match self.vacant.pop() {
            Some(id) => {
                *self.flow_mut(id) = flow;
                id
            }
            None => {
                self.flows.push(flow);
                FlowId(self.flows.len() - 1)
            }
        };
        self.index.insert(database, id);
        id
    }

    /// Removes a database; where something of it waits or runs, once that has finished.
    pub(crate) fn forget(&mut self, database: DatabaseId) {
        if let Some(id) = self.index.get(&database).copied() {
            self.flow_mut(id).forgotten = true;
            self.remove_if_forgotten(id);
        }
    }

    /// All databases known, in no particular order.
    pub(crate) fn databases(&self) -> impl Iterator<Item = &Flow<T>> {
        self.index.values().map(|id| self.flow(*id))
    }

    /// Lets an item wait behind those of its database.
    ///
    /// # Errors
    ///
    /// Returns the item when `depth` items of its database are waiting.
    pub(crate) fn push(&mut self, id: FlowId, cost: u64, item: T) -> Result<(), T> {
        let (depth, floor) = (self.depth, self.quantum.div_ceil(JOBS_PER_TURN));
        let flow = self.flow_mut(id);
        if flow.waiting.len() >= depth {
            flow.refused += 1;
            return Err(item);
        }
        flow.waiting.push_back(Waiting {
            cost: cost.max(floor),
            item,
        });
        let (first, starved) = (flow.waiting.len() == 1, flow.is_starved());
        self.queued += 1;
        if first {
            self.ring.push_back(id);
            self.starved += usize::from(starved);
        }
        Ok(())
    }

    /// Takes the item whose turn it is among the chosen databases, and counts it as running.
    pub(crate) fn pop(&mut self, pick: Pick) -> Option<(FlowId, T)> {
        loop {
            match self.round(pick) {
                Round::Served(position, id) => return self.take(position, id),
                Round::Empty => return None,
                // INVARIANT: after this the next round serves, so that a pop visits each database
                // at most three times, however large the costs.
                Round::Short(rounds) => self.credit_rounds(pick, rounds - 1),
            }
        }
    }

    /// Counts one more item of a database as running.
    pub(crate) fn begin(&mut self, id: FlowId) {
        let flow = self.flow_mut(id);
        let (starved, first) = (flow.is_starved(), flow.running == 0);
        flow.running += 1;
        self.running += 1;
        self.busy += usize::from(first);
        self.starved -= usize::from(starved);
    }

    /// Counts one item of a database as no longer running.
    pub(crate) fn finish(&mut self, id: FlowId) {
        let flow = self.flow_mut(id);
        flow.running -= 1;
        let (starved, last) = (flow.is_starved(), flow.running == 0);
        self.running -= 1;
        self.busy -= usize::from(last);
        self.starved += usize::from(starved);
        self.remove_if_forgotten(id);
    }

    /// Takes everything that waits, database by database, each in its order.
    pub(crate) fn take_all(&mut self) -> Vec<T> {
        let mut items = Vec::with_capacity(self.queued);
        for id in std::mem::take(&mut self.ring) {
            let flow = self.flow_mut(id);
            items.extend(flow.waiting.drain(..).map(|waiting| waiting.item));
            flow.credit = 0;
            flow.in_turn = false;
            self.remove_if_forgotten(id);
        }
        self.queued = 0;
        self.starved = 0;
        items
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "a flow id is only made by enter, in range"
    )]
    pub(crate) fn flow(&self, id: FlowId) -> &Flow<T> {
        &self.flows[id.0]
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "a flow id is only made by enter, in range"
    )]
    pub(crate) fn flow_mut(&mut self, id: FlowId) -> &mut Flow<T> {
        &mut self.flows[id.0]
    }

    /// Goes once around the ring, until a chosen database can afford its head.
    ///
    /// Databases that are not chosen keep their place, their turn and their credit.
    fn round(&mut self, pick: Pick) -> Round {
        let quantum = self.quantum;
        let mut fewest = None::<u64>;
        let mut position = 0;
        for _ in 0..self.ring.len() {
            let Some(id) = self.ring.get(position).copied() else {
                break;
            };
            let flow = self.flow_mut(id);
            let cost = match flow.waiting.front() {
                Some(head) if flow.is_eligible(pick) => head.cost,
                _ => {
                    position += 1;
                    continue;
                }
            };
            if !flow.in_turn {
                flow.in_turn = true;
                flow.credit = flow.credit.saturating_add(quantum);
            }
            if cost <= flow.credit {
                return Round::Served(position, id);
            }
            flow.in_turn = false;
            let missing = (cost - flow.credit).div_ceil(quantum);
            fewest = Some(fewest.map_or(missing, |fewest| fewest.min(missing)));
            self.ring.remove(position);
            self.ring.push_back(id);
        }
        fewest.map_or(Round::Empty, Round::Short)
    }

    /// Credits the chosen databases as that many rounds without a service would.
    fn credit_rounds(&mut self, pick: Pick, rounds: u64) {
        let credit = self.quantum.saturating_mul(rounds);
        if credit == 0 {
            return;
        }
        for position in 0..self.ring.len() {
            let Some(id) = self.ring.get(position).copied() else {
                break;
            };
            let flow = self.flow_mut(id);
            if flow.is_eligible(pick) {
                flow.credit = flow.credit.saturating_add(credit);
            }
        }
    }

    fn take(&mut self, position: usize, id: FlowId) -> Option<(FlowId, T)> {
        self.begin(id);
        let flow = self.flow_mut(id);
        let Waiting { cost, item } = flow.waiting.pop_front()?;
        flow.credit -= cost;
        if flow.waiting.is_empty() {
            // A database that waits for nothing saves nothing up.
            flow.credit = 0;
            flow.in_turn = false;
            self.ring.remove(position);
        }
        self.queued -= 1;
        Some((id, item))
    }

    fn remove_if_forgotten(&mut self, id: FlowId) {
        let flow = self.flow_mut(id);
        if flow.forgotten && flow.running == 0 && flow.waiting.is_empty() {
            let database = flow.database;
            self.index.remove(&database);
            self.vacant.push(id);
        }
    }
}

/// What one way around the ring brought.
enum Round {
    /// The database at this position of the ring can afford its head.
    Served(usize, FlowId),
    /// No database to choose from.
    Empty,
    /// None can; one will, after that many more rounds, from 1 up.
    Short(u64),
}
