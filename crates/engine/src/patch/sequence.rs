//! A list that takes insertions and removals anywhere.

/// Elements in chunks of bounded size, so that an array of millions of elements is not moved as a
/// whole by every step.
pub(super) struct Sequence<T> {
    /// INVARIANT: no chunk is empty or longer than [`CHUNK_ITEMS`].
    chunks: Vec<Vec<T>>,
    len: usize,
}

const CHUNK_ITEMS: usize = 1024;

impl<T> Sequence<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        let (chunk, offset) = self.locate(index);
        self.chunks.get_mut(chunk)?.get_mut(offset)
    }

    /// Puts `item` before the element at `index`, at most the length.
    pub(super) fn insert(&mut self, index: usize, item: T) {
        let (mut chunk, mut offset) = self.locate(index);
        // Behind the last element of a chunk is before the first of the next: prefer the former.
        if offset == 0 && chunk > 0 {
            chunk -= 1;
            offset = self.chunks.get(chunk).map_or(0, Vec::len);
        }
        let Some(items) = self.chunks.get_mut(chunk) else {
            self.chunks.push(vec![item]);
            self.len += 1;
            return;
        };
        items.insert(offset.min(items.len()), item);
        self.len += 1;
        if items.len() > CHUNK_ITEMS {
            // Elements are mostly appended: a full last chunk stays full.
            let kept = if offset + 1 == items.len() {
                CHUNK_ITEMS
            } else {
                CHUNK_ITEMS / 2
            };
            let tail = items.split_off(kept);
            self.chunks.insert(chunk + 1, tail);
        }
    }

    pub(super) fn remove(&mut self, index: usize) -> Option<T> {
        let (chunk, offset) = self.locate(index);
        let items = self
            .chunks
            .get_mut(chunk)
            .filter(|items| offset < items.len())?;
        let item = items.remove(offset);
        if items.is_empty() {
            self.chunks.remove(chunk);
        }
        self.len -= 1;
        Some(item)
    }

    /// The chunk of the element at `index` and its place there; behind the last chunk where there
    /// is no such element.
    fn locate(&self, index: usize) -> (usize, usize) {
        let mut offset = index;
        for (chunk, items) in self.chunks.iter().enumerate() {
            if offset < items.len() {
                return (chunk, offset);
            }
            offset -= items.len();
        }
        (self.chunks.len(), offset)
    }
}

impl<T> FromIterator<T> for Sequence<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut sequence = Self {
            chunks: Vec::new(),
            len: 0,
        };
        let mut full = true;
        for item in items {
            match sequence.chunks.last_mut() {
                Some(chunk) if !full => chunk.push(item),
                _ => sequence.chunks.push(vec![item]),
            }
            sequence.len += 1;
            full = sequence.len.is_multiple_of(CHUNK_ITEMS);
        }
        sequence
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK_ITEMS, Sequence};
    use proptest::prelude::*;

    fn holds(sequence: &Sequence<usize>, model: &[usize]) {
        assert_eq!(sequence.len(), model.len());
        assert!(sequence.iter().eq(model));
        assert!(
            sequence
                .chunks
                .iter()
                .all(|chunk| (1..=CHUNK_ITEMS).contains(&chunk.len()))
        );
    }

    #[test]
    fn a_sequence_is_a_vector_at_the_edges_of_its_chunks() {
        for len in [
            0,
            1,
            CHUNK_ITEMS - 1,
            CHUNK_ITEMS,
            CHUNK_ITEMS + 1,
            3 * CHUNK_ITEMS,
        ] {
            for at in [0, 1, CHUNK_ITEMS - 1, CHUNK_ITEMS, CHUNK_ITEMS + 1, len] {
                let mut model: Vec<_> = (0..len).collect();
                let mut sequence: Sequence<_> = model.iter().copied().collect();
                holds(&sequence, &model);
                assert_eq!(
                    sequence.get_mut(at).map(|item| *item),
                    model.get(at).copied()
                );
                if at <= len {
                    model.insert(at, 7);
                    sequence.insert(at, 7);
                    holds(&sequence, &model);
                }
                assert_eq!(
                    sequence.remove(at),
                    (at < model.len()).then(|| model.remove(at))
                );
                holds(&sequence, &model);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_sequence_is_a_vector_under_any_changes(
            len in 0..3000usize,
            changes in prop::collection::vec((any::<bool>(), any::<u16>(), 1..600usize), 0..20),
        ) {
            let mut model: Vec<_> = (0..len).collect();
            let mut sequence: Sequence<_> = model.iter().copied().collect();
            for (insert, at, times) in changes {
                for time in 0..times {
                    let at = usize::from(at) % (model.len() + 1);
                    if insert {
                        model.insert(at, time);
                        sequence.insert(at, time);
                    } else if at < model.len() {
                        prop_assert_eq!(sequence.remove(at), Some(model.remove(at)));
                    } else {
                        prop_assert_eq!(sequence.remove(at), None);
                    }
                }
                holds(&sequence, &model);
            }
        }
    }
}
