//! The ordered map of one collection: chunks in key order, found by their first keys.
//!
//! INVARIANT: `firsts` and `chunks` have the same length; no chunk is empty; the first key of every
//! chunk stands at its place in `firsts`; keys ascend over all chunks.

use docdb_types::TransactionId;

use super::chunk::{CHUNK_ENTRIES, Chunk};
use super::{Entry, IndexKey};

/// Key → entry, in key order.
#[derive(Debug)]
pub(super) struct OrderedMap<K> {
    firsts: Vec<K>,
    chunks: Vec<Chunk<K>>,
    /// Sum of [`Chunk::heap_bytes`]; changed only by [`OrderedMap::account`].
    chunk_bytes: usize,
}

impl<K> Default for OrderedMap<K> {
    fn default() -> Self {
        Self {
            firsts: Vec::new(),
            chunks: Vec::new(),
            chunk_bytes: 0,
        }
    }
}

impl<K: IndexKey> OrderedMap<K> {
    /// Memory of the map, in bytes, as allocated.
    pub(super) fn heap_bytes(&self) -> usize {
        self.firsts.capacity() * size_of::<K>()
            + self.chunks.capacity() * size_of::<Chunk<K>>()
            + self.chunk_bytes
    }

    /// The chunk in which `key` is or would be. There is none only in an empty map.
    fn chunk_of(&self, key: &K) -> usize {
        self.firsts
            .partition_point(|first| first <= key)
            .saturating_sub(1)
    }

    pub(super) fn get(&self, key: &K) -> Option<&Entry> {
        self.chunks.get(self.chunk_of(key))?.get(key)
    }

    /// The entries in key order, from `from` or the first one on.
    pub(super) fn iter_from(&self, from: Option<&K>) -> impl Iterator<Item = (&K, &Entry)> {
        self.chunks_from(from)
            .flat_map(|(chunk, place)| chunk.iter_from(place))
    }

    /// The chunks from the one that holds `from` on, each with the place at which to begin.
    pub(super) fn chunks_from(&self, from: Option<&K>) -> impl Iterator<Item = (&Chunk<K>, usize)> {
        let at = from.map_or(0, |key| self.chunk_of(key));
        let chunks = self.chunks.get(at..).unwrap_or_default();
        let begin = match (from, chunks.first()) {
            (Some(key), Some(chunk)) => chunk.search(key).unwrap_or_else(|place| place),
            _ => 0,
        };
        chunks
            .iter()
            .enumerate()
            .map(move |(i, chunk)| (chunk, if i == 0 { begin } else { 0 }))
    }

    /// The first key from `from` to `to`, both included, whose entry is newer than `since`.
    pub(super) fn first_newer(
        &self,
        from: Option<&K>,
        to: Option<&K>,
        since: TransactionId,
    ) -> Option<(&K, &Entry)> {
        self.chunks_from(from)
            .take_while(|(chunk, _)| to.is_none_or(|to| chunk.first() <= Some(to)))
            .filter(|(chunk, _)| chunk.newest() > since)
            .flat_map(|(chunk, place)| chunk.iter_from(place))
            .find(|(_, entry)| entry.version() > since)
            .filter(|(key, _)| to.is_none_or(|to| *key <= to))
    }

    /// Sets the entry of `key` to what `make` makes of the one that is there; returns that one.
    pub(super) fn set(
        &mut self,
        key: K,
        make: impl FnOnce(Option<&Entry>) -> Entry,
    ) -> Option<Entry> {
        let at = self.chunk_of(&key);
        let Some(chunk) = self.chunks.get_mut(at) else {
            let entry = make(None);
            self.push_chunk(0, key, entry, 0);
            return None;
        };
        match chunk.search(&key) {
            Ok(place) => chunk.update(place, |entry| *entry = make(Some(entry))),
            Err(place) => {
                let entry = make(None);
                self.insert(at, place, key, entry);
                None
            }
        }
    }

    fn insert(&mut self, at: usize, place: usize, key: K, entry: Entry) {
        let Some(chunk) = self.chunks.get_mut(at) else {
            return;
        };
        if !chunk.is_full() {
            if place == 0
                && let Some(first) = self.firsts.get_mut(at)
            {
                first.clone_from(&key);
            }
            self.account(at, |chunk| chunk.insert(place, key, entry));
        } else if place == chunk.len() {
            // Ascending ids leave full chunks behind.
            self.push_chunk(at + 1, key, entry, 0);
        } else {
            let tail = self.account(at, |chunk| chunk.split_off(CHUNK_ENTRIES / 2));
            if let Some((first, tail)) = tail.and_then(|tail| Some((tail.first()?.clone(), tail))) {
                self.chunk_bytes += tail.heap_bytes();
                self.firsts.insert(at + 1, first);
                self.chunks.insert(at + 1, tail);
            }
            match place.checked_sub(CHUNK_ENTRIES / 2) {
                Some(place) if place > 0 => self.insert(at + 1, place, key, entry),
                _ => self.insert(at, place, key, entry),
            }
        }
    }

    fn push_chunk(&mut self, at: usize, key: K, entry: Entry, capacity: usize) {
        let mut chunk = Chunk::with_capacity(capacity);
        chunk.insert(0, key.clone(), entry);
        self.chunk_bytes += chunk.heap_bytes();
        self.firsts.insert(at, key);
        self.chunks.insert(at, chunk);
    }

    /// Changes the entry of `key`, if there is one; returns what it was.
    pub(super) fn update(&mut self, key: &K, change: impl FnOnce(&mut Entry)) -> Option<Entry> {
        let at = self.chunk_of(key);
        let chunk = self.chunks.get_mut(at)?;
        let place = chunk.search(key).ok()?;
        chunk.update(place, change)
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<Entry> {
        let at = self.chunk_of(key);
        let place = self.chunks.get(at)?.search(key).ok()?;
        let removed = self.account(at, |chunk| chunk.remove(place))?;
        match self
            .chunks
            .get(at)
            .map(|chunk| (chunk.len(), chunk.first()))
        {
            Some((0, _)) => {
                self.drop_chunk(at);
            }
            Some((length, Some(first))) => {
                if let Some(kept) = self.firsts.get_mut(at) {
                    kept.clone_from(first);
                }
                if length < CHUNK_ENTRIES / 4 {
                    self.join(at);
                    if at > 0 {
                        self.join(at - 1);
                    }
                }
            }
            _ => {}
        }
        Some(removed)
    }

    /// Joins the chunk at `at` with the one behind it, if both fit into half a chunk.
    fn join(&mut self, at: usize) {
        let length_at = |at: usize| self.chunks.get(at).map(Chunk::len);
        let (Some(length), Some(next)) = (length_at(at), length_at(at + 1)) else {
            return;
        };
        if length + next <= CHUNK_ENTRIES / 2
            && let Some(next) = self.drop_chunk(at + 1)
        {
            self.account(at, |chunk| chunk.absorb(next));
        }
    }

    fn drop_chunk(&mut self, at: usize) -> Option<Chunk<K>> {
        if at >= self.chunks.len() {
            return None;
        }
        self.firsts.remove(at);
        let chunk = self.chunks.remove(at);
        self.chunk_bytes -= chunk.heap_bytes();
        Some(chunk)
    }

    /// Changes a chunk and keeps the sum of bytes.
    fn account<T>(&mut self, at: usize, change: impl FnOnce(&mut Chunk<K>) -> T) -> Option<T> {
        let chunk = self.chunks.get_mut(at)?;
        let before = chunk.heap_bytes();
        let result = change(chunk);
        self.chunk_bytes = self.chunk_bytes + chunk.heap_bytes() - before;
        Some(result)
    }

    /// Appends a key that is larger than every other, into chunks that are allocated full.
    /// Returns whether it was; otherwise nothing changed.
    pub(super) fn append(&mut self, key: K, entry: Entry) -> bool {
        let Some(last) = self.chunks.len().checked_sub(1) else {
            self.push_chunk(0, key, entry, CHUNK_ENTRIES);
            return true;
        };
        let Some(chunk) = self.chunks.last_mut() else {
            return false;
        };
        if chunk.last().is_some_and(|largest| *largest >= key) {
            return false;
        }
        if chunk.is_full() {
            self.push_chunk(last + 1, key, entry, CHUNK_ENTRIES);
        } else {
            self.account(last, |chunk| chunk.insert(chunk.len(), key, entry));
        }
        true
    }

    /// Gives back what [`append`](Self::append) allocated beyond the last key.
    pub(super) fn finish_appending(&mut self) {
        if let Some(last) = self.chunks.len().checked_sub(1) {
            self.account(last, Chunk::shrink);
        }
        self.firsts.shrink_to_fit();
        self.chunks.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::{Location, LogPosition};

    fn entry(number: u64) -> Entry {
        Entry::document(
            TransactionId::new(number),
            Location::Log(LogPosition::ZERO),
            1,
        )
    }

    impl OrderedMap<u64> {
        /// Every invariant, derived anew.
        fn check(&self) {
            assert_eq!(self.firsts.len(), self.chunks.len());
            let keys: Vec<u64> = self.iter_from(None).map(|(key, _)| *key).collect();
            assert!(keys.is_sorted_by(|a, b| a < b));
            for (first, chunk) in self.firsts.iter().zip(&self.chunks) {
                assert_eq!(chunk.first(), Some(first));
                assert!(chunk.len() <= CHUNK_ENTRIES);
                let in_log = chunk
                    .iter_from(0)
                    .filter(|(_, entry)| entry.is_in_log())
                    .count();
                assert_eq!(usize::from(chunk.in_log()), in_log);
            }
            let bytes: usize = self.chunks.iter().map(Chunk::heap_bytes).sum();
            assert_eq!(self.chunk_bytes, bytes);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_map_is_a_map(
            steps in proptest::collection::vec((0_u8..4, 0_u64..3000, 1_u64..400), 1..60)
        ) {
            let mut map = OrderedMap::<u64>::default();
            let mut model = BTreeMap::new();
            let mut version = 0;
            for (step, start, count) in steps {
                for key in start..start + count {
                    version += 1;
                    if step == 0 {
                        prop_assert_eq!(map.remove(&key), model.remove(&key));
                    } else {
                        // Steps 2 and 3 scatter.
                        let key = key.wrapping_mul([1, 1, 7919, 104_729][usize::from(step)]) % 5000;
                        let old = map.set(key, |_| entry(version));
                        prop_assert_eq!(old, model.insert(key, entry(version)));
                    }
                }
                map.check();
            }
            let all: Vec<_> = map.iter_from(None).map(|(k, e)| (*k, *e)).collect();
            prop_assert_eq!(&all, &model.clone().into_iter().collect::<Vec<_>>());
            for from in [0, 1, 250, 1500, 2999, 4999, 5000] {
                let part: Vec<_> = map.iter_from(Some(&from)).map(|(k, _)| *k).collect();
                let expected: Vec<_> = model.range(from..).map(|(k, _)| *k).collect();
                prop_assert_eq!(part, expected);
            }
            for key in 0..5000 {
                prop_assert_eq!(map.get(&key), model.get(&key));
            }
            for since in [0, version / 2, version - version / 10, version] {
                let since = TransactionId::new(since);
                for (from, to) in [(0, 5000), (250, 260), (1500, 2999), (2999, 2999), (4000, 3000)] {
                    let found = map.first_newer(Some(&from), Some(&to), since);
                    let expected = model
                        .iter()
                        .find(|(key, entry)| (from..=to).contains(*key) && entry.version() > since);
                    prop_assert_eq!(found, expected);
                }
                let expected = model.iter().find(|(_, entry)| entry.version() > since);
                prop_assert_eq!(map.first_newer(None, None, since), expected);
            }
        }
    }

    #[test]
    fn ascending_keys_leave_full_chunks() {
        let mut map = OrderedMap::default();
        for key in 0..100_000_u64 {
            map.set(key, |_| entry(key));
        }
        map.check();
        assert_eq!(map.chunks.len(), 100_000_usize.div_ceil(CHUNK_ENTRIES));
    }

    #[test]
    fn removing_almost_everything_gives_memory_back() {
        let mut map = OrderedMap::default();
        for key in 0..100_000_u64 {
            map.set(key, |_| entry(key));
        }
        let full = map.heap_bytes();
        for key in (0..100_000).filter(|key| key % 100 != 0) {
            map.remove(&key);
        }
        map.check();
        assert!(
            map.heap_bytes() < full / 10,
            "{} of {full}",
            map.heap_bytes()
        );
        for key in (0..100_000).step_by(100) {
            map.remove(&key);
        }
        map.check();
        assert_eq!(map.chunk_bytes, 0);
    }

    #[test]
    fn appending_refuses_a_key_out_of_order() {
        let mut map = OrderedMap::default();
        assert!(map.append(5_u64, entry(1)));
        assert!(!map.append(5, entry(2)));
        assert!(!map.append(4, entry(3)));
        assert!(map.append(6, entry(4)));
        map.finish_appending();
        map.check();
        assert_eq!(map.get(&5), Some(&entry(1)));
    }
}
