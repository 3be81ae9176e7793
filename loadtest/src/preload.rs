use std::sync::Arc;

use docdb_client::{Reply, RequestId};
use docdb_types::{Action, Code, DocumentId, Error};

use crate::config::DatabasePlan;
use crate::document::{Composer, Forms};
use crate::halt::Halt;
use crate::ledger::Ledger;
use crate::link::Link;
use crate::operation::OperationKind;
use crate::peer::Address;
use crate::verdict::{Act, Asked, Verdict, judge};

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
    address: &Address,
    plan: &DatabasePlan,
    forms: Arc<Forms>,
    ledger: &Ledger,
    halt: &Halt,
) -> Result<(), Error> {
    let mut link = Link::connect(address, &plan.name).await?;
    let mut composer = Composer::new(Arc::clone(&forms), WRITER);
    let bytes = plan.sizes.typical();
    let step = (MOST_BYTES / bytes.max(1)).max(1) as u64;
    let step = step.min(MOST_DOCUMENTS);
    let mut next = 1;
    let mut under_way: Vec<(RequestId, Vec<Asked>)> = Vec::new();
    loop {
        while under_way.len() < DEPTH && next <= plan.document_count && !halt.is_stopped() {
            let last = next.saturating_add(step - 1).min(plan.document_count);
            let (mut asked, mut actions) = (Vec::new(), Vec::new());
            for id in (next..=last).filter_map(DocumentId::new) {
                let (document, stamp) = composer.compose(id, bytes);
                asked.push(Asked {
                    kind: OperationKind::Create,
                    id,
                    act: Act::Upsert,
                    size: 0,
                    stamp: Some(stamp),
                    noted: ledger.send(id, true),
                });
                actions.push(Action::Upsert { id, document });
            }
            let id = link.execute(actions)?;
            under_way.push((id, asked));
            next = last + 1;
        }
        link.flush().await?;
        if under_way.is_empty() {
            return Ok(());
        }
        let response = link.receive().await?;
        let is_its = |(id, _): &(RequestId, _)| Some(*id) == response.id;
        let place = under_way.iter().position(is_its);
        let (_, asked) = under_way.swap_remove(place.ok_or_else(unexpected)?);
        let Reply::Results(results) = response.result? else {
            return Err(unexpected());
        };
        for (asked, result) in asked.iter().zip(results) {
            match judge(asked, &result, &forms, ledger) {
                Verdict::Ok => {}
                Verdict::Wrong(_) => return Err(unexpected()),
                _ => result.map(drop)?,
            }
        }
    }
}

fn unexpected() -> Error {
    Error::new(Code::Network, "the answer does not belong to the request")
}
