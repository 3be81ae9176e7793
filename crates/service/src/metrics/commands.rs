use docdb_ipc::Command;

/// A command, without what it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommandKind {
    Hello,
    Ping,
    Execute,
    Scan,
    CloseCursor,
    Count,
    OpenDatabase,
    CloseDatabase,
    DropDatabase,
    ListDatabases,
    CreateCollection,
    DeleteCollection,
    ListCollections,
    Statistics,
    Checkpoint,
    Begin,
    Commit,
    Rollback,
    Compact,
    Heal,
    HealAll,
    Validate,
    HealStatistics,
    Metrics,
    ChangeQuotas,
}

impl CommandKind {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Self; 25] = [
        Self::Hello,
        Self::Ping,
        Self::Execute,
        Self::Scan,
        Self::CloseCursor,
        Self::Count,
        Self::OpenDatabase,
        Self::CloseDatabase,
        Self::DropDatabase,
        Self::ListDatabases,
        Self::CreateCollection,
        Self::DeleteCollection,
        Self::ListCollections,
        Self::Statistics,
        Self::Checkpoint,
        Self::Begin,
        Self::Commit,
        Self::Rollback,
        Self::Compact,
        Self::Heal,
        Self::HealAll,
        Self::Validate,
        Self::HealStatistics,
        Self::Metrics,
        Self::ChangeQuotas,
    ];

    /// The name in metrics and logs.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Ping => "ping",
            Self::Execute => "execute",
            Self::Scan => "scan",
            Self::CloseCursor => "close_cursor",
            Self::Count => "count",
            Self::OpenDatabase => "open_database",
            Self::CloseDatabase => "close_database",
            Self::DropDatabase => "drop_database",
            Self::ListDatabases => "list_databases",
            Self::CreateCollection => "create_collection",
            Self::DeleteCollection => "delete_collection",
            Self::ListCollections => "list_collections",
            Self::Statistics => "statistics",
            Self::Checkpoint => "checkpoint",
            Self::Begin => "begin",
            Self::Commit => "commit",
            Self::Rollback => "rollback",
            Self::Compact => "compact",
            Self::Heal => "heal",
            Self::HealAll => "heal_all",
            Self::Validate => "validate",
            Self::HealStatistics => "heal_statistics",
            Self::Metrics => "metrics",
            Self::ChangeQuotas => "change_quotas",
        }
    }

    /// Its place in [`ALL`](Self::ALL).
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl From<&Command> for CommandKind {
    fn from(command: &Command) -> Self {
        match command {
            Command::Hello(_) => Self::Hello,
            Command::Ping => Self::Ping,
            Command::Execute(_) => Self::Execute,
            Command::Scan(_) => Self::Scan,
            Command::CloseCursor { .. } => Self::CloseCursor,
            Command::Count { .. } => Self::Count,
            Command::OpenDatabase { .. } => Self::OpenDatabase,
            Command::CloseDatabase { .. } => Self::CloseDatabase,
            Command::DropDatabase { .. } => Self::DropDatabase,
            Command::ListDatabases => Self::ListDatabases,
            Command::CreateCollection { .. } => Self::CreateCollection,
            Command::DeleteCollection { .. } => Self::DeleteCollection,
            Command::ListCollections { .. } => Self::ListCollections,
            Command::Statistics { .. } => Self::Statistics,
            Command::Checkpoint { .. } => Self::Checkpoint,
            Command::Begin { .. } => Self::Begin,
            Command::Commit { .. } => Self::Commit,
            Command::Rollback { .. } => Self::Rollback,
            Command::Compact { .. } => Self::Compact,
            Command::Heal { .. } => Self::Heal,
            Command::HealAll { .. } => Self::HealAll,
            Command::Validate { .. } => Self::Validate,
            Command::HealStatistics { .. } => Self::HealStatistics,
            Command::Metrics => Self::Metrics,
            Command::ChangeQuotas { .. } => Self::ChangeQuotas,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_own_place_and_name() {
        let mut names = Vec::new();
        for (index, kind) in CommandKind::ALL.into_iter().enumerate() {
            assert_eq!(kind.index(), index);
            assert!(!names.contains(&kind.as_str()));
            names.push(kind.as_str());
        }
    }
}
