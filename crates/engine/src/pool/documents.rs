use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use docdb_types::{CollectionId, DocumentId, Version};
use parking_lot::Mutex;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// Longest text that is kept: reading one that is longer costs little more than copying it.
const MOST_TEXT_BYTES: usize = 64 << 10;
/// What a text takes beside its bytes, about.
const ENTRY_BYTES: u64 = 160;
/// Texts for which there is a place from the beginning.
const FIRST_PLACES: usize = 16 << 10;
/// A database that has less than one of so many parts of all does not look for its texts to let some go.
const LEAST_PART: u64 = 16;
/// The capacity changes by no less than one of so many parts.
const STEPS: u64 = 32;

/// Texts of documents, as they were verified when they were read, of all open databases together.
///
/// INVARIANT: a text is found under the version that it is of alone; which version is the newest, only the
/// index knows.
pub(super) struct DocumentCache {
    texts: Cache<Key, Kept, ByBytes>,
    cap_bytes: u64,
    /// What it may take at present; changes in its turn.
    capacity_bytes: AtomicU64,
    turn: Mutex<()>,
    /// What it takes, with the texts that callers still have.
    taken_bytes: AtomicU64,
    databases: AtomicU64,
    /// Texts that were found and of another version.
    others: AtomicU64,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    database: u64,
    collection: CollectionId,
    id: DocumentId,
}

#[derive(Clone)]
struct Kept {
    version: Version,
    text: Bytes,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Key, Kept> for ByBytes {
    fn weight(&self, _: &Key, kept: &Kept) -> u64 {
        weight(kept.text.len())
    }
}

const fn weight(text_bytes: usize) -> u64 {
    text_bytes as u64 + ENTRY_BYTES
}

/// The figures of the texts that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DocumentCacheStatistics {
    /// Memory that they take, in bytes.
    pub bytes: u64,
    /// Memory that they may take at present, in bytes.
    pub capacity_bytes: u64,
    /// Reads that were answered from them.
    pub hits: u64,
    /// Reads that were not.
    pub misses: u64,
}

impl DocumentCache {
    /// Keeps texts of `cap_bytes` at most; of 0: none.
    pub(super) fn new(cap_bytes: u64) -> Option<Arc<Self>> {
        (cap_bytes > 0).then(|| {
            Arc::new(Self {
                texts: Cache::with_weighter(FIRST_PLACES, cap_bytes, ByBytes),
                cap_bytes,
                capacity_bytes: AtomicU64::new(cap_bytes),
                turn: Mutex::new(()),
                taken_bytes: AtomicU64::new(0),
                databases: AtomicU64::new(0),
                others: AtomicU64::new(0),
            })
        })
    }

    /// Takes no more than what is left of the memory.
    pub(super) fn give_way(&self, left_bytes: u64) {
        let step = (self.cap_bytes / STEPS).max(1);
        let capacity = left_bytes.min(self.cap_bytes) / step * step;
        if self.capacity_bytes.load(Ordering::Relaxed) == capacity {
            return;
        }
        let _turn = self.turn.lock();
        self.capacity_bytes.store(capacity, Ordering::Relaxed);
        self.texts.set_capacity(capacity);
    }

    pub(super) fn statistics(&self) -> DocumentCacheStatistics {
        // ORDER: before the hits, among which they are.
        let others = self.others.load(Ordering::Relaxed);
        DocumentCacheStatistics {
            bytes: self.taken_bytes.load(Ordering::Relaxed),
            capacity_bytes: self.capacity_bytes.load(Ordering::Relaxed),
            hits: self.texts.hits() - others,
            misses: self.texts.misses() + others,
        }
    }
}

impl fmt::Debug for DocumentCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.statistics().fmt(f)
    }
}

/// The texts of one open database. They go when it does.
#[derive(Debug)]
pub(crate) struct CachedDocuments {
    shared: Option<Shared>,
}

#[derive(Debug)]
struct Shared {
    cache: Arc<DocumentCache>,
    database: u64,
    taken: Arc<Taken>,
}

/// What the texts of a database take.
#[derive(Debug)]
struct Taken {
    bytes: AtomicU64,
    cache: Arc<DocumentCache>,
}

/// A text that counts for as long as anybody has it.
struct Counted {
    text: Bytes,
    taken: Arc<Taken>,
}

impl Counted {
    fn new(text: Bytes, taken: &Arc<Taken>) -> Self {
        let bytes = weight(text.len());
        taken.bytes.fetch_add(bytes, Ordering::Relaxed);
        taken.cache.taken_bytes.fetch_add(bytes, Ordering::Relaxed);
        Self {
            text,
            taken: Arc::clone(taken),
        }
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let bytes = weight(self.text.len());
        let taken = &self.taken;
        taken.bytes.fetch_sub(bytes, Ordering::Relaxed);
        taken.cache.taken_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl CachedDocuments {
    pub(super) fn new(cache: Option<&Arc<DocumentCache>>) -> Self {
        let shared = cache.map(|cache| Shared {
            database: cache.databases.fetch_add(1, Ordering::Relaxed),
            taken: Arc::new(Taken {
                bytes: AtomicU64::new(0),
                cache: Arc::clone(cache),
            }),
            cache: Arc::clone(cache),
        });
        Self { shared }
    }

    /// The text of exactly this version, if it is there.
    pub(crate) fn get(
        &self,
        collection: CollectionId,
        id: DocumentId,
        version: Version,
    ) -> Option<Bytes> {
        let shared = self.shared.as_ref()?;
        let kept = shared.cache.texts.get(&shared.key(collection, id))?;
        if kept.version == version {
            return Some(kept.text);
        }
        shared.cache.others.fetch_add(1, Ordering::Relaxed);
        None
    }

    /// Keeps a text that was verified, where it fits into `room_bytes` with the others of the database;
    /// returns it.
    pub(crate) fn keep(
        &self,
        collection: CollectionId,
        id: DocumentId,
        version: Version,
        text: Bytes,
        room_bytes: u64,
    ) -> Bytes {
        match &self.shared {
            Some(shared) if shared.makes_room(text.len(), room_bytes) => {
                let text = Bytes::from_owner(Counted::new(text, &shared.taken));
                let kept = Kept {
                    version,
                    text: text.clone(),
                };
                shared.cache.texts.insert(shared.key(collection, id), kept);
                text
            }
            _ => text,
        }
    }

    /// What the texts take, in bytes, with those that callers still have.
    pub(crate) fn bytes(&self) -> u64 {
        self.shared.as_ref().map_or(0, Shared::bytes)
    }

    /// Keeps none of them any more.
    pub(crate) fn forget(&self) {
        if let Some(shared) = &self.shared
            && self.bytes() > 0
        {
            let database = shared.database;
            shared.cache.texts.retain(|key, _| key.database != database);
        }
    }
}

impl Shared {
    fn bytes(&self) -> u64 {
        self.taken.bytes.load(Ordering::Relaxed)
    }

    /// Whether there is room for a text of the database. Where the others take all that it has, every
    /// second of them goes, if they are not so few among all that looking for them costs more than it
    /// gains.
    fn makes_room(&self, text_bytes: usize, room_bytes: u64) -> bool {
        if text_bytes > MOST_TEXT_BYTES || weight(text_bytes) > room_bytes {
            return false;
        }
        let room = room_bytes - weight(text_bytes);
        let all = self.cache.taken_bytes.load(Ordering::Relaxed);
        if self.bytes() > room && self.bytes() >= all / LEAST_PART {
            let stays = Cell::new(false);
            self.cache.texts.retain(|key, _| {
                let is_own = key.database == self.database;
                stays.set(stays.get() ^ is_own);
                stays.get() || !is_own
            });
        }
        self.bytes() <= room
    }

    const fn key(&self, collection: CollectionId, id: DocumentId) -> Key {
        Key {
            database: self.database,
            collection,
            id,
        }
    }
}

impl Drop for CachedDocuments {
    fn drop(&mut self) {
        self.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERYTHING: u64 = u64::MAX / 2;

    fn cache(cap_bytes: u64) -> (Arc<DocumentCache>, CachedDocuments, CachedDocuments) {
        let cache = DocumentCache::new(cap_bytes).unwrap();
        let (a, b) = (
            CachedDocuments::new(Some(&cache)),
            CachedDocuments::new(Some(&cache)),
        );
        (cache, a, b)
    }

    fn key(id: u64) -> (CollectionId, DocumentId) {
        (CollectionId::DEFAULT, DocumentId::new(id + 1).unwrap())
    }

    fn keep(of: &CachedDocuments, id: u64, version: u64, text: &[u8], room: u64) -> Bytes {
        let (collection, id) = key(id);
        let text = Bytes::copy_from_slice(text);
        of.keep(collection, id, Version::new(version), text, room)
    }

    fn get(of: &CachedDocuments, id: u64, version: u64) -> Option<Bytes> {
        let (collection, id) = key(id);
        of.get(collection, id, Version::new(version))
    }

    #[test]
    fn a_text_is_found_by_its_database_and_version_alone() {
        let (_cache, a, b) = cache(1 << 20);
        keep(&a, 1, 7, b"seven", EVERYTHING);
        assert_eq!(get(&a, 1, 7).unwrap(), "seven");
        assert_eq!(get(&a, 1, 6), None);
        assert_eq!(get(&a, 1, 8), None);
        assert_eq!(get(&a, 2, 7), None);
        assert_eq!(get(&b, 1, 7), None);
        keep(&a, 1, 8, b"eight", EVERYTHING);
        assert_eq!(get(&a, 1, 8).unwrap(), "eight");
        assert_eq!(get(&a, 1, 7), None);
    }

    #[test]
    fn what_it_takes_is_counted_until_nobody_has_it() {
        let (cache, a, b) = cache(1 << 20);
        let held = keep(&a, 1, 1, &[1; 1000], EVERYTHING);
        keep(&b, 1, 1, &[2; 500], EVERYTHING);
        assert_eq!(a.bytes(), 1000 + ENTRY_BYTES);
        assert_eq!(cache.statistics().bytes, 1500 + 2 * ENTRY_BYTES);
        drop(b);
        assert_eq!(cache.statistics().bytes, 1000 + ENTRY_BYTES);
        a.forget();
        assert_eq!(get(&a, 1, 1), None);
        assert_eq!(a.bytes(), 1000 + ENTRY_BYTES, "it is held");
        drop(held);
        assert_eq!(cache.statistics().bytes, 0);
    }

    #[test]
    fn it_keeps_to_its_capacity_and_gives_way() {
        let cap = 1 << 20;
        let (cache, a, _) = cache(cap);
        let fill = || {
            (0..10_000).for_each(|id| drop(keep(&a, id, 1, &[3; 1000], EVERYTHING)));
            cache.statistics().bytes
        };
        let full = fill();
        assert!(full <= cap && full > cap / 2, "{full}");
        cache.give_way(cap / 4);
        assert!(cache.statistics().bytes <= cap / 4);
        assert!(fill() <= cap / 4);
        cache.give_way(0);
        assert_eq!(cache.statistics().bytes, 0);
        assert_eq!(fill(), 0);
        cache.give_way(u64::MAX);
        assert_eq!(fill(), full);
    }

    #[test]
    fn a_database_has_no_more_than_its_room_and_nothing_huge() {
        let (cache, a, _) = cache(1 << 20);
        for id in 0..100 {
            keep(&a, id, 1, &[3; 1000], 10_000);
            assert_eq!(get(&a, id, 1).unwrap(), &[3; 1000][..], "the newest one");
            assert!(
                a.bytes() <= 10_000 && a.bytes() > 4000.min(id * 1000),
                "{}",
                a.bytes()
            );
        }
        keep(&a, 200, 1, &[4; MOST_TEXT_BYTES + 1], EVERYTHING);
        assert_eq!(get(&a, 200, 1), None);
        assert_eq!(cache.statistics().bytes, a.bytes());
    }

    #[test]
    fn a_database_of_few_texts_among_many_does_not_look_for_them() {
        let (cache, a, b) = cache(1 << 20);
        (0..500).for_each(|id| drop(keep(&a, id, 1, &[3; 1000], EVERYTHING)));
        for id in 0..100 {
            keep(&b, id, 1, &[3; 1000], 5000);
            assert!(b.bytes() <= 5000 && b.bytes() < cache.statistics().bytes / LEAST_PART);
        }
        assert!(get(&b, 0, 1).is_some() && get(&b, 99, 1).is_none());
    }

    #[test]
    fn none_is_kept_where_there_is_no_room() {
        assert!(DocumentCache::new(0).is_none());
        let none = CachedDocuments::new(None);
        assert_eq!(keep(&none, 1, 1, b"text", EVERYTHING), "text");
        assert_eq!(get(&none, 1, 1), None);
        assert_eq!(none.bytes(), 0);
    }
}
