use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use docdb_types::{CollectionId, DocumentId, Version};

/// A document of one collection.
pub(crate) type Key = (CollectionId, DocumentId);

/// What the batch that is being gathered has made of the documents it touched: the layer through
/// which its later operations see its earlier ones, before any of them is durable.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    documents: BTreeMap<Key, Staged>,
    /// What stood in the overlay before each change of the running transaction, newest last.
    undo: Vec<(Key, Option<Staged>)>,
    /// Documents that the index has no entry for yet.
    created: usize,
    /// Live documents that the batch adds; below zero where it deletes more.
    added: i64,
    /// The largest id that the batch has used in each collection.
    highest: HashMap<CollectionId, u64>,
}

/// A document as the batch leaves it.
#[derive(Debug, Clone)]
pub(crate) struct Staged {
    pub(crate) version: Version,
    /// `None` where the batch deleted it.
    pub(crate) document: Option<Bytes>,
    /// Whether applying the batch adds an entry to the index.
    pub(crate) is_new_entry: bool,
    /// Whether the index has it as a live document.
    pub(crate) was_live: bool,
}

impl Staged {
    /// Live documents that applying it adds: -1, 0 or 1.
    fn added(&self) -> i64 {
        i64::from(self.document.is_some()) - i64::from(self.was_live)
    }
}

impl Overlay {
    pub(crate) fn get(&self, key: Key) -> Option<&Staged> {
        self.documents.get(&key)
    }

    /// A document from one id of a collection to another, both included, that the batch has
    /// touched, and its version.
    pub(crate) fn first_in(
        &self,
        collection: CollectionId,
        from: DocumentId,
        to: DocumentId,
    ) -> Option<(Key, Version)> {
        let range = (from <= to).then_some((collection, from)..=(collection, to))?;
        let (key, staged) = self.documents.range(range).next()?;
        Some((*key, staged.version))
    }

    /// The largest document id that the batch has used in a collection; 0 before the first.
    pub(crate) fn highest(&self, collection: CollectionId) -> u64 {
        self.highest.get(&collection).copied().unwrap_or(0)
    }

    pub(crate) fn stage(&mut self, key: Key, staged: Staged) {
        let highest = self.highest.entry(key.0).or_default();
        *highest = key.1.get().max(*highest);
        self.created += usize::from(staged.is_new_entry);
        self.added += staged.added();
        let before = self.documents.insert(key, staged);
        if let Some(before) = &before {
            self.created -= usize::from(before.is_new_entry);
            self.added -= before.added();
        }
        self.undo.push((key, before));
    }

    /// Entries that applying the batch will add to the index.
    pub(crate) const fn created(&self) -> usize {
        self.created
    }

    /// Live documents that applying the batch will add; below zero where it deletes more.
    pub(crate) const fn added(&self) -> i64 {
        self.added
    }

    /// Makes the changes of the running transaction part of the batch.
    pub(crate) fn keep_transaction(&mut self) {
        self.undo.clear();
    }

    /// Takes the changes of the running transaction back.
    pub(crate) fn undo_transaction(&mut self) {
        if self.undo.is_empty() {
            return;
        }
        while let Some((key, before)) = self.undo.pop() {
            let now = match before {
                Some(before) => {
                    self.created += usize::from(before.is_new_entry);
                    self.added += before.added();
                    self.documents.insert(key, before)
                }
                None => self.documents.remove(&key),
            };
            if let Some(now) = now {
                self.created -= usize::from(now.is_new_entry);
                self.added -= now.added();
            }
        }
        self.highest.clear();
        for (collection, id) in self.documents.keys() {
            let highest = self.highest.entry(*collection).or_default();
            *highest = id.get().max(*highest);
        }
    }

    /// Forgets the batch: it is in the index now, or was refused.
    pub(crate) fn clear(&mut self) {
        self.documents.clear();
        self.undo.clear();
        self.highest.clear();
        self.created = 0;
        self.added = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u64) -> Key {
        (CollectionId::DEFAULT, DocumentId::new(id).unwrap())
    }

    fn staged(version: u64, text: Option<&'static str>, is_new_entry: bool) -> Staged {
        Staged {
            version: Version::new(version),
            document: text.map(|text| Bytes::from_static(text.as_bytes())),
            is_new_entry,
            was_live: !is_new_entry,
        }
    }

    #[test]
    fn a_refused_transaction_leaves_the_batch_as_it_was() {
        let mut overlay = Overlay::default();
        overlay.stage(key(1), staged(1, Some("1"), true));
        overlay.keep_transaction();
        overlay.stage(key(1), staged(2, None, true));
        overlay.stage(key(1), staged(2, Some("2"), true));
        overlay.stage(key(2), staged(2, Some("3"), true));
        overlay.stage(key(3), staged(2, Some("3"), false));
        assert_eq!(overlay.created(), 2);
        assert_eq!(overlay.added(), 2);
        overlay.stage(key(3), staged(2, None, false));
        assert_eq!(overlay.added(), 1);
        overlay.undo_transaction();
        assert_eq!(overlay.created(), 1);
        assert_eq!(overlay.added(), 1);
        assert_eq!(overlay.get(key(1)).unwrap().version, Version::new(1));
        assert!(overlay.get(key(2)).is_none());
        assert!(overlay.get(key(3)).is_none());
        assert_eq!(
            overlay.highest(CollectionId::DEFAULT),
            1,
            "ids of a refusal stay free"
        );
    }
}
