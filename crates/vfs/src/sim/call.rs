//! The calls that the simulated disk counts and faults are aimed at.

use std::path::Path;

use crate::OpenMode;

/// The kinds of call that reach a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallKind {
    /// [`Vfs::open`](crate::Vfs::open) of an existing file.
    Open,
    /// [`Vfs::open`](crate::Vfs::open) with a mode that [creates](OpenMode::creates).
    Create,
    /// [`Vfs::rename`](crate::Vfs::rename).
    Rename,
    /// [`Vfs::remove`](crate::Vfs::remove).
    Remove,
    /// [`Vfs::list`](crate::Vfs::list).
    List,
    /// [`Vfs::create_dir`](crate::Vfs::create_dir).
    CreateDir,
    /// [`Vfs::exists`](crate::Vfs::exists).
    Exists,
    /// [`Vfs::sync_dir`](crate::Vfs::sync_dir).
    SyncDir,
    /// [`Vfs::lock`](crate::Vfs::lock).
    Lock,
    /// [`Vfs::available_bytes`](crate::Vfs::available_bytes).
    AvailableBytes,
    /// [`File::read_at`](crate::File::read_at).
    Read,
    /// [`File::write_at`](crate::File::write_at).
    Write,
    /// [`File::set_len`](crate::File::set_len).
    SetLen,
    /// [`File::length`](crate::File::length).
    Length,
    /// [`File::sync_data`](crate::File::sync_data) and [`File::sync_all`](crate::File::sync_all).
    Sync,
    /// [`File::drop_cache`](crate::File::drop_cache).
    DropCache,
}

impl CallKind {
    /// Whether such a call changes what a crash could leave behind.
    #[must_use]
    pub fn mutates(self) -> bool {
        match self {
            Self::Create
            | Self::Rename
            | Self::Remove
            | Self::CreateDir
            | Self::SyncDir
            | Self::Lock
            | Self::Write
            | Self::SetLen
            | Self::Sync => true,
            Self::Open
            | Self::List
            | Self::Exists
            | Self::AvailableBytes
            | Self::Read
            | Self::Length
            | Self::DropCache => false,
        }
    }
}

/// One call on its way to the disk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) kind: CallKind,
    /// The path that the call names, or that its file was opened by.
    pub(super) path: &'a Path,
    /// The new name of a rename.
    pub(super) target: Option<&'a Path>,
    pub(super) mode: Option<OpenMode>,
}

impl<'a> Call<'a> {
    pub(super) fn new(kind: CallKind, path: &'a Path) -> Self {
        Self {
            kind,
            path,
            target: None,
            mode: None,
        }
    }

    pub(super) fn open(path: &'a Path, mode: OpenMode) -> Self {
        let kind = if mode.creates() {
            CallKind::Create
        } else {
            CallKind::Open
        };
        Self {
            mode: Some(mode),
            ..Self::new(kind, path)
        }
    }

    pub(super) fn rename(from: &'a Path, to: &'a Path) -> Self {
        Self {
            target: Some(to),
            ..Self::new(CallKind::Rename, from)
        }
    }

    pub(super) fn names(&self, suffix: &str) -> bool {
        let ends = |path: &Path| {
            path.as_os_str()
                .as_encoded_bytes()
                .ends_with(suffix.as_bytes())
        };
        ends(self.path) || self.target.is_some_and(ends)
    }
}
