//! Directories of the simulated disk: visible entries, durable entries, and the changes between.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::inode::Pending;

pub(super) type FileId = u64;
pub(super) type DirectoryId = u64;

pub(super) const ROOT: DirectoryId = 0;

/// What a name leads to. No two names lead to one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Node {
    File(FileId),
    Directory(DirectoryId),
}

pub(super) type Name = Arc<OsStr>;
pub(super) type Entries = Arc<BTreeMap<Name, Node>>;

/// A name in a directory, whether or not it is taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) directory: DirectoryId,
    pub(super) name: Name,
}

/// A creation (`to` alone), removal (`from` alone) or rename of a node.
#[derive(Debug, Clone)]
pub(super) struct NameChange {
    pub(super) node: Node,
    pub(super) from: Option<Place>,
    pub(super) to: Option<Place>,
}

impl NameChange {
    fn places(&self) -> impl Iterator<Item = &Place> {
        self.from.iter().chain(&self.to)
    }
}

/// The entries of every directory, on one side: what is visible, or what is durable.
#[derive(Debug, Clone)]
pub(super) struct Tree(BTreeMap<DirectoryId, Entries>);

impl Tree {
    fn new() -> Self {
        Self(BTreeMap::from([(ROOT, Entries::default())]))
    }

    pub(super) fn entries(&self, directory: DirectoryId) -> Option<&Entries> {
        self.0.get(&directory)
    }

    fn get(&self, place: &Place) -> Option<Node> {
        self.0.get(&place.directory)?.get(&place.name).copied()
    }

    fn remove(&mut self, place: &Place, node: Node) -> bool {
        if self.get(place) != Some(node) {
            return false;
        }
        if let Some(entries) = self.0.get_mut(&place.directory) {
            Arc::make_mut(entries).remove(&place.name);
        }
        true
    }

    fn remove_wherever(&mut self, node: Node) {
        let place = self.0.iter().find_map(|(&directory, entries)| {
            let (name, _) = entries.iter().find(|&(_, &found)| found == node)?;
            Some(Place {
                directory,
                name: name.clone(),
            })
        });
        if let Some(place) = place {
            self.remove(&place, node);
        }
    }

    /// Applies a change, even when some that led to it have not been applied.
    ///
    /// INVARIANT: a node has at most one name, so a rename leaves the old name or the new one.
    pub(super) fn apply(&mut self, change: &NameChange) {
        let removed = change
            .from
            .as_ref()
            .is_some_and(|from| self.remove(from, change.node));
        let Some(to) = &change.to else {
            return;
        };
        if change.from.is_some() && !removed {
            self.remove_wherever(change.node);
        }
        let entries = self.0.entry(to.directory).or_default();
        Arc::make_mut(entries).insert(to.name.clone(), change.node);
        if let Node::Directory(id) = change.node {
            self.0.entry(id).or_default();
        }
    }

    /// Walks `path` down to the place of its last component; `None` for the root.
    pub(super) fn place(&self, path: &Path) -> io::Result<Option<Place>> {
        let mut way: Vec<Place> = Vec::new();
        for component in path.components() {
            match component {
                Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
                Component::ParentDir => {
                    way.pop();
                }
                Component::Normal(name) => {
                    let directory = match way.last() {
                        None => ROOT,
                        Some(above) => match self.get(above) {
                            Some(Node::Directory(id)) => id,
                            Some(Node::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                            None => return Err(io::ErrorKind::NotFound.into()),
                        },
                    };
                    way.push(Place {
                        directory,
                        name: name.into(),
                    });
                }
            }
        }
        Ok(way.pop())
    }

    /// The node at `path`, if the name is taken.
    pub(super) fn find(&self, path: &Path) -> io::Result<Option<Node>> {
        Ok(match self.place(path)? {
            None => Some(Node::Directory(ROOT)),
            Some(place) => self.get(&place),
        })
    }

    pub(super) fn node_at(&self, place: Option<&Place>) -> Option<Node> {
        place.map_or(Some(Node::Directory(ROOT)), |place| self.get(place))
    }

    pub(super) fn directory(&self, path: &Path) -> io::Result<DirectoryId> {
        match self.find(path)? {
            Some(Node::Directory(id)) => Ok(id),
            Some(Node::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Every file that the root leads to, with its path, level by level.
    pub(super) fn files(&self) -> Vec<(PathBuf, FileId)> {
        let mut files = Vec::new();
        let mut ahead = VecDeque::from([(PathBuf::from("/"), ROOT)]);
        while let Some((path, directory)) = ahead.pop_front() {
            for (name, node) in self.0.get(&directory).into_iter().flat_map(|it| it.iter()) {
                let below = path.join(&**name);
                match *node {
                    Node::File(id) => files.push((below, id)),
                    Node::Directory(id) => ahead.push_back((below, id)),
                }
            }
        }
        files
    }

    /// Forgets directories that the root does not lead to; returns the files that it does lead to.
    pub(super) fn prune(&mut self) -> BTreeSet<FileId> {
        let mut files = BTreeSet::new();
        let mut reached = BTreeMap::new();
        let mut ahead = vec![ROOT];
        while let Some(directory) = ahead.pop() {
            let entries = self.0.remove(&directory).unwrap_or_default();
            for node in entries.values() {
                match *node {
                    Node::File(id) => {
                        files.insert(id);
                    }
                    Node::Directory(id) => ahead.push(id),
                }
            }
            reached.insert(directory, entries);
        }
        self.0 = reached;
        files
    }
}

/// INVARIANT: unless a sync of a directory failed, `visible` is `durable` with `pending` applied in
/// order.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) visible: Tree,
    pub(super) durable: Tree,
    pub(super) pending: Vec<Pending<NameChange>>,
    /// Where a failed sync of a directory lost a change.
    lost: BTreeSet<Place>,
}

impl Names {
    pub(super) fn new() -> Self {
        Self::settled(Tree::new())
    }

    pub(super) fn settled(tree: Tree) -> Self {
        Self {
            visible: tree.clone(),
            durable: tree,
            pending: Vec::new(),
            lost: BTreeSet::new(),
        }
    }

    pub(super) fn change(&mut self, sequence: u64, change: NameChange) {
        self.visible.apply(&change);
        self.pending.push(Pending { sequence, change });
    }

    /// Makes the pending changes of `directory` durable, in order, with those that they build on: a
    /// rename between two directories is one transaction, and what happened to one of its two
    /// names before must not be applied after it.
    pub(super) fn sync(&mut self, directory: DirectoryId) {
        for change in self.take(directory) {
            self.durable.apply(&change);
        }
    }

    /// Loses the pending changes of `directory`: they never become durable, and are still seen.
    pub(super) fn lose_pending(&mut self, directory: DirectoryId) {
        let taken = self.take(directory);
        self.lost
            .extend(taken.iter().flat_map(NameChange::places).cloned());
    }

    /// Whether a crash could find, at some name, what was there before a change that was lost: nothing
    /// that was done to the name since is durable.
    pub(super) fn has_lost(&self) -> bool {
        let differs = |place: &Place| self.durable.get(place) != self.visible.get(place);
        self.lost.iter().any(differs)
    }

    fn take(&mut self, directory: DirectoryId) -> Vec<NameChange> {
        let mut places = BTreeSet::new();
        let mut taken = Vec::new();
        let mut left = Vec::new();
        for pending in self.pending.drain(..).rev() {
            let change = &pending.change;
            if change.places().any(|place| place.directory == directory)
                || change.places().any(|place| places.contains(place))
            {
                places.extend(change.places().cloned());
                taken.push(pending.change);
            } else {
                left.push(pending);
            }
        }
        left.reverse();
        taken.reverse();
        self.pending = left;
        taken
    }

    /// Whether a crash could bring the file back.
    pub(super) fn remembers(&self, file: FileId) -> bool {
        let node = Node::File(file);
        self.pending
            .iter()
            .any(|pending| pending.change.node == node)
            || self
                .durable
                .0
                .values()
                .any(|entries| entries.values().any(|&found| found == node))
    }
}
