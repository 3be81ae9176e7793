//! The commands of the shell: one table for parsing, help and completion.

/// A command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Help,
    Exit,
    Clear,
    Open,
    Use,
    Close,
    Ls,
    Pwd,
    Drop,
    Collections,
    Mkcoll,
    Rmcoll,
    Coll,
    Create,
    Read,
    Update,
    Upsert,
    Delete,
    Patch,
    Merge,
    Scan,
    Count,
    Begin,
    Commit,
    Rollback,
    Stats,
    Mem,
    Wal,
    Pretty,
    History,
    Checkpoint,
    Compact,
    Quota,
    Heal,
    HealAll,
    HealStats,
    Validate,
    Import,
    Export,
}

/// What stands behind a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Argument {
    Nothing,
    Command,
    Database,
    Collection,
    Switch,
    File,
    Id,
    Isolation,
    /// Ends with JSON, which at a terminal may go over several lines.
    Json,
}

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) verb: Verb,
    /// With its dot.
    pub(crate) name: &'static str,
    /// What stands behind the name.
    pub(crate) usage: &'static str,
    pub(crate) help: &'static str,
    pub(crate) argument: Argument,
}

const fn row(
    verb: Verb,
    name: &'static str,
    usage: &'static str,
    argument: Argument,
    help: &'static str,
) -> Command {
    Command {
        verb,
        name,
        usage,
        help,
        argument,
    }
}

/// All commands, in the order of the help.
#[rustfmt::skip]
pub(crate) const COMMANDS: &[Command] = &[
    row(Verb::Help, ".help", "[COMMAND]", Argument::Command, "lists the commands, or explains one"),
    row(Verb::Exit, ".exit", "", Argument::Nothing, "leaves the shell"),
    row(Verb::Clear, ".clear", "", Argument::Nothing, "clears the screen"),
    row(Verb::Open, ".open", "NAME", Argument::Database, "opens a database, creates it when missing"),
    row(Verb::Use, ".use", "NAME", Argument::Database, "changes to a database that exists"),
    row(Verb::Close, ".close", "", Argument::Nothing, "closes the open database"),
    row(Verb::Ls, ".ls", "", Argument::Nothing, "lists the databases"),
    row(Verb::Pwd, ".pwd", "", Argument::Nothing, "tells the open database and the collection"),
    row(Verb::Drop, ".drop", "NAME", Argument::Database, "removes a database and everything in it"),
    row(Verb::Collections, ".collections", "", Argument::Nothing, "lists the collections"),
    row(Verb::Mkcoll, ".mkcoll", "NAME", Argument::Collection, "creates a collection"),
    row(Verb::Rmcoll, ".rmcoll", "NAME", Argument::Collection, "removes an empty collection"),
    row(Verb::Coll, ".coll", "NAME", Argument::Collection, "changes to a collection"),
    row(Verb::Create, ".create", "[ID] JSON", Argument::Json, "stores a new document; without an id, or with -, one is assigned"),
    row(Verb::Read, ".read", "ID", Argument::Id, "prints a document as it is stored"),
    row(Verb::Update, ".update", "ID JSON", Argument::Json, "replaces a document"),
    row(Verb::Upsert, ".upsert", "ID JSON", Argument::Json, "creates or replaces a document"),
    row(Verb::Delete, ".delete", "ID", Argument::Id, "removes a document"),
    row(Verb::Patch, ".patch", "ID STEPS", Argument::Json, "applies a JSON array of patch steps, all or none"),
    row(Verb::Merge, ".merge", "ID JSON", Argument::Json, "applies a merge patch (RFC 7396)"),
    row(Verb::Scan, ".scan", "[FROM] [LIMIT]", Argument::Id, "lists documents by id; at most 1000 without a limit"),
    row(Verb::Count, ".count", "", Argument::Nothing, "counts the documents of the collection"),
    row(Verb::Begin, ".begin", "[serializable|snapshot]", Argument::Isolation, "begins a transaction; serializable without a level"),
    row(Verb::Commit, ".commit", "", Argument::Nothing, "makes the open transaction happen, all of it or nothing"),
    row(Verb::Rollback, ".rollback", "", Argument::Nothing, "ends the open transaction without a trace"),
    row(Verb::Stats, ".stats", "", Argument::Nothing, "prints what the server measures"),
    row(Verb::Mem, ".mem", "", Argument::Nothing, "prints the use of memory"),
    row(Verb::Wal, ".wal", "", Argument::Nothing, "prints the state of the log"),
    row(Verb::Pretty, ".pretty", "on|off", Argument::Switch, "indents printed documents, or prints them as they are"),
    row(Verb::History, ".history", "", Argument::Nothing, "prints the lines that were run"),
    row(Verb::Checkpoint, ".checkpoint", "", Argument::Nothing, "writes a checkpoint now"),
    row(Verb::Compact, ".compact", "", Argument::Nothing, "rewrites data files without what is dead in them"),
    row(Verb::Quota, ".quota", "[disk_bytes=SIZE] [documents=N] [operations_per_second=N] [requests_in_flight=N]", Argument::Nothing, "sets what the database may use, 0 for no bound, and prints it"),
    row(Verb::Heal, ".heal", "ID [--older]", Argument::Id, "restores a damaged document; with --older, from an older version where no copy of this one is left"),
    row(Verb::HealAll, ".heal-all", "", Argument::Nothing, "restores everything that is damaged in the database"),
    row(Verb::HealStats, ".heal-stats", "", Argument::Nothing, "prints what was found damaged and restored"),
    row(Verb::Validate, ".validate", "[ID|--all]", Argument::Id, "looks at a document, at those of the collection, or at all; changes nothing"),
    row(Verb::Import, ".import", "FILE [--array /POINTER | --lines | --exported] [--id MEMBER] [--upsert]", Argument::File, "stores the documents of a file; - is standard input"),
    row(Verb::Export, ".export", "FILE", Argument::File, "writes the collection to a file, one document a line; - is standard output"),
];

impl Command {
    /// The command of this name, with its dot.
    pub(crate) fn named(name: &[u8]) -> Option<&'static Self> {
        COMMANDS
            .iter()
            .find(|command| command.name.as_bytes() == name)
    }

    /// Name and arguments.
    pub(crate) fn synopsis(&self) -> String {
        format!("{} {}", self.name, self.usage)
            .trim_end()
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_by_its_name_and_by_no_other() {
        for command in COMMANDS {
            assert_eq!(Command::named(command.name.as_bytes()), Some(command));
            assert!(command.name.starts_with('.'));
        }
        assert_eq!(Command::named(b".vacuum"), None);
        assert_eq!(Command::named(b"read"), None);
    }
}
