use std::time::Instant;

use docdb_engine::OpenMode;
use docdb_ipc::{
    CheckpointReport, CompactionReport, CreateMode, DatabaseInfo, OpenedDatabase, Reply,
};
use docdb_types::{CheckpointScope, DatabaseId, DatabaseName, Effect, QuotaChange};

use super::awaited::Answer;
use super::healing::HealingTask;
use super::statistics;
use super::tally::micros;
use crate::access::Identity;
use crate::metrics;
use crate::shared::Shared;

/// What is asked about databases as such. It may take long and counts against no queue: it runs on
/// threads of its own.
#[derive(Debug)]
pub(crate) enum CatalogTask {
    Open {
        name: DatabaseName,
        create: CreateMode,
    },
    Drop {
        name: DatabaseName,
    },
    List(Identity),
    Statistics,
    Metrics,
    Checkpoint {
        database: DatabaseId,
        scope: CheckpointScope,
    },
    Compact {
        database: DatabaseId,
    },
    ChangeQuotas {
        name: DatabaseName,
        change: QuotaChange,
    },
    Healing {
        database: DatabaseId,
        task: HealingTask,
    },
}

/// What became of a [`CatalogTask`], and what its connection has to note.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) answer: Answer,
    /// The connection may use it from now on.
    pub(crate) opened: Option<DatabaseId>,
    /// It is gone.
    pub(crate) dropped: Option<DatabaseId>,
}

impl From<Answer> for Settled {
    fn from(answer: Answer) -> Self {
        let opened = match &answer {
            Ok(Reply::DatabaseOpened(opened)) => Some(opened.id),
            _ => None,
        };
        Self {
            answer,
            opened,
            dropped: None,
        }
    }
}

impl CatalogTask {
    /// Runs it to its end, blocking.
    pub(crate) fn run(self, shared: &Shared) -> Settled {
        match self {
            Self::Open { name, create } => open(shared, &name, create).into(),
            Self::Drop { name } => drop_database(shared, &name),
            Self::List(identity) => list(shared, &identity).into(),
            Self::Statistics => Ok(statistics::of_server(shared)).into(),
            Self::Metrics => Ok(Reply::Metrics(metrics::text(shared))).into(),
            Self::Checkpoint { database, scope } => checkpoint(shared, database, scope).into(),
            Self::Compact { database } => compact(shared, database).into(),
            Self::ChangeQuotas { name, change } => {
                let changed = shared.engine.change_quotas(&name, change);
                changed.map(Reply::Quotas).into()
            }
            Self::Healing { database, task } => task.run(shared, database).into(),
        }
    }
}

fn open(shared: &Shared, name: &DatabaseName, create: CreateMode) -> Answer {
    let mode = match create {
        CreateMode::IfMissing => OpenMode::CreateIfMissing,
        CreateMode::Never => OpenMode::ExistingOnly,
        CreateMode::Always => OpenMode::CreateNew,
    };
    let opened = shared.engine.open_database(name, mode)?;
    Ok(Reply::DatabaseOpened(OpenedDatabase {
        id: opened.database.id(),
        created: opened.created,
        fsync_mode: opened.database.fsync_mode(),
    }))
}

fn drop_database(shared: &Shared, name: &DatabaseName) -> Settled {
    let databases = shared.engine.list_databases();
    let id = databases
        .iter()
        .find(|info| info.name == *name)
        .map(|info| info.id);
    let dropped = shared.engine.drop_database(name);
    let is_gone = match &dropped {
        Ok(()) => true,
        Err(error) => error.effect() == Effect::Applied,
    };
    let id = id.filter(|_| is_gone);
    if let Some(id) = id {
        shared.scheduler.forget(id);
    }
    Settled {
        answer: dropped.map(|()| Reply::DatabaseDropped),
        opened: None,
        dropped: id,
    }
}

fn list(shared: &Shared, identity: &Identity) -> Answer {
    let open = shared.engine.open_handles();
    let all = shared.engine.list_databases().into_iter();
    let seen = all.filter(|info| identity.sees(&info.name));
    let listed = seen.map(|info| {
        let figures = open.iter().find(|database| database.id() == info.id);
        let figures = figures.map(|database| database.statistics());
        DatabaseInfo {
            name: info.name,
            id: info.id,
            status: statistics::status(&info.status),
            documents: figures.as_ref().map(|of| of.documents),
            bytes: figures.as_ref().map(|of| of.log_bytes + of.data_bytes),
            created_at_ms: info.created_unix_ms,
        }
    });
    Ok(Reply::Databases(listed.collect()))
}

fn checkpoint(shared: &Shared, database: DatabaseId, scope: CheckpointScope) -> Answer {
    let database = shared.engine.database(database)?;
    let begun = Instant::now();
    let report = database.checkpoint_of(scope)?;
    Ok(Reply::Checkpoint(CheckpointReport {
        documents: report.documents,
        bytes_written: report.data_file_bytes,
        log_bytes_trimmed: report.trimmed_bytes,
        duration_us: micros(begun.elapsed()),
        covered_position: report.covered_position,
        generation: report.generation,
    }))
}

fn compact(shared: &Shared, database: DatabaseId) -> Answer {
    let database = shared.engine.database(database)?;
    let begun = Instant::now();
    let report = database.compact()?;
    Ok(Reply::Compact(CompactionReport {
        replaced_files: report.replaced_files,
        replaced_bytes: report.replaced_bytes,
        documents: report.documents,
        bytes_written: report.written_bytes,
        duration_us: micros(begun.elapsed()),
    }))
}
