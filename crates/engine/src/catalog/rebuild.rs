use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use docdb_types::{DatabaseId, DatabaseName, DatabaseUid, Quotas};
use docdb_vfs::{EntryKind, Vfs};

use super::{Contents, Entry, Identity, Status};

/// What the manifests of a directory say about its databases.
#[derive(Debug)]
pub(super) struct Rebuilt {
    pub(super) contents: Contents,
    /// Databases whose manifest does not tell which one it is; they are left out and untouched.
    pub(super) unidentified: Vec<DatabaseName>,
}

/// Names of all databases that have a manifest in `directory`, in ascending order.
pub(super) fn manifests(files: &dyn Vfs, directory: &Path) -> io::Result<Vec<DatabaseName>> {
    let mut names: Vec<_> = files
        .list(directory)?
        .into_iter()
        .filter(|entry| entry.kind == EntryKind::File)
        .filter_map(|entry| {
            let name = entry.name.to_str()?.strip_suffix(".manifest")?;
            DatabaseName::new(name).ok()
        })
        .collect();
    names.sort();
    Ok(names)
}

/// Makes a catalog out of what the manifests say: new ids from `next_id` up in the order of the
/// names, all created at `now_unix_ms` as far as anybody can tell.
pub(super) fn rebuild(
    names: Vec<DatabaseName>,
    identify: &dyn Fn(&DatabaseName) -> Option<DatabaseUid>,
    next_id: DatabaseId,
    now_unix_ms: u64,
) -> Rebuilt {
    let mut entries = BTreeMap::new();
    let mut unidentified = Vec::new();
    let mut id = next_id;
    for name in names {
        let Some(uid) = identify(&name) else {
            unidentified.push(name);
            continue;
        };
        let entry = Entry {
            identity: Identity {
                id,
                name: name.clone(),
                uid,
            },
            created_unix_ms: now_unix_ms,
            status: Status::Active,
            quotas: Quotas::NONE,
        };
        entries.insert(name, entry);
        id = DatabaseId::new(id.get().saturating_add(1));
    }
    Rebuilt {
        contents: Contents {
            generation: 0,
            next_id: id,
            entries,
        },
        unidentified,
    }
}
