/// What is measured apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OperationKind {
    /// Stores a document under an id without one.
    Create,
    /// Answers a document.
    Read,
    /// Replaces a document.
    Update,
    /// Removes a document.
    Delete,
    /// Changes one member of a document.
    Patch,
    /// Lists documents that follow an id.
    Scan,
    /// Reads a document, and replaces it when it has been answered.
    Modify,
    /// Stores several documents, all or none.
    Transaction,
}

impl OperationKind {
    /// All kinds, as files and tables list them.
    pub const ALL: [Self; 8] = [
        Self::Create,
        Self::Read,
        Self::Update,
        Self::Delete,
        Self::Patch,
        Self::Scan,
        Self::Modify,
        Self::Transaction,
    ];

    /// The name used in files and tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Patch => "patch",
            Self::Scan => "scan",
            Self::Modify => "modify",
            Self::Transaction => "transaction",
        }
    }

    /// The kind of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether files list it even where nothing of it was asked.
    #[must_use]
    pub const fn is_basic(self) -> bool {
        matches!(
            self,
            Self::Create | Self::Read | Self::Update | Self::Delete
        )
    }

    /// Whether several of it share a request; the others take a request or more of their own.
    pub(crate) const fn is_batched(self) -> bool {
        !matches!(self, Self::Scan | Self::Modify | Self::Transaction)
    }
}

/// One of each, for every kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PerKind<T>([T; OperationKind::ALL.len()]);

impl<T> PerKind<T> {
    /// What `each` makes for every kind.
    pub fn new(mut each: impl FnMut(OperationKind) -> T) -> Self {
        Self(OperationKind::ALL.map(&mut each))
    }

    /// The one of a kind.
    pub const fn get(&self, kind: OperationKind) -> &T {
        let [
            create,
            read,
            update,
            delete,
            patch,
            scan,
            modify,
            transaction,
        ] = &self.0;
        match kind {
            OperationKind::Create => create,
            OperationKind::Read => read,
            OperationKind::Update => update,
            OperationKind::Delete => delete,
            OperationKind::Patch => patch,
            OperationKind::Scan => scan,
            OperationKind::Modify => modify,
            OperationKind::Transaction => transaction,
        }
    }

    /// The one of a kind, to be changed.
    pub const fn get_mut(&mut self, kind: OperationKind) -> &mut T {
        let [
            create,
            read,
            update,
            delete,
            patch,
            scan,
            modify,
            transaction,
        ] = &mut self.0;
        match kind {
            OperationKind::Create => create,
            OperationKind::Read => read,
            OperationKind::Update => update,
            OperationKind::Delete => delete,
            OperationKind::Patch => patch,
            OperationKind::Scan => scan,
            OperationKind::Modify => modify,
            OperationKind::Transaction => transaction,
        }
    }

    /// All of them, with their kinds.
    pub fn iter(&self) -> impl Iterator<Item = (OperationKind, &T)> {
        OperationKind::ALL.into_iter().zip(&self.0)
    }

    /// All of them, with their kinds, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (OperationKind, &mut T)> {
        OperationKind::ALL.into_iter().zip(&mut self.0)
    }
}
