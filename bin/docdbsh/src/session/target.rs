use docdb_client::{Database, StoredDocument, Transaction};
use docdb_types::{CollectionName, Document, DocumentId, Error, Outcome, PatchStep};

/// Where an operation goes: to the open transaction, or to the database.
pub(super) enum Target<'a> {
    Database(&'a Database),
    Transaction(&'a Transaction),
}

impl Target<'_> {
    pub(super) async fn create(
        &self,
        collection: &CollectionName,
        id: Option<DocumentId>,
        document: Document,
    ) -> Result<Outcome, Error> {
        match self {
            Self::Database(to) => to.create(collection, id, document).await,
            Self::Transaction(to) => to.create(collection, id, document).await,
        }
    }

    pub(super) async fn read(
        &self,
        collection: &CollectionName,
        id: DocumentId,
    ) -> Result<StoredDocument, Error> {
        match self {
            Self::Database(to) => to.read(collection, id).await,
            Self::Transaction(to) => to.read(collection, id).await,
        }
    }

    pub(super) async fn update(
        &self,
        collection: &CollectionName,
        id: DocumentId,
        document: Document,
    ) -> Result<Outcome, Error> {
        match self {
            Self::Database(to) => to.update(collection, id, document, None).await,
            Self::Transaction(to) => to.update(collection, id, document, None).await,
        }
    }

    pub(super) async fn upsert(
        &self,
        collection: &CollectionName,
        id: DocumentId,
        document: Document,
    ) -> Result<Outcome, Error> {
        match self {
            Self::Database(to) => to.upsert(collection, id, document).await,
            Self::Transaction(to) => to.upsert(collection, id, document).await,
        }
    }

    pub(super) async fn delete(
        &self,
        collection: &CollectionName,
        id: DocumentId,
    ) -> Result<Outcome, Error> {
        match self {
            Self::Database(to) => to.delete(collection, id, None).await,
            Self::Transaction(to) => to.delete(collection, id, None).await,
        }
    }

    pub(super) async fn patch(
        &self,
        collection: &CollectionName,
        id: DocumentId,
        steps: Vec<PatchStep>,
    ) -> Result<Outcome, Error> {
        match self {
            Self::Database(to) => to.patch(collection, id, steps, None).await,
            Self::Transaction(to) => to.patch(collection, id, steps, None).await,
        }
    }

    pub(super) async fn merge(
        &self,
        collection: &CollectionName,
        id: DocumentId,
        patch: Document,
    ) -> Result<Outcome, Error> {
        match self {
            Self::Database(to) => to.merge(collection, id, patch, None).await,
            Self::Transaction(to) => to.merge(collection, id, patch, None).await,
        }
    }

    pub(super) async fn count(&self, collection: &CollectionName) -> Result<u64, Error> {
        match self {
            Self::Database(to) => to.count(collection).await,
            Self::Transaction(to) => to.count(collection).await,
        }
    }
}
