//! The index: which version of which document is where.

mod change;
mod checkpoint;
mod chunk;
mod collections;
mod concurrent;
mod entry;
mod history;
mod key;
mod load;
mod ordered;
mod snapshot;
mod state;
mod usage;
mod view;

pub use change::{IndexChange, Swung};
pub use collections::CollectionState;
pub use concurrent::Index;
pub use entry::Entry;
pub use key::IndexKey;
pub use snapshot::Snapshot;
pub use usage::FileUse;
pub use view::IndexView;
