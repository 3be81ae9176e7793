use std::sync::Arc;

use docdb_client::{Command, Endpoint, Execute, Reply};
use docdb_types::{Action, Code, CollectionName, DocumentId, Error, Operation};

use crate::config::DatabasePlan;
use crate::document::{Composer, Forms};
use crate::halt::Halt;
use crate::worker::connect;

/// Documents and bytes of one request.
const MOST_DOCUMENTS: u64 = 256;
const MOST_BYTES: usize = 1024 * 1024;
/// Requests under way.
const DEPTH: usize = 4;
/// The number of the one who loads, which no worker has.
const WRITER: u16 = 0;

/// Stores a document of this run under every id of a database.
///
/// # Errors
/// The first that any request or operation answers.
pub(crate) async fn preload(
    endpoint: &Endpoint,
    plan: &DatabasePlan,
    forms: Arc<Forms>,
    halt: &Halt,
) -> Result<(), Error> {
    let (mut connection, database) = connect(endpoint, &plan.name).await?;
    let mut composer = Composer::new(forms, WRITER);
    let step = (MOST_BYTES / plan.document_size).max(1) as u64;
    let step = step.min(MOST_DOCUMENTS);
    let mut next = 1;
    let mut under_way = 0;
    loop {
        while under_way < DEPTH && next <= plan.document_count && !halt.is_stopped() {
            let last = next.saturating_add(step - 1).min(plan.document_count);
            let operations = (next..=last)
                .filter_map(DocumentId::new)
                .map(|id| Operation {
                    collection: CollectionName::DEFAULT,
                    action: Action::Upsert {
                        id,
                        document: composer.compose(id),
                    },
                });
            let execute = Execute::new(database, false, operations.collect());
            connection.send(Command::Execute(execute))?;
            next = last + 1;
            under_way += 1;
        }
        if under_way == 0 {
            return Ok(());
        }
        connection.flush().await?;
        match connection.receive().await?.result? {
            Reply::Results(results) => results
                .into_iter()
                .try_for_each(|result| result.map(drop))?,
            _ => {
                return Err(Error::new(
                    Code::Network,
                    "the answer does not belong to the request",
                ));
            }
        }
        under_way -= 1;
    }
}
