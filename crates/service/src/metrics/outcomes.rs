use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use docdb_ipc::Reply;
use docdb_types::{Category, Code, Error};
use parking_lot::Mutex;

use super::commands::CommandKind;
use super::critical::LastCritical;
use super::latency::Latency;
use super::operations::Operations;
use crate::counters::Count;

/// What became of the requests of all connections since the start.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    latencies: [Latency; CommandKind::ALL.len()],
    pub(crate) operations: Operations,
    /// Errors of requests and of single operations. Rare enough for a lock, and as many rows as
    /// there are codes at most.
    errors: Mutex<BTreeMap<&'static str, (Code, u64)>>,
    pub(crate) critical: LastCritical,
    pub(crate) slow: Count,
    /// From how many microseconds on a request is slow; 0: none is.
    slow_from_us: AtomicU64,
}

impl Outcomes {
    /// From how long on a request is logged as slow; zero: none is.
    pub(crate) fn set_slow_from(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.slow_from_us.store(micros, Ordering::Relaxed);
    }

    /// Whether a request that took so long is slow.
    pub(crate) fn is_slow(&self, took: Duration) -> bool {
        let from = self.slow_from_us.load(Ordering::Relaxed);
        from > 0 && took >= Duration::from_micros(from)
    }

    pub(crate) fn took(&self, kind: CommandKind, time: Duration) {
        if let Some(latency) = self.latencies.get(kind.index()) {
            latency.record(time);
        }
    }

    /// Counts what went wrong in an answer: the request, or operations of it.
    pub(crate) fn count(&self, answer: &Result<Reply, Error>) {
        match answer {
            Err(error) => self.count_error(error),
            Ok(Reply::Results(results)) => {
                let errors = results.iter().filter_map(|result| result.as_ref().err());
                errors.for_each(|error| self.count_error(error));
            }
            Ok(_) => {}
        }
    }

    fn count_error(&self, error: &Error) {
        let code = error.code();
        self.errors
            .lock()
            .entry(code.as_str())
            .or_insert((code, 0))
            .1 += 1;
        self.critical.note(error);
    }

    /// Errors of each code that there were any of.
    pub(crate) fn by_code(&self) -> Vec<(Code, u64)> {
        self.errors.lock().values().copied().collect()
    }

    /// Errors of each category.
    pub(crate) fn by_category(&self) -> [(Category, u64); 5] {
        let errors = self.by_code();
        [
            Category::Transient,
            Category::Permanent,
            Category::Critical,
            Category::Validation,
            Category::Network,
        ]
        .map(|category| {
            let of_it = errors
                .iter()
                .filter(|(code, _)| code.category() == category);
            (category, of_it.map(|(_, count)| count).sum())
        })
    }

    /// The latency of each command.
    pub(crate) fn latencies(&self) -> impl Iterator<Item = (CommandKind, &Latency)> {
        CommandKind::ALL.into_iter().zip(&self.latencies)
    }
}
