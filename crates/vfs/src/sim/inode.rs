//! One simulated file: what readers see, what is durable, and the changes between.

use std::sync::Arc;

use super::content::Content;

/// An unsynced change of a file's bytes or length.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Write { offset: u64, bytes: Arc<[u8]> },
    SetLen(u64),
}

impl Change {
    pub(super) fn apply(&self, content: &mut Content) {
        match self {
            Self::Write { offset, bytes } => content.write(bytes, *offset),
            Self::SetLen(length) => content.set_len(*length),
        }
    }
}

/// A change and its place in the order of all changes of the disk.
#[derive(Debug, Clone)]
pub(super) struct Pending<T> {
    pub(super) sequence: u64,
    pub(super) change: T,
}

/// INVARIANT: unless `diverged`, `visible` is `durable` with `pending` applied in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Inode {
    pub(super) visible: Content,
    pub(super) durable: Content,
    pub(super) pending: Vec<Pending<Change>>,
    /// A sync lost changes that readers still see.
    diverged: bool,
    pub(super) handles: usize,
    /// Whether a visible name leads here.
    pub(super) linked: bool,
}

impl Inode {
    /// A file as it is found after a crash: nothing is on its way.
    pub(super) fn settled(content: Content) -> Self {
        Self {
            visible: content.clone(),
            durable: content,
            linked: true,
            ..Self::default()
        }
    }

    pub(super) fn change(&mut self, sequence: u64, change: Change) {
        change.apply(&mut self.visible);
        self.pending.push(Pending { sequence, change });
    }

    /// Makes what is pending durable.
    pub(super) fn sync(&mut self) {
        let pending_bytes: u64 = self
            .pending
            .iter()
            .map(|pending| match &pending.change {
                Change::Write { bytes, .. } => bytes.len() as u64,
                Change::SetLen(_) => 0,
            })
            .sum();
        if !self.diverged && pending_bytes >= self.visible.length() / 2 {
            // A file written as a whole: sharing its pages is cheaper than writing them again.
            self.durable = self.visible.clone();
            self.pending.clear();
        } else {
            for pending in self.pending.drain(..) {
                pending.change.apply(&mut self.durable);
            }
        }
    }

    /// Loses what is pending: it never becomes durable, and readers go on seeing it.
    ///
    /// The length of a file is metadata that a failed write of its pages need not take back: with
    /// `length_stays` the lost range reads as zeros once the cache is gone.
    pub(super) fn lose_pending(&mut self, sequence: u64, length_stays: bool) {
        if self.pending.is_empty() {
            return;
        }
        self.pending.clear();
        self.diverged = true;
        if length_stays {
            self.pending.push(Pending {
                sequence,
                change: Change::SetLen(self.visible.length()),
            });
        }
    }

    pub(super) fn drop_cache(&mut self) {
        if self.diverged {
            self.visible = self.durable.clone();
            for pending in &self.pending {
                pending.change.apply(&mut self.visible);
            }
            self.diverged = false;
        }
    }

    /// Replaces bytes behind everybody's back: in the cache, on the disk, and on the way to it.
    pub(super) fn corrupt(&mut self, offset: u64, bytes: &[u8]) {
        for content in [&mut self.visible, &mut self.durable] {
            let inside = content.length().saturating_sub(offset);
            let inside = usize::try_from(inside).unwrap_or(usize::MAX);
            content.write(bytes.get(..inside).unwrap_or(bytes), offset);
        }
        for pending in &mut self.pending {
            if let Change::Write {
                offset: start,
                bytes: on_the_way,
            } = &mut pending.change
            {
                let mut changed = on_the_way.to_vec();
                let skipped = usize::try_from(start.saturating_sub(offset)).unwrap_or(usize::MAX);
                let ahead = usize::try_from(offset.saturating_sub(*start)).unwrap_or(usize::MAX);
                let to = changed.get_mut(ahead..).unwrap_or_default();
                let from = bytes.get(skipped..).unwrap_or_default();
                for (to, from) in to.iter_mut().zip(from) {
                    *to = *from;
                }
                *on_the_way = changed.into();
            }
        }
    }
}
