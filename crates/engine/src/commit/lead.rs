use std::sync::Arc;

use docdb_wal::group::Leadership;

use super::request::Work;
use crate::database::LogicalDb;

/// The duty to commit: whoever brings a write while nobody commits on that database is handed it,
/// and decides on which thread it may block.
///
/// Others wait for what the leader does, so it is taken up at once: a lead that is dropped performs
/// its steps in the drop.
#[derive(Debug)]
#[must_use = "queued writes wait until the lead takes its steps"]
pub struct Lead {
    database: Arc<LogicalDb>,
    /// `None` once handed on or done.
    leadership: Option<Leadership<Work>>,
}

impl Lead {
    pub(crate) const fn new(database: Arc<LogicalDb>, leadership: Leadership<Work>) -> Self {
        Self {
            database,
            leadership: Some(leadership),
        }
    }

    /// Commits what has queued as one step, blocking for the disk, and answers its tickets.
    ///
    /// Returns the lead again when more has queued meanwhile.
    ///
    /// # Durability
    /// In `always` and `group` mode the tickets are answered after the sync.
    pub fn step(mut self) -> Option<Self> {
        self.leadership = self
            .leadership
            .take()
            .and_then(|leadership| self.database.step(leadership));
        self.leadership.is_some().then_some(self)
    }

    /// Leaves what has queued to one of those who are blocked on it; commits it itself where none is.
    pub(crate) fn hand_on(self) {
        let heir = self
            .leadership
            .as_ref()
            .and_then(|leadership| leadership.find_map(Work::heir));
        if let Some(heir) = heir {
            heir.inherit(self);
        }
    }

    /// Takes steps until nothing is queued.
    pub fn run(self) {
        let mut lead = Some(self);
        while let Some(next) = lead {
            lead = next.step();
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        while let Some(leadership) = self.leadership.take() {
            self.leadership = self.database.step(leadership);
        }
    }
}
