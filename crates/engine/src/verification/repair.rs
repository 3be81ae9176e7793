use std::path::PathBuf;
use std::sync::Arc;

use docdb_types::{Code, DatabaseName, Error, Quotas};
use docdb_vfs::Host;

use super::aside::keep_aside;
use super::database::verify_database;
use super::directory::entries;
use super::report::LostTransactions;
use crate::catalog::{Identity, Status};
use crate::database::LogicalDb;
use crate::options::{DatabaseOptions, EngineOptions};
use crate::pool::{DirectoryLocks, MemoryBudget, Reserve, Signals};
use crate::quota::Gate;

/// What [`repair`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// Where the files are that it changed, as they were.
    pub originals: PathBuf,
    /// Live documents that the database has now.
    pub documents: u64,
}

/// Accepts that a database has lost committed transactions, so that it is opened for writing again:
/// what stands in front of the damage to its log and what stands behind it is kept, in data files
/// that cover the damage. No engine may have the directory open.
///
/// `accepted` is the range that [`verify`](super::verify) names, which whoever calls has seen.
///
/// # Errors
/// `DbNotFound`; `UnknownOperation` where nothing is lost, or something else than `accepted`: then
/// nothing is changed. `FileOpen` where an engine has the directory open; the errors of files.
///
/// # Durability
/// The log and the manifest are copied, durably, before anything is changed. A crash during the
/// call leaves the loss as it was, or accepted.
pub fn repair(
    host: &Host,
    options: &EngineOptions,
    name: &DatabaseName,
    accepted: LostTransactions,
) -> Result<Repaired, Error> {
    let _locks = DirectoryLocks::of_existing(host, options)?;
    let found = entries(host, options, &mut Vec::new())?
        .into_iter()
        .find(|entry| entry.identity.name == *name && entry.status == Status::Active);
    let identity = match found {
        Some(entry) => entry.identity,
        None => {
            let code = Code::DbNotFound;
            return Err(Error::new(code, code.meaning()).in_database(name));
        }
    };
    check_accepted(host, options, &identity, accepted)?;
    let originals = keep_aside(host, options, name).map_err(|error| error.in_database(name))?;
    let database = open_accepting(host, options, identity)?;
    // The loss counts until a checkpoint covers it.
    let covered = database.checkpoint();
    let documents = database.statistics().documents;
    let closed = database.close();
    covered?;
    closed.map_err(|error| error.in_database(name))?;
    tracing::warn!(
        database = %name, lost = %accepted, originals = %originals.display(),
        "accepted a loss: the database can be written again"
    );
    Ok(Repaired {
        originals,
        documents,
    })
}

fn check_accepted(
    host: &Host,
    options: &EngineOptions,
    identity: &Identity,
    accepted: LostTransactions,
) -> Result<(), Error> {
    let text = match verify_database(host, options, identity).lost {
        Some(lost) if lost == accepted => return Ok(()),
        Some(lost) => format!("the lost transactions are {lost}, not {accepted}"),
        None => "the log has lost no transactions".to_owned(),
    };
    Err(Error::new(Code::UnknownOperation, text).in_database(&identity.name))
}

/// Opens a database although its log has lost transactions, or has none at all. The loss counts until
/// a checkpoint covers it.
pub(crate) fn open_accepting(
    host: &Host,
    options: &EngineOptions,
    identity: Identity,
) -> Result<Arc<LogicalDb>, Error> {
    open_alone(host, options, identity, true)
}

/// Opens a database for one piece of work, beside which nothing else runs.
pub(super) fn open_alone(
    host: &Host,
    options: &EngineOptions,
    identity: Identity,
    accept_loss: bool,
) -> Result<Arc<LogicalDb>, Error> {
    let alone = DatabaseOptions {
        accept_loss,
        automatic_compaction: false,
        ..options.database()
    };
    let budget = MemoryBudget::new(options.global_memory_bytes);
    let signals = Signals::unheard(identity.id, Arc::clone(&host.clock));
    let name = identity.name.clone();
    let reserve = Reserve::none(host);
    let gate = Gate::new(Quotas::NONE);
    let memory = budget.share();
    LogicalDb::open(host, alone, identity, memory, reserve, signals, gate)
        .map_err(|error| error.in_database(&name))
}
