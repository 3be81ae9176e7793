//! Somebody who is shown every call on its way to the disk.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::call::{Call, CallKind};
use super::disk::Disk;

type Watcher = Arc<dyn Fn(CallKind, &Path) + Send + Sync>;

/// Who watches a disk, if anybody.
#[derive(Clone, Default)]
pub(super) struct Watch(Option<Watcher>);

impl Watch {
    pub(super) fn by(watcher: impl Fn(CallKind, &Path) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(watcher)))
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "watched"
        } else {
            "unwatched"
        })
    }
}

/// Shows a call, before it reaches the disk: whoever watches may hold it up, and the disk serves
/// others meanwhile.
pub(super) fn show(disk: &Mutex<Disk>, call: &Call<'_>) {
    let watch = disk.lock().watch.clone();
    if let Some(watcher) = watch.0 {
        watcher(call.kind, call.path);
    }
}
