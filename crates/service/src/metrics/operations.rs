use docdb_types::Action;

use crate::counters::Count;

/// The names of the operations, in the order in which they are counted.
const NAMES: [&str; 7] = [
    "create", "read", "update", "upsert", "delete", "patch", "merge",
];

/// How often each operation was asked for.
#[derive(Debug, Default)]
pub(crate) struct Operations([Count; NAMES.len()]);

impl Operations {
    pub(crate) fn count(&self, action: &Action) {
        let index = match action {
            Action::Create { .. } => 0,
            Action::Read { .. } => 1,
            Action::Update { .. } => 2,
            Action::Upsert { .. } => 3,
            Action::Delete { .. } => 4,
            Action::Patch { .. } => 5,
            Action::Merge { .. } => 6,
        };
        if let Some(count) = self.0.get(index) {
            count.add(1);
        }
    }

    /// Each operation with its count.
    pub(crate) fn read(&self) -> impl Iterator<Item = (&'static str, u64)> {
        NAMES.into_iter().zip(self.0.iter().map(Count::get))
    }
}
