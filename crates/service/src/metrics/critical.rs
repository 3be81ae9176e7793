use std::collections::VecDeque;
use std::time::SystemTime;

use docdb_types::{Category, Code, Error};
use parking_lot::Mutex;

/// Different critical errors that are kept.
const KEPT: usize = 16;

/// A critical error, and how often it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CriticalError {
    pub(crate) code: Code,
    /// The error with what it is about.
    pub(crate) text: String,
    pub(crate) count: u64,
    /// When it came last, in milliseconds since 1970 by the wall clock.
    pub(crate) last_unix_ms: u64,
}

/// The last critical errors, so that a person who looks later finds them.
#[derive(Debug, Default)]
pub(crate) struct LastCritical(Mutex<VecDeque<CriticalError>>);

impl LastCritical {
    /// Keeps an error if it is critical. One that has come before only counts up.
    pub(crate) fn note(&self, error: &Error) {
        if error.code().category() != Category::Critical {
            return;
        }
        let text = error.to_string();
        let mut kept = self.0.lock();
        let known = kept.iter().position(|known| known.text == text);
        let before = known.and_then(|index| kept.remove(index));
        kept.push_back(CriticalError {
            code: error.code(),
            text,
            count: 1 + before.map_or(0, |known| known.count),
            last_unix_ms: unix_ms(),
        });
        if kept.len() > KEPT {
            kept.pop_front();
        }
    }

    /// The errors, the newest last.
    pub(crate) fn read(&self) -> Vec<CriticalError> {
        self.0.lock().iter().cloned().collect()
    }
}

/// The wall clock in milliseconds since 1970; 0 where it stands before that.
pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_critical_errors_are_kept_each_once_and_no_others() {
        let last = LastCritical::default();
        last.note(&Error::new(Code::DocNotFound, "nothing for a person"));
        assert_eq!(last.read(), []);
        for round in 0..3 {
            for offset in 0..20 {
                last.note(&Error::new(Code::FileSync, "failed").at_offset(offset));
            }
            let kept = last.read();
            assert_eq!(kept.len(), KEPT);
            assert!(
                kept.iter().all(|error| error.code == Code::FileSync),
                "{round}"
            );
            assert!(kept[KEPT - 1].text.contains("19"), "{kept:?}");
        }
        last.note(&Error::new(Code::FileSync, "failed").at_offset(19));
        let kept = last.read();
        assert_eq!((kept.len(), kept[KEPT - 1].count), (KEPT, 2));
    }
}
