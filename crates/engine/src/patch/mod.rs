//! Patches as pure functions on texts: steps of docdb and of RFC 6902, and the merge patch of
//! RFC 7396.
//!
//! What it is: a document is opened into a tree only along the paths that a patch names; all else
//! stays a range of the document's own bytes, and is copied to the result as it is. Numbers,
//! escapes, the order of members and white space that a patch does not name therefore cannot
//! change.
//!
//! What it is not: nothing here knows of ids, versions or files, and nothing is kept.
//!
//! ```
//! use docdb_engine::patch;
//! use docdb_types::{Limits, patch::parse_steps};
//!
//! let document = br#"{ "id": 9007199254740993, "tags": ["a", "b"] }"#;
//! let steps = parse_steps(br#"[
//!     {"op": "set", "path": "/owner/name", "value": "Ada"},
//!     {"op": "insert", "path": "/tags/-", "value": null},
//!     {"op": "remove", "path": "/tags/0"}
//! ]"#)?;
//! let patched = patch::apply(document, &steps, &Limits::DEFAULT)?;
//! assert_eq!(patched, br#"{ "id": 9007199254740993, "tags": [ "b",null],"owner":{"name":"Ada"} }"#);
//!
//! let merged = patch::merge(document, br#"{"tags":null}"#, &Limits::DEFAULT)?;
//! assert_eq!(merged, br#"{ "id": 9007199254740993 }"#);
//! # Ok::<(), docdb_types::patch::PatchError>(())
//! ```
//!
//! INVARIANT: a result is a document: it has passed [`json::check`](docdb_types::json::check)
//! under the limits in force.
//!
//! INVARIANT: whatever document and patch are, no panic is reachable, the stack is bounded by the
//! depth of a document, and the work by [`WORK_BYTES`].

mod apply;
mod edit;
mod equality;
mod lookup;
mod merge;
mod number;
mod pointer;
mod sequence;
mod texts;
mod tree;

#[cfg(test)]
mod tests;

pub use apply::apply;
pub use merge::merge;
pub use tree::WORK_BYTES;
