use std::collections::BTreeMap;

use bytes::Bytes;
use docdb_types::{CollectionId, DocumentId};

use super::TransactionLimits;
use crate::commit::Key;

/// What a transaction has made of the documents it wrote.
#[derive(Debug, Default)]
pub(crate) struct WriteSet {
    documents: BTreeMap<Key, Written>,
    bytes: u64,
    /// What stood here before each change of the operations that stand together, newest last.
    undo: Vec<(Key, Option<Written>)>,
}

/// A document as a transaction leaves it.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    /// `None` where it was deleted.
    pub(crate) document: Option<Bytes>,
    /// Whether it was live when the transaction began.
    was_live: bool,
}

impl Written {
    fn bytes(&self) -> u64 {
        let text = self.document.as_ref().map_or(0, Bytes::len);
        TransactionLimits::WRITE_BYTES + text as u64
    }
}

impl WriteSet {
    pub(crate) fn get(&self, key: Key) -> Option<&Written> {
        self.documents.get(&key)
    }

    /// Bytes that it takes.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes that it would take with another text under a key.
    pub(crate) fn bytes_with(&self, key: Key, text_bytes: usize) -> u64 {
        let before = self.get(key).map_or(0, Written::bytes);
        self.bytes - before + TransactionLimits::WRITE_BYTES + text_bytes as u64
    }

    /// Sets what is under a key; `was_live` says what the snapshot sees there.
    pub(crate) fn set(&mut self, key: Key, document: Option<Bytes>, was_live: bool) {
        let written = Written { document, was_live };
        let before = self.put(key, Some(written));
        self.undo.push((key, before));
    }

    fn put(&mut self, key: Key, written: Option<Written>) -> Option<Written> {
        self.bytes += written.as_ref().map_or(0, Written::bytes);
        let before = match written {
            Some(written) => self.documents.insert(key, written),
            None => self.documents.remove(&key),
        };
        self.bytes -= before.as_ref().map_or(0, Written::bytes);
        before
    }

    /// What was set since the last call stays.
    pub(crate) fn keep(&mut self) {
        self.undo.clear();
    }

    /// Takes back what was set since the last [`keep`](Self::keep).
    pub(crate) fn undo(&mut self) {
        while let Some((key, before)) = self.undo.pop() {
            self.put(key, before);
        }
    }

    /// The documents of a collection from one id to another, both included, by id.
    pub(crate) fn range(
        &self,
        collection: CollectionId,
        from: DocumentId,
        to: DocumentId,
    ) -> impl Iterator<Item = (DocumentId, Option<&Bytes>)> {
        let keys = (from <= to).then_some((collection, from)..=(collection, to));
        keys.into_iter()
            .flat_map(|keys| self.documents.range(keys))
            .map(|((_, id), written)| (*id, written.document.as_ref()))
    }

    /// What a commit has to write: everything but documents that were created and deleted again.
    pub(crate) fn into_effects(self) -> Vec<(Key, Option<Bytes>)> {
        self.documents
            .into_iter()
            .filter(|(_, written)| written.was_live || written.document.is_some())
            .map(|(key, written)| (key, written.document))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u64) -> Key {
        (CollectionId::DEFAULT, DocumentId::new(number).unwrap())
    }

    fn text(text: &'static str) -> Option<Bytes> {
        Some(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn what_is_taken_back_leaves_text_and_bytes_as_they_were() {
        let mut writes = WriteSet::default();
        writes.set(key(1), text("one"), false);
        writes.keep();
        let bytes = writes.bytes();
        writes.set(key(1), text("longer"), false);
        writes.set(key(2), text("two"), false);
        writes.set(key(2), None, false);
        writes.undo();
        assert_eq!(writes.bytes(), bytes);
        assert_eq!(writes.get(key(1)).unwrap().document, text("one"));
        assert!(writes.get(key(2)).is_none());
    }

    #[test]
    fn what_was_created_and_deleted_again_has_no_effect() {
        let mut writes = WriteSet::default();
        writes.set(key(1), None, false);
        writes.set(key(2), None, true);
        assert_eq!(writes.into_effects(), [(key(2), None)]);
    }
}
