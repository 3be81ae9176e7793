//! The state of a simulated disk, and the gate that every call passes.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use rustix::io::Errno;

use super::call::{Call, CallKind};
use super::content::{Content, MAX_LENGTH_BYTES, PAGE_BYTES};
use super::entropy::Chance;
use super::fault::{FaultKind, FaultPlan, Index, power_loss};
use super::inode::{Change, Inode};
use super::names::{DirectoryId, FileId, NameChange, Names, Node, Place};
use super::watch::Watch;
use crate::OpenMode;

/// Space that a disk without a capacity claims to have left.
const PLENTY_BYTES: u64 = 1 << 40;

#[derive(Debug, Clone)]
pub(super) struct Disk {
    pub(super) seed: u64,
    pub(super) chance: Chance,
    pub(super) names: Names,
    pub(super) files: BTreeMap<FileId, Inode>,
    /// Files without a visible name that a handle or a crash may still need.
    unlinked: BTreeSet<FileId>,
    pub(super) locks: BTreeSet<FileId>,
    next_id: u64,
    sequence: u64,
    pub(super) operations: u64,
    pub(super) mutations: u64,
    pub(super) cut: Option<Cut>,
    pub(super) powerless: bool,
    pub(super) faults: FaultPlan,
    pub(super) capacity_bytes: Option<u64>,
    /// The process id of whoever uses the disk, one higher after each crash.
    pub(super) pid: u32,
    pub(super) watch: Watch,
}

/// The call at which the power is cut.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cut {
    Operation(u64),
    Mutation(u64),
}

/// What becomes of a call.
#[derive(Debug)]
pub(super) enum Fate {
    Passes,
    /// A write that takes only a part.
    Short,
    /// A sync that answers that it succeeded, and did not.
    Lies,
    Fails(Errno),
    /// The power goes while the call is under way: it answers nothing, and what it changes is as
    /// uncertain as everything that is not synced.
    PowerFails,
}

impl Disk {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            chance: Chance::new(seed),
            names: Names::new(),
            files: BTreeMap::new(),
            unlinked: BTreeSet::new(),
            locks: BTreeSet::new(),
            next_id: 1,
            sequence: 0,
            operations: 0,
            mutations: 0,
            cut: None,
            powerless: false,
            faults: FaultPlan::default(),
            capacity_bytes: None,
            pid: 1,
            watch: Watch::default(),
        }
    }

    /// A disk with these files for the next process: nothing is open, locked, counted or about to
    /// fail.
    pub(super) fn for_next_process(
        &self,
        seed: u64,
        names: Names,
        files: BTreeMap<FileId, Inode>,
    ) -> Self {
        Self {
            unlinked: files
                .iter()
                .filter(|(_, inode)| !inode.linked)
                .map(|(&id, _)| id)
                .collect(),
            names,
            files,
            next_id: self.next_id,
            sequence: self.sequence,
            capacity_bytes: self.capacity_bytes,
            pid: self.pid.wrapping_add(1),
            ..Self::new(seed)
        }
    }

    /// Counts a call and decides what becomes of it.
    ///
    /// # Errors
    /// The power is gone already.
    pub(super) fn admit(&mut self, call: &Call<'_>) -> io::Result<Fate> {
        if self.powerless {
            return Err(power_loss());
        }
        let index = Index {
            operation: self.operations,
            mutation: call.kind.mutates().then_some(self.mutations),
        };
        self.operations += 1;
        self.mutations += u64::from(index.mutation.is_some());
        let power_fails = match self.cut {
            None => false,
            Some(Cut::Operation(at)) => index.operation >= at,
            Some(Cut::Mutation(at)) => index.mutation.is_some_and(|mutation| mutation >= at),
        };
        if power_fails {
            self.powerless = true;
            return Ok(Fate::PowerFails);
        }
        Ok(match self.faults.hit(call, index) {
            None => Fate::Passes,
            Some(FaultKind::ShortWrite) => Fate::Short,
            Some(FaultKind::LostSync) => Fate::Lies,
            Some(kind) => kind.errno().map_or(Fate::Passes, Fate::Fails),
        })
    }

    fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    fn next_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    pub(super) fn open(&mut self, path: &Path, mode: OpenMode) -> io::Result<FileId> {
        let place = self.names.visible.place(path)?;
        let found = self.names.visible.node_at(place.as_ref());
        let id = match (found, mode, place) {
            (Some(_), mode, _) if mode.creates() => return Err(io::ErrorKind::AlreadyExists.into()),
            (Some(Node::Directory(_)), _, _) => return Err(io::ErrorKind::IsADirectory.into()),
            (Some(Node::File(id)), _, _) => id,
            (None, mode, Some(place)) if mode.creates() => self.create_file(place),
            (None, _, _) => return Err(io::ErrorKind::NotFound.into()),
        };
        if let Some(inode) = self.files.get_mut(&id) {
            inode.handles += 1;
        }
        Ok(id)
    }

    fn create_file(&mut self, at: Place) -> FileId {
        let id = self.next_id();
        self.files.insert(id, Inode::settled(Content::default()));
        self.link(Node::File(id), at);
        id
    }

    fn link(&mut self, node: Node, at: Place) {
        let sequence = self.next_sequence();
        self.names.change(
            sequence,
            NameChange {
                node,
                from: None,
                to: Some(at),
            },
        );
    }

    pub(super) fn create_dir(&mut self, path: &Path) -> io::Result<()> {
        let place = self.names.visible.place(path)?;
        match (self.names.visible.node_at(place.as_ref()), place) {
            (None, Some(place)) => {
                let id = self.next_id();
                self.link(Node::Directory(id), place);
                Ok(())
            }
            _ => Err(io::ErrorKind::AlreadyExists.into()),
        }
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let source = self.names.visible.place(from)?;
        let node = match self.names.visible.node_at(source.as_ref()) {
            Some(Node::File(id)) => Node::File(id),
            Some(Node::Directory(_)) => return Err(io::ErrorKind::IsADirectory.into()),
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        let target = self.names.visible.place(to)?;
        let replaced = self.names.visible.node_at(target.as_ref());
        if let Some(Node::Directory(_)) = replaced {
            // The kernel notices first that the directory holds at least the file itself.
            return Err(if from.starts_with(to) {
                io::ErrorKind::DirectoryNotEmpty.into()
            } else {
                io::ErrorKind::IsADirectory.into()
            });
        }
        if source == target {
            return Ok(());
        }
        let sequence = self.next_sequence();
        self.names.change(
            sequence,
            NameChange {
                node,
                from: source,
                to: target,
            },
        );
        if let Some(Node::File(id)) = replaced {
            self.unlink(id);
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        let place = self.names.visible.place(path)?;
        let id = match self.names.visible.node_at(place.as_ref()) {
            Some(Node::File(id)) => id,
            Some(Node::Directory(_)) => return Err(io::ErrorKind::IsADirectory.into()),
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        let sequence = self.next_sequence();
        self.names.change(
            sequence,
            NameChange {
                node: Node::File(id),
                from: place,
                to: None,
            },
        );
        self.unlink(id);
        Ok(())
    }

    fn unlink(&mut self, id: FileId) {
        if let Some(inode) = self.files.get_mut(&id) {
            inode.linked = false;
        }
        self.unlinked.insert(id);
    }

    pub(super) fn sync_dir(&mut self, directory: DirectoryId) {
        self.names.sync(directory);
        self.sweep();
    }

    /// Forgets files that nothing leads to any more.
    fn sweep(&mut self) {
        let (files, names) = (&mut self.files, &self.names);
        self.unlinked.retain(|id| {
            let needed =
                files.get(id).is_some_and(|inode| inode.handles > 0) || names.remembers(*id);
            if !needed {
                files.remove(id);
            }
            needed
        });
    }

    pub(super) fn close(&mut self, id: FileId) {
        if let Some(inode) = self.files.get_mut(&id) {
            inode.handles = inode.handles.saturating_sub(1);
        }
        if self.unlinked.contains(&id) {
            self.sweep();
        }
    }

    /// Takes the lock of the file at `path`; `None` when it is taken already.
    pub(super) fn lock(&mut self, path: &Path) -> io::Result<Option<FileId>> {
        let place = self.names.visible.place(path)?;
        let id = match (self.names.visible.node_at(place.as_ref()), place) {
            (Some(Node::File(id)), _) => id,
            (None, Some(place)) => self.create_file(place),
            _ => return Err(io::ErrorKind::IsADirectory.into()),
        };
        if !self.locks.insert(id) {
            return Ok(None);
        }
        if let Some(inode) = self.files.get_mut(&id) {
            inode.handles += 1;
        }
        let pid = format!("{}\n", self.pid);
        let written = self
            .set_len(id, 0)
            .and_then(|()| self.write(id, pid.as_bytes(), 0));
        match written {
            // As the real one: locked all the same.
            Err(error) if error.kind() != io::ErrorKind::StorageFull => {
                self.unlock(id);
                Err(error)
            }
            _ => Ok(Some(id)),
        }
    }

    pub(super) fn unlock(&mut self, id: FileId) {
        self.locks.remove(&id);
        if !self.powerless {
            let sequence = self.next_sequence();
            if let Some(inode) = self.files.get_mut(&id) {
                inode.change(sequence, Change::SetLen(0));
            }
        }
        self.close(id);
    }

    pub(super) fn inode(&mut self, id: FileId) -> io::Result<&mut Inode> {
        // Held by an open handle, so never missing.
        self.files.get_mut(&id).ok_or_else(|| Errno::BADF.into())
    }

    pub(super) fn write(&mut self, id: FileId, bytes: &[u8], offset: u64) -> io::Result<usize> {
        if offset
            .checked_add(bytes.len() as u64)
            .is_none_or(|end| end > MAX_LENGTH_BYTES)
        {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let free_pages = self.free_bytes() / PAGE_BYTES as u64;
        let sequence = self.next_sequence();
        let inode = self.inode(id)?;
        let fitting = inode.visible.fitting(offset, bytes.len(), free_pages);
        let taken = bytes.get(..fitting).unwrap_or(bytes);
        if taken.is_empty() && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if !taken.is_empty() {
            let bytes = taken.into();
            inode.change(sequence, Change::Write { offset, bytes });
        }
        Ok(fitting)
    }

    pub(super) fn set_len(&mut self, id: FileId, length: u64) -> io::Result<()> {
        if length > MAX_LENGTH_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let sequence = self.next_sequence();
        let inode = self.inode(id)?;
        if inode.visible.length() != length {
            inode.change(sequence, Change::SetLen(length));
        }
        Ok(())
    }

    /// What a failed sync of a file leaves: its changes are lost, its length perhaps not.
    pub(super) fn lose_file_changes(&mut self, id: FileId) {
        let length_stays = self.chance.coin();
        let sequence = self.next_sequence();
        if let Some(inode) = self.files.get_mut(&id) {
            inode.lose_pending(sequence, length_stays);
        }
    }

    pub(super) fn free_bytes(&self) -> u64 {
        let Some(capacity) = self.capacity_bytes else {
            return PLENTY_BYTES;
        };
        let used: u64 = self
            .files
            .values()
            .filter(|inode| inode.linked || inode.handles > 0)
            .map(|inode| inode.visible.allocated())
            .sum();
        capacity.saturating_sub(used)
    }

    /// Whether a call of this kind, cut off by a power failure, may have changed the disk. A sync
    /// has not: what it was to make durable is left to chance as it is.
    pub(super) fn outlives_power(kind: CallKind) -> bool {
        kind.mutates() && !matches!(kind, CallKind::Sync | CallKind::SyncDir)
    }
}

#[cfg(test)]
mod tests {
    use super::super::names::ROOT;
    use super::*;

    #[test]
    fn a_file_that_nothing_leads_to_takes_no_memory() {
        let mut disk = Disk::new(1);
        let (a, b) = (Path::new("/a"), Path::new("/b"));
        let open = disk.open(a, OpenMode::CreateNew).unwrap();
        disk.sync_dir(ROOT);
        disk.remove(a).unwrap();
        disk.close(open);
        assert_eq!(disk.files.len(), 1, "a crash may bring it back");
        let open = disk.open(b, OpenMode::CreateNew).unwrap();
        disk.remove(b).unwrap();
        disk.sync_dir(ROOT);
        assert_eq!(disk.files.len(), 1, "the handle may read it");
        disk.close(open);
        assert!(disk.files.is_empty() && disk.unlinked.is_empty());
    }
}
