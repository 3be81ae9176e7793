use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::documents::{CachedDocuments, DocumentCache, DocumentCacheStatistics};

/// The memory of all open databases together, and its cap.
///
/// INVARIANT: what is used is the sum of the last figures that the live [`MemoryShare`]s published.
/// A database states what it has, never what it added, so that no error of its own can add up.
#[derive(Debug)]
pub struct MemoryBudget {
    cap_bytes: u64,
    used_bytes: AtomicU64,
    /// Takes of what is left, and gives way.
    documents: Option<Arc<DocumentCache>>,
}

/// The part of one open database in a [`MemoryBudget`]; given back when dropped.
#[derive(Debug)]
pub struct MemoryShare {
    budget: Arc<MemoryBudget>,
    published_bytes: AtomicU64,
}

impl MemoryBudget {
    /// A budget of `cap_bytes` of which nothing is used.
    #[must_use]
    pub fn new(cap_bytes: u64) -> Arc<Self> {
        Self::with_documents(cap_bytes, 0)
    }

    /// The same, of which documents that were read lately take up to `documents_bytes` as long as nobody
    /// else needs them.
    #[must_use]
    pub fn with_documents(cap_bytes: u64, documents_bytes: u64) -> Arc<Self> {
        Arc::new(Self {
            cap_bytes,
            used_bytes: AtomicU64::new(0),
            documents: DocumentCache::new(documents_bytes.min(cap_bytes)),
        })
    }

    /// The documents that were read lately.
    #[must_use]
    pub fn documents(&self) -> DocumentCacheStatistics {
        let documents = self.documents.as_ref();
        documents.map_or_else(DocumentCacheStatistics::default, |it| it.statistics())
    }

    /// The cap, in bytes.
    #[must_use]
    pub const fn cap_bytes(&self) -> u64 {
        self.cap_bytes
    }

    /// What all shares use together, in bytes. May be above the cap: figures are published as they
    /// are.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.used_bytes() >= self.cap_bytes
    }

    /// A share that uses nothing yet.
    #[must_use]
    pub fn share(self: &Arc<Self>) -> MemoryShare {
        MemoryShare {
            budget: Arc::clone(self),
            published_bytes: AtomicU64::new(0),
        }
    }
}

impl MemoryShare {
    /// Replaces the figure of this share by `bytes`.
    pub fn publish(&self, bytes: u64) {
        // Each figure is swapped out exactly once, whichever threads publish: the differences
        // always sum up to what stands published.
        let before = self.published_bytes.swap(bytes, Ordering::Relaxed);
        let used = &self.budget.used_bytes;
        if bytes >= before {
            used.fetch_add(bytes - before, Ordering::Relaxed);
        } else {
            used.fetch_sub(before - bytes, Ordering::Relaxed);
        }
        if let Some(documents) = &self.budget.documents {
            let used = self.budget.used_bytes();
            documents.give_way(self.budget.cap_bytes.saturating_sub(used));
        }
    }

    /// The place of the documents of a database that were read lately.
    #[must_use]
    pub(crate) fn documents(&self) -> CachedDocuments {
        CachedDocuments::new(self.budget.documents.as_ref())
    }

    /// A further share of the same budget, that uses nothing yet.
    #[must_use]
    pub fn sibling(&self) -> Self {
        self.budget.share()
    }

    /// The figure published last, in bytes.
    #[must_use]
    pub fn published_bytes(&self) -> u64 {
        self.published_bytes.load(Ordering::Relaxed)
    }

    /// Whether `growth_bytes` more would stay within the cap of the whole budget.
    ///
    /// Shares that ask at the same moment may all be told yes: together they pass the cap by at
    /// most one request each.
    #[must_use]
    pub fn admits(&self, growth_bytes: u64) -> bool {
        self.budget.used_bytes().saturating_add(growth_bytes) <= self.budget.cap_bytes
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        self.publish(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_is_the_sum_of_the_last_figures() {
        let budget = MemoryBudget::new(100);
        let (a, b) = (budget.share(), budget.share());
        for _ in 0..1000 {
            a.publish(40);
            b.publish(50);
            a.publish(30);
        }
        assert_eq!(budget.used_bytes(), 80);
        assert!(a.admits(20) && !a.admits(21));
        drop(b);
        assert_eq!(budget.used_bytes(), 30);
        drop(a);
        assert_eq!(budget.used_bytes(), 0);
    }

    #[test]
    fn documents_take_what_is_left_and_give_way_first() {
        use docdb_types::{CollectionId, DocumentId, Version};

        let budget = MemoryBudget::with_documents(1 << 20, 1 << 19);
        let (share, documents) = (budget.share(), budget.share().documents());
        for id in 0..1000 {
            let text = bytes::Bytes::from(vec![7; 1000]);
            let id = DocumentId::new(id + 1).unwrap();
            documents.keep(CollectionId::DEFAULT, id, Version::new(1), text, 1 << 20);
        }
        assert!(budget.documents().bytes > 1 << 18);
        for used in [1 << 19, 3 << 18, 15 << 16, 1 << 20, 2 << 20] {
            assert!(share.admits(1 << 10) || used > 1 << 20);
            share.publish(used);
            let all = budget.used_bytes() + budget.documents().bytes;
            assert!(all <= (1 << 20).max(used), "{all} with {used}");
        }
        assert_eq!(budget.documents().capacity_bytes, 0);
        share.publish(0);
        assert_eq!(budget.documents().capacity_bytes, 1 << 19);
    }

    #[test]
    fn shares_of_many_threads_leave_nothing_behind() {
        let budget = MemoryBudget::new(u64::MAX);
        std::thread::scope(|scope| {
            for seed in 1..=4_u64 {
                let budget = &budget;
                scope.spawn(move || {
                    let share = budget.share();
                    (0..10_000_u64).for_each(|round| share.publish(round * seed % 977));
                });
            }
        });
        assert_eq!(budget.used_bytes(), 0);
    }

    #[test]
    fn a_budget_that_is_passed_says_so_and_recovers() {
        let budget = MemoryBudget::new(10);
        let share = budget.share();
        share.publish(15);
        assert!(budget.is_exhausted());
        assert!(!share.admits(0));
        share.publish(9);
        assert!(!budget.is_exhausted());
    }
}
