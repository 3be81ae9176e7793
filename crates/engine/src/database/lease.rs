use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use docdb_types::{Code, Error};
use parking_lot::Mutex;

use super::snapshot::Held;

/// The right to what a snapshot holds. It ends with its owner, or by its age, whichever comes first.
#[derive(Debug)]
pub(super) struct Lease {
    /// `None` once it has expired.
    held: Mutex<Option<Arc<Held>>>,
    number: u64,
    leases: Arc<Leases>,
}

/// The leases of one database, oldest first. Times are those of the monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    table: Mutex<Table>,
    expired: AtomicU64,
}

#[derive(Debug, Default)]
struct Table {
    last_number: u64,
    open: BTreeMap<u64, (Duration, Weak<Lease>)>,
}

impl Lease {
    /// What it holds. Whoever has it goes on reading should the lease expire meanwhile.
    ///
    /// # Errors
    /// `TxnExpired`.
    pub(super) fn held(&self) -> Result<Arc<Held>, Error> {
        self.held
            .lock()
            .clone()
            .ok_or_else(|| Error::new(Code::TxnExpired, Code::TxnExpired.meaning()))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.table.lock().open.remove(&self.number);
    }
}

impl Leases {
    /// Begins a lease.
    pub(super) fn begin(self: &Arc<Self>, held: Held, now: Duration) -> Arc<Lease> {
        let mut table = self.table.lock();
        table.last_number += 1;
        let number = table.last_number;
        let lease = Arc::new(Lease {
            held: Mutex::new(Some(Arc::new(held))),
            number,
            leases: Arc::clone(self),
        });
        table.open.insert(number, (now, Arc::downgrade(&lease)));
        lease
    }

    /// Ends the leases that are older than `max_age`. Returns when the next one will be.
    pub(super) fn expire(&self, now: Duration, max_age: Duration) -> Option<Duration> {
        let mut old = Vec::new();
        let next = {
            let mut table = self.table.lock();
            loop {
                let Some(first) = table.open.first_entry() else {
                    break None;
                };
                let due = first.get().0.saturating_add(max_age);
                if due > now {
                    break Some(due);
                }
                old.push(first.remove().1);
            }
        };
        // ORDER: outside the lock of the table, which the end of a lease takes.
        for lease in old.iter().filter_map(Weak::upgrade) {
            let held = lease.held.lock().take();
            if held.is_some() {
                self.expired.fetch_add(1, Ordering::Relaxed);
            }
        }
        next
    }

    /// When the oldest one began.
    pub(super) fn oldest(&self) -> Option<Duration> {
        let table = self.table.lock();
        table.open.first_key_value().map(|(_, (begun, _))| *begun)
    }

    /// How many have expired.
    pub(super) fn expired(&self) -> u64 {
        self.expired.load(Ordering::Relaxed)
    }
}
