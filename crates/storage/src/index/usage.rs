//! How much of each data file the index still points at.

use std::collections::BTreeMap;

use super::{Entry, IndexKey};
use crate::datafile::record_bytes;
use crate::{DataFileNumber, Location};

/// The records of one data file that are newest versions.
///
/// Versions that only a snapshot sees do not count: compaction need not copy them, because the
/// snapshot keeps the old file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileUse {
    /// Documents.
    pub live_records: u64,
    /// Bytes of their records, with headers and padding.
    pub live_bytes: u64,
}

/// [`FileUse`] of every data file that the index points into.
#[derive(Debug, Default)]
pub(super) struct Usage(BTreeMap<DataFileNumber, FileUse>);

impl Usage {
    pub(super) fn add<K: IndexKey>(&mut self, key: &K, entry: &Entry) {
        if let Location::Data { file, .. } = entry.location() {
            let used = self.0.entry(file).or_default();
            used.live_records += 1;
            used.live_bytes += stored_bytes(key, entry);
        }
    }

    pub(super) fn subtract<K: IndexKey>(&mut self, key: &K, entry: &Entry) {
        if let Location::Data { file, .. } = entry.location()
            && let Some(used) = self.0.get_mut(&file)
        {
            used.live_records -= 1;
            used.live_bytes -= stored_bytes(key, entry);
            if used.live_records == 0 {
                self.0.remove(&file);
            }
        }
    }

    pub(super) fn of(&self, file: DataFileNumber) -> FileUse {
        self.0.get(&file).copied().unwrap_or_default()
    }
}

fn stored_bytes<K: IndexKey>(key: &K, entry: &Entry) -> u64 {
    record_bytes(key.encode().as_ref().len(), entry.length())
}
