use std::sync::Arc;

use docdb_engine::LogicalDb;
use docdb_ipc::{CollectionInfo, Reply};
use docdb_types::{Code, CollectionName, Effect, Error};

use super::awaited::{Answer, Awaited};
use super::task::Begun;

/// A collection whose creation has queued.
#[derive(Debug)]
pub(crate) struct Created {
    database: Arc<LogicalDb>,
    name: CollectionName,
}

impl Created {
    /// The reply, with the id that the collection was given.
    pub(crate) fn reply(&self, done: Result<(), Error>) -> Answer {
        done?;
        let collections = self.database.list_collections()?;
        let created = collections.iter().find(|info| info.name == self.name);
        created
            .map(|info| Reply::CollectionCreated(info.id))
            .ok_or_else(|| {
                Error::new(
                    Code::CollectionNotFound,
                    "the collection was deleted again at once",
                )
                .with_effect(Effect::Applied)
                .in_collection(&self.name)
            })
    }
}

pub(super) fn create(database: &Arc<LogicalDb>, name: CollectionName) -> Begun {
    let submitted = database.submit_create_collection(name.clone());
    let created = Created {
        database: Arc::clone(database),
        name,
    };
    Begun {
        awaited: Awaited::CollectionCreated(submitted.ticket, created),
        lead: submitted.lead,
    }
}

pub(super) fn delete(database: &Arc<LogicalDb>, name: CollectionName) -> Begun {
    let submitted = database.submit_delete_collection(name);
    Begun {
        awaited: Awaited::CollectionDeleted(submitted.ticket),
        lead: submitted.lead,
    }
}

pub(super) fn list(database: &LogicalDb) -> Answer {
    let mut collections: Vec<_> = database
        .list_collections()?
        .into_iter()
        .map(|info| CollectionInfo {
            name: info.name,
            id: info.id,
            documents: info.documents,
        })
        .collect();
    collections.sort_by(|one, other| one.name.as_str().cmp(other.name.as_str()));
    Ok(Reply::Collections(collections))
}
