use docdb_types::{Code, DatabaseName, Error};
use docdb_vfs::Host;

use super::directory::entries;
use super::repair::open_alone;
use crate::catalog::Status;
use crate::healing::HealedDatabase;
use crate::options::EngineOptions;
use crate::pool::DirectoryLocks;

/// Heals a database of a data directory that no engine has open: data files, parity and manifest are
/// restored from what is left, and what is lost is named. Nothing is dropped for it.
///
/// # Errors
/// `DbNotFound`; `DbReadOnly` where the log has lost transactions, which is for
/// [`repair`](super::repair) to accept; `FileOpen` where an engine has the directory open; the
/// errors of files.
///
/// # Durability
/// What is answered as healed is durable. A crash during the call leaves each file damaged or
/// healed.
pub fn heal(
    host: &Host,
    options: &EngineOptions,
    name: &DatabaseName,
) -> Result<HealedDatabase, Error> {
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
    let database = open_alone(host, options, identity, false)?;
    let healed = database
        .health
        .check_writable()
        .and_then(|()| database.heal_all());
    let closed = database.close();
    let healed = healed.map_err(|error| error.in_database(name))?;
    closed.map_err(|error| error.in_database(name))?;
    Ok(healed)
}
