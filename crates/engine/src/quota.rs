//! Keeping a database within its quotas.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use docdb_types::{Code, Effect, Error, Quotas};
use parking_lot::{Mutex, RwLock};

/// Part of a quota on bytes that has to be reclaimable before a database is compacted for it.
const RECLAIMED_PART: u64 = 8;

/// Where requests to one database pass, whether or not it is open.
#[derive(Debug)]
pub struct Gate {
    quotas: RwLock<Quotas>,
    in_flight: AtomicU64,
    /// Operations that may begin now.
    allowance: Mutex<Allowance>,
    refused: Refused,
    wants_room: AtomicBool,
}

/// A request that is under way; dropped when it is answered.
#[derive(Debug)]
pub struct Pass(Arc<Gate>);

/// How often each quota has refused something since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QuotaRefusals {
    /// Writes that [`Quotas::disk_bytes`] refused.
    pub disk_bytes: u64,
    /// Writes that [`Quotas::documents`] refused.
    pub documents: u64,
    /// Requests that [`Quotas::operations_per_second`] refused.
    pub operations_per_second: u64,
    /// Requests that [`Quotas::requests_in_flight`] refused.
    pub requests_in_flight: u64,
}

impl QuotaRefusals {
    /// All of them.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        self.disk_bytes + self.documents + self.operations_per_second + self.requests_in_flight
    }
}

#[derive(Debug, Default)]
struct Refused {
    disk_bytes: AtomicU64,
    documents: AtomicU64,
    operations_per_second: AtomicU64,
    requests_in_flight: AtomicU64,
}

/// A second's worth of operations, which fills up as time goes by.
///
/// In billionths of an operation; below zero after a request of more operations than there were, so
/// that the next ones wait the longer for it.
#[derive(Debug, Default)]
struct Allowance {
    billionths: i128,
    filled_at: Option<Duration>,
}

const BILLION: i128 = 1_000_000_000;

impl Allowance {
    /// Takes operations out, where there is any allowance left.
    fn take(&mut self, operations: u64, per_second: u64, now: Duration) -> bool {
        let full = i128::from(per_second) * BILLION;
        self.billionths = match self.filled_at {
            None => full,
            Some(then) => {
                let passed = i128::try_from(now.saturating_sub(then).as_nanos());
                let gained = passed
                    .unwrap_or(i128::MAX)
                    .saturating_mul(i128::from(per_second));
                self.billionths.saturating_add(gained).min(full)
            }
        };
        self.filled_at = Some(now);
        if self.billionths < BILLION {
            return false;
        }
        // All that one request has is let in as soon as there is one: where it has more than a
        // second's worth it could never be otherwise.
        self.billionths -= i128::from(operations) * BILLION;
        true
    }
}

impl Gate {
    pub(crate) fn new(quotas: Quotas) -> Arc<Self> {
        Arc::new(Self {
            quotas: RwLock::new(quotas),
            in_flight: AtomicU64::new(0),
            allowance: Mutex::default(),
            refused: Refused::default(),
            wants_room: AtomicBool::new(false),
        })
    }

    /// The quotas in force.
    #[must_use]
    pub fn quotas(&self) -> Quotas {
        *self.quotas.read()
    }

    pub(crate) fn set(&self, quotas: Quotas) {
        *self.quotas.write() = quotas;
        *self.allowance.lock() = Allowance::default();
    }

    /// Requests that are under way.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// How often each quota has refused something.
    #[must_use]
    pub fn refusals(&self) -> QuotaRefusals {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        QuotaRefusals {
            disk_bytes: read(&self.refused.disk_bytes),
            documents: read(&self.refused.documents),
            operations_per_second: read(&self.refused.operations_per_second),
            requests_in_flight: read(&self.refused.requests_in_flight),
        }
    }

    /// Lets a request of so many operations in at a time of the monotonic clock.
    ///
    /// # Errors
    /// `RequestQuota`, `RateQuota`: it was not applied.
    pub fn enter(self: &Arc<Self>, operations: u64, now: Duration) -> Result<Pass, Error> {
        let quotas = self.quotas();
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        // Given back when the request is refused.
        let pass = Pass(Arc::clone(self));
        let most = quotas.requests_in_flight;
        if most > 0 && before >= most {
            let text = format!("{before} requests are under way, at most {most} may be");
            return Err(refused(
                &self.refused.requests_in_flight,
                Code::RequestQuota,
                text,
            ));
        }
        let rate = quotas.operations_per_second;
        if rate > 0 && !self.allowance.lock().take(operations, rate, now) {
            let text = format!("at most {rate} operations a second");
            let count = &self.refused.operations_per_second;
            return Err(refused(count, Code::RateQuota, text));
        }
        Ok(pass)
    }

    /// Whether a database with so many live documents may have one more.
    ///
    /// # Errors
    /// `DocumentQuota`.
    pub(crate) fn check_documents(&self, documents: impl FnOnce() -> u64) -> Result<(), Error> {
        let most = self.quotas().documents;
        if most == 0 {
            return Ok(());
        }
        let found = documents();
        if found < most {
            return Ok(());
        }
        let text = format!("{found} documents are stored, at most {most} may be");
        Err(refused(&self.refused.documents, Code::DocumentQuota, text))
    }

    /// Whether a database may take so many bytes on the disk.
    ///
    /// # Errors
    /// `DiskQuota`.
    pub(crate) fn check_disk(&self, bytes: impl FnOnce() -> u64) -> Result<(), Error> {
        let most = self.quotas().disk_bytes;
        if most == 0 {
            return Ok(());
        }
        let wanted = bytes();
        if wanted <= most {
            return Ok(());
        }
        self.wants_room.store(true, Ordering::Relaxed);
        let text = format!("it would take {wanted} bytes on the disk, at most {most} may be");
        Err(refused(&self.refused.disk_bytes, Code::DiskQuota, text))
    }

    /// Whether something was refused that a compaction could make room for; asked once for each.
    pub(crate) fn takes_wish_for_room(&self, reclaimable_bytes: u64) -> bool {
        let is_worth_it = reclaimable_bytes >= self.quotas().disk_bytes / RECLAIMED_PART;
        self.wants_room.swap(false, Ordering::Relaxed) && is_worth_it && reclaimable_bytes > 0
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

fn refused(count: &AtomicU64, code: Code, text: String) -> Error {
    count.fetch_add(1, Ordering::Relaxed);
    Error::new(code, text).with_effect(Effect::NotApplied)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(quotas: Quotas) -> Arc<Gate> {
        Gate::new(quotas)
    }

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_rate_lets_a_second_s_worth_through_at_once_and_then_as_time_goes_by() {
        let gate = of(Quotas {
            operations_per_second: 10,
            ..Quotas::NONE
        });
        for _ in 0..10 {
            gate.enter(1, at(5)).unwrap();
        }
        let error = gate.enter(1, at(5)).unwrap_err();
        assert_eq!(error.code(), Code::RateQuota);
        assert!(error.is_retryable());
        assert!(gate.enter(1, at(104)).is_err());
        gate.enter(1, at(106)).unwrap();
        assert!(gate.enter(1, at(107)).is_err());
        // More than a second's worth at once is let in, and those behind it wait for it.
        gate.enter(35, at(5_000)).unwrap();
        assert!(gate.enter(1, at(7_400)).is_err());
        gate.enter(1, at(7_600)).unwrap();
        // However long nothing came, there is no more than a second's worth.
        for _ in 0..10 {
            gate.enter(1, at(100_000)).unwrap();
        }
        assert!(gate.enter(1, at(100_000)).is_err());
        assert_eq!(gate.refusals().operations_per_second, 5);
    }

    #[test]
    fn so_many_requests_are_under_way_and_each_gives_its_place_back() {
        let gate = of(Quotas {
            requests_in_flight: 2,
            ..Quotas::NONE
        });
        let first = gate.enter(1, at(0)).unwrap();
        let _second = gate.enter(1, at(0)).unwrap();
        let error = gate.enter(1, at(0)).unwrap_err();
        assert_eq!(error.code(), Code::RequestQuota);
        drop(first);
        let _third = gate.enter(1, at(0)).unwrap();
        assert_eq!(gate.in_flight(), 2);
        gate.set(Quotas::NONE);
        let _fourth = gate.enter(1, at(0)).unwrap();
        assert_eq!(gate.refusals().requests_in_flight, 1);
    }
}
