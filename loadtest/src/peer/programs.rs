//! Where the programs of peers are installed, and as whom they may run.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Folders of PostgreSQL's programs that are in nobody's path: distributions keep several versions.
const POSTGRES_FOLDERS: [(&str, &str); 2] = [("/usr/lib/postgresql", "bin"), ("/usr", "pgsql/bin")];

/// Whom a program runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// The folder with `initdb` and `postgres`, of the newest version that there is.
pub(super) fn postgres_folder() -> Option<PathBuf> {
    let has_both = |folder: &PathBuf| {
        ["initdb", "postgres"]
            .iter()
            .all(|program| folder.join(program).is_file())
    };
    in_path("initdb")
        .and_then(|program| program.canonicalize().ok())
        .and_then(|program| program.parent().map(Path::to_owned))
        .filter(has_both)
        .or_else(|| {
            let versions = POSTGRES_FOLDERS.iter().flat_map(|(folder, within)| {
                let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
                entries.map(move |entry| {
                    let version = entry.file_name().to_string_lossy().parse::<u32>();
                    (version.unwrap_or(0), entry.path().join(within))
                })
            });
            let versions = versions.filter(|(_, folder)| has_both(folder));
            versions.max().map(|(_, folder)| folder)
        })
}

/// A program of this name in a folder of `PATH`.
pub(super) fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut programs = std::env::split_paths(&path).map(|folder| folder.join(program));
    programs.find(|program| program.is_file())
}

/// The user `postgres` where this process is root, as whom PostgreSQL refuses to run; `None`: as
/// who runs this process.
///
/// # Errors
/// There is no such user.
pub(super) fn postgres_user() -> std::io::Result<Option<User>> {
    if std::fs::metadata("/proc/self")?.uid() != 0 {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd")?;
    match user_in(&users, "postgres") {
        Some(user) => Ok(Some(user)),
        None => Err(std::io::Error::other(
            "PostgreSQL refuses to run as root, and there is no user postgres",
        )),
    }
}

/// A line of passwd(5): name, password, uid, gid, ….
fn user_in(users: &str, name: &str) -> Option<User> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|found| *found == name)?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(User {
            name: name.to_owned(),
            uid,
            gid,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_a_line_of_the_file() {
        let users = "root:x:0:0::/root:/bin/sh\npostgres:x:101:103:,,,:/var:/bin/sh\n";
        let user = user_in(users, "postgres").unwrap();
        assert_eq!((user.uid, user.gid), (101, 103));
        assert_eq!(user_in(users, "post"), None);
    }
}
