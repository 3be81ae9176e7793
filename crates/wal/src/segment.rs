//! The segments of an open log, as the writer and the readers share them.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use docdb_vfs::File;
use parking_lot::{Mutex, RwLock};

use crate::Lsn;
use crate::format::{Seed, SegmentHeader};
use crate::statistics::{Counters, WalStatistics};

/// A segment whose header verified.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) name: String,
    pub(crate) header: SegmentHeader,
    pub(crate) seed: Seed,
    pub(crate) file: Arc<dyn File>,
    pub(crate) sealed: bool,
    /// Bytes from the start of the file that hold the header and batches; grows with the log.
    length: AtomicU64,
}

impl Segment {
    pub(crate) fn new(
        name: String,
        header: SegmentHeader,
        file: Arc<dyn File>,
        sealed: bool,
        length: u64,
    ) -> Self {
        Self {
            name,
            seed: header.seed(),
            header,
            file,
            sealed,
            length: AtomicU64::new(length),
        }
    }

    /// The same bytes under the name that a sealed segment has.
    pub(crate) fn sealed_as(&self, name: String) -> Self {
        Self::new(
            name,
            self.header,
            Arc::clone(&self.file),
            true,
            self.length(),
        )
    }

    pub(crate) fn length(&self) -> u64 {
        self.length.load(Ordering::Acquire)
    }

    /// Shows readers the batches up to `length`, which have been written.
    pub(crate) fn publish_length(&self, length: u64) {
        self.length.store(length, Ordering::Release);
    }

    pub(crate) fn end(&self) -> Lsn {
        self.header.base.plus(self.length())
    }
}

/// One segment of a log, for backups and for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentInfo {
    /// The name of its file.
    pub name: String,
    /// Its number.
    pub number: u64,
    /// The position of its first byte.
    pub start: Lsn,
    /// The position behind its last batch.
    pub end: Lsn,
    /// Whether it will never change again.
    pub sealed: bool,
}

/// A sealed file whose header does not verify: counted and trimmed, never read.
#[derive(Debug, Clone)]
pub(crate) struct UnreadableFile {
    pub(crate) number: u64,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

/// What the writer and the readers of one log share.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    /// By the position of the first byte. INVARIANT: no lock is held during I/O.
    table: RwLock<BTreeMap<Lsn, Arc<Segment>>>,
    unreadable: Mutex<Vec<UnreadableFile>>,
    /// How many pins hold each position.
    pins: Mutex<BTreeMap<Lsn, usize>>,
    end: AtomicU64,
    durable: AtomicU64,
    pub(crate) counters: Counters,
}

impl Segments {
    pub(crate) fn end(&self) -> Lsn {
        Lsn::new(self.end.load(Ordering::Acquire))
    }

    pub(crate) fn set_end(&self, end: Lsn) {
        self.end.store(end.get(), Ordering::Release);
    }

    pub(crate) fn durable(&self) -> Lsn {
        Lsn::new(self.durable.load(Ordering::Acquire))
    }

    pub(crate) fn set_durable(&self, durable: Lsn) {
        self.durable.store(durable.get(), Ordering::Release);
    }

    /// Adds a segment, or replaces the one that begins at the same position.
    pub(crate) fn insert(&self, segment: Arc<Segment>) {
        self.table.write().insert(segment.header.base, segment);
    }

    pub(crate) fn add_unreadable(&self, file: UnreadableFile) {
        self.unreadable.lock().push(file);
    }

    pub(crate) fn rename_unreadable(&self, number: u64, path: PathBuf) {
        let mut unreadable = self.unreadable.lock();
        if let Some(file) = unreadable.iter_mut().find(|file| file.number == number) {
            file.path = path;
        }
    }

    /// The segment that holds `lsn`, if it is in the log.
    pub(crate) fn find(&self, lsn: Lsn) -> Option<Arc<Segment>> {
        let table = self.table.read();
        let (_, segment) = table.range(..=lsn).next_back()?;
        (lsn < segment.end()).then(|| Arc::clone(segment))
    }

    /// All segments in the order of the log.
    pub(crate) fn all(&self) -> Vec<Arc<Segment>> {
        self.table.read().values().cloned().collect()
    }

    /// The first position that is in the log.
    pub(crate) fn start(&self) -> Option<Lsn> {
        self.table.read().keys().next().copied()
    }

    /// Holds every segment with positions at or behind `from`, unless one is gone already.
    pub(crate) fn pin(&self, from: Lsn) -> bool {
        // ORDER: under the lock that trimming looks at the pins with: either trimming sees the pin
        // or this sees what was trimmed.
        let mut pins = self.pins.lock();
        if self.start().is_none_or(|start| from < start) {
            return false;
        }
        *pins.entry(from).or_insert(0) += 1;
        true
    }

    pub(crate) fn unpin(&self, from: Lsn) {
        let mut pins = self.pins.lock();
        if let Some(count) = pins.get_mut(&from) {
            *count -= 1;
            if *count == 0 {
                pins.remove(&from);
            }
        }
    }

    /// Takes the segments in front of `before` out of the log, but none that a pin holds, and
    /// returns them, oldest first. Their files are the caller's to remove.
    pub(crate) fn retire(&self, before: Lsn) -> Retired {
        let pins = self.pins.lock();
        let before = pins
            .keys()
            .next()
            .map_or(before, |pinned| before.min(*pinned));
        let mut table = self.table.write();
        // A segment can go when the log still holds everything from `before` on without it.
        let start = table
            .range((Bound::Unbounded, Bound::Included(before)))
            .next_back()
            .map_or(Lsn::ZERO, |(base, _)| *base);
        let kept = table.split_off(&start);
        let segments: Vec<_> = std::mem::replace(&mut *table, kept).into_values().collect();
        let first_number = table.values().next().map_or(0, |kept| kept.header.number);
        let mut unreadable = self.unreadable.lock();
        let (gone, left) = unreadable
            .drain(..)
            .partition(|file| file.number < first_number);
        *unreadable = left;
        Retired {
            segments,
            unreadable: gone,
        }
    }

    pub(crate) fn statistics(&self) -> WalStatistics {
        let table = self.table.read();
        let unreadable = self.unreadable.lock();
        let bytes = table.values().map(|segment| segment.length()).sum::<u64>()
            + unreadable.iter().map(|file| file.bytes).sum::<u64>();
        let segments = table.len() + unreadable.len();
        self.counters.snapshot(bytes, segments as u64)
    }
}

/// What [`Segments::retire`] took out.
#[derive(Debug)]
pub(crate) struct Retired {
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) unreadable: Vec<UnreadableFile>,
}
