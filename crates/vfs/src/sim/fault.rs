//! Calls that fail, and the error of a disk without power.

use std::io;

use rustix::io::Errno;

use super::call::{Call, CallKind};
use crate::OpenMode;

/// The inner error of every call to a disk that has lost power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the simulated disk has no power")]
pub struct PowerLoss;

/// Whether `error` says that the simulated disk has lost power.
#[must_use]
pub fn is_power_loss(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<PowerLoss>())
}

pub(super) fn power_loss() -> io::Error {
    io::Error::other(PowerLoss)
}

/// A failure that waits for its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which calls it hits. A call to which the kind of failure cannot happen is left alone.
    pub on: FaultOn,
    /// What happens to them.
    pub kind: FaultKind,
    /// Whether it stays.
    pub persistence: Persistence,
}

impl Fault {
    /// A fault that hits one call.
    #[must_use]
    pub fn once(on: FaultOn, kind: FaultKind) -> Self {
        Self {
            on,
            kind,
            persistence: Persistence::Once,
        }
    }

    /// A fault that hits every such call from then on.
    #[must_use]
    pub fn always(on: FaultOn, kind: FaultKind) -> Self {
        Self {
            on,
            kind,
            persistence: Persistence::Always,
        }
    }
}

/// Which calls a [`Fault`] hits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultOn {
    /// The call with this index, counted as [`SimVfs::operations`](crate::SimVfs::operations) does:
    /// the first call has index 0. With [`Persistence::Always`], that one and all behind it.
    Operation(u64),
    /// The same among the calls that change something, counted as
    /// [`SimVfs::mutations`](crate::SimVfs::mutations) does.
    Mutation(u64),
    /// Calls of one kind on paths with a given end. A file is known by the path it was opened by; a
    /// rename by either of its paths.
    Call {
        /// The kind of call.
        kind: CallKind,
        /// The end of the path; empty for every path.
        path_suffix: String,
        /// How many such calls pass unharmed first.
        skip: u64,
    },
}

impl FaultOn {
    /// The next call of this kind on a path with this end.
    #[must_use]
    pub fn call(kind: CallKind, path_suffix: &str) -> Self {
        Self::Call {
            kind,
            path_suffix: path_suffix.to_owned(),
            skip: 0,
        }
    }
}

/// What happens to a call that a [`Fault`] hits.
///
/// A sync that fails, for whatever reason, loses what it was to make durable for ever: a later sync
/// succeeds without it, and readers see it until [`File::drop_cache`](crate::File::drop_cache).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// The device fails (`EIO`). Any call.
    Eio,
    /// The disk is full (`ENOSPC`). Calls that may need space, and syncs.
    Enospc,
    /// A write takes only a part of its bytes, at least one. Writes of two bytes and more.
    ShortWrite,
    /// A signal interrupts (`EINTR`). Reads, writes and syncs; with [`Persistence::Always`] every
    /// second one, so that those that may be repeated come through.
    Eintr,
    /// The file system has become read-only (`EROFS`). Calls that change something, and opening for
    /// writing.
    Erofs,
    /// The process has too many open files (`EMFILE`). Calls that open something.
    Emfile,
    /// A sync answers that it succeeded and loses what it was to make durable. Syncs.
    LostSync,
}

/// How long a [`Fault`] stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Persistence {
    /// It hits one call.
    Once,
    /// It hits every call that it can hit.
    Always,
}

impl FaultKind {
    /// `None` when the call answers that it succeeded.
    pub(super) fn errno(self) -> Option<Errno> {
        match self {
            Self::Eio => Some(Errno::IO),
            Self::Enospc => Some(Errno::NOSPC),
            Self::Eintr => Some(Errno::INTR),
            Self::Erofs => Some(Errno::ROFS),
            Self::Emfile => Some(Errno::MFILE),
            Self::ShortWrite | Self::LostSync => None,
        }
    }

    fn can_hit(self, call: &Call<'_>) -> bool {
        use CallKind as Kind;
        match self {
            Self::Eio => true,
            Self::Enospc => matches!(
                call.kind,
                Kind::Create
                    | Kind::CreateDir
                    | Kind::Rename
                    | Kind::Lock
                    | Kind::Write
                    | Kind::Sync
                    | Kind::SyncDir
            ),
            Self::ShortWrite => call.kind == Kind::Write,
            Self::Eintr => matches!(
                call.kind,
                Kind::Read | Kind::Write | Kind::Sync | Kind::SyncDir
            ),
            Self::Erofs => call.kind.mutates() || call.mode == Some(OpenMode::ReadWrite),
            Self::Emfile => matches!(
                call.kind,
                Kind::Open | Kind::Create | Kind::List | Kind::Lock | Kind::SyncDir
            ),
            Self::LostSync => matches!(call.kind, Kind::Sync | Kind::SyncDir),
        }
    }
}

/// Where a call stands in the history of the disk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Index {
    pub(super) operation: u64,
    /// `None` for a call that changes nothing.
    pub(super) mutation: Option<u64>,
}

/// The faults that wait, in the order in which they were armed.
#[derive(Debug, Clone, Default)]
pub(super) struct FaultPlan {
    armed: Vec<Armed>,
    pub(super) hits: u64,
}

#[derive(Debug, Clone)]
struct Armed {
    fault: Fault,
    passed: u64,
    /// The last call it could hit was interrupted, so that the next one comes through.
    interrupted: bool,
}

impl FaultPlan {
    pub(super) fn arm(&mut self, fault: Fault) {
        self.armed.push(Armed {
            fault,
            passed: 0,
            interrupted: false,
        });
    }

    pub(super) fn clear(&mut self) {
        self.armed.clear();
    }

    pub(super) fn hit(&mut self, call: &Call<'_>, index: Index) -> Option<FaultKind> {
        let position = self
            .armed
            .iter_mut()
            .position(|armed| armed.hits(call, index))?;
        let armed = self.armed.get(position)?;
        let kind = armed.fault.kind;
        if armed.fault.persistence == Persistence::Once {
            self.armed.remove(position);
        }
        self.hits += 1;
        Some(kind)
    }
}

impl Armed {
    fn hits(&mut self, call: &Call<'_>, index: Index) -> bool {
        if !self.fault.kind.can_hit(call) || !self.is_aimed_at(call, index) {
            return false;
        }
        if self.fault.kind == FaultKind::Eintr {
            self.interrupted = !self.interrupted;
            return self.interrupted;
        }
        true
    }

    fn is_aimed_at(&mut self, call: &Call<'_>, index: Index) -> bool {
        let reached = |wanted: u64, current: u64| match self.fault.persistence {
            Persistence::Once => current == wanted,
            Persistence::Always => current >= wanted,
        };
        match &self.fault.on {
            FaultOn::Operation(wanted) => reached(*wanted, index.operation),
            FaultOn::Mutation(wanted) => index
                .mutation
                .is_some_and(|current| reached(*wanted, current)),
            FaultOn::Call {
                kind,
                path_suffix,
                skip,
            } => {
                if *kind != call.kind || !call.names(path_suffix) {
                    return false;
                }
                self.passed += 1;
                self.passed > *skip
            }
        }
    }
}
