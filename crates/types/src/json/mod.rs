//! The one checker of documents: decides whether bytes are one JSON value that docdb stores.
//!
//! Every place that takes a document (shell, wire, engine) asks [`check`], so that a text is
//! accepted everywhere or nowhere. The rules are those of RFC 8259, read strictly:
//!
//! - UTF-8 without a byte-order mark, one value, white space around it allowed, nothing behind it;
//! - a name occurs once in an object, names compared after unescaping;
//! - every `\u` surrogate has its partner;
//! - numbers have any length and any exponent, and are never converted;
//! - size and nesting stay within [`JsonLimits`].
//!
//! No tree is built: checking costs one pass and, once its thread's scratch has grown, no
//! allocation. [`walk`] finds members and elements in a text that has been checked, [`escape`]
//! reads and writes the bodies of strings.
//!
//! ```
//! use docdb_types::json::{JsonKind, JsonLimits, JsonReason, check};
//!
//! let checked = check(br#"{"n":9007199254740993}"#, JsonLimits::default())?;
//! assert_eq!(checked.kind, JsonKind::Object);
//!
//! let twice = br#"{"a":1,"\u0061":2}"#;
//! let refused = check(twice, JsonLimits::default()).unwrap_err();
//! assert_eq!((refused.offset, refused.reason), (8, JsonReason::DuplicateKey));
//! # Ok::<(), docdb_types::json::JsonError>(())
//! ```
//!
//! INVARIANT: whatever the bytes are, the cost is at most `n log n` in their number, and neither
//! the stack nor a panic is reachable from them.

mod checker;
mod error;
pub mod escape;
mod keys;
mod limits;
mod scan;
pub mod walk;

#[cfg(test)]
mod tests;

pub use checker::{Checked, Checker, check};
pub use error::{JsonError, JsonReason};
pub use limits::{JsonKind, JsonLimits};
