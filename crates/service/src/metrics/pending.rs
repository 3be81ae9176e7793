use std::time::Instant;

use docdb_engine::Pass;
use docdb_ipc::{Command, Reply};
use docdb_types::{DatabaseId, Error};

use super::commands::CommandKind;
use crate::shared::Shared;

/// A request that was taken in and is not answered yet.
#[derive(Debug)]
pub(crate) struct Pending {
    kind: CommandKind,
    database: Option<DatabaseId>,
    operations: usize,
    began: Instant,
    /// Its place among the requests to its database.
    pass: Option<Pass>,
}

impl Pending {
    /// Notes a request that is taken in now.
    pub(crate) fn of(command: &Command, shared: &Shared) -> Self {
        let operations = match command {
            Command::Execute(execute) => {
                let outcomes = &shared.outcomes;
                for operation in &execute.operations {
                    outcomes.operations.count(&operation.action);
                }
                execute.operations.len()
            }
            _ => 0,
        };
        Self {
            kind: command.into(),
            database: command.database(),
            operations,
            began: Instant::now(),
            pass: None,
        }
    }

    /// Keeps its place until it is answered.
    pub(crate) fn keep(&mut self, pass: Pass) {
        self.pass = Some(pass);
    }

    /// Notes its answer, and logs it if it took long: what was asked for, never what it held.
    pub(crate) fn answered(mut self, answer: &Result<Reply, Error>, shared: &Shared) {
        drop(self.pass.take());
        let took = self.began.elapsed();
        shared.outcomes.took(self.kind, took);
        if !shared.outcomes.is_slow(took) {
            return;
        }
        shared.outcomes.slow.add(1);
        let handle = self.database.and_then(|id| shared.engine.open_handle(id));
        let database = handle.as_ref().map(|database| database.name().as_str());
        tracing::warn!(
            command = self.kind.as_str(),
            database,
            operations = self.operations,
            took_ms = took.as_millis(),
            outcome = answer
                .as_ref()
                .map_or_else(|error| error.code().as_str(), |_| "ok"),
            "slow operation"
        );
    }
}
