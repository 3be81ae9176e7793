//! The words that all of docdb shares: names, ids, limits, documents, operations and the one table
//! of errors.
//!
//! **What it is.** Plain values. A [`Document`] exists only if its text passed the one checker of
//! JSON ([`json::check`]), a [`DatabaseName`] only if it may become a file name: whoever holds one
//! need not check again.
//!
//! **What it is not.** There is no I/O here, no clock, no thread, no protobuf and no runtime.
//!
//! ```
//! use docdb_types::{Code, DatabaseName, Document, Limits};
//!
//! let name = DatabaseName::new("tenant-7")?;
//! assert_eq!(name.as_str(), "tenant-7");
//!
//! let document = Document::from_text(r#"{"price": 1.0}"#, &Limits::DEFAULT)?;
//! assert_eq!(document.as_bytes(), br#"{"price": 1.0}"#);
//!
//! let refused = DatabaseName::new("../etc").unwrap_err();
//! assert_eq!(refused.code(), Code::InvalidName);
//! # Ok::<(), docdb_types::Error>(())
//! ```
//!
//! Invariants:
//! - a [`Document`] is valid JSON and holds exactly the bytes that were sent;
//! - codes, categories and effects are frozen: variants are only ever added;
//! - every limit of the product stands in [`Limits`] or as a constant beside it, once.

mod checkpoint;
mod document;
mod durability;
mod error;
mod id;
mod idempotency;
mod isolation;
pub mod json;
mod limits;
mod name;
mod operation;
pub mod patch;
mod quotas;

pub use checkpoint::CheckpointScope;
pub use document::Document;
pub use durability::FsyncMode;
pub use error::{Category, Code, Context, Effect, Error, Result, Status};
pub use id::{CollectionId, DatabaseId, DatabaseUid, DocumentId, TransactionId, Version};
pub use idempotency::IdempotencyKey;
pub use isolation::Isolation;
pub use limits::Limits;
pub use name::{CollectionName, DatabaseName};
pub use operation::{Action, Change, Operation, Outcome};
pub use patch::PatchStep;
pub use quotas::{QuotaChange, Quotas};
