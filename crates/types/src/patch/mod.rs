//! Patches: lists of steps that change parts of a document.
//!
//! Two vocabularies, mixable in one list: docdb's own `set`, `delete` and `insert`, and the six
//! operations of RFC 6902. This module holds the steps, the reading of a list of them from JSON,
//! and what can be wrong; applying them is the engine's.
//!
//! ```
//! use docdb_types::patch::{PatchStep, parse_steps};
//!
//! let steps = parse_steps(br#"[{"op":"set","path":"/price","value":1.50}]"#)?;
//! let value = b"1.50".to_vec();
//! assert_eq!(steps, [PatchStep::Set { path: "/price".into(), value }]);
//!
//! let refused = parse_steps(br#"[{"op":"set","path":"/price"}]"#).unwrap_err();
//! assert_eq!(refused.to_string(), r#"step 0: member "value" is missing"#);
//! # Ok::<(), docdb_types::patch::PatchError>(())
//! ```

mod error;
mod parse;
mod step;

#[cfg(test)]
mod tests;

pub use error::{PatchError, PathFault, StepFault};
pub use parse::parse_steps;
pub use step::PatchStep;
