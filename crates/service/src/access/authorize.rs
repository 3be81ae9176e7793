use std::sync::Arc;

use docdb_ipc::{Command, CreateMode};
use docdb_types::{Code, DatabaseName, Error};

use super::grant::{Grant, Role, Scope};

/// Who a connection belongs to.
#[derive(Debug, Clone)]
pub(crate) enum Identity {
    /// Whoever may open the Unix socket: everything is theirs, as the files are.
    Owner,
    /// Nobody has said yet who it is.
    Anonymous,
    /// Whoever has a token.
    Bearer(Arc<Grant>),
}

/// What a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need<'a> {
    /// Nothing, not even a name.
    Nothing,
    /// To have said who one is.
    Name,
    /// A role in a database that the connection has opened, and so has been let into.
    Opened(Role),
    /// A role in the database of this name.
    In(&'a DatabaseName, Role),
    /// A role in all databases.
    Everywhere(Role),
}

/// Decides whether an identity may have a command run. This is the only place where that is
/// decided.
///
/// Whoever may not create the database that is to be opened is given the one that exists: the
/// command is narrowed to that.
///
/// # Errors
/// `Unauthenticated` where it is not known who asks, `Forbidden` where it is and they may not.
pub(crate) fn authorize(identity: &Identity, command: &mut Command) -> Result<(), Error> {
    let need = need(command);
    let grant = match identity {
        Identity::Owner => return Ok(()),
        Identity::Anonymous if need == Need::Nothing => return Ok(()),
        Identity::Anonymous => {
            let reason = "the first request is a hello with a token";
            return Err(Error::new(Code::Unauthenticated, reason));
        }
        Identity::Bearer(grant) => grant,
    };
    let (role, place) = match need {
        Need::Nothing | Need::Name => return Ok(()),
        Need::Opened(role) => (role, None),
        Need::In(name, role) if grant.scope.holds(name) => (role, None),
        Need::Everywhere(role) if grant.scope == Scope::All => (role, None),
        Need::In(name, role) => (role, Some(format!("database {name}"))),
        Need::Everywhere(role) => (role, Some("all databases".to_owned())),
    };
    if let Some(place) = place {
        let reason = format!("the token is not for {place}");
        return Err(Error::new(Code::Forbidden, reason));
    }
    if grant.role < role {
        let reason = format!("the token grants {}, this takes {role}", grant.role);
        return Err(Error::new(Code::Forbidden, reason));
    }
    if let Command::OpenDatabase { create, .. } = command
        && grant.role < Role::Admin
    {
        *create = CreateMode::Never;
    }
    Ok(())
}

impl Identity {
    /// Whether the figures of the server as a whole are its business.
    pub(crate) fn sees_the_server(&self) -> bool {
        match self {
            Self::Owner => true,
            Self::Anonymous => false,
            Self::Bearer(grant) => grant.role == Role::Admin && grant.scope == Scope::All,
        }
    }

    /// Whether a database may be listed to it.
    pub(crate) fn sees(&self, name: &DatabaseName) -> bool {
        match self {
            Self::Owner => true,
            Self::Anonymous => false,
            Self::Bearer(grant) => grant.scope.holds(name),
        }
    }
}

fn need(command: &Command) -> Need<'_> {
    match command {
        Command::Hello(_) => Need::Nothing,
        Command::Ping | Command::CloseCursor { .. } | Command::ListDatabases => Need::Name,
        Command::Execute(execute) => {
            let mut operations = execute.operations.iter();
            if operations.any(|operation| operation.action.is_write()) {
                Need::Opened(Role::Write)
            } else {
                Need::Opened(Role::Read)
            }
        }
        Command::Scan(_)
        | Command::Count { .. }
        | Command::ListCollections { .. }
        | Command::HealStatistics { .. }
        | Command::CloseDatabase { .. }
        | Command::Statistics { database: Some(_) }
        // What a transaction writes is asked for by its operations.
        | Command::Begin { .. }
        | Command::Commit { .. }
        | Command::Rollback { .. } => Need::Opened(Role::Read),
        Command::CreateCollection { .. } | Command::DeleteCollection { .. } => {
            Need::Opened(Role::Write)
        }
        Command::Checkpoint { .. }
        | Command::Compact { .. }
        | Command::Heal { .. }
        | Command::HealAll { .. }
        // It reads everything there is, as long as it takes.
        | Command::Validate { .. } => Need::Opened(Role::Admin),
        Command::OpenDatabase { name, create } => match create {
            CreateMode::Never | CreateMode::IfMissing => Need::In(name, Role::Read),
            CreateMode::Always => Need::In(name, Role::Admin),
        },
        Command::DropDatabase { name } => Need::In(name, Role::Admin),
        // A tenant does not set its own bounds.
        Command::Statistics { database: None }
        | Command::Metrics
        | Command::ChangeQuotas { .. } => Need::Everywhere(Role::Admin),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use docdb_ipc::{Execute, Hello, Scan};
    use docdb_types::{
        Action, CheckpointScope, CollectionName, DatabaseId, Document, DocumentId, Isolation,
        Limits, Operation, QuotaChange,
    };

    use super::*;

    /// The weakest role that is let through: in its own database, in another one, and with a scope
    /// of all databases. `None`: nobody is.
    type Row = (&'static str, fn(DatabaseName) -> Command, [Option<Role>; 3]);

    const R: Option<Role> = Some(Role::Read);
    const W: Option<Role> = Some(Role::Write);
    const A: Option<Role> = Some(Role::Admin);

    fn name(text: &str) -> DatabaseName {
        DatabaseName::new(text).unwrap()
    }

    fn id() -> DatabaseId {
        DatabaseId::new(1)
    }

    fn collection() -> CollectionName {
        CollectionName::DEFAULT
    }

    fn execute(action: Action) -> Command {
        let operation = Operation {
            collection: collection(),
            action,
        };
        Command::Execute(Execute::new(id(), false, vec![operation]))
    }

    fn document() -> Document {
        Document::from_text("1", &Limits::DEFAULT).unwrap()
    }

    /// A command about an opened database is the same whichever it is: a connection can only have
    /// opened what it was let into, so "another" one does not arise.
    static TABLE: &[Row] = &[
        ("hello", |_| Command::Hello(Hello::default()), [R, R, R]),
        ("ping", |_| Command::Ping, [R, R, R]),
        ("list databases", |_| Command::ListDatabases, [R, R, R]),
        (
            "read",
            |_| {
                execute(Action::Read {
                    id: DocumentId::new(1).unwrap(),
                })
            },
            [R, R, R],
        ),
        (
            "create",
            |_| {
                execute(Action::Create {
                    id: None,
                    document: document(),
                })
            },
            [W, W, W],
        ),
        (
            "update",
            |_| {
                execute(Action::Update {
                    id: DocumentId::new(1).unwrap(),
                    document: document(),
                    expected: None,
                })
            },
            [W, W, W],
        ),
        (
            "upsert",
            |_| {
                execute(Action::Upsert {
                    id: DocumentId::new(1).unwrap(),
                    document: document(),
                })
            },
            [W, W, W],
        ),
        (
            "delete",
            |_| {
                execute(Action::Delete {
                    id: DocumentId::new(1).unwrap(),
                    expected: None,
                })
            },
            [W, W, W],
        ),
        (
            "patch",
            |_| {
                execute(Action::Patch {
                    id: DocumentId::new(1).unwrap(),
                    steps: Vec::new(),
                    expected: None,
                })
            },
            [W, W, W],
        ),
        (
            "merge",
            |_| {
                execute(Action::Merge {
                    id: DocumentId::new(1).unwrap(),
                    patch: document(),
                    expected: None,
                })
            },
            [W, W, W],
        ),
        (
            "scan",
            |_| {
                Command::Scan(Scan {
                    database: id(),
                    collection: collection(),
                    from: None,
                    limit: 0,
                    max_bytes: 0,
                    cursor: None,
                    transaction: None,
                })
            },
            [R, R, R],
        ),
        (
            "count",
            |_| Command::Count {
                database: id(),
                collection: collection(),
                transaction: None,
            },
            [R, R, R],
        ),
        (
            "begin",
            |_| Command::Begin {
                database: id(),
                isolation: Isolation::Snapshot,
            },
            [R, R, R],
        ),
        (
            "create collection",
            |_| Command::CreateCollection {
                database: id(),
                collection: collection(),
            },
            [W, W, W],
        ),
        (
            "delete collection",
            |_| Command::DeleteCollection {
                database: id(),
                collection: collection(),
            },
            [W, W, W],
        ),
        (
            "list collections",
            |_| Command::ListCollections { database: id() },
            [R, R, R],
        ),
        (
            "statistics of one",
            |_| Command::Statistics {
                database: Some(id()),
            },
            [R, R, R],
        ),
        (
            "close",
            |_| Command::CloseDatabase { database: id() },
            [R, R, R],
        ),
        (
            "checkpoint",
            |_| Command::Checkpoint {
                database: id(),
                scope: CheckpointScope::Needed,
            },
            [A, A, A],
        ),
        (
            "compact",
            |_| Command::Compact { database: id() },
            [A, A, A],
        ),
        (
            "change quotas",
            |name| Command::ChangeQuotas {
                name,
                change: QuotaChange::default(),
            },
            [None, None, A],
        ),
        (
            "heal",
            |_| Command::Heal {
                database: id(),
                collection: collection(),
                id: DocumentId::MIN,
                accept_older_version: false,
            },
            [A, A, A],
        ),
        (
            "heal all",
            |_| Command::HealAll { database: id() },
            [A, A, A],
        ),
        (
            "validate",
            |_| Command::Validate {
                database: id(),
                collection: None,
                id: None,
            },
            [A, A, A],
        ),
        (
            "heal statistics",
            |_| Command::HealStatistics { database: id() },
            [R, R, R],
        ),
        (
            "open",
            |name| Command::OpenDatabase {
                name,
                create: CreateMode::Never,
            },
            [R, None, R],
        ),
        (
            "open or create",
            |name| Command::OpenDatabase {
                name,
                create: CreateMode::IfMissing,
            },
            [R, None, R],
        ),
        (
            "create database",
            |name| Command::OpenDatabase {
                name,
                create: CreateMode::Always,
            },
            [A, None, A],
        ),
        ("drop", |name| Command::DropDatabase { name }, [A, None, A]),
        (
            "statistics of the server",
            |_| Command::Statistics { database: None },
            [None, None, A],
        ),
        ("metrics", |_| Command::Metrics, [None, None, A]),
    ];

    fn bearer(role: Role, scope: Scope) -> Identity {
        Identity::Bearer(Arc::new(Grant {
            id: "t".to_owned(),
            role,
            scope,
        }))
    }

    #[test]
    fn every_command_takes_its_role_in_its_database() {
        let own = || Scope::Named(BTreeSet::from([name("own")]));
        for (what, command, weakest) in TABLE {
            let places = [("own", own()), ("other", own()), ("any", Scope::All)];
            for ((database, scope), weakest) in places.into_iter().zip(weakest) {
                for role in Role::ALL {
                    let identity = bearer(role, scope.clone());
                    let mut asked = command(name(database));
                    let decided = authorize(&identity, &mut asked);
                    let expected = weakest.is_some_and(|weakest| role >= weakest);
                    assert_eq!(decided.is_ok(), expected, "{what} as {role} in {database}");
                    if let Err(error) = decided {
                        assert_eq!(error.code(), Code::Forbidden, "{what}");
                    }
                }
            }
        }
    }

    #[test]
    fn nobody_does_anything_but_say_who_they_are() {
        for (what, command, _) in TABLE {
            let mut asked = command(name("own"));
            let decided = authorize(&Identity::Anonymous, &mut asked);
            match decided {
                Ok(()) => assert_eq!(*what, "hello"),
                Err(error) => assert_eq!(error.code(), Code::Unauthenticated, "{what}"),
            }
        }
    }

    #[test]
    fn the_owner_of_the_socket_does_everything_as_asked() {
        for (what, command, _) in TABLE {
            let mut asked = command(name("own"));
            authorize(&Identity::Owner, &mut asked).unwrap();
            assert_eq!(asked, command(name("own")), "{what}");
        }
    }

    #[test]
    fn who_may_not_create_is_given_what_exists() {
        for (role, expected) in [
            (Role::Read, CreateMode::Never),
            (Role::Write, CreateMode::Never),
            (Role::Admin, CreateMode::IfMissing),
        ] {
            let mut asked = Command::OpenDatabase {
                name: name("own"),
                create: CreateMode::IfMissing,
            };
            authorize(&bearer(role, Scope::All), &mut asked).unwrap();
            let Command::OpenDatabase { create, .. } = asked else {
                panic!("another command");
            };
            assert_eq!(create, expected, "{role}");
        }
    }

    #[test]
    fn only_databases_of_the_scope_are_seen() {
        let own = bearer(Role::Admin, Scope::Named(BTreeSet::from([name("own")])));
        assert!(own.sees(&name("own")) && !own.sees(&name("other")));
        assert!(bearer(Role::Read, Scope::All).sees(&name("other")));
        assert!(Identity::Owner.sees(&name("other")));
        assert!(!Identity::Anonymous.sees(&name("own")));
        assert!(!own.sees_the_server() && !bearer(Role::Write, Scope::All).sees_the_server());
        assert!(bearer(Role::Admin, Scope::All).sees_the_server());
    }
}
