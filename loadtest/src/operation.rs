/// What is measured apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKind {
    /// Stores a document under an id without one.
    Create,
    /// Answers a document.
    Read,
    /// Replaces a document.
    Update,
    /// Removes a document.
    Delete,
}

impl OperationKind {
    /// All kinds, as files and tables list them.
    pub const ALL: [Self; 4] = [Self::Create, Self::Read, Self::Update, Self::Delete];

    /// The name used in files and tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// One of each, for every kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct PerKind<T> {
    /// That of creates.
    pub create: T,
    /// That of reads.
    pub read: T,
    /// That of updates.
    pub update: T,
    /// That of deletes.
    pub delete: T,
}

impl<T> PerKind<T> {
    /// The one of a kind.
    pub const fn get(&self, kind: OperationKind) -> &T {
        match kind {
            OperationKind::Create => &self.create,
            OperationKind::Read => &self.read,
            OperationKind::Update => &self.update,
            OperationKind::Delete => &self.delete,
        }
    }

    /// The one of a kind, to be changed.
    pub const fn get_mut(&mut self, kind: OperationKind) -> &mut T {
        match kind {
            OperationKind::Create => &mut self.create,
            OperationKind::Read => &mut self.read,
            OperationKind::Update => &mut self.update,
            OperationKind::Delete => &mut self.delete,
        }
    }

    /// What each becomes.
    pub fn map<'a, U>(&'a self, mut each: impl FnMut(&'a T) -> U) -> PerKind<U> {
        PerKind {
            create: each(&self.create),
            read: each(&self.read),
            update: each(&self.update),
            delete: each(&self.delete),
        }
    }
}
