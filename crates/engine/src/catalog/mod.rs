//! The register of all databases of a data directory: the file `.catalog`.
//!
//! It is written whole for every change, in two copies, each under checksums, and replaced
//! atomically. One damaged copy is healed from the other; when both are lost, the manifests of the
//! databases tell what there is.
//!
//! Invariants:
//! - **an id is never given twice**: the next one is part of the file;
//! - **a database that was dropped does not come back**: it is marked durably before the first of
//!   its files goes, and forgotten after the last;
//! - **a file of a newer format is refused and not touched.**

mod entry;
mod error;
mod file;
mod format;
mod identity;
mod rebuild;
mod register;
#[cfg(test)]
mod tests;

pub(crate) use entry::{Contents, Entry, Status};
pub(crate) use error::CatalogError;
pub(crate) use file::{CATALOG_FILE, read};
pub(crate) use identity::Identity;
pub use register::CatalogOrigin;
pub(crate) use register::{Catalog, CatalogScrub, Remedy};
