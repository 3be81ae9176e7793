//! Databases and collections.

use docdb_client::{CreateMode, Database};
use docdb_types::{Code, CollectionName, Error};

use super::Session;
use crate::answer::{Answer, Record, Value};
use crate::failure::Failure;

impl Session {
    pub(crate) async fn open(&mut self, name: &str) -> Result<Answer, Failure> {
        self.enter(name, CreateMode::IfMissing).await
    }

    pub(super) async fn change_to(&mut self, name: &str) -> Result<Answer, Failure> {
        self.enter(name, CreateMode::Never).await
    }

    async fn enter(&mut self, name: &str, create: CreateMode) -> Result<Answer, Failure> {
        self.outside()?;
        let database = self.pool.open(name, create).await?;
        let record = Record::new()
            .with("db_id", database.id().get())
            .with("db", database.name().as_str())
            .with("created", database.was_created())
            .with("fsync", database.fsync_mode().as_str());
        self.database = Some(database);
        self.collection = CollectionName::DEFAULT;
        Ok(Answer::Record(record))
    }

    pub(super) async fn close(&mut self) -> Result<Answer, Failure> {
        self.outside()?;
        let database = self.opened()?.clone();
        database.close().await?;
        self.leave();
        Ok(Answer::Record(Record::new()))
    }

    fn leave(&mut self) {
        self.database = None;
        self.collection = CollectionName::DEFAULT;
    }

    pub(super) async fn list_databases(&self) -> Result<Answer, Failure> {
        let databases = self.pool.client().await?.list_databases().await?;
        let rows = databases
            .iter()
            .map(|database| {
                Record::new()
                    .with("db", database.name.as_str())
                    .with("db_id", database.id.get())
                    .with("status", database.status.as_str())
                    .with("documents", database.documents)
                    .with("bytes", database.bytes)
                    .with("created_at_ms", database.created_at_ms)
            })
            .collect::<Vec<_>>();
        Ok(Answer::Record(Record::new().with("databases", rows)))
    }

    pub(super) fn place(&self) -> Answer {
        let database = self.database.as_ref();
        let name = database.map_or(Value::Null, |database| database.name().as_str().into());
        Answer::Record(
            Record::new()
                .with("db", name)
                .with("db_id", database.map(|database| database.id().get()))
                .with("collection", self.collection.as_str())
                .with(
                    "transaction",
                    self.transaction.as_ref().map(|open| open.handle().get()),
                ),
        )
    }

    pub(super) async fn drop_database(&mut self, name: &str) -> Result<Answer, Failure> {
        self.outside()?;
        self.pool.client().await?.drop_database(name).await?;
        let is_open = |database: &Database| database.name().as_str() == name;
        if self.database.as_ref().is_some_and(is_open) {
            self.leave();
        }
        Ok(Answer::Record(Record::new()))
    }

    pub(super) async fn list_collections(&self) -> Result<Answer, Failure> {
        let collections = self.opened()?.list_collections().await?;
        let rows = collections
            .iter()
            .map(|collection| {
                Record::new()
                    .with("collection", collection.name.as_str())
                    .with("documents", collection.documents)
            })
            .collect::<Vec<_>>();
        Ok(Answer::Record(Record::new().with("collections", rows)))
    }

    pub(super) async fn create_collection(&self, name: &str) -> Result<Answer, Failure> {
        self.outside()?;
        let name = CollectionName::new(name)?;
        self.opened()?.create_collection(&name).await?;
        Ok(in_collection(&name))
    }

    pub(super) async fn delete_collection(&mut self, name: &str) -> Result<Answer, Failure> {
        self.outside()?;
        let name = CollectionName::new(name)?;
        self.opened()?.delete_collection(&name).await?;
        if self.collection == name {
            self.collection = CollectionName::DEFAULT;
        }
        Ok(in_collection(&name))
    }

    pub(super) async fn change_collection(&mut self, name: &str) -> Result<Answer, Failure> {
        let name = CollectionName::new(name)?;
        let collections = self.opened()?.list_collections().await?;
        if !collections.iter().any(|collection| collection.name == name) {
            let error = Error::new(Code::CollectionNotFound, "no collection has this name");
            return Err(error.in_collection(&name).into());
        }
        self.collection = name;
        Ok(in_collection(&self.collection))
    }
}

fn in_collection(name: &CollectionName) -> Answer {
    Answer::Record(Record::new().with("collection", name.as_str()))
}
