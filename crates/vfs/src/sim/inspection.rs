//! Looking at, and damaging, a simulated disk from outside. Nothing here is counted or fails by a
//! fault, and it works without power.

use std::io;
use std::path::{Path, PathBuf};

use super::file_system::SimVfs;
use super::names::{FileId, Node, Tree};

impl SimVfs {
    /// The paths of all files that a reader sees, sorted.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = self
            .disk()
            .names
            .visible
            .files()
            .into_iter()
            .map(|(path, _)| path)
            .collect();
        paths.sort();
        paths
    }

    /// What a reader sees in the file at `path`.
    #[must_use]
    pub fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        let disk = self.disk();
        let id = file(&disk.names.visible, path)?;
        Some(disk.files.get(&id)?.visible.to_vec())
    }

    /// What the file at `path` would hold after a crash that loses everything that is not synced;
    /// `None` when there would be no such file.
    #[must_use]
    pub fn durable_bytes(&self, path: &Path) -> Option<Vec<u8>> {
        let disk = self.disk();
        let id = file(&disk.names.durable, path)?;
        Some(disk.files.get(&id)?.durable.to_vec())
    }

    /// Whether a sync of a directory failed or lied, and a crash could show it: readers see names, or
    /// have built on names, that no crash can find. No process can tell, and what it writes into such
    /// a file is lost too.
    #[must_use]
    pub fn shows_lost_names(&self) -> bool {
        self.disk().names.has_lost()
    }

    /// Flips bit `bit` (0 to 7, modulo 8) of the byte at offset `byte` of the file at `path`, in
    /// the cache and on the disk.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` when the file ends before that byte.
    pub fn flip_bit(&self, path: &Path, byte: u64, bit: u32) -> io::Result<()> {
        self.damage(path, byte, 1, |bytes| {
            for byte in bytes {
                *byte ^= 1 << (bit % 8);
            }
        })
    }

    /// Replaces the bytes at `offset` of the file at `path`, in the cache and on the disk.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` when the file ends inside the range.
    pub fn corrupt(&self, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.damage(path, offset, bytes.len(), |damaged| {
            damaged.copy_from_slice(bytes);
        })
    }

    fn damage(
        &self,
        path: &Path,
        offset: u64,
        length: usize,
        damage: impl FnOnce(&mut [u8]),
    ) -> io::Result<()> {
        let mut disk = self.disk();
        let id = file(&disk.names.visible, path).ok_or(io::ErrorKind::NotFound)?;
        let inode = disk.inode(id)?;
        let mut bytes = vec![0; length];
        if inode.visible.read(&mut bytes, offset) != length {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        damage(&mut bytes);
        inode.corrupt(offset, &bytes);
        Ok(())
    }
}

fn file(tree: &Tree, path: &Path) -> Option<FileId> {
    match tree.find(path).ok()?? {
        Node::File(id) => Some(id),
        Node::Directory(_) => None,
    }
}
